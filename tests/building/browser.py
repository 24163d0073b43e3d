"""A browser without a screen that can reach this machine alone, and what it did with a page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome") or ""
OF_PAGES = 101845102
"""Chromium's number for requests that a page makes (`blink_resource_loader`); others are the browser's own business."""

PATIENCE = 120
"""Seconds for a page: browsers start slowly on a busy machine."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A page as the browser had it in the end."""

    page: str  # the document after its scripts ran, as HTML
    complaints: tuple[str, ...]  # what stood in the console
    asked: frozenset[str]  # addresses that the page asked for, beside its own


def look(url: str, folder: Path, milliseconds: int = 8000) -> Seen:
    """Open a page and let its scripts run for so long. `folder` holds the browser's files and is to be empty."""
    log = folder / "net.json"
    done = subprocess.run(
        [
            PROGRAM,
            "--headless=new",
            "--no-sandbox",  # tests may run as root, who has no other way
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-extensions",
            "--disable-component-update",
            "--disable-background-networking",
            "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--user-data-dir={folder / 'profile'}",
            f"--log-net-log={log}",
            "--enable-logging=stderr",
            f"--virtual-time-budget={milliseconds}",
            "--dump-dom",
            url,
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    complaints = re.findall(r"CONSOLE[^\"]*\"(.*)\", source", done.stderr)
    return Seen(done.stdout, tuple(complaints), frozenset(_asked(log)))


def _asked(log: Path) -> set[str]:
    """What pages asked for, from a network log; that of a browser that ended may lack its last brackets."""
    text = log.read_text(encoding="utf-8", errors="replace")
    requests = re.findall(rf'"traffic_annotation":{OF_PAGES},"url":("(?:[^"\\]|\\.)*")', text)
    return set(map(json.loads, requests))
