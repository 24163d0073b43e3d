"""What a program costs: wall time, CPU time of it and of all that it started, peak of its own memory."""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
SAMPLE = 0.01
"""Seconds between two looks at a program's memory."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run cost."""

    wall: float  # seconds
    cpu: float  # seconds, user and system, grandchildren included
    anonymous: int  # peak of the process's RssAnon, bytes
    output: str  # standard output


class ProgramFailed(Exception):
    """A program ended with an exit code other than 0."""


def run(
    command: Sequence[str | Path],
    *,
    stdin: IO[bytes] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Cost:
    """Run a program to its end. Raises ProgramFailed; OSError where it cannot be started.

    CPU time of other children of this process (whoever writes `stdin`) is counted with it: run one at a time.
    """
    # Daemons leave writers behind, whose CPU time would be nobody's: they become ours.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    begun = time.perf_counter()
    process = subprocess.Popen(
        [str(word) for word in command],
        stdin=stdin or subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environment) if environment is not None else None,
    )
    output, errors = process.stdout, process.stderr
    assert output is not None
    assert errors is not None
    texts: dict[str, bytes] = {}
    peak = [0]
    readers = [
        threading.Thread(target=lambda: texts.update(output=output.read())),
        threading.Thread(target=lambda: texts.update(errors=errors.read())),
        threading.Thread(target=_watch, args=(process.pid, peak)),
    ]
    for reader in readers:
        reader.start()
    cpu, code = 0.0, 0
    while True:
        try:
            pid, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            break
        cpu += usage.ru_utime + usage.ru_stime
        if pid == process.pid:
            process.returncode = code = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begun
    for reader in readers:
        reader.join()
    if code:
        raise ProgramFailed(f"{command[0]}: exit code {code}: {texts['errors'].decode()[-2000:]}")
    return Cost(wall, cpu, peak[0], texts["output"].decode())


def _watch(pid: int, peak: list[int]) -> None:
    """Follow RssAnon until the process is gone; a zombie has none."""
    status = Path(f"/proc/{pid}/status")
    while True:
        try:
            lines = status.read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            return
        anonymous = [line for line in lines if line.startswith("RssAnon:")]
        if not anonymous:
            return
        peak[0] = max(peak[0], int(anonymous[0].split()[1]) << 10)
        time.sleep(SAMPLE)
