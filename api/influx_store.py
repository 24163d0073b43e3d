"""InfluxDB's answers: the store's questions as InfluxQL over the projection.

It answers what the series hold, exactly, and refuses the rest with the setting that would help. Packets of values that
are not told apart are summed in the one row without a value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property

import polars as pl

from darkscope.api.deadline import Deadline
from darkscope.api.dimension import Dimension, Key
from darkscope.api.events import SCHEMA as EVENT
from darkscope.api.influx_pieces import Piece, changes, holds, plan
from darkscope.api.influx_question import (
    ALWAYS,
    LEDGER,
    PORT_TAGS,
    TAGS,
    Found,
    Own,
    Question,
    among,
    any_of,
    check,
    narrowed,
    own_value,
    owned,
    port_of,
    question,
    text_of,
)
from darkscope.api.periods import DAY, Buckets, Window, instant, minute
from darkscope.api.roster import COUNTS
from darkscope.api.store import (
    NO_ECHOES,
    NO_REQUESTS,
    NO_SENDERS,
    UNKNOWN,
    Echoes,
    ExpiredError,
    Filter,
    NotHeldError,
    Origins,
    Posting,
    Precision,
    Requests,
    Senders,
    UnreachableError,
)
from darkscope.ingest import series
from darkscope.ingest.measurements import (
    COUNTRIES,
    COVERAGE,
    DARKSCOPE,
    EVENTS,
    OTHER,
    OWN,
    TOTALS,
    Measurement,
    Resolution,
)
from darkscope.ingest.projection.server import Refused, Server, Unavailable, quoted
from darkscope.ingest.projection.server import Series as Answer
from darkscope.ingest.settings import Influx

SECOND = 1_000_000_000
"""Nanoseconds."""


class InfluxStore:
    """A store over one InfluxDB that the ledger is projected into."""

    precision = Precision.NONE

    def __init__(
        self,
        server: Server,
        settings: Influx,
        now: datetime,
        organisations: Mapping[Posting, str] | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        """Buckets and their memory by the settings, at a time (UTC); the rest as for the ledger's store."""
        self._server = server
        self._settings = settings
        self._now = minute(now)
        self._organisations = organisations or {}
        self._deadline = deadline
        self._known: dict[tuple[int, int], tuple[Own, Own]] = {}  # what has tags of its own, by minutes

    @cached_property
    def version(self) -> int:
        """Newest ledger version that InfluxDB once had all of. Raises UnreachableError where it never had."""
        found = self._last(DARKSCOPE, "version", ' AND "version" > 0')  # 0: a projector that begins says so
        if found is None:
            raise UnreachableError(
                f"InfluxDB cannot be asked: {self._server.url}: nothing was projected whole yet; "
                "`darkscope project` does so"
            )
        return found[1]

    @property
    def newest(self) -> int | None:
        """End of the newest minute that a sensor watched, seconds since 1970; None where there is none."""
        found = self._last(COVERAGE, "watched", ' AND "watched" > 0')
        return None if found is None else found[0] + 60

    @property
    def senders(self) -> Senders:
        """Refuse: source addresses are never tags."""
        raise NotHeldError(NO_SENDERS)

    @property
    def requests(self) -> Requests:
        """Refuse: what strangers sent is never a tag."""
        raise NotHeldError(NO_REQUESTS)

    @property
    def echoes(self) -> Echoes:
        """Refuse: victims' addresses are never tags either."""
        raise NotHeldError(NO_ECHOES)

    def totals(
        self, dimension: Dimension, window: Window, where: Filter, classes: Sequence[str] = ()
    ) -> pl.DataFrame:
        """Give sums by value; see Store."""
        dimensions = [dimension, *([Dimension.CLASSES] if classes else [])]
        sums = self._sums(question(dimensions, where), window.minutes)
        frame = _frame(dimensions, sums).drop("bucket")
        if not classes:
            return frame
        packets = pl.col("packets")
        return frame.group_by(dimension.columns).agg(
            packets.sum(), *(packets.filter(pl.col("class") == name).sum().alias(name) for name in classes)
        )

    def cross(
        self, first: Dimension, second: Dimension, window: Window, where: Filter, values: Sequence[Key]
    ) -> pl.DataFrame:
        """Give sums of named values by those of another dimension; see Store."""
        asked = question([first, second], narrowed(first, where, values))
        sums = self._sums(asked, window.minutes)
        width, named = len(first.columns), frozenset(values)
        kept = {key: packets for key, packets in sums.items() if key[0][:width] in named}
        return _frame([first, second], kept).drop("bucket")

    def series(
        self, dimension: Dimension, buckets: Buckets, where: Filter, values: Sequence[Key] | None
    ) -> pl.DataFrame:
        """Give sums of named or all values by bucket; see Store."""
        asked = question([dimension], where)
        if values is None:
            return _frame([dimension], self._sums(asked, buckets.edges))
        named = frozenset(values)
        sums = self._sums(asked, buckets.edges, named)
        kept = {key: packets for key, packets in sums.items() if key[0] in named or None in key[0]}
        return _frame([dimension], kept)

    def sources(self, *_asked: object, **_how: object) -> pl.DataFrame:
        """Refuse: no series holds a source."""
        raise NotHeldError(f"InfluxDB holds no sources, so they cannot be counted: {LEDGER}")

    def targets(self, *_asked: object, **_how: object) -> pl.DataFrame:
        """Refuse: no series holds where packets went."""
        raise NotHeldError(f"InfluxDB holds no marks of targets, so they cannot be estimated: {LEDGER}")

    def coverage(self, buckets: Buckets, sensors: frozenset[Posting]) -> pl.DataFrame:
        """Watched seconds by sensor and bucket; see Store."""
        sums: Counter[tuple[str, int]] = Counter()
        for piece in self._plan(buckets.edges, changes(sensors)):
            for tags, bucket, seconds in self._read(piece, COVERAGE, "watched", ("sensor",), (), sensors):
                sums[tags["sensor"], bucket] += seconds
        rows = [(*key, seconds) for key, seconds in sums.items() if seconds]
        schema = {"sensor": pl.String, "bucket": pl.Int64, "covered": pl.Int64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def frames(self, window: Window, sensors: frozenset[Posting]) -> pl.DataFrame:
        """Sum frames by sensor and fate; see Store."""
        sums: dict[str, Counter[str]] = {}
        for piece in self._plan(window.minutes, changes(sensors)):
            for tags, _, counts in self._rows(piece, COVERAGE, COUNTS, ("sensor",), (), sensors):
                sums.setdefault(tags["sensor"], Counter()).update(dict(zip(COUNTS, counts, strict=True)))
        rows = [(sensor, *(counts[name] for name in COUNTS)) for sensor, counts in sums.items()]
        schema = {"sensor": pl.String, **dict.fromkeys(COUNTS, pl.Int64)}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def origins(self, _window: Window, /) -> Origins:
        """Nothing: InfluxDB does not hold them; see Store."""
        return UNKNOWN

    def sensors(self, window: Window) -> frozenset[str]:
        """Sensors heard in a window; see Store."""
        return frozenset(
            tags["sensor"]
            for piece in self._plan(window.minutes, ())
            for tags, _, seconds in self._read(piece, COVERAGE, "watched", ("sensor",), (), None)
            if seconds
        )

    def events(self, window: Window) -> pl.DataFrame:
        """Events that began in a window, from days: without their ends and figures; see Store."""
        low, high = window.minutes
        edge = self._edge(Resolution.DAY)
        what = '"kind", "subject", "title", "text"'
        found = self._ask(Resolution.DAY, what, EVENTS, max(low, edge), high) if high > edge else []
        rows = [(int(time) * SECOND, None, *texts, None) for one in found for time, *texts in one.values]
        return pl.DataFrame(rows, schema=EVENT, orient="row")

    def _sums(
        self, asked: Question, edges: Sequence[int], values: frozenset[Key] = frozenset()
    ) -> Counter[tuple[Found, int]]:
        """Packets by value and bucket; of named values, others may be missing."""
        sums: Counter[tuple[Found, int]] = Counter()
        if asked.is_of_nothing:
            return sums
        postings = {*(asked.sensors or ())}
        if Dimension.ORGANISATIONS in asked.dimensions:
            postings |= self._organisations.keys()
        pieces = self._plan(edges, changes(postings))
        own, partial = Own(), Own()
        if asked.measurement is not TOTALS:
            own, partial = self._own(edges)
            if not own.ports and edges[-1] <= self._begun:
                return sums  # nothing was observed so early
            check(asked, own, values)
        conditions = [*asked.conditions, *among(asked, values, partial)]
        for piece in pieces:
            for tags, bucket, packets in self._read(
                piece, asked.measurement, "packets", asked.tags, conditions, asked.sensors
            ):
                key = self._key(asked, own, tags, piece)
                if not asked.has_rest:
                    sums[key, bucket] += packets
                elif asked.without_port(key) != key:
                    sums[key, bucket] += packets
                    sums[asked.without_port(key), bucket] -= packets
            if asked.has_rest:
                # All packets of the countries are known from their margin: what has no port is the rest of them.
                tags_of_rest = [tag for tag in asked.tags if tag not in PORT_TAGS]
                for tags, bucket, packets in self._read(
                    piece, COUNTRIES, "packets", tags_of_rest, asked.conditions, asked.sensors
                ):
                    folded = {"protocol": OTHER, "port": OTHER, **tags}
                    sums[self._key(asked, own, folded, piece), bucket] += packets
        return sums

    def _key(self, asked: Question, own: Own, tags: Mapping[str, str], piece: Piece) -> Found:
        """Which values tags stand for; None where one is not told apart."""
        key: list[int | str | None] = []
        for dimension in asked.dimensions:
            match dimension:
                case Dimension.PORTS:
                    port = port_of(tags)
                    is_own = port is not None and asked.tells_port(own, port, tags.get("country"))
                    key += port if port is not None and is_own else (None, None)
                case Dimension.COUNTRIES:
                    key.append(tags["country"] if asked.tells_country(own, tags) else None)
                case Dimension.ORGANISATIONS:
                    key.append(self._organisation(tags["sensor"], piece.start))
                case _:
                    key += (tags[name] for name in TAGS[dimension])
        return tuple(key)

    def _organisation(self, sensor: str, at: int) -> str:
        names = (name for one, name in self._organisations.items() if one.sensor == sensor and holds(one, at))
        return max(names, default="")

    def _own(self, edges: Sequence[int]) -> tuple[Own, Own]:
        """What has tags of its own on all days that a question bears on, and what has on some of them.

        Days of which nothing is known do not count; where that is all, the newest day before stands for them.
        """
        low, high = edges[0] // DAY * DAY, -(-edges[-1] // DAY) * DAY
        if (low, high) not in self._known:
            self._known[low, high] = self._read_own(low, high)
        return self._known[low, high]

    def _read_own(self, low: int, high: int) -> tuple[Own, Own]:
        by = quoted(OWN.tag_names)
        days = {
            own_value(one.tags): int(one.values[0][1] or 0)
            for one in self._ask(Resolution.DAY, 'sum("own")', OWN, low, high, by)
        }
        if not days.get(ALWAYS):
            since = self._edge(Resolution.DAY)
            last = self._ask(Resolution.DAY, 'last("own")', OWN, since, max(low, since), by)
            newest = max((one.values[0][0] for one in last), default=0)
            days = {own_value(one.tags): one.values[0][1] for one in last if one.values[0][0] == newest}
        whole = days.get(ALWAYS, 0)
        return (
            owned(value for value, count in days.items() if count and count == whole),
            owned(value for value, count in days.items() if count and count != whole),
        )

    # When

    def _plan(self, edges: Sequence[int], changed: Iterable[int]) -> list[Piece]:
        """Pieces of a question, those left out of which nothing can be known. Raises ExpiredError."""
        pieces = []
        for piece in plan(edges, changed):
            edge = self._edge(piece.resolution)
            if piece.start < edge:
                since = max(piece.start, self._begun)
                if since >= piece.end:
                    continue
                if since < edge:
                    raise ExpiredError(_forgotten(piece, edge))
            pieces.append(piece)
        return pieces

    def _edge(self, resolution: Resolution) -> int:
        """First minute that a bucket surely remembers."""
        days = {
            Resolution.MINUTE: self._settings.retention_minute,
            Resolution.HOUR: self._settings.retention_hour,
            Resolution.DAY: self._settings.retention_day,
        }[resolution]
        return (
            0
            if days is None
            else -(-max(0, self._now - days * DAY) // resolution.minutes) * resolution.minutes
        )

    @cached_property
    def _begun(self) -> int:
        """Minute before which nothing was observed, as far as the days' bucket remembers; else 0."""
        edge = self._edge(Resolution.DAY)
        found = [
            int(one.values[0][0]) // 60
            for measurement, field in ((TOTALS, "packets"), (COVERAGE, "watched"))
            for one in self._ask(Resolution.DAY, f'first("{field}")', measurement, edge)
        ]
        return min(found, default=0)

    # What is sent to InfluxDB

    def _read(
        self,
        piece: Piece,
        measurement: Measurement,
        field: str,
        by: Sequence[str],
        conditions: Iterable[str],
        sensors: Iterable[Posting] | None,
    ) -> Iterator[tuple[dict[str, str], int, int]]:
        """Sums of a field: tags, bucket, sum."""
        for tags, bucket, (value,) in self._rows(piece, measurement, (field,), by, conditions, sensors):
            yield tags, bucket, value

    def _rows(
        self,
        piece: Piece,
        measurement: Measurement,
        fields: Sequence[str],
        by: Sequence[str],
        conditions: Iterable[str],
        sensors: Iterable[Posting] | None,
    ) -> Iterator[tuple[dict[str, str], int, list[int]]]:
        """Sums of fields: tags, bucket, a sum for each field."""
        conditions = list(conditions)
        if sensors is not None:
            chosen = sorted({one.sensor for one in sensors if holds(one, piece.start)})
            if not chosen:
                return
            conditions.append(any_of(f'"sensor" = {text_of(sensor)}' for sensor in chosen))
        groups = [f'"{tag}"' for tag in by]
        if piece.length is not None:
            groups.append(f"time({piece.length}m, {piece.start % piece.length}m) fill(none)")
        found = self._ask(
            piece.resolution,
            ", ".join(f'sum("{field}")' for field in fields),
            measurement,
            piece.start,
            piece.end,
            ", ".join(groups),
            "".join(f" AND ({condition})" for condition in conditions),
        )
        for one in found:
            for time, *values in one.values:
                part = 0 if piece.length is None else (time // 60 - piece.start) // piece.length
                yield one.tags, piece.bucket + part, [int(value or 0) for value in values]

    def _last(self, measurement: Measurement, field: str, where: str = "") -> tuple[int, int] | None:
        """Time and value of a field's newest point, of minutes."""
        edge = self._edge(Resolution.MINUTE)
        found = self._ask(Resolution.MINUTE, f'last("{field}")', measurement, edge, where=where)
        return (int(found[0].values[0][0]), int(found[0].values[0][1])) if found else None

    def _ask(
        self,
        resolution: Resolution,
        what: str,
        measurement: Measurement,
        low: int,
        high: int | None = None,
        by: str = "",
        where: str = "",
    ) -> list[Answer]:
        if self._deadline is not None:
            self._deadline.check()
        bucket = resolution.bucket(self._settings.bucket)
        until = "" if high is None else f" AND time < {high * 60}s"
        grouped = f" GROUP BY {by}" if by else ""
        text = f'SELECT {what} FROM "{measurement.name}" WHERE time >= {low * 60}s{until}{where}{grouped}'  # noqa: S608
        try:
            return self._server.ask(bucket, text)
        except (Refused, Unavailable) as error:
            raise UnreachableError(f"InfluxDB cannot be asked: {error}") from error


def _frame(dimensions: Sequence[Dimension], sums: Mapping[tuple[Found, int], int]) -> pl.DataFrame:
    columns = [column for dimension in dimensions for column in dimension.columns]
    types = {**series.FLOWS.schema, "organisation": pl.String()}
    rows = [(*key, bucket, packets) for (key, bucket), packets in sums.items() if packets > 0]
    schema = {**{name: types[name] for name in columns}, "bucket": pl.Int64(), "packets": pl.Int64()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _forgotten(piece: Piece, edge: int) -> str:
    name = piece.resolution.name.lower()
    # What ends now (`30d`) begins within an hour, and so does the period that it is compared with.
    day = instant(piece.start + DAY)
    coarser = "" if piece.resolution is Resolution.DAY else f", ask for whole UTC days ({day:%Y-%m-%d}/...)"
    return (
        f"InfluxDB remembers {name}s from {instant(edge):%Y-%m-%d %H:%M} UTC on, and the question needs those from "
        f"{instant(piece.start):%Y-%m-%d %H:%M} on: {LEDGER}{coarser}, or let influx.retention_{name} be longer"
    )
