"""A small ledger of somebody to be told of each kind, and somebody to be left out for each reason."""

from __future__ import annotations

from typing import Any

LOW = 0xC0000200  # 192.0.2.0
DAY = 18_437  # 2020-06-24
SECOND = 1_000_000_000


def flows(low: int, *hours: int, **how: Any) -> list[dict[str, Any]]:
    common = {"sensor": "home-1", "source_low": LOW + low, "port": 445, "country": "VN", "asn": 64500}
    return [{"minute": f"2020-06-24T{hour:02}:15", **common, **how} for hour in hours]


def seen(low: int, hour: int, **how: Any) -> dict[str, Any]:
    time = DAY * 86_400 * SECOND + (hour * 3600 + 15 * 60 + 7) * SECOND
    common = {"sensor": "home-1", "source_low": LOW + low, "country": "VN", "asn": 64500}
    return {**common, "scan": 1, "first": time, "last": time, **how}


FLOWS = [
    *flows(7, 10, 12),
    *flows(7, 13, sensor="abroad-1"),
    *flows(8, 12, country="JP", asn=64501),
    *flows(9, 12, country="US", asn=64502),
    *flows(10, 12),
    *flows(11, 12, **{"class": "backscatter"}),
]
SOURCES = [
    seen(7, 10),
    seen(7, 13, sensor="abroad-1", source_port=50_000),
    seen(8, 12, mirai=1, offered=[5], completed=[5], sensor="pot"),
    seen(8, 12),
    seen(9, 12, offered=[5], completed=[5], sensor="pot"),
    seen(10, 12),
    seen(11, 12, scan=0, backscatter=1),
]
COVERAGE: list[dict[str, Any]] = [
    {"minute": f"2020-06-24T{hour:02}:00", "sensor": "home-1"} for hour in range(24)
]
