"""What a detector proposes: one phenomenon with its figures, and all of a period.

Pure: values, and how they are written as rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, timedelta
from enum import StrEnum
from typing import ClassVar

from darkscope.api.breadth import Verdict
from darkscope.api.formats import Rows, rows_of
from darkscope.api.ranking import Provenance


class Kind(StrEnum):
    """What happened."""

    APPEARED = "appeared"  # rose from next to nothing, and stays
    ROSE = "rose"  # to a new level, and stays
    JUMPED = "jumped"  # rose, and came back
    SWINGS = "swings"  # goes up and down
    FELL = "fell"  # to a new level, and stays
    DIPPED = "dipped"  # fell, and came back
    VANISHED = "vanished"  # fell to next to nothing, and stays
    ENTERED = "entered"  # is among the leading ones, and was not in the period before
    LEFT = "left"  # was among the leading ones in the period before, and is not
    OFFICE_HOURS = "office hours"  # comes when people work there


FAMILIES = {
    Kind.APPEARED: "up",
    Kind.ROSE: "up",
    Kind.JUMPED: "up",
    Kind.SWINGS: "up",
    Kind.FELL: "down",
    Kind.DIPPED: "down",
    Kind.VANISHED: "down",
    Kind.ENTERED: "entered",
    Kind.LEFT: "left",
    Kind.OFFICE_HOURS: "office-hours",
}
"""What an id says of a kind: it must not change when a rise that stayed comes back after all."""

RISING = frozenset(kind for kind, family in FAMILIES.items() if family in ("up", "entered"))


class State(StrEnum):
    """What an analyst said of a proposal."""

    OPEN = "open"  # nothing yet
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Part:
    """One of several to which a change is owed."""

    value: str  # as filters take it
    label: str  # for people
    excess: int  # packets beyond the usual; negative for a fall
    share: float  # of the changes in the same direction

    def __str__(self) -> str:
        return f"{self.value} {self.share:.0%}"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a port or country of the subject stands in the period."""

    value: str
    rank: int | None  # among all; None where it does not occur
    previous_rank: int | None

    def __str__(self) -> str:
        return f"{self.value} {self.previous_rank or '-'}>{self.rank or '-'}"


@dataclass(frozen=True, slots=True)
class Relation:
    """Another proposal that begins within three days."""

    id: str
    subject: str
    direction: str  # together or against
    lag: int  # days until the other begins; negative: it began before
    correlation: float | None  # of both series' weekly sums

    def __str__(self) -> str:
        return f"{self.direction} {self.subject}"


@dataclass(frozen=True, slots=True)
class Office:
    """A source country that keeps office hours in what is told of."""

    value: str
    label: str
    strength: float | None  # 0 to 1
    reason: str

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Proposal:
    """One phenomenon. Rates are packets a day of the sensors that are compared, were all of them watching all day."""

    id: str
    kind: Kind
    subject: str  # `23/TCP`, `JP`, `23/TCP from JP`
    ports: tuple[str, ...]  # it is about, as filters take them; empty: all
    countries: tuple[str, ...]  # likewise, the leading first
    start: date  # first day
    end: date | None  # last day; None: it lasts to the end of the period, or what was observed of it
    base: float  # usual rate
    level: float  # mean rate from start to end
    peak: float  # of the highest level; of a fall: of the lowest
    factor: float  # level over usual rate, both with a packet a week more
    excess: int  # packets beyond the usual; negative for a fall
    share: float  # of all packets of these days
    score: float  # beyond chance, in standard deviations of the series' own noise
    peaks: int  # ups and downs
    verdict: Verdict
    reason: str  # the verdict in a sentence
    growth: float | None  # of the compared sensors' rates
    compared_sensors: int  # that watched the days, and those before
    sharing_sensors: int  # of them those that share in the change
    regions: tuple[Part, ...]  # source countries, the greatest changes first
    services: tuple[Part, ...]  # ports, where the subject has none
    sensors: tuple[Part, ...]
    tools: tuple[Part, ...]
    spoofable: float | None  # share of the packets from start to end; None where not known
    backscatter: float | None
    ranks: tuple[Standing, ...]
    relations: tuple[Relation, ...]
    office_hours: tuple[Office, ...]
    includes: tuple[str, ...]  # other series that left their level as part of this
    state: State = State.OPEN
    words_en: str = ""  # the analyst's own
    words_ja: str = ""

    @property
    def rises(self) -> bool:
        """Whether there is more than usual."""
        return self.kind in RISING


@dataclass(frozen=True, slots=True)
class Phenomena:
    """What is proposed for a period."""

    ROW: ClassVar = Proposal
    rows: tuple[Proposal, ...]  # wide and unclear ones first, then by packets beyond the usual
    compared: int  # series: ports, countries, and ports from countries
    further: int  # proposals beyond the limit
    dismissed: int  # proposals that are left out because an analyst dismissed them
    provenance: Provenance


@rows_of.register
def _(found: Phenomena) -> Rows:
    """Lists as words, so that a cell can be read."""
    columns = tuple(field.name for field in fields(Proposal))

    def cell(value: object) -> object:
        return ", ".join(map(str, value)) if isinstance(value, tuple) else value

    return Rows(columns, [[cell(getattr(row, name)) for name in columns] for row in found.rows])


def subject_text(ports: Iterable[str], countries: Iterable[str]) -> str:
    """Write what a proposal is about."""
    texts = [", ".join(ports), ", ".join(countries)]
    return " from ".join(text for text in texts if text)


def name(kind: Kind, ports: Iterable[str], countries: Iterable[str], first_day: date) -> str:
    """Make the id that a proposal has whenever its period is asked about."""
    words = [*list(ports)[:1], *list(countries)[:1], FAMILIES[kind], first_day.isoformat()]
    return "-".join(re.sub(r"[^a-z0-9-]+", "-", word.lower()) for word in words)


NAME = re.compile(
    rf"[a-z0-9-]+-(?:{'|'.join(FAMILIES.values())})-[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[.][0-9]+)?"
)
"""What ids look like; of several with one, the later have a number."""


def last_day(first_after: date | None) -> date | None:
    """Give the last day of what ends before a day."""
    return None if first_after is None else first_after - timedelta(days=1)
