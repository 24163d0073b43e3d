"""The ledger's answers: the store's questions as polars queries over one snapshot.

Sums come from the smallest rollup that fits, and from flows where none does; both give the same.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache, partial
from math import prod

import polars as pl

from darkscope.api import coverage
from darkscope.api.deadline import Deadline
from darkscope.api.dimension import Dimension, Key
from darkscope.api.events import SCHEMA as EVENT
from darkscope.api.ledger_echoes import LedgerEchoes
from darkscope.api.ledger_reader import (
    Apart,
    MakeReader,
    Scan,
    Stream,
    Whole,
    as_it_is,
    distinct,
    summed,
)
from darkscope.api.ledger_requests import LedgerRequests
from darkscope.api.ledger_senders import LedgerSenders
from darkscope.api.ledger_tables import (
    LONGEST_BRIDGE,
    PORTS,
    UNIT,
    Piece,
    Snapshot,
    conditions,
    day_of,
    minutes_of,
    of_ports,
    port_number,
    posted,
    whole_days,
)
from darkscope.api.periods import DAY, Buckets, Window, instant
from darkscope.api.roster import COUNTS
from darkscope.api.store import ExpiredError, Filter, Origins, Posting, Precision, TooMuch
from darkscope.api.watched_days import WatchedDays
from darkscope.ingest import series
from darkscope.ingest.rollups import month, step
from darkscope.ingest.watched import islands

SPREAD = {"sensor": 10, "protocol": 1, "port": 3000, "asn": 5000, "country": 150, "tool": 6}
"""About how many values of a column occur in a step: enough to tell small rollups from large ones."""


def _size(rollup: series.Table) -> int:
    """About how many rows a step has in a rollup, or the steps of a day."""
    values = prod(SPREAD[column] for column in rollup.keys if column in SPREAD)
    return values if rollup in series.MONTH_ROLLUPS else values * DAY // step(rollup)


ROLLUPS = tuple(sorted(series.ROLLUPS, key=_size))
"""The rollups of days, the small before the large."""

MONTH_ROLLUPS = tuple(sorted(series.MONTH_ROLLUPS, key=_size))
"""Those of months, likewise."""

ALL_SENSORS = {series.ROLLUP_PORTS_MONTH: series.ROLLUP_ALL_PORTS_MONTH}
"""Rollups that have all sensors together in another, with a small part of the rows."""

MOST = 0.75
"""Share of the sensors beyond which it takes less time to take the others off the sum of all than to add them up."""

MINUTE = 60_000_000_000
"""Nanoseconds."""

EXACT_FLOWS = 4_000_000
"""Flows up to which distinct sources are counted exactly when an estimate would do."""

MOST_EXACT = 8_000_000
"""Flows up to which distinct sources are counted exactly for many askers: some 600 MB where each is another's."""

SAMPLE = 64
"""An estimate of distinct sources counts one source in so many, chosen by the address's hash."""

LARGEST_ERROR = 0.05
"""Relative standard error beyond which a value is counted exactly after all: it has few sources."""

Days = Callable[[series.Table], frozenset[date]]
"""Which days a table has."""


class LedgerStore:
    """A store over one snapshot of the ledger."""

    precision = Precision.ESTIMATED

    def __init__(
        self,
        snapshot: Snapshot,
        organisations: Mapping[Posting, str] | None = None,
        deadline: Deadline | None = None,
        watched: WatchedDays | None = None,
        since: int | None = None,
        reader: MakeReader | None = None,
    ) -> None:
        """Organisations by posting; a sensor at a time that is not among them belongs to none.

        With a deadline, any question may raise TooLong, and sources are not counted exactly among more than
        MOST_EXACT flows: TooMuch. Stores of one ledger may share the days that were watched. `since` is the version
        that is told where what is asked stands since an older one. A reader reads rows somewhere else than here.
        """
        self._snapshot = snapshot
        self._organisations = organisations or {}
        self._reader = (reader or Whole)(snapshot, deadline)
        self._days = watched or WatchedDays()
        self._since = snapshot.version if since is None else since
        self._islands: dict[tuple[int, int], pl.DataFrame] = {}

    @property
    def version(self) -> int:
        """Number of a complete batch after which the ledger would answer the same: the last, or an older one."""
        return self._since

    @property
    def senders(self) -> LedgerSenders:
        """Single source addresses."""
        return LedgerSenders(self._snapshot, self._reader)

    @property
    def requests(self) -> LedgerRequests:
        """What honeypots were asked."""
        return LedgerRequests(self._snapshot, self._reader)

    @property
    def echoes(self) -> LedgerEchoes:
        """Backscatter by its victims."""
        return LedgerEchoes(self._snapshot, self._reader)

    def totals(
        self, dimension: Dimension, window: Window, where: Filter, classes: Sequence[str] = ()
    ) -> pl.DataFrame:
        """Give sums by value; see Store."""
        selected = self._select([dimension], window.minutes, where)
        columns = _columns(dimension)
        return self._reader.read(
            selected.pieces,
            partial(_totals, selected, dimension, classes),
            summed(*columns),
            partial(_valued, dimension),
        )

    def cross(
        self, first: Dimension, second: Dimension, window: Window, where: Filter, values: Sequence[Key]
    ) -> pl.DataFrame:
        """Give sums of named values by those of another dimension; see Store."""
        selected = self._select([first, second], window.minutes, where)
        keys = [*first.columns, *second.columns]
        return self._reader.read(
            selected.pieces, partial(_crossed, selected, first, values, keys), summed(*keys), _without_zero
        )

    def series(
        self, dimension: Dimension, buckets: Buckets, where: Filter, values: Sequence[Key] | None
    ) -> pl.DataFrame:
        """Give sums of named or all values by bucket; see Store."""
        selected = self._select([dimension], buckets.edges, where)
        return self._reader.read(
            selected.pieces,
            partial(_by_bucket, selected, dimension, values, tuple(buckets.edges)),
            summed(*_columns(dimension), "bucket"),
            partial(_valued, dimension),
        )

    def sources(
        self, dimension: Dimension, window: Window, where: Filter, values: Sequence[Key], precision: Precision
    ) -> pl.DataFrame:
        """Count distinct sources of named values; see Store."""
        keys = list(dimension.columns)
        flows = Piece(series.FLOWS, *window.minutes)
        if self._expired(flows):
            return pl.DataFrame(schema=dict.fromkeys(keys) | {"sources": pl.Int64, "error": pl.Float64})
        selected = _Selected((flows,), (dimension,), where, self._organisations)

        def counted(wanted: Sequence[Key], share: int = 1) -> pl.DataFrame:
            addresses = Stream(partial(_addresses, selected, dimension, wanted, share), distinct)
            question = Apart((addresses,), pl.col("address"), partial(_distinct, keys))
            return _estimated(pl.concat(self._reader.read_apart([flows], question)), keys, share)

        length = self._snapshot.rows(flows.table, day_of(flows.start), day_of(flows.end - 1))
        if length > EXACT_FLOWS and (precision is Precision.ESTIMATED or self._reader.is_bounded):
            rows = partial(_counted, selected, dimension, values)
            length = self._reader.read([flows], rows, summed()).item()
        if precision is Precision.ESTIMATED:
            if length > EXACT_FLOWS:
                good = counted(values, SAMPLE).filter(pl.col("error") <= LARGEST_ERROR)
                rest = list(set(values) - set(good.select(keys).rows()))
                return pl.concat([good, counted(rest)])
        elif length > MOST_EXACT and self._reader.is_bounded:
            raise TooMuch(
                f"sources are counted exactly among {MOST_EXACT:,} flows at most, and these are {length:,}: "
                "estimated needs less, and so does a shorter period"
            )
        return counted(values)

    def targets(
        self, dimension: Dimension, window: Window, where: Filter, values: Sequence[Key]
    ) -> pl.DataFrame:
        """Merge marks of the addresses that named values' packets went to; see Store."""
        flows = Piece(series.FLOWS, *window.minutes)
        keys = list(dict.fromkeys([*dimension.columns, "sensor", "version"]))
        if self._expired(flows):
            return pl.DataFrame(schema={**dict.fromkeys(keys), "targets": pl.Int64})
        selected = _Selected((flows,), (dimension,), where, self._organisations)
        marks = partial(_merged_marks, keys)
        return self._reader.read([flows], partial(_marks, selected, dimension, values, keys), marks)

    def coverage(self, buckets: Buckets, sensors: frozenset[Posting]) -> pl.DataFrame:
        """Watched seconds by sensor and bucket; see Store."""
        watched = self._watched(buckets.edges[0], buckets.edges[-1])
        return coverage.covered(coverage.posted(watched, sensors), buckets)

    def frames(self, window: Window, sensors: frozenset[Posting]) -> pl.DataFrame:
        """Sum frames by sensor and fate; see Store."""
        piece = Piece(series.COVERAGE, *window.minutes)
        return self._reader.read([piece], partial(_frames, piece, sensors), summed("sensor"))

    def origins(self, window: Window, /) -> Origins:
        """Databases and rules by which a window was judged; see Store."""
        start, end = window.minutes
        in_time = pl.col("day").is_between(day_of(start), day_of(end - 1))
        told = self._snapshot.files(series.CAPTURES).filter(in_time)

        def values(column: str) -> tuple[str, ...]:
            found = {*told[f"min.{column}"], *told[f"max.{column}"]}
            return tuple(sorted(one for one in found if one))

        return Origins(values("geo"), values("rules"))

    def sensors(self, window: Window) -> frozenset[str]:
        """Sensors heard in a window; see Store."""
        start, end = window.minutes
        heard = self._watched(start, end).filter((pl.col("start") < end) & (pl.col("end") > start))
        return frozenset(heard["sensor"])

    def events(self, window: Window) -> pl.DataFrame:
        """Events that began in a window; see Store."""
        piece = Piece(series.EVENTS, *whole_days(window))
        return self._reader.read([piece], partial(_events, piece, *window.minutes), as_it_is)

    def _watched(self, start: int, end: int) -> pl.DataFrame:
        """Give the times that sensors watched around a window; what was worked out for a longer one will do."""
        for (low, high), watched in self._islands.items():
            if low <= start and end <= high:
                return watched
        self._islands[start, end] = self._read_islands(start, end)
        return self._islands[start, end]

    def _read_islands(self, start: int, end: int) -> pl.DataFrame:
        def read(first: date, last: date) -> pl.DataFrame:
            piece = Piece(series.COVERAGE, minutes_of(first), minutes_of(last) + DAY)
            return self._reader.read([piece], partial(_stretches, piece), as_it_is)

        first, last = day_of(start - LONGEST_BRIDGE), day_of(end + LONGEST_BRIDGE - 1)
        return islands(self._days.stretches(self._snapshot, first, last, read))

    def _select(self, dimensions: Sequence[Dimension], edges: Sequence[int], where: Filter) -> _Selected:
        """Pieces that answer from the first edge to the last. Raises ExpiredError."""
        pieces = self._plan(dimensions, where, edges)
        return _Selected(tuple(pieces), tuple(dimensions), where, self._organisations)

    def _plan(self, dimensions: Sequence[Dimension], where: Filter, edges: Sequence[int]) -> list[Piece]:
        needed = _needed(dimensions, where)
        postings = {*(where.sensors or ()), *(self._organisations if "sensor" in needed else ())}
        changes = {bound for posting in postings for bound in posting.minutes if bound is not None}
        pieces = plan(self._snapshot, needed, edges, changes)
        expired = sorted(
            day for piece in pieces if piece.table is series.FLOWS for day in self._expired(piece)
        )
        if expired:
            raise ExpiredError(
                f"the flows from {expired[0]} to {expired[-1]} have expired, and no rollup has "
                f"{', '.join(sorted(needed))} for all of the period asked about"
            )
        window = Window(instant(edges[0]), instant(edges[-1]))
        return [part for piece in pieces for part in self._parts(piece, window, dimensions, where)]

    def _parts(
        self, piece: Piece, window: Window, dimensions: Sequence[Dimension], where: Filter
    ) -> list[Piece]:
        """A piece, or in its place that of all sensors and, taken off it, that of those that were not chosen.

        Which takes less time is judged by the sensors that were heard in the whole window.
        """
        together = ALL_SENSORS.get(piece.table)
        if together is None or where.sensors is None or "sensor" in _needed(dimensions, Filter()):
            return [piece]
        heard = self.sensors(window)
        chosen = heard & {posting.sensor for posting in where.sensors}
        days = {day for day in self._snapshot.days(piece.table) if piece.start <= minutes_of(day) < piece.end}
        if len(chosen) < MOST * len(heard) or not days <= self._snapshot.days(together):
            return [piece]
        return [replace(piece, table=together), replace(piece, sign=-piece.sign, of_others=True)]

    def _expired(self, piece: Piece) -> list[date]:
        first, last = day_of(piece.start), day_of(piece.end - 1)
        return [day for day in self._snapshot.days(series.SEALS) if first <= day <= last]


@dataclass(frozen=True, slots=True)
class _Selected:
    """Rows of pieces that a question about sums is about. Can be pickled."""

    pieces: tuple[Piece, ...]
    dimensions: tuple[Dimension, ...]  # whose columns the rows have
    where: Filter
    organisations: Mapping[Posting, str]

    def of(self, scan: Scan) -> list[pl.LazyFrame]:
        """Rows under the filter, piece by piece."""
        return [self._rows(scan(piece), piece) for piece in self.pieces]

    def _rows(self, rows: pl.LazyFrame, piece: Piece) -> pl.LazyFrame:
        if Dimension.ORGANISATIONS in self.dimensions:
            rows = rows.with_columns(self._organisation())
        if piece.sign < 0:
            rows = rows.with_columns(-pl.col("packets"))
        for condition in conditions(replace(self.where, sensors=None)):
            rows = rows.filter(condition)
        if self.where.sensors is not None and "sensor" in piece.table.schema:
            is_chosen = posted(self.where.sensors)
            rows = rows.filter(~is_chosen if piece.of_others else is_chosen)
        return rows

    def _organisation(self) -> pl.Expr:
        name = pl.lit("")
        for organisation in sorted(set(self.organisations.values())):
            postings = [posting for posting, owner in self.organisations.items() if owner == organisation]
            name = pl.when(posted(postings)).then(pl.lit(organisation)).otherwise(name)
        return name.alias("organisation")


def _columns(dimension: Dimension) -> list[str]:
    """Name what sums are grouped by: protocol and port go as one number, a third less work."""
    return ["key"] if dimension is Dimension.PORTS else list(dimension.columns)


def _values(dimension: Dimension) -> list[pl.Expr]:
    if dimension is Dimension.PORTS:
        return [port_number(pl.col("protocol").cast(pl.Int32), pl.col("port")).alias("key")]
    return [pl.col(column) for column in dimension.columns]


def _totals(selected: _Selected, dimension: Dimension, classes: Sequence[str], scan: Scan) -> pl.LazyFrame:
    """Sum packets by value; those of some classes in columns of their own beside."""
    packets = pl.col("packets")
    sums = [packets.sum(), *(packets.filter(pl.col("class") == name).sum().alias(name) for name in classes)]
    read = ["packets", *(["class"] if classes else [])]
    rows = [part.select(*_values(dimension), *read) for part in selected.of(scan)]
    return pl.concat(rows).group_by(*_columns(dimension)).agg(sums)


def _by_bucket(
    selected: _Selected,
    dimension: Dimension,
    values: Sequence[Key] | None,
    edges: tuple[int, ...],
    scan: Scan,
) -> pl.LazyFrame:
    """Sum packets by value and bucket."""
    rows = selected.of(scan)
    if values is not None:
        rows = [part.filter(_named(dimension, values)) for part in rows]
    columns = _columns(dimension)
    # By minute first: looking up the bucket of every row would keep filters from the files' statistics.
    read = [part.select(*_values(dimension), "minute", "packets") for part in rows]
    by_minute = pl.concat(read).group_by(*columns, "minute").agg(pl.col("packets").sum())
    # A month that sticks out, and what is taken off it, belong to the bucket at that end.
    minute = pl.col("minute").clip(edges[0], edges[-1] - 1)
    bucket = pl.lit(pl.Series(edges, dtype=pl.Int32)).search_sorted(minute, side="right").cast(pl.Int64) - 1
    return by_minute.group_by(*columns, bucket=bucket).agg(pl.col("packets").sum())


def _valued(dimension: Dimension, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Sums that are not zero, with the columns of values."""
    rows = _without_zero(rows)
    if dimension is not Dimension.PORTS:
        return rows
    key = pl.col("key")
    return rows.select(
        (key // PORTS).cast(pl.Int16).alias("protocol"),
        (key % PORTS + series.NO_PORT).alias("port"),
        pl.exclude("key"),
    )


def _without_zero(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.filter(pl.col("packets") != 0)


def _crossed(
    selected: _Selected, first: Dimension, values: Sequence[Key], keys: Sequence[str], scan: Scan
) -> pl.LazyFrame:
    rows = [part.filter(_named(first, values)).select(*keys, "packets") for part in selected.of(scan)]
    return pl.concat(rows).group_by(keys).agg(pl.col("packets").sum())


def _addresses(
    selected: _Selected, dimension: Dimension, values: Sequence[Key], share: int, scan: Scan
) -> pl.LazyFrame:
    """What sources of named values are counted by, of one in `share` of them."""
    (rows,) = selected.of(scan)
    named = rows.filter(_named(dimension, values)).select(*dimension.columns, "version", address=UNIT)
    return named if share == 1 else named.filter(pl.col("address").hash() % share == 0)


def _counted(selected: _Selected, dimension: Dimension, values: Sequence[Key], scan: Scan) -> pl.LazyFrame:
    return _addresses(selected, dimension, values, 1, scan).select(pl.len().cast(pl.Int64))


def _distinct(keys: Sequence[str], addresses: pl.LazyFrame) -> pl.LazyFrame:
    return addresses.unique().group_by(keys).agg(pl.len().cast(pl.Int64).alias("sources"))


def _estimated(found: pl.DataFrame, keys: Sequence[str], share: int) -> pl.DataFrame:
    """Sources of which one in `share` was found (a sample by source, so binomial), with the error."""
    count = pl.col("sources")
    return (
        found.group_by(keys)
        .agg(count.sum())
        .with_columns(count * share, error=((share - 1) / (count * share)).sqrt())
    )


def _marks(
    selected: _Selected, dimension: Dimension, values: Sequence[Key], keys: Sequence[str], scan: Scan
) -> pl.LazyFrame:
    (rows,) = selected.of(scan)
    return _merged_marks(keys, rows.filter(_named(dimension, values)))


def _merged_marks(keys: Sequence[str], rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.group_by(keys).agg(pl.col("targets").bitwise_or())


def _frames(piece: Piece, sensors: frozenset[Posting], scan: Scan) -> pl.LazyFrame:
    return scan(piece).filter(posted(sensors)).group_by("sensor").agg(pl.col(COUNTS).sum())


def _events(piece: Piece, start: int, end: int, scan: Scan) -> pl.LazyFrame:
    began = pl.col("start").is_between(start * MINUTE, end * MINUTE, closed="left")
    return scan(piece).select(list(EVENT)).filter(began)


def _stretches(piece: Piece, scan: Scan) -> pl.LazyFrame:
    return scan(piece).select("day", "sensor", "point", "minute", "minutes", "bridge")


def _named(dimension: Dimension, values: Sequence[Key]) -> pl.Expr:
    """Rows of named values."""
    if dimension is Dimension.PORTS:
        return of_ports([(int(protocol), int(port)) for protocol, port in values])
    (column,) = dimension.columns
    return pl.col(column).is_in([value for (value,) in values])


def plan(
    snapshot: Snapshot, needed: Iterable[str], edges: Sequence[int], changes: Iterable[int] = ()
) -> list[Piece]:
    """Which table answers for which stretch from the first edge to the last.

    A rollup answers where it has all needed columns and no edge cuts one of its steps: whole UTC days from day
    rollups, the rest of a rolled-up day from quarters of an hour, what is left from flows. A rollup of months
    answers for a month of which more lies within the edges than without, and what sticks out is taken off
    again; not for one in which the meaning of a sensor `changes` (minutes since 1970).
    """
    columns = frozenset(needed)
    fitting = [table for table in ROLLUPS if columns <= table.schema.keys()]
    days = cache(snapshot.days)  # asked for only where a table may answer: each log takes some milliseconds
    months = next((table for table in MONTH_ROLLUPS if columns <= table.schema.keys()), None)
    cuts = sorted({*edges[1:-1], *changes})
    pieces: list[Piece] = []
    reached, end = edges[0], edges[-1]

    def add(piece: Piece) -> None:
        last = pieces[-1] if pieces else None
        if last is not None and (last.table, last.end, last.sign) == (piece.table, piece.start, piece.sign):
            pieces[-1] = replace(last, end=piece.end)
        else:
            pieces.append(piece)

    def go_on(to: int) -> None:
        """Answer by days up to a minute; what was reached beyond it is taken off."""
        sign = 1 if reached < to else -1
        for piece in _by_days(fitting, days, min(reached, to), max(reached, to), edges):
            add(replace(piece, sign=sign))

    if months is not None:
        for first in sorted(days(months)):
            low, high = minutes_of(first), minutes_of(month(first + timedelta(days=31)))
            if 2 * (min(high, end) - max(low, edges[0])) > high - low and not _within(cuts, low, high):
                go_on(low)
                add(Piece(months, low, high))
                reached = high
    go_on(end)
    return pieces


def _by_days(
    fitting: Sequence[series.Table], days: Days, low: int, high: int, edges: Sequence[int]
) -> Iterator[Piece]:
    """Pieces of a stretch, UTC day by UTC day."""
    for day in range(low // DAY * DAY, high, DAY):
        start, end = max(low, day), min(high, day + DAY)
        yield from _of_day(fitting, days, day, start, end, _within(edges, start, end))


def _of_day(
    fitting: Sequence[series.Table],
    days: Days,
    day: int,
    low: int,
    high: int,
    inner: Sequence[int],
) -> Iterator[Piece]:
    """Pieces of one UTC day, from low to high; inner edges lie strictly between them."""
    for table in fitting:
        length = step(table)
        first, last = -(-low // length) * length, high // length * length
        if first < last and not any(edge % length for edge in inner) and day_of(day) in days(table):
            if low < first:
                yield Piece(series.FLOWS, low, first)
            yield Piece(table, first, last)
            if last < high:
                yield Piece(series.FLOWS, last, high)
            return
    yield Piece(series.FLOWS, low, high)


def _needed(dimensions: Iterable[Dimension], where: Filter) -> set[str]:
    """Columns that a table must have to answer."""
    columns = {column for dimension in dimensions for column in dimension.columns}
    if "organisation" in columns:
        columns = columns - {"organisation"} | {"sensor"}
    asked = {
        "sensor": where.sensors,
        "class": where.classes,
        "port": where.ports,
        "protocol": where.ports if where.protocols is None else where.protocols,
        "country": where.countries,
        "asn": where.owners,
        "tool": where.tools,
    }
    return columns | {column for column, values in asked.items() if values is not None}


def _within(edges: Sequence[int], low: int, high: int) -> Sequence[int]:
    return edges[bisect_right(edges, low) : bisect_left(edges, high)]
