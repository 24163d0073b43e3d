"""Cases and notices, of which a test says only what matters to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from darkscope.api.address import parse_address
from darkscope.api.cases import Attempt, Case, Cases, Sample, Target
from darkscope.api.grades import Grade
from darkscope.api.notices.notice import Notice, Notices, Recipient, Sender
from darkscope.api.periods import parse_period
from darkscope.api.ranking import Provenance
from darkscope.api.store import Filter
from darkscope.ingest.contacts import Tlp
from darkscope.ingest.values import Language

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
ATTEMPT = Attempt(
    time=datetime(2020, 6, 24, 12, 0, 6, tzinfo=UTC),
    sensor="pot-1",
    source_port=40_001,
    port=8080,
    number=0,
    application="http",
    method="GET",
    path="/photo/p/api/album.php",
    agent="python-requests/2.23.0",
    rules=("album",),
    cves=("CVE-2019-7192", "CVE-2019-7194"),
    vendor="QNAP",
    product="Photo Station",
    title="Reads files",
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
    # A bogon is never a case: all that it sends is of the class spoofable.
    addresses = st.ip_addresses().filter(lambda one: not one.is_unspecified).map(str)
    asked = st.builds(
        replace,
        st.just(ATTEMPT),
        path=texts(),
        agent=texts(),
        method=texts(),
        title=texts(),
        cves=st.sampled_from([(), ATTEMPT.cves]),
        application=st.sampled_from(["http", "tls", "unknown"]),
        number=st.integers(0, 9),
    )
    found = tuple(
        case(
            address,
            asn=64500,
            device=draw(texts()),
            grade=draw(st.sampled_from([Grade.LIKELY, Grade.CONFIRMED])),
            tools=draw(st.sampled_from([(), ("mirai",), ("zmap", "masscan")])),
            attempts=tuple(draw(st.lists(asked, max_size=2, unique_by=lambda one: one.number))),
            samples=draw(st.sampled_from([(), (SAMPLE,), (replace(SAMPLE, protocol=None, port=None),)])),
        )
        for address in draw(st.lists(addresses, min_size=1, max_size=3, unique=True))
    )
    return notices(*found, owners={64500: draw(texts())})
