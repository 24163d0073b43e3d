from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Run = Callable[..., tuple[int, str, str]]

LOW = 0xC0000200  # 192.0.2.0
FLOWS: list[dict[str, Any]] = [
    {
        "minute": f"2020-06-24T{hour}:15",
        "sensor": "home-1",
        "source_low": LOW + low,
        "asn": 64500,
        "port": 445,
    }
    for low, hour in ((7, 10), (7, 12), (8, 12))
]
COVERAGE: list[dict[str, Any]] = [
    {"minute": f"2020-06-24T{hour:02}:00", "sensor": "home-1"} for hour in range(24)
]
SOURCES: list[dict[str, Any]] = [{"sensor": "home-1", "source_low": LOW + 7, "packets": 2, "mirai": 2}]
ASKED = "--period 2020-06-24 --port 445 --sensor Tokyo"

TABLE = """\
Sources, 2020-06-24, ports 445

 address    from        packets  ports  first        last         what is known
 ──────────────────────────────────────────────────────────────────────────────
 192.0.2.7  CN AS64500        2      1  06-24 10:15  06-24 12:15  mirai
 192.0.2.8  CN AS64500        1      1  06-24 12:15  06-24 12:15

3 packets from 2 addresses in all
2020-06-24 00:00 to 2020-06-25 00:00 (UTC); 1 sensor, 100.0% of their time
watched
ledger version 7"""

OWNERS = """\
Owners of sources, 2020-06-24, ports 445

 owner    countries  packets   share  sources  confirmed  devices
 ────────────────────────────────────────────────────────────────
 AS64500  CN               3  100.0%        2          0

3 packets from 1 owners in all
2020-06-24 00:00 to 2020-06-25 00:00 (UTC); 1 sensor, 100.0% of their time
watched
ledger version 7"""


def test_sources_are_drawn_with_what_is_known_of_them(run: Run) -> None:
    assert run(f"sources {ASKED}", FLOWS, COVERAGE, SOURCES) == (0, TABLE, "")


def test_owners_are_drawn_by_their_packets(run: Run) -> None:
    assert run(f"sources {ASKED} --by owner", FLOWS, COVERAGE, SOURCES) == (0, OWNERS, "")


def test_json_has_all_of_an_answer(run: Run) -> None:
    code, output, errors = run(f"sources {ASKED} --limit 1 --format json", FLOWS, COVERAGE, SOURCES)
    answer = json.loads(output)
    assert (code, errors, answer["addresses"], answer["next"]) == (0, "", 2, None)
    assert [row["address"] for row in answer["rows"]] == ["192.0.2.7"]
