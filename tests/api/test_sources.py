from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl

from darkscope.api.names import Told
from darkscope.api.periods import instant, minute, parse_period
from darkscope.api.ranking import Provenance
from darkscope.api.sources import OwnerRow, SourceList, SourceRow, listed, owned
from darkscope.api.store import Filter
from darkscope.api.watch import Watch
from darkscope.ingest.devices import Device

TOKYO = ZoneInfo("Asia/Tokyo")
NOON = datetime(2020, 6, 24, 12, tzinfo=TOKYO)
START = minute(NOON)
PERIOD = parse_period("2020-06-24", TOKYO, instant(START + 10_000))
PROVENANCE = Provenance(7, PERIOD, Filter(), Watch({}, {}), None)
FACT = {
    "version": 4,
    "source_high": 0,
    "source_low": 0xC0000207,
    "packets": 5,
    "first": START,
    "last": START + 90,
    "country": "VN",
    "asn": 64500,
    "sensors": 2,
    "ports": 3,
    "ports_exact": True,
    "classes": ["scan"],
}
VERDICT = {"tools": ["mirai"], "is_confirmed": True, "is_spoofable": False, "is_broad": False}
SIX = {**FACT, "version": 6, "source_high": 0x2001_0DB8 << 32, "source_low": -1, "asn": 0}


def test_a_row_says_who_sent_what_and_what_is_known_of_it() -> None:
    answer = listed(
        pl.DataFrame([FACT, SIX]),
        pl.DataFrame([VERDICT, {**VERDICT, "tools": [], "is_confirmed": False}]),
        Told([Device("QNAP", "", "NAS", date(2014, 12, 8), ""), None], ["", "Project"]),
        packets=12,
        addresses=3,
        following="more",
        provenance=PROVENANCE,
    )
    first = SourceRow(
        address="192.0.2.7",
        subnet=None,
        country="VN",
        owner="AS64500",
        packets=5,
        first_seen=NOON,
        last_seen=datetime(2020, 6, 24, 13, 30, tzinfo=TOKYO),
        sensors=2,
        ports=3,
        ports_exact=True,
        classes=("scan",),
        tools=("mirai",),
        confirmed=True,
        spoofable=False,
        broad=False,
        research=None,
        device_vendor="QNAP",
        device_product=None,
        device_kind="NAS",
        device_seen=date(2014, 12, 8),
        device_by=None,
    )
    assert answer == SourceList(12, 3, "more", (first, answer.rows[1]), PROVENANCE)
    second = answer.rows[1]
    assert (second.address, second.subnet) == ("2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/64")
    assert (second.owner, second.tools, second.confirmed, second.research) == (
        "unknown",
        (),
        False,
        "Project",
    )
    assert second.device_vendor is None


def owner(asn: int, packets: int) -> dict[str, object]:
    return {
        "asn": asn,
        "packets": packets,
        "sources": 2,
        "confirmed": 1,
        "first": START,
        "last": START,
        "countries": ["LA", "VN"],
    }


OWNERS = pl.DataFrame([owner(5, 6), owner(0, 2), owner(7, 2)])
DEVICES = pl.DataFrame(
    [(5, "NAS", 1200), (5, "camera", 3), (7, "NAS", 1)],
    schema={"asn": pl.Int64, "device": pl.String, "sources": pl.Int64},
    orient="row",
)


def test_owners_have_their_share_and_their_devices() -> None:
    answer = owned(OWNERS, DEVICES, None, 1, mark=repr, provenance=PROVENANCE)
    assert answer.rows == (
        OwnerRow("AS5", 6, 0.6, 2, 1, ("LA", "VN"), NOON, NOON, 1203, ("NAS (1,200)", "camera (3)")),
    )
    assert (answer.packets, answer.owners, answer.sources, answer.next) == (10, 3, 6, "(6, 5)")


def test_owners_go_on_behind_a_place_and_end() -> None:
    def shown(after: tuple[int, ...] | None, limit: int) -> tuple[list[str], str | None]:
        answer = owned(OWNERS, DEVICES, after, limit, mark=repr, provenance=PROVENANCE)
        return [row.owner for row in answer.rows], answer.next

    assert shown((6, 5), 1) == (["unknown"], "(2, 0)")
    assert shown((2, 0), 1) == (["AS7"], None)
    assert shown((2, 7), 1) == ([], None)
    assert owned(OWNERS, DEVICES, None, 1, mark=None, provenance=PROVENANCE).next is None
