"""`darkscope requests`, `visitors`, `vulnerabilities` on a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Run = Callable[..., tuple[int, str, str]]

ALBUM = "/photo/p/api/album.php"
REQUESTS: list[dict[str, Any]] = [
    {"time": "2020-05-27T12:00:00", "path": ALBUM, "source_low": 0xC0000201},
    {"time": "2020-05-28T12:00:00", "path": ALBUM, "source_low": 0xC0000202},
    {"time": "2020-05-28T13:00:00", "path": ALBUM, "source_low": 0xC0000202, "number": 1},
    {"time": "2020-05-28T14:00:00", "path": "/\x1b[31m[bold]", "source_low": 0xC0000203},
]
COVERAGE: list[dict[str, Any]] = [
    {"minute": f"2020-05-{day}T{hour:02}:00", "sensor": sensor}
    for day in range(20, 31)
    for hour in range(24)
    for sensor in ("pot", "home-1")
]
SOURCES: list[dict[str, Any]] = [
    {"day": "2020-05-27", "sensor": "home-1", "source_low": 0xC0000200 + low, "packets": 7, "scan": 7}
    for low in (1, 2, 3)
]

DAYS = """\
Requests, 2020-05-20/2020-05-30

 day         from  port       request          count  sources  rules
 ──────────────────────────────────────────────────────────────────────────────
 2020-05-27  RU    8080  GET  /photo/p/api/al      1        1  qnap-photo-stati
                              bum.php                          on-album
 2020-05-28  RU    8080  GET  /\\u001b[31m[bol      1        1
                              d]
             RU    8080  GET  /photo/p/api/al      2        1  qnap-photo-stati
                              bum.php                          on-album

4 requests in 3 rows
2020-05-20 00:00 to 2020-05-31 00:00 (UTC); 1 sensor, 100.0% of their time
watched
ledger version 7"""
PERIOD = "--period 2020-05-20/2020-05-30"


def test_requests_are_drawn_by_day_and_move_no_cursor(run: Run) -> None:
    assert run(f"requests {PERIOD}", [], COVERAGE, SOURCES, REQUESTS) == (0, DAYS, "")


TOTALS = """\
Requests, 2020-05-20/2020-05-30

      request                   count  sources  from  first
 ────────────────────────────────────────────────────────────────
 GET  /photo/p/api/album.php        3        2  RU    05-27 12:00
      qnap-photo-station-album
 GET  /\\u001b[31m[bold]             1        1  RU    05-28 14:00

4 requests, 2 different ones; no rule names 1 of the requests"""


def test_requests_counted_alone_can_be_read_on_a_narrow_terminal(run: Run) -> None:
    code, told, _ = run(f"requests --by request {PERIOD}", [], COVERAGE, SOURCES, REQUESTS)
    assert code == 0
    assert told.partition("\n2020-05-20 00:00")[0] == TOTALS


def test_visitors_are_drawn_with_a_verdict(run: Run) -> None:
    code, told, _ = run(f"visitors {PERIOD}", [], COVERAGE, SOURCES, REQUESTS)
    assert code == 0
    assert "broad: telescopes saw 3 of 3 visitors: they search widely, not by a list of" in told
    assert "3 of them before their first request" in told
    assert "192.0.2.2  RU AS64500      2  05-28 12:00        1  01-01 00:00       7      0" in told


def test_vulnerabilities_are_drawn_with_their_dates(run: Run) -> None:
    code, told, _ = run(f"vulnerabilities {PERIOD}", [], COVERAGE, SOURCES, REQUESTS)
    assert code == 0
    assert "proof of concept 2020-05-25: first seen 2 days after; 0 before, 3 after, none" in told
    assert "vendor notice 2020-06-08: first seen 12 days before" in told
    assert "GET  /\\u001b[31m[bold]" in told


def test_single_requests_are_written_for_scripts(run: Run) -> None:
    code, told, _ = run(
        f"requests {PERIOD} --by single --format ndjson --limit 1", [], COVERAGE, [], REQUESTS
    )
    assert (code, json.loads(told)["address"]) == (0, "192.0.2.1")


def test_a_ledger_without_requests_says_how_to_get_them(run: Run) -> None:
    _, told, _ = run(f"requests {PERIOD}", [], COVERAGE)
    assert "the ledger has no requests" in told


def test_a_rule_that_nobody_knows_is_a_mistake(run: Run) -> None:
    code, told, message = run(f"requests {PERIOD} --rule nothing", [], COVERAGE)
    assert (code, told) == (2, "")
    assert message.startswith(
        "darkscope: no rule is called 'nothing', and none is about such a CVE; there are "
    )


def test_the_leading_vulnerability_is_drawn_with_its_dates(run: Run) -> None:
    code, told, _ = run(f"vulnerabilities {PERIOD} --format svg", [], COVERAGE, SOURCES, REQUESTS)
    assert (code, told.startswith("<svg"), "requests a day" in told) == (0, True, True)
    assert "proof of concept" in told
    assert "CVE-2019-7192 QNAP Photo Station" in told
    assert "notice" not in told  # 8 June lies beyond
    code, told, message = run(f"vulnerabilities {PERIOD} --format svg", [], COVERAGE)
    assert (code, told) == (2, "")
    assert message == "darkscope: no rule names any of these requests, so there is no picture of them\n"
