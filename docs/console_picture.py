"""Make console.png: what a browser shows of a ledger of simulated captures.

Run it after `make demo` as `python docs/console_picture.py demo/2020-q2`, where Chromium and the extra `dev` are.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import requests
from playwright.sync_api import sync_playwright

PAGE = "/?period=2020-Q2&home=true&theme=light&lang=en"
WIDTH, HEIGHT = 1280, 1010
PATIENCE = 120
"""Seconds for the server to begin."""


def main(folder: Path) -> None:
    """Serve, look, and leave."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = [sys.executable, "-m", "darkscope.api.command.main", "serve"]
    command = [*program, "--settings", str(folder / "darkscope.toml"), "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603 - the command above
    try:
        _look(f"http://127.0.0.1:{port}", Path(__file__).with_name("console.png"))
    finally:
        server.terminate()
        server.wait()


def _look(url: str, target: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(requests.ConnectionError):
            requests.get(f"{url}/readyz", timeout=PATIENCE)
            break
        time.sleep(0.2)
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(url + PAGE)
        page.locator("figure.chart.drawn").nth(2).wait_for()
        page.locator("#noted .noted").wait_for(timeout=PATIENCE * 1000)
        page.evaluate(
            "document.getElementById('state').remove()"
        )  # how old simulated data are is nobody's matter
        page.screenshot(path=target)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
