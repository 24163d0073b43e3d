"""Rows of the ledger's tables: stretches of time, filters as conditions, and what cannot be read.

What both halves of the ledger's answers share: sums (`ledger_store.py`) and single addresses (`ledger_senders.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import Protocol, TypeVar

import polars as pl
from polars.exceptions import PolarsError

from darkscope.api.address import SENDER
from darkscope.api.deadline import Deadline
from darkscope.api.periods import DAY, EPOCH, Window, instant
from darkscope.api.store import Filter, Posting, StoreError
from darkscope.ingest import series

PORTS = 1 << 17
"""Numbers set apart for a protocol's ports where protocol and port are one number."""

MINUTE = 60_000_000_000
"""Nanoseconds."""

UNIT = pl.when(pl.col("version") == 4).then("source_low").otherwise("source_high")
"""What sources are counted by: an IPv4 address, the /64 of an IPv6 one."""

LONGEST_BRIDGE = 2 * DAY
"""Minutes before and after a window in which a stretch of coverage may bear on it."""

FEW_PORTS = 32
"""Ports up to which a filter is spelled out; thousands would nest too deep."""


class Snapshot(Protocol):
    """What is asked of the ledger: one consistent state of its tables."""

    @property
    def version(self) -> int:
        """Number of the last complete batch."""

    @property
    def plan(self) -> int:
        """Number of the last complete change of any kind: while it is the same, so are all files."""

    def scan(self, table: series.Table, first_day: date, last_day: date) -> pl.LazyFrame:
        """Rows of UTC days, both included; one key may have several rows."""

    def rows(self, table: series.Table, first_day: date, last_day: date) -> int:
        """How many rows the UTC days have, both included."""

    def files(self, table: series.Table) -> pl.DataFrame:
        """Data files: their UTC `day`, and the smallest and largest value of each column as `min.x`, `max.x`."""

    def days(self, table: series.Table) -> frozenset[date]:
        """UTC days for which a table has rows; a rollup has them only while it is true."""

    def told(self, error: Exception) -> str:
        """What went wrong as rows were computed, for people: without what nobody should see."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of time and the table that answers for it."""

    table: series.Table
    start: int  # minutes since 1970, included
    end: int  # minutes since 1970, excluded
    sign: int = 1  # -1: taken off, for it sticks out of the window, or is of others
    of_others: bool = False  # of the sensors that were not chosen


def scan(snapshot: Snapshot, piece: Piece, deadline: Deadline | None) -> pl.LazyFrame:
    """Rows of a piece; of a table without minutes whole days."""
    days = day_of(piece.start), day_of(piece.end - 1)
    rows = snapshot.scan(piece.table, *days)
    if deadline is not None:
        rows = deadline.watched(rows, snapshot.rows(piece.table, *days))
    if piece.start % DAY:
        rows = rows.filter(pl.col("minute") >= piece.start)
    if piece.end % DAY:
        rows = rows.filter(pl.col("minute") < piece.end)
    return rows


def collected(
    snapshot: Snapshot, rows: pl.LazyFrame, pieces: Iterable[Piece], deadline: Deadline | None
) -> pl.DataFrame:
    """Compute rows that come from pieces. Raises StoreError, which names the table and day that cannot be read."""
    try:
        return rows.collect(engine="streaming")
    except (PolarsError, OSError) as error:
        if deadline is not None:
            deadline.check()
        raise StoreError(
            _unreadable(snapshot, pieces) or f"the ledger cannot be read: {snapshot.told(error)}"
        ) from error


def _unreadable(snapshot: Snapshot, pieces: Iterable[Piece]) -> str:
    """Name the table and day that cannot be read: polars does not say in which file it failed."""
    for piece in pieces:
        for day in pl.date_range(day_of(piece.start), day_of(piece.end - 1), eager=True):
            try:
                snapshot.scan(piece.table, day, day).collect(engine="streaming")
            except (PolarsError, OSError) as error:
                return (
                    f"the ledger's table {piece.table.name} cannot be read on {day}: {snapshot.told(error)}"
                )
    return ""


def conditions(where: Filter) -> list[pl.Expr]:
    """Give what rows of any table must be to pass a filter."""
    chosen: dict[str, frozenset[str] | frozenset[int] | None] = {
        "class": where.classes,
        "protocol": where.protocols,
        "country": where.countries,
        "asn": where.owners,
        "tool": where.tools,
    }
    conditions = [
        pl.col(column).is_in(sorted(values)) for column, values in chosen.items() if values is not None
    ]
    if where.ports is not None:
        conditions.append(of_ports(where.ports))
    if where.sensors is not None:
        conditions.append(posted(where.sensors))
    return conditions


def posted(postings: Iterable[Posting]) -> pl.Expr:
    """Rows of sensors while they were posted: by UTC days, which no row of a rollup crosses."""
    by_time: dict[tuple[int | None, int | None], list[str]] = {}
    for posting in postings:
        by_time.setdefault(posting.minutes, []).append(posting.sensor)
    chosen = pl.lit(value=False)
    for (start, end), sensors in by_time.items():
        there = pl.col("sensor").is_in(sensors)
        if start is not None:
            there &= pl.col("minute") >= start
        if end is not None:
            there &= pl.col("minute") < end
        chosen |= there
    return chosen


def of_ports(ports: Collection[tuple[int | None, int]]) -> pl.Expr:
    """Rows of certain ports. A few are spelled out, because Parquet's statistics skip by equality."""
    if len(ports) > FEW_PORTS:
        of_any = [port for protocol, port in ports if protocol is None]
        exact = [port_number(protocol, port) for protocol, port in ports if protocol is not None]
        number = port_number(pl.col("protocol").cast(pl.Int32), pl.col("port"))
        return pl.col("port").is_in(of_any) | number.is_in(exact)
    wanted = [
        (pl.col("port") == port)
        if protocol is None
        else (pl.col("port") == port) & (pl.col("protocol") == protocol)
        for protocol, port in ports
    ]
    return reduce(pl.Expr.or_, wanted, pl.lit(value=False))


Number = TypeVar("Number", int, pl.Expr)


def port_number(protocol: Number, port: Number) -> Number:
    """Protocol and port as one number."""
    return protocol * PORTS + port - series.NO_PORT


def minutes_of(day: date) -> int:
    """Give the minute since 1970 at which a UTC day begins."""
    return (day - EPOCH.date()).days * DAY


def day_of(minutes: int) -> date:
    """Give the UTC day of a minute since 1970."""
    return max(instant(minutes), EPOCH).date()


def of_senders(rows: pl.LazyFrame, wanted: pl.DataFrame) -> pl.LazyFrame:
    """Rows of wanted senders (columns SENDER, and others), each with the others."""
    # First by half of the address: statistics of files skip by it, and the join may then hold what is left.
    likely = rows.filter(pl.col("source_low").is_in(wanted["source_low"].unique().to_list()))
    return likely.join(wanted.lazy(), on=SENDER)


def first_minute() -> pl.Expr:
    """Minute at which the UTC day of a row begins, by which sensors are posted."""
    return pl.col("day").cast(pl.Int32) * DAY


def whole_days(window: Window) -> tuple[int, int]:
    """Start and end, in minutes since 1970, of the UTC days that a window lies in."""
    start, end = window.minutes
    return start // DAY * DAY, -(-end // DAY) * DAY
