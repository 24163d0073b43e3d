"""What a request may ask: parameters with their bounds, read into a question, and what an answer to it is tagged with.

The words are those of the commands' options. A parameter that does not exist is refused: a misspelt filter would
otherwise answer another question than the one that was asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2s
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from darkscope.api import public
from darkscope.api.ask import Observer, Question
from darkscope.api.asked import Asked, Kind
from darkscope.api.charts.answers import picture
from darkscope.api.dimension import Dimension
from darkscope.api.formats import MEDIA_TYPES, PICTURES, Answer, Format, UnwrittenError, written
from darkscope.api.http.access import asker_of
from darkscope.api.http.problems import Unusable, declared
from darkscope.api.http.remembered import Kept
from darkscope.api.http.source import Source
from darkscope.api.keys import Asker
from darkscope.api.periods import CALENDAR_STEPS, DAY, Window, instant, minute, parse_step
from darkscope.ingest.ledger.ledger import Snapshot
from darkscope.ingest.series import Traffic
from darkscope.ingest.values import Language

_UTC = ZoneInfo("UTC")

MOST_VALUES = 100
"""Values that one parameter takes."""

LONGEST = timedelta(days=3660)
"""Of periods: ten years."""

MOST_POINTS = 200_000
"""Figures of one answer: stretches times values."""

Word = Annotated[str, Field(min_length=1, max_length=100)]
Words = Annotated[tuple[Word, ...], Field(max_length=MOST_VALUES)]


class Shape(StrEnum):
    """How an answer is written."""

    JSON = Format.JSON.value
    CSV = Format.CSV.value
    NDJSON = Format.NDJSON.value
    PARQUET = Format.PARQUET.value
    SVG = Format.SVG.value
    PNG = Format.PNG.value


BY_MEDIA_TYPE = {MEDIA_TYPES[Format(shape)]: shape for shape in Shape if Format(shape) not in PICTURES}
"""What the header `Accept` chooses among: browsers accept pictures of whatever they ask for."""


class Chosen(BaseModel):
    """When, and who observed: what every question says."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    period: Annotated[str, Field(max_length=40, examples=["2020-Q2", "24h"])] = "24h"
    """`2020-Q2`, `2020`, `2020-06`, `2020-06-24`, `2020-06-24/2020-06-30` (both included), or up to now: `90m`, `24h`,
    `7d`. Ten years at most."""
    time_zone: Annotated[str | None, Field(max_length=64, examples=["Asia/Tokyo"])] = None
    """Where days begin (IANA); the setting `time_zone` where left out."""
    sensor: Words = ()
    """Only these sensors, by id or name, of any kind; repeatable."""
    organisation: Words = ()
    """Only sensors of these organisations; repeatable."""
    home: bool | None = None
    """Only sensors at home (`true`), or abroad (`false`)."""
    kind: Kind = Kind.TELESCOPE
    """Which kind of sensors. What answers attracts more, so rankings are about telescopes where this is left out."""

    def asked(self, dimension: Dimension) -> Asked:
        """The question in words."""
        return Asked(
            dimension, self.period, self.time_zone, self.sensor, self.organisation, self.home, self.kind
        )

    @property
    def finest(self) -> str:
        """The shortest stretch that the answer has figures for, as a step."""
        return "day"

    @property
    def lines(self) -> int:
        """How many values have figures for each stretch."""
        return 1

    def shape(self, _request: Request, /) -> StrEnum:
        """How the answer is to be written."""
        return Shape.JSON


class Observed(Chosen):
    """The parameters of questions whose answers are rows."""

    format: Shape | None = None
    """How the answer is written; overrules the header `Accept`. JSON where neither says.
    `svg` and `png` are pictures."""
    lang: Language = Language.EN
    """The language of pictures."""

    def shape(self, request: Request, /) -> Shape:
        """How the answer is to be written."""
        if self.format is not None:
            return self.format
        accepted = request.headers.get("accept", "")
        wanted = [part.partition(";")[0].strip().lower() for part in accepted.split(",")]
        known = [BY_MEDIA_TYPE[one] for one in wanted if one in BY_MEDIA_TYPE]
        return known[0] if known and Shape.JSON not in known else Shape.JSON


class Narrowing(Chosen):
    """Which packets a question is about."""

    traffic: Annotated[tuple[Traffic, ...], Field(alias="class", max_length=MOST_VALUES)] = ()
    """Only packets of these classes; repeatable."""
    port: Annotated[Words, Field(examples=[["23/tcp", "445", "0/icmp"]])] = ()
    """Only these destination ports: `23/tcp`, `445` (any protocol), `0/icmp`; repeatable."""
    country: Annotated[Words, Field(examples=[["VN"]])] = ()
    """Only these source countries, ISO 3166-1 alpha-2, `ZZ` unknown; repeatable."""
    protocol: Words = ()
    """Only these IP protocols, by name or number; repeatable."""
    owner: Annotated[Words, Field(examples=[["AS64500"]])] = ()
    """Only sources in these autonomous systems; repeatable."""
    tool: Words = ()
    """Only packets with these fingerprints: `mirai`, `zmap`, `masscan`, ...; `none`; repeatable."""
    research: bool | None = None
    """Only research scanners, of the list in the settings (`true`), or all but them (`false`)."""

    def asked(self, dimension: Dimension) -> Asked:
        """The question in words."""
        return Asked(
            dimension, self.period, self.time_zone, self.sensor, self.organisation, self.home, self.kind,
            self.traffic, self.port, self.country, self.protocol, self.owner, self.tool, self.research,
        )  # fmt: skip


class Narrowed(Observed, Narrowing):
    """The parameters of questions about some packets whose answers are rows."""

    against: Annotated[str | None, Field(max_length=40, examples=["2019-Q2"])] = None
    """The period to compare with, written likewise; the one before where left out."""

    def asked(self, dimension: Dimension) -> Asked:
        """The question in words."""
        return replace(super().asked(dimension), against=self.against)


@dataclass(frozen=True, slots=True)
class Posed:
    """A question about one state of the ledger, and the tag of its answer.

    Without a tag the store goes on being written, and the answer is tagged with what it says.
    """

    question: Question
    observer: Observer
    shape: StrEnum
    tag: str | None

    @classmethod
    def of(
        cls,
        request: Request,
        source: Source,
        dimension: Dimension,
        query: Chosen,
        state: Snapshot | None = None,
        at: datetime | None = None,
        *,
        is_of_period: bool = False,
    ) -> Self:
        """Read a request, about the newest state and now, unless others are given.

        Where all of its answer `is_of_period`, versions of the ledger that changed nothing there give the same one.
        Raises PeriodError, ValueTextError, Unusable, NotPublic, LedgerError.
        """
        now, asker = at or source.now(), asker_of(request)
        zone = _UTC if asker.is_public else source.settings.time_zone
        question = query.asked(dimension).question(zone, now)
        window = question.period.window
        if window.end - window.start > LONGEST:
            raise Unusable(f"the period {question.period.text!r} is longer than {LONGEST.days} days")
        bound(window, query.finest, query.lines)
        if asker.is_public:
            public.check(question, query.finest, now, source.settings.api.public_delay)
        observer = source.observer(now, asker, state, question.period if is_of_period else None)
        shape = query.shape(request)
        version = observer.store.version
        tag = _tag(version, source, question, query, shape, now, asker) if source.is_settled else None
        return cls(question, observer, shape, tag)

    def headers(self, tag: str) -> dict[str, str]:
        """Where the answer comes from, for those who keep it and for shapes that do not say so themselves."""
        window = self.question.period.window
        return {
            "ETag": tag,
            "Cache-Control": "private, no-cache",  # keep it, and ask whether it still holds
            "Vary": "Accept, Authorization, X-API-Key",
            "Darkscope-Ledger-Version": str(self.observer.store.version),
            "Darkscope-Window": f"{window.start:%Y-%m-%dT%H:%MZ}/{window.end:%Y-%m-%dT%H:%MZ}",
        }

    def unchanged(self, request: Request, tag: str | None) -> Response | None:
        """Say that the asker has the answer of a tag; None where that is not so."""
        known = request.headers.get("if-none-match", "")
        if tag is None or (known.strip() != "*" and tag not in [one.strip() for one in known.split(",")]):
            return None
        return Response(status_code=304, headers=self.headers(tag))

    def sent(self, request: Request, data: bytes, media_type: str | None = None) -> Response:
        """Send an answer that is written, by the media type of its shape where none is said."""
        tag = self.tag or f'W/"{blake2s(data, digest_size=16).hexdigest()}"'
        return self.unchanged(request, tag) or Response(
            data, media_type=media_type or MEDIA_TYPES[Format(self.shape)], headers=self.headers(tag)
        )


def bound(window: Window, step: str, lines: int) -> None:
    """Refuse what would have too many figures. Raises PeriodError, Unusable."""
    length = 7 * DAY if step in CALENDAR_STEPS else parse_step(step)
    start, end = window.minutes
    points = -(-(end - start) // length) * lines
    if points > MOST_POINTS:
        raise Unusable(
            f"the answer would have {points:,} figures, and {MOST_POINTS:,} are the most: "
            "a coarser step, a shorter period and fewer values or sensors have fewer"
        )


def answer(
    request: Request,
    source: Source,
    dimension: Dimension,
    query: Observed,
    ask: Callable[[Observer, Question], Answer],
    *,
    is_map: bool = False,
) -> Response:
    """Answer a request when its turn has come; a picture is a map where that is asked for.

    Not at all where the asker has the answer; from memory where it was given before.
    """
    posed = Posed.of(request, source, dimension, query, is_of_period=True)
    unchanged = posed.unchanged(request, posed.tag)
    if unchanged is not None:
        return unchanged

    def compute() -> Kept:
        found = ask(posed.observer, posed.question)
        if asker_of(request).is_public:
            found = public.published(found, source.settings.api.public_least)
        return Kept(drawn_or_written(found, posed.shape, query.lang, is_map=is_map))

    return posed.sent(request, in_turn(request, source, posed, compute).data)


def drawn_or_written(found: Answer, shape: StrEnum, language: Language, *, is_map: bool = False) -> bytes:
    """Write an answer, or draw it. Raises Unusable where it has no picture."""
    output = Format(shape)
    if output not in PICTURES:
        return written(found, output)
    try:
        return picture(found, output, language, is_map=is_map)
    except UnwrittenError as error:
        raise Unusable(f"{error}; write format=json or csv") from None


def in_turn(
    request: Request, source: Source, posed: Posed, compute: Callable[[], Kept], path: str = ""
) -> Kept:
    """Give what was answered before, else compute it when the asker's turn has come. Raises Busy.

    `path` names what is kept, where that is not the answer of the request's own path.
    """
    name = None if posed.tag is None else (path or request.url.path, posed.tag)
    known = name and source.remembered.get(name)
    if known:
        return known
    with source.turns.turn(asker_of(request).who):
        known = name and source.remembered.get(name)  # who waited for its turn may find it computed
        if known:
            return known
        answer = compute()
        if name:
            source.remembered.put(name, answer)
        return answer


def responses(what: str, example: str, *, is_drawn: bool = False) -> dict[int | str, dict[str, Any]]:
    """Describe what a question's endpoint may answer, in pictures as well where it is drawn; the example is CSV."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    pictures = {
        MEDIA_TYPES[Format.SVG]: {"schema": {"type": "string"}},
        MEDIA_TYPES[Format.PNG]: binary,
    }
    return {
        200: {
            "description": f"{what} In every format the headers `Darkscope-Ledger-Version` and "
            "`Darkscope-Window` say what it is about.",
            "content": {
                MEDIA_TYPES[Format.CSV]: {"schema": {"type": "string"}, "example": example},
                MEDIA_TYPES[Format.NDJSON]: {"schema": {"type": "string"}},
                MEDIA_TYPES[Format.PARQUET]: binary,
                **(pictures if is_drawn else {}),
            },
        },
        304: {"description": "`If-None-Match` names the answer that the ledger would give again."},
        **declared(404, 410, 422, 503),
    }


def _tag(
    version: int,
    source: Source,
    question: Question,
    query: Chosen,
    shape: StrEnum,
    now: datetime,
    asker: Asker,
) -> str:
    """Name an answer: equal tags, equal figures.

    Of a period that is not over, the time up to which sensors should have watched is part of the answer. The tag is
    weak: an estimate of sources may be another sample once upkeep has merged rows.
    """
    window, previous = question.period.window, question.period.previous
    until = min(window.end, instant(minute(now)))
    seen = asker.is_public, None if asker.organisations is None else sorted(asker.organisations)
    parts = (source.digest, question.dimension.value, query, shape, window, previous, until, seen)
    return f'W/"{version}-{blake2s(repr(parts).encode(), digest_size=8).hexdigest()}"'
