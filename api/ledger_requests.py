"""The ledger's answers about what honeypots were asked, as polars queries over one snapshot.

Texts of strangers pass through as they were kept; whoever shows them sees to it that they can be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from darkscope.api.address import SENDER
from darkscope.api.deadline import Deadline
from darkscope.api.ledger_tables import (
    MINUTE,
    UNIT,
    Piece,
    Snapshot,
    collected,
    day_of,
    first_minute,
    minutes_of,
    of_senders,
    posted,
    scan,
    whole_days,
)
from darkscope.api.periods import DAY, Buckets, Window
from darkscope.api.store import After, Filter, Marked, Posting
from darkscope.ingest import series
from darkscope.ingest.series import Traffic

TCP = 6
"""Number of the protocol that all requests came by."""

BY_RULE = ("rule",)

UNTOLD = (Traffic.BACKSCATTER.value, Traffic.SPOOFABLE.value)
"""Classes of packets that do not say that their source was there."""


class LedgerRequests:
    """Requests of one snapshot. Every question may raise StoreError."""

    def __init__(self, snapshot: Snapshot, deadline: Deadline | None = None) -> None:
        """With a deadline every question may raise TooLong."""
        self._snapshot = snapshot
        self._deadline = deadline

    @property
    def since(self) -> date | None:
        """First UTC day that `requests` has."""
        return min(self._snapshot.days(series.REQUESTS), default=None)

    def counted(
        self, keys: Sequence[str], buckets: Buckets, where: Filter, marked: Marked, *, by_rule: bool = False
    ) -> pl.DataFrame:
        """Count requests by keys; see Requests."""
        piece = Piece(series.REQUESTS, *buckets.window.minutes)
        rows = marked(self._rows(piece, where)).with_columns(
            is_named=pl.col("rules").list.len() > 0,
            target=pl.when(pl.col("kind") == "http").then("path").otherwise("host"),
        )
        if "bucket" in keys:
            edges = pl.lit(pl.Series(buckets.edges, dtype=pl.Int32))
            rows = rows.with_columns(
                bucket=edges.search_sorted(pl.col("minute"), side="right").cast(pl.Int64) - 1
            )
        if by_rule:
            rows = rows.with_columns(rule="rules").explode("rule", empty_as_null=True)
        counted = rows.group_by(*keys, *(BY_RULE if by_rule else ())).agg(
            requests=pl.len().cast(pl.Int64),
            unnamed=(~pl.col("is_named")).sum().cast(pl.Int64),
            sources=pl.struct("version", UNIT.alias("unit")).n_unique().cast(pl.Int64),
            sensors=pl.col("sensor").n_unique().cast(pl.Int64),
            countries=pl.col("country").unique().sort(),
            ports=pl.col("port").unique().sort(),
            last_country=pl.col("country").sort_by("time").last(),
            last_asn=pl.col("asn").sort_by("time").last(),
            first=pl.col("time").min(),
            last=pl.col("time").max(),
            rules=pl.col("rules").explode(empty_as_null=False, keep_nulls=False).unique().sort(),
        )
        return self._collected(counted, [piece])

    def page(
        self, window: Window, where: Filter, marked: Marked, after: After | None, limit: int
    ) -> tuple[pl.DataFrame, bool]:
        """Give a page of requests; see Requests."""
        piece = Piece(series.REQUESTS, *window.minutes)
        rows = marked(self._rows(piece, where)).select(*series.REQUESTS.schema, "rules")
        passed = 0
        if after is not None:
            rows, passed = rows.filter(pl.col("time") >= after.time), after.count
        rest = [name for name in series.REQUESTS.schema if name != "time"]
        first = rows.sort("time", *rest).head(passed + limit + 1).slice(passed)
        found = self._collected(first, [piece])
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
        rows = scan(self._snapshot, piece, self._deadline).with_columns(
            minute=first_minute(), packets=pl.col("packets") - pl.sum_horizontal(UNTOLD)
        )
        rows = rows.filter(pl.col("packets") > 0)
        if sensors is not None:
            rows = rows.filter(posted(sensors))
        keys = ("row", "visit", *SENDER, "day", "sensor")
        merged = (
            of_senders(rows, wanted)
            .group_by(keys)
            .agg(pl.col("first").min(), pl.col("last").max(), pl.col("packets").sum())
        )
        return self._collected(merged, [piece])

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
        flows = scan(self._snapshot, piece, self._deadline).filter(~pl.col("class").is_in(UNTOLD))
        if sensors is not None:
            flows = flows.filter(posted(sensors))
        wanted = rows.filter(pl.col("day") == day).select("row", "visit", *SENDER).unique()
        is_before = pl.col("minute") < pl.col("visit") // MINUTE
        parted = (
            of_senders(flows, wanted)
            .group_by("row", "sensor")
            .agg(
                before=pl.col("packets").filter(is_before).sum(),
                after=pl.col("packets").filter(~is_before).sum(),
            )
            .select("row", pl.lit(day).alias("day"), "sensor", "before", "after")
        )
        return self._collected(parted, [piece])

    def _rows(self, piece: Piece, where: Filter) -> pl.LazyFrame:
        """Requests of a piece that pass a filter, with their `minute`."""
        days = day_of(piece.start), day_of(piece.end - 1)
        rows = self._snapshot.scan(piece.table, *days)
        if self._deadline is not None:
            rows = self._deadline.watched(rows, self._snapshot.rows(piece.table, *days))
        rows = rows.filter(
            pl.col("time").is_between(piece.start * MINUTE, piece.end * MINUTE, closed="left")
        ).with_columns(minute=(pl.col("time") // MINUTE).cast(pl.Int32))
        if where.sensors is not None:
            rows = rows.filter(posted(where.sensors))
        if where.ports is not None:
            ports = sorted({port for protocol, port in where.ports if protocol in (None, TCP)})
            rows = rows.filter(pl.col("port").is_in(ports))
        if where.countries is not None:
            rows = rows.filter(pl.col("country").is_in(sorted(where.countries)))
        if where.owners is not None:
            rows = rows.filter(pl.col("asn").is_in(sorted(where.owners)))
        return rows

    def _collected(self, rows: pl.LazyFrame, pieces: Sequence[Piece]) -> pl.DataFrame:
        return collected(self._snapshot, rows, pieces, self._deadline)
