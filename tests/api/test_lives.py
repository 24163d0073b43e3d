from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from darkscope.api.address import parse_address
from darkscope.api.ask import Observer, Question
from darkscope.api.dimension import Dimension, value_text
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.lives import DayRow, FoundRow, Life, Place
from darkscope.api.names import Names
from darkscope.api.periods import parse_period
from darkscope.api.selection import EVERY_KIND, Selection, known
from darkscope.ingest.devices import Devices
from darkscope.ingest.research import Research
from darkscope.ingest.settings import SensorEntry

Make = Callable[..., Any]
TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2020, 7, 1, tzinfo=UTC)
SENSORS = known([SensorEntry(id="a"), SensorEntry(id="b"), SensorEntry(id="pot", kind="honeypot")])
NAMES = Names(
    Devices.parse("192.0.2.7,QNAP,TS-419,NAS,2020-06-26,us\n", "devices"),
    Research.parse("2001:db8::/32,Project\n", "research"),
    "",
)
LOW = 0xC0000207  # 192.0.2.7


def at(day: int, hour: int) -> int:
    """A time in nanoseconds, 7 s into a minute."""
    return int(datetime(2020, 6, day, hour, 0, 7, tzinfo=UTC).timestamp()) * 1_000_000_000


def row(day: int, hour: int, last: int, **how: Any) -> dict[str, Any]:
    return {
        "day": f"2020-06-{day}",
        "source_low": LOW,
        "first": at(day, hour),
        "last": at(day, last),
        "scan": how.get("packets", 1),
        **how,
    }


ROWS = [
    row(24, 1, 3, packets=5, ports=[6 << 16 | 23], country="CN", asn=1),
    row(24, 2, 9, packets=4, ports=[6 << 16 | 23, 17 << 16 | 53], country="CN", asn=1, sensor="b", mirai=4),
    row(25, 1, 2, packets=2, ports=[6 << 16 | 22], country="CN", asn=1),
    row(27, 4, 4, packets=20, ports=[6 << 16 | port for port in range(16)], country="VN", asn=2, spoofable=3),
    {"day": "2020-06-27", "source_low": LOW, "sensor": "pot", "packets": 0, "offered": [0], "completed": [0]},
    {"day": "2020-06-20", "source_low": 1, "packets": 9},
]


def observer(snapshot: Make) -> Observer:
    return Observer(LedgerStore(snapshot(sources=ROWS)), SENSORS, value_text, NOW, names=NAMES)


def question(period: str, kind: str = EVERY_KIND) -> Question:
    return Question(Dimension.OWNERS, parse_period(period, TOKYO, NOW), Selection(kind))


def japan(day: int, hour: int) -> datetime:
    return datetime(2020, 6, day, hour, tzinfo=UTC).astimezone(TOKYO)


NOTHING: dict[str, Any] = {
    **dict.fromkeys(("country", "owner", "first_seen", "last_seen", "research", "subnet")),
    **dict.fromkeys(("device_vendor", "device_product", "device_kind", "device_seen", "device_by")),
    **dict.fromkeys(("packets", "days", "sensors", "ports"), 0),
    **dict.fromkeys(("seen", "confirmed", "spoofable", "broad"), False),
    "ports_exact": True,
    "classes": (),
    "tools": (),
}


def test_a_life_is_told_in_short_and_day_by_day(snapshot: Make) -> None:
    life = observer(snapshot).source(question("2020-06"), parse_address("192.0.2.7"))
    summary = FoundRow(
        **NOTHING
        | {
            "address": "192.0.2.7",
            "seen": True,
            "country": "VN",
            "owner": "AS2",
            "packets": 31,
            "first_seen": japan(24, 1),
            "last_seen": japan(27, 4),
            "days": 3,
            "sensors": 2,
            "ports": 19,
            "ports_exact": False,
            "classes": ("scan", "spoofable"),
            "tools": ("mirai",),
            "confirmed": True,
            "spoofable": True,
            "broad": True,
            "device_vendor": "QNAP",
            "device_product": "TS-419",
            "device_kind": "NAS",
            "device_seen": date(2020, 6, 26),
            "device_by": "us",
        }
    )
    days = (
        DayRow(date(2020, 6, 24), 9, japan(24, 1), japan(24, 9), 2, 2, True, ("scan",), ("mirai",), *NO),
        DayRow(date(2020, 6, 25), 2, japan(25, 1), japan(25, 2), 1, 1, True, ("scan",), (), *NO),
        DayRow(
            *(date(2020, 6, 27), 20, japan(27, 4), japan(27, 4), 1, 16, False, ("scan", "spoofable"), ()),
            *(True, True, True),
        ),
    )
    places = (
        Place("CN", "AS1", date(2020, 6, 24), date(2020, 6, 25)),
        Place("VN", "AS2", date(2020, 6, 27), date(2020, 6, 27)),
    )
    ports = (*(f"{port}/TCP" for port in range(16)), "22/TCP", "23/TCP", "53/UDP")
    assert life == Life(summary, ("a", "b"), ports, places, date(2020, 6, 20), days, life.provenance)


NO = (False, False, False)


def test_addresses_are_found_in_their_order_and_those_not_seen_too(snapshot: Make) -> None:
    asked = [parse_address(text) for text in ("2001:db8::7", "0.0.0.1", "192.0.2.7", "0.0.0.1")]
    found = observer(snapshot).look_up(question("2020-06-20"), asked)
    unseen = FoundRow(
        **NOTHING | {"address": "2001:db8::7", "subnet": "2001:db8::/64", "research": "Project"}
    )
    assert found.rows[0] == unseen
    assert [(row.address, row.seen, row.packets, row.days, row.device_kind) for row in found.rows[1:]] == [
        ("0.0.0.1", True, 9, 1, None),
        ("192.0.2.7", False, 0, 0, "NAS"),
        ("0.0.0.1", True, 9, 1, None),
    ]
    assert found.known_since == date(2020, 6, 20)


def test_only_chosen_sensors_count_packets_but_honeypots_confirm(snapshot: Make) -> None:
    choice = Selection(sensors=("b",))
    asked = Question(Dimension.OWNERS, parse_period("2020-06", TOKYO, NOW), choice)
    one = observer(snapshot).look_up(asked, [parse_address("192.0.2.7")]).rows[0]
    assert (one.packets, one.days, one.confirmed) == (4, 1, True)


def test_an_empty_ledger_knows_nothing_and_says_so(snapshot: Make) -> None:
    nobody = Observer(LedgerStore(snapshot()), SENSORS, value_text, NOW)
    life = nobody.source(question("2020-06"), parse_address("192.0.2.7"))
    assert (life.source.seen, life.known_since, life.rows, life.places) == (False, None, (), ())
