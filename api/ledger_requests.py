"""The ledger's answers about what honeypots were asked, as polars queries over one snapshot.

Texts of strangers pass through as they were kept; whoever shows them sees to it that they can be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import polars as pl

from darkscope.api.address import SENDER
from darkscope.api.ledger_reader import Apart, Query, Reader, Scan, Stream, Whole, summed
from darkscope.api.ledger_tables import (
    MINUTE,
    UNIT,
    Piece,
    Snapshot,
    first_minute,
    minutes_of,
    of_senders,
    posted,
    whole_days,
)
from darkscope.api.periods import DAY, Buckets, Window
from darkscope.api.store import After, Filter, Marked, Posting
from darkscope.ingest import series
from darkscope.ingest.series import Traffic

TCP = 6
"""Number of the protocol that all requests came by."""

BY_RULE = ("rule",)

TOLD_APART = ("version", "unit", "sensor", "country", "asn", "port")
"""What requests of one key may differ in that is counted."""

SUMS = ("requests", "unnamed", "first", "last")

_RULES = pl.col("rules").explode(empty_as_null=False, keep_nulls=False).unique().sort()

UNTOLD = (Traffic.BACKSCATTER.value, Traffic.SPOOFABLE.value)
"""Classes of packets that do not say that their source was there."""


class LedgerRequests:
    """Requests of one snapshot. Every question may raise StoreError."""

    def __init__(self, snapshot: Snapshot, reader: Reader | None = None) -> None:
        """A reader that has a deadline may raise TooLong."""
        self._snapshot = snapshot
        self._reader = reader or Whole(snapshot)

    @property
    def since(self) -> date | None:
        """First UTC day that `requests` has."""
        return min(self._snapshot.days(series.REQUESTS), default=None)

    def counted(
        self, keys: Sequence[str], buckets: Buckets, where: Filter, marked: Marked, *, by_rule: bool = False
    ) -> pl.DataFrame:
        """Count requests by keys; see Requests."""
        piece = Piece(series.REQUESTS, *whole_days(buckets.window))
        asked = _Asked(piece, buckets.window, where, marked)
        names = [*keys, *(BY_RULE if by_rule else ())]
        edges = tuple(buckets.edges) if "bucket" in keys else None
        counting = Stream(partial(_counting, asked, names, edges), partial(_condensed, names))
        # All requests of one key are counted at one place, for distinct counts of shares do not add.
        one = pl.struct(names) if names else pl.lit(0)
        return pl.concat(self._reader.read_apart([piece], Apart((counting,), one, partial(_counted, names))))

    def page(
        self, window: Window, where: Filter, marked: Marked, after: After | None, limit: int
    ) -> tuple[pl.DataFrame, bool]:
        """Give a page of requests; see Requests."""
        piece = Piece(series.REQUESTS, *whole_days(window))
        passed = 0 if after is None else after.count
        head = partial(_head, passed + limit + 1)
        rows = partial(_listed, _Asked(piece, window, where, marked), after, head)
        found = self._reader.read([piece], rows, head)[passed:]
        return found.head(limit), len(found) > limit

    def seen_by(
        self, window: Window, sensors: frozenset[Posting] | None, visitors: pl.DataFrame
    ) -> pl.DataFrame:
        """Tell what sensors received of visitors; see Requests."""
        wanted = visitors.select(*SENDER, visit=pl.col("first")).with_row_index("row")
        found = self._evidence(window, sensors, wanted)
        minute = pl.col("visit") // MINUTE
        is_before, is_after = pl.col("last") // MINUTE < minute, pl.col("first") // MINUTE >= minute
        parted = found.with_columns(
            before=pl.when(is_before).then("packets").when(is_after).then(0),
            after=pl.when(is_after).then("packets").when(is_before).then(0),
        )
        is_known = pl.col("before").is_not_null()
        by_flows = self._by_flows(parted.filter(~is_known).drop("before", "after"), sensors)
        parted = pl.concat([parted.filter(is_known), by_flows.select(parted.columns)])
        told = parted.group_by("row").agg(
            seen_first=pl.col("first").min(),
            seen_last=pl.col("last").max(),
            seen_on=pl.col("sensor").n_unique().cast(pl.Int64),
            # Not known of one row, not known of all.
            before=pl.when(pl.col("before").is_not_null().all()).then(pl.col("before").sum()),
            after=pl.when(pl.col("after").is_not_null().all()).then(pl.col("after").sum()),
        )
        return wanted.join(told, on="row", how="left").sort("row").drop("row", "visit")

    def _evidence(
        self, window: Window, sensors: frozenset[Posting] | None, wanted: pl.DataFrame
    ) -> pl.DataFrame:
        """Rows of `sources` of wanted senders: `row`, `visit`, `day`, `sensor`, the times, `packets`."""
        piece = Piece(series.SOURCES, *whole_days(window))
        return self._reader.read([piece], partial(_proof, piece, sensors, wanted), _merged)

    def _by_flows(self, rows: pl.DataFrame, sensors: frozenset[Posting] | None) -> pl.DataFrame:
        """Part rows of `_evidence` in the course of which the visit was, by flows; null where these have expired."""
        sealed = self._snapshot.days(series.SEALS)
        parts = [self._of_day(day, rows, sensors) for day in sorted(set(rows["day"]) - sealed)]
        schema = {
            "row": rows.schema["row"],
            "day": pl.Date(),
            "sensor": pl.String(),
            "before": pl.Int64(),
            "after": pl.Int64(),
        }
        told = pl.concat([pl.DataFrame(schema=schema), *parts])
        return rows.join(told, on=["row", "day", "sensor"], how="left")

    def _of_day(self, day: date, rows: pl.DataFrame, sensors: frozenset[Posting] | None) -> pl.DataFrame:
        """Packets of a UTC day by `row`, `day`, `sensor`: `before` and `after` the minute of the visit."""
        piece = Piece(series.FLOWS, minutes_of(day), minutes_of(day) + DAY)
        wanted = rows.filter(pl.col("day") == day).select("row", "visit", *SENDER).unique()
        parted = self._reader.read([piece], partial(_parted, piece, sensors, wanted), summed("row", "sensor"))
        return parted.select("row", pl.lit(day).alias("day"), "sensor", "before", "after")


@dataclass(frozen=True, slots=True)
class _Asked:
    """Requests that are asked about. Can be pickled."""

    piece: Piece
    window: Window
    where: Filter
    marked: Marked

    def rows(self, scan: Scan) -> pl.LazyFrame:
        """The marked rows, with their `minute`."""
        start, end = self.window.minutes
        where = self.where
        rows = (
            scan(self.piece)
            .filter(pl.col("time").is_between(start * MINUTE, end * MINUTE, closed="left"))
            .with_columns(minute=(pl.col("time") // MINUTE).cast(pl.Int32))
        )
        if where.sensors is not None:
            rows = rows.filter(posted(where.sensors))
        if where.ports is not None:
            ports = sorted({port for protocol, port in where.ports if protocol in (None, TCP)})
            rows = rows.filter(pl.col("port").is_in(ports))
        if where.countries is not None:
            rows = rows.filter(pl.col("country").is_in(sorted(where.countries)))
        if where.owners is not None:
            rows = rows.filter(pl.col("asn").is_in(sorted(where.owners)))
        return self.marked(rows)


def _counting(asked: _Asked, names: Sequence[str], edges: tuple[int, ...] | None, scan: Scan) -> pl.LazyFrame:
    """Requests with what they are counted by (some names) and what is counted: one each."""
    is_named = pl.col("rules").list.len() > 0
    rows = asked.rows(scan).with_columns(
        is_named=is_named,
        target=pl.when(pl.col("kind") == "http").then("path").otherwise("host"),
        unit=UNIT,
        requests=pl.lit(1, pl.Int64),
        unnamed=(~is_named).cast(pl.Int64),
        first="time",
        last="time",
    )
    if edges is not None:
        buckets = pl.lit(pl.Series(edges, dtype=pl.Int32))
        rows = rows.with_columns(
            bucket=buckets.search_sorted(pl.col("minute"), side="right").cast(pl.Int64) - 1
        )
    if "rule" in names:
        rows = rows.with_columns(rule="rules").explode("rule", empty_as_null=True)
    return rows.select(*_apart(names), *SUMS, "rules")


def _apart(names: Sequence[str]) -> list[str]:
    """What tells requests apart that are counted."""
    return list(dict.fromkeys([*names, *TOLD_APART]))


def _condensed(names: Sequence[str], rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.group_by(_apart(names)).agg(
        pl.col("requests", "unnamed").sum(), pl.col("first").min(), pl.col("last").max(), _RULES
    )


def _counted(names: Sequence[str], rows: pl.LazyFrame) -> pl.LazyFrame:
    latest = ("last", "country", "asn")
    counts = [
        pl.col("requests", "unnamed").sum(),
        pl.struct("version", "unit").n_unique().cast(pl.Int64).alias("sources"),
        pl.col("sensor").n_unique().cast(pl.Int64).alias("sensors"),
        pl.col("country").unique().sort().alias("countries"),
        pl.col("port").unique().sort().alias("ports"),
        pl.col("country").sort_by(latest).last().alias("last_country"),
        pl.col("asn").sort_by(latest).last().alias("last_asn"),
        pl.col("first").min(),
        pl.col("last").max(),
        _RULES,
    ]
    return rows.group_by(names).agg(counts)


def _listed(asked: _Asked, after: After | None, head: Query, scan: Scan) -> pl.LazyFrame:
    rows = asked.rows(scan).select(*series.REQUESTS.schema, "rules")
    return head(rows if after is None else rows.filter(pl.col("time") >= after.time))


def _head(most: int, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Rows that come first."""
    rest = [name for name in series.REQUESTS.schema if name != "time"]
    return rows.sort("time", *rest).head(most)


def _proof(
    piece: Piece, sensors: frozenset[Posting] | None, wanted: pl.DataFrame, scan: Scan
) -> pl.LazyFrame:
    rows = scan(piece).with_columns(
        minute=first_minute(), packets=pl.col("packets") - pl.sum_horizontal(UNTOLD)
    )
    rows = rows.filter(pl.col("packets") > 0)
    if sensors is not None:
        rows = rows.filter(posted(sensors))
    return _merged(of_senders(rows, wanted))


def _merged(rows: pl.LazyFrame) -> pl.LazyFrame:
    keys = ("row", "visit", *SENDER, "day", "sensor")
    return rows.group_by(keys).agg(pl.col("first").min(), pl.col("last").max(), pl.col("packets").sum())


def _parted(
    piece: Piece, sensors: frozenset[Posting] | None, wanted: pl.DataFrame, scan: Scan
) -> pl.LazyFrame:
    """Packets by `row` and `sensor`: `before` and `after` the minute of the visit."""
    flows = scan(piece).filter(~pl.col("class").is_in(UNTOLD))
    if sensors is not None:
        flows = flows.filter(posted(sensors))
    is_before = pl.col("minute") < pl.col("visit") // MINUTE
    return (
        of_senders(flows, wanted)
        .group_by("row", "sensor")
        .agg(
            before=pl.col("packets").filter(is_before).sum(),
            after=pl.col("packets").filter(~is_before).sum(),
        )
    )
