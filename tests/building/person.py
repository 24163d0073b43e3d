"""A person at a browser: Chromium without a screen, which can reach this machine alone, driven step by step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import browser
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

PATIENCE = 60_000
"""Milliseconds for anything to appear: machines are busy."""


@dataclass
class Person:
    """A page that somebody looks at, and what the browser noted."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What can be read, with single spaces."""
        return " ".join(self.page.inner_text("body").split())

    def drawn(self, charts: int = 1) -> None:
        """Wait for charts, and for what the page asks for after them."""
        self.page.locator("figure.chart.drawn").nth(charts - 1).wait_for()
        self.page.locator(".loading").wait_for(state="detached")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; each person has a profile of their own in it."""
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=browser.PROGRAM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )


@contextmanager
def somebody(chromium: Browser, url: str, **how: Any) -> Iterator[Person]:
    """Somebody who opens pages of a server."""
    context = chromium.new_context(
        base_url=url, locale=how.pop("locale", "en-GB"), timezone_id="UTC", accept_downloads=True, **how
    )
    context.set_default_timeout(PATIENCE)
    person = Person(context.new_page())
    person.page.on(
        "console",
        lambda said: person.complaints.append(said.text) if said.type in ("error", "warning") else None,
    )
    person.page.on("pageerror", lambda error: person.complaints.append(str(error)))
    person.page.on("request", lambda request: person.asked.append(request.url))
    try:
        yield person
    finally:
        context.close()


def barriers(page: Page) -> list[str]:
    """What axe finds that keeps people out: by WCAG 2.2, levels A and AA."""
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}}).response["violations"]
    return [
        f"{one['id']}: {one['help']} {[node['html'][:120] for node in one['nodes'][:3]]}" for one in found
    ]
