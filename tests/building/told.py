"""Cases and notices, of which a test says only what matters to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from darkscope.api.address import parse_address
from darkscope.api.cases import Case, Cases, Sample, Target
from darkscope.api.grades import Grade
from darkscope.api.notices.notice import Notice, Notices, Recipient, Sender
from darkscope.api.periods import parse_period
from darkscope.api.ranking import Provenance
from darkscope.api.store import Filter
from darkscope.ingest.contacts import Language, Tlp

NOW = datetime(2020, 7, 1, tzinfo=UTC)
PERIOD = parse_period("2020-06-24", ZoneInfo("UTC"), NOW)
PROVENANCE = Provenance(7, PERIOD, Filter(), None, None)

SAMPLE = Sample(datetime(2020, 6, 24, 12, 0, 5, 250_000, tzinfo=UTC), "tokyo-1", 40_000, 6, 445)
CASE = Case(
    sender=parse_address("198.41.0.4"),
    country="VN",
    asn=64500,
    grade=Grade.LIKELY,
    packets=3,
    first=datetime(2020, 6, 24, 11, 0, tzinfo=UTC),
    last=datetime(2020, 6, 24, 12, 0, tzinfo=UTC),
    sensors=2,
    ports=1,
    targets=(Target(6, 445, 3),),
    tools=(),
    samples=(SAMPLE,),
)
RECIPIENT = Recipient(
    "vn", "Viet Nam", ("cert@vn.example",), Language.EN, ZoneInfo("Asia/Ho_Chi_Minh"), Tlp.AMBER
)
SENDER = Sender("Example CSIRT", "soc@csirt.example", names_sensors=False)


def case(address: str = "198.41.0.4", **how: Any) -> Case:
    return replace(CASE, sender=parse_address(address), **how)


def cases(*found: Case, sources: int | None = None, **left_out: int) -> Cases:
    return Cases(found, len(found) if sources is None else sources, left_out, PERIOD.window.end, PROVENANCE)


def notices(*found: Case, recipient: Recipient = RECIPIENT, sender: Sender = SENDER, **how: Any) -> Notices:
    """Notices to one recipient; `how` replaces what they say beside."""
    told = Notices(
        sender,
        (Notice(recipient, found),),
        (),
        len(found),
        {},
        PERIOD.window.end,
        {64500: "Example Networks"},
        PROVENANCE,
    )
    return replace(told, **how)


def texts() -> st.SearchStrategy[str]:
    """Texts that strangers may write: anything, and what breaks formats."""
    return st.text(max_size=20) | st.sampled_from(
        [
            "=cmd|' /C calc'!A0",
            '","',
            "\r\nX: y",
            "\x1b[2J",
            "\u202etxt",
            "<script>",
            "{{ 7*7 }}",
            "\ud800",
            "'",
        ]
    )


@st.composite
def hostile_cases(draw: st.DrawFn) -> Notices:
    """Notices in which every text that a stranger may have written is hostile."""
    addresses = st.ip_addresses().map(str)
    found = tuple(
        case(
            address,
            asn=64500,
            device=draw(texts()),
            grade=draw(st.sampled_from([Grade.LIKELY, Grade.CONFIRMED])),
            tools=draw(st.sampled_from([(), ("mirai",), ("zmap", "masscan")])),
            samples=draw(st.sampled_from([(), (SAMPLE,), (replace(SAMPLE, protocol=None, port=None),)])),
        )
        for address in draw(st.lists(addresses, min_size=1, max_size=3, unique=True))
    )
    return notices(*found, owners={64500: draw(texts())})
