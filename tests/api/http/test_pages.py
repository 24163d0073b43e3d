"""What the interface shows in a browser: whole, without a complaint, and from this machine alone."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import browser
import httpx2
import pytest
from ledgers import Site, ramp
from runs import running, until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not browser.PROGRAM, reason="needs a browser: chromium"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server over a small ledger."""
    site = Site(tmp_path_factory.mktemp("browser") / "ledger")
    site.take(ramp(0, 5))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with running("serve", "--ledger", site.folder, "--port", str(port)):
        until(lambda: is_answered(f"http://127.0.0.1:{port}/readyz"))
        yield f"http://127.0.0.1:{port}"


def is_answered(url: str) -> bool:
    try:
        return httpx2.get(url).status_code == 200
    except httpx2.HTTPError:
        return False


def test_the_description_is_drawn_whole_without_a_complaint_and_from_here_alone(
    url: str, tmp_path: Path
) -> None:
    seen = browser.look(f"{url}/docs", tmp_path)
    assert seen.complaints == ()
    for shown in ("/v1/rankings/{dimension}", "/readyz", "Internet-threat observation", "RankingAnswer"):
        assert shown in seen.page.replace("<wbr>", "").replace("\u200b", "")
    assert {one for one in seen.asked if not one.startswith((f"{url}/", "data:"))} == set()
    assert {f"{url}/openapi.json", f"{url}/docs/files/swagger-ui-bundle.js"} <= seen.asked


def test_the_browser_of_these_tests_notices_what_a_page_complains_of_and_asks_for_elsewhere(
    tmp_path: Path,
) -> None:
    page = tmp_path / "page.html"
    page.write_text('<img src="http://elsewhere.example/x.png"><script>console.error("no")</script>')
    (tmp_path / "files").mkdir()
    seen = browser.look(page.as_uri(), tmp_path / "files", milliseconds=1000)
    assert seen.complaints == ("no",)
    assert seen.asked == {"http://elsewhere.example/x.png"}
