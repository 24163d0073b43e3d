from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Run = Callable[..., tuple[int, str, str]]

NOON = int(datetime(2020, 6, 24, 12, tzinfo=UTC).timestamp()) * 1_000_000_000
SOURCES: list[dict[str, Any]] = [
    {
        "sensor": "home-1",
        "source_low": 0xC0000207,
        "packets": 3,
        "scan": 3,
        "mirai": 3,
        "first": NOON,
        "last": NOON,
        "ports": [6 << 16 | 23, 6 << 16 | 2323],
        "asn": 64500,
    }
]
COVERAGE: list[dict[str, Any]] = [
    {"minute": f"2020-06-24T{hour:02}:00", "sensor": "home-1"} for hour in range(24)
]

DRAWN = """\
192.0.2.7, 2020-06-24
3 packets on 1 days, 2020-06-24 12:00 to 2020-06-24 12:00
CN AS64500, 2020-06-24 to 2020-06-24
sensors: home-1
ports: 23/TCP 2323/TCP
known: mirai

 day         packets  sensors  ports  what it was
 ────────────────────────────────────────────────
 2020-06-24        3        1      2  scan, mirai

days are UTC days
2020-06-24 00:00 to 2020-06-25 00:00 (UTC); 1 sensor, 100.0% of their time
watched
ledger version 7"""

UNSEEN = """\
2001:db8::7, 2020-06-24
not seen; the ledger knows of sources since 2020-06-24

2020-06-24 00:00 to 2020-06-25 00:00 (UTC); 1 sensor, 100.0% of their time
watched
ledger version 7"""


def test_a_life_is_drawn_day_by_day(run: Run) -> None:
    command = "source 192.0.2.7 --period 2020-06-24 --sensor Tokyo"
    assert run(command, [], COVERAGE, SOURCES) == (0, DRAWN, "")


def test_who_was_not_seen_is_said_so(run: Run) -> None:
    command = "source 2001:db8::7 --period 2020-06-24 --sensor Tokyo"
    assert run(command, [], COVERAGE, SOURCES) == (0, UNSEEN, "")


def test_what_is_no_address_ends_with_a_sentence(run: Run) -> None:
    code, output, errors = run("source nobody --period 2020-06-24", [], COVERAGE)
    assert (code, output) == (2, "")
    assert (
        errors
        == "darkscope: the address 'nobody' is not understood; understood are IPv4 and IPv6 addresses\n"
    )
