"""The ledger's answers about single source addresses, as polars queries over one snapshot.

Sums come from `sources`, which has one row per UTC day, sensor and address, where that has what is asked for, and
from flows elsewhere; both give the same. What several packets of a source say together comes from `sources` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date

import polars as pl

from darkscope.api.address import SENDER, SENDER_SCHEMA
from darkscope.api.deadline import Deadline
from darkscope.api.ledger_tables import (
    MINUTE,
    UNIT,
    Piece,
    Snapshot,
    collected,
    conditions,
    day_of,
    first_minute,
    of_senders,
    posted,
    scan,
    whole_days,
)
from darkscope.api.periods import DAY, Window
from darkscope.api.store import ExpiredError, Filter, Owners, Page, Position, Posting
from darkscope.ingest import series
from darkscope.ingest.rules.evidence import is_broad, is_confirmed, tool_of_source
from darkscope.ingest.series import Traffic

SHARE = 4_000_000
"""Addresses up to which all are summed at once; of more a share at a time, so that memory does not grow with them."""

SAMPLE = 64
"""One address in so many is counted to know about how many there are."""

MOST_PORTS = 16
"""Ports that a row of `sources` keeps; a row with so many may have left out others."""

FEW = 200_000
"""Rows up to which those that pass a filter are kept while a question is answered."""

CLASSES = tuple(traffic.value for traffic in Traffic if traffic is not Traffic.RESEARCH)
"""Classes that `sources` counts; what a research scanner sends is `scan` there, and so it is here."""

THEIRS = frozenset({Traffic.SCAN.value, Traffic.OTHER.value, Traffic.RESEARCH.value})
"""Classes of packets that are neither forged nor replies to forged ones."""

SCANS = frozenset({Traffic.SCAN.value, Traffic.RESEARCH.value})
"""Classes of flows that are `scan` here."""

COLUMNS = (*SENDER, "sensor", "country", "asn", "packets", "first", "last", *CLASSES)
"""What both tables can say of a row that passes a filter."""

KEPT = {series.FLOWS.name: ("protocol", "port"), series.SOURCES.name: ("ports",)}
"""And what they say of ports."""

Scan = tuple[Piece, pl.LazyFrame]
"""A piece, and its rows that pass a filter."""

_ADDRESS = pl.col("source_low").hash() ^ pl.col("source_high").hash()
"""Tells addresses apart, all but surely."""

_UNSIGNED = [pl.col(name).reinterpret(signed=False).alias(f"{name}_") for name in SENDER[1:]]
"""Halves of an address in the order of addresses."""

_ORDER = ("packets", "version", *(f"{name}_" for name in SENDER[1:]))


class LedgerSenders:
    """Single source addresses of one snapshot. Every question may raise StoreError."""

    def __init__(self, snapshot: Snapshot, deadline: Deadline | None = None) -> None:
        """With a deadline every question may raise TooLong."""
        self._snapshot = snapshot
        self._deadline = deadline
        self._matched: dict[tuple[Window, Filter], list[Scan]] = {}

    def page(self, window: Window, where: Filter, after: Position | None, limit: int) -> Page:
        """Give a page of senders; see Senders."""
        scans = self._scans(window, where)
        rows, pieces = _rows(scans).select(*SENDER, "packets"), [piece for piece, _ in scans]
        packets = addresses = 0
        heads = []
        for share in self._shares(rows, pieces):
            summed = self._collected(_summed(share), pieces)
            packets += int(summed["packets"].sum())
            addresses += len(summed)
            rest = summed.lazy().with_columns(_UNSIGNED)
            heads.append(_first(rest if after is None else rest.filter(_behind(after)), limit + 1))
        head = _first(pl.concat(heads).lazy(), limit + 1)
        return Page(head.head(limit).select(*SENDER, "packets"), packets, addresses, len(head) > limit)

    def facts(self, window: Window, where: Filter, senders: pl.DataFrame) -> pl.DataFrame:
        """Give what packets say of senders; see Senders."""
        scans = self._scans(window, where)
        pieces = [piece for piece, _ in scans]
        wanted = senders.select(*SENDER).with_row_index("row")
        rows = of_senders(_rows(scans), wanted)
        summed = self._collected(
            rows.group_by("row", "sensor", "country", "asn").agg(
                pl.col("packets", *CLASSES).sum(), pl.col("first").min(), pl.col("last").max()
            ),
            pieces,
        ).sort("row", "last", "sensor", "country", "asn")
        told = summed.group_by("row").agg(
            pl.col("packets", *CLASSES).sum(),
            pl.col("first").min(),
            pl.col("last").max(),
            pl.col("country", "asn").last(),
            sensors=pl.col("sensor").n_unique(),
        )
        ports = (
            self._ports(scans, wanted)
            .group_by("row")
            .agg(ports=pl.col("port").n_unique(), ports_exact=~pl.col("is_cut").any())
        )
        classes = pl.concat_list(pl.when(pl.col(name) > 0).then(pl.lit(name)) for name in CLASSES)
        return (
            wanted.join(told, on="row", how="left")
            .join(ports, on="row", how="left")
            .with_columns(
                pl.col("ports").fill_null(0),
                pl.col("ports_exact").fill_null(value=True),
                classes=classes.list.drop_nulls(),
            )
            .sort("row")
            .drop("row", *CLASSES)
        )

    def evidence(
        self, window: Window, sensors: frozenset[Posting] | None, senders: pl.DataFrame
    ) -> pl.DataFrame:
        """Give what a day's packets together say of senders; see Senders."""
        wanted = senders.select(*SENDER).with_row_index("row")
        found = self._judged(window, sensors, wanted)
        verdicts = found.group_by("row").agg(
            pl.col("is_confirmed", "is_spoofable", "is_broad").any(),
            tools=pl.col("tool").filter(pl.col("tool") != "").unique().sort(),
        )
        return (
            wanted.join(verdicts, on="row", how="left")
            .with_columns(
                pl.col("is_confirmed", "is_spoofable", "is_broad").fill_null(value=False),
                pl.col("tools").fill_null([]),
            )
            .sort("row")
            .drop("row")
        )

    def days(self, window: Window, where: Filter, senders: pl.DataFrame) -> pl.DataFrame:
        """Give what is kept longest of senders, day by day; see Senders."""
        wanted = senders.select(*SENDER).with_row_index("row")
        piece = Piece(series.SOURCES, *whole_days(window))
        rows = of_senders(self._piece(piece, Filter(sensors=where.sensors)), wanted)
        by_day = rows.group_by("row", "day").agg(
            pl.col("packets", *CLASSES).sum(),
            pl.col("first").min(),
            pl.col("last").max(),
            pl.col("country", "asn").sort_by("last").last(),
            pl.col("ports").explode(empty_as_null=False, keep_nulls=False).unique().sort(),
            ports_exact=(pl.col("ports").list.len() < MOST_PORTS).all(),
            sensors=pl.col("sensor").unique().sort(),
        )
        classes = pl.concat_list(pl.when(pl.col(name) > 0).then(pl.lit(name)) for name in CLASSES)
        told = self._collected(by_day, [piece]).with_columns(classes=classes.list.drop_nulls())
        return told.drop(CLASSES).sort("row", "day")

    def verdicts(
        self, window: Window, sensors: frozenset[Posting] | None, senders: pl.DataFrame
    ) -> pl.DataFrame:
        """Give the evidence of senders, day by day; see Senders."""
        return self._judged(window, sensors, senders.select(*SENDER).with_row_index("row")).sort("row", "day")

    @property
    def since(self) -> date | None:
        """First UTC day that `sources` has."""
        return min(self._snapshot.days(series.SOURCES), default=None)

    def owners(
        self,
        window: Window,
        where: Filter,
        sensors: frozenset[Posting] | None,
        device: Callable[[pl.DataFrame], pl.Series],
    ) -> Owners:
        """Sum senders by owner; see Senders."""
        scans = self._scans(window, where)
        rows, pieces = _rows(scans), [piece for piece, _ in scans]
        confirmed = self._confirmed(window, sensors)
        sums = self._collected(
            rows.group_by("asn", "country").agg(
                pl.col("packets").sum(), pl.col("first").min(), pl.col("last").max()
            ),
            pieces,
        )
        counts, devices = [], []
        for share in self._shares(rows, pieces):
            told = self._collected(_owned(share), pieces).with_columns(unit=UNIT)
            told = told.with_columns(device(told).alias("device"))
            proven = told.join(confirmed, on=SENDER, how="semi")
            counts.append(
                _counted(told, "sources", "asn").join(
                    _counted(proven, "confirmed", "asn"), on="asn", how="left"
                )
            )
            devices.append(_counted(told.filter(pl.col("device") != ""), "sources", "asn", "device"))
        # A source is in one share alone, so here distinct counts do add.
        return Owners(
            sums.group_by("asn")
            .agg(
                pl.col("packets").sum(),
                pl.col("first").min(),
                pl.col("last").max(),
                countries=pl.col("country").unique().sort(),
            )
            .join(pl.concat(counts).group_by("asn").agg(pl.col("sources", "confirmed").sum()), on="asn")
            .select("asn", "packets", "sources", "confirmed", "first", "last", "countries")
            .sort("packets", "asn", descending=[True, False]),
            pl.concat(devices)
            .group_by("asn", "device")
            .agg(pl.col("sources").sum())
            .sort("asn", "sources", "device", descending=[False, True, False]),
        )

    def accounts(
        self, window: Window, where: Filter, sensors: frozenset[Posting] | None
    ) -> Iterator[pl.DataFrame]:
        """Give all senders, a share at a time, with what there is to judge them by; see Senders."""
        scans = self._scans(window, where)
        rows, pieces = _rows(scans), [piece for piece, _ in scans]
        proof = Piece(series.SOURCES, *whole_days(window))
        confirmed = self._confirmed(window, sensors).with_columns(is_confirmed=pl.lit(value=True))
        latest = pl.col("country", "asn").sort_by("last", "country", "asn").last()
        has_scans = pl.col("scan") > 0
        for part in self._parts(rows, pieces):
            summed = (
                rows.filter(part)
                .group_by(SENDER)
                .agg(
                    latest,
                    pl.col("packets", *CLASSES).sum(),
                    pl.col("first").min(),
                    pl.col("last").max(),
                    sensors=pl.col("sensor").n_unique(),
                )
            )
            seen = (
                self._evidence(proof, sensors)
                .filter(part)
                .group_by(SENDER)
                .agg(
                    is_spoofable=(pl.col("spoofable") > 0).any(),
                    seen_by=pl.col("sensor").filter(has_scans).n_unique(),
                    seen_from=pl.col("first").filter(has_scans).min(),
                    seen_until=pl.col("last").filter(has_scans).max(),
                    ttl_least=pl.col("ttl").filter(has_scans).min(),
                    ttl_most=pl.col("ttl").filter(has_scans).max(),
                )
            )
            both = self._collected(summed.join(seen, on=SENDER, how="left"), [*pieces, proof])
            yield both.join(confirmed, on=SENDER, how="left").with_columns(
                pl.col("is_confirmed").fill_null(value=False)
            )

    def targets(self, window: Window, where: Filter, senders: pl.DataFrame, most: int) -> pl.DataFrame:
        """Give where the scans of senders went; see Senders."""
        wanted = senders.select(*SENDER).with_row_index("row")
        asked = replace(where, classes=SCANS if where.classes is None else where.classes & SCANS)
        pieces = self._flows(window)
        ports = [
            of_senders(self._piece(piece, asked), wanted)
            .group_by("row", "protocol", "port")
            .agg(pl.col("packets").sum())
            for piece in pieces
        ]
        summed = self._collected(
            pl.concat(ports).group_by("row", "protocol", "port").agg(pl.col("packets").sum()), pieces
        )
        return (
            summed.sort("row", "packets", "protocol", "port", descending=[False, True, False, False])
            .with_columns(ports=pl.len().over("row").cast(pl.Int64))
            .group_by("row", maintain_order=True)
            .head(most)
            .select("row", "protocol", "port", "packets", "ports")
        )

    def samples(self, window: Window, where: Filter, senders: pl.DataFrame, most: int) -> pl.DataFrame:
        """Give exact times and source ports of scans of senders; see Senders."""
        wanted = senders.select(*SENDER).with_row_index("row")
        start, end = window.minutes
        proof = Piece(series.SOURCES, *whole_days(window))
        kept = of_senders(self._evidence(proof, where.sensors).filter(pl.col("scan") > 0), wanted)
        first = self._collected(
            kept.group_by("row", "day", "sensor")
            .agg(pl.col("source_port").sort_by("first").first(), time=pl.col("first").min())
            .with_columns(minute=(pl.col("time") // MINUTE).cast(pl.Int32))
            .filter(pl.col("minute") >= start, pl.col("minute") < end),
            [proof],
        )
        # What the minute's flows all are, its first packet is. Where a honeypot answers, more than scans follow.
        asked = replace(where, sensors=None, classes=None, tools=None)
        is_asked = pl.all_horizontal(pl.col("class").is_in(sorted(THEIRS)), *conditions(asked))
        scans = SCANS if where.classes is None else where.classes & SCANS
        is_scan = pl.all_horizontal(
            pl.col("class").is_in(sorted(scans)), *conditions(replace(asked, tools=where.tools))
        )
        pieces = self._flows(window)
        minutes = [
            of_senders(scan(self._snapshot, piece, self._deadline), wanted)
            .join(first.lazy(), on=["row", "sensor", "minute"], how="semi")
            .select("row", "sensor", "minute", "protocol", "port", is_asked=is_asked, is_scan=is_scan)
            for piece in pieces
        ]
        is_one = pl.struct("protocol", "port").n_unique() == 1
        told = self._collected(
            pl.concat(minutes)
            .group_by("row", "sensor", "minute")
            .agg(
                pl.col("is_asked").all(),
                pl.col("is_scan").any(),
                pl.when(is_one).then(pl.col("protocol").first()).alias("protocol"),
                pl.when(is_one).then(pl.col("port").first()).alias("port"),
            )
            .filter("is_asked", "is_scan"),
            pieces,
        )
        newest = first.join(told, on=["row", "sensor", "minute"]).sort(
            "row", "time", "sensor", descending=[False, True, False]
        )
        return (
            newest.with_columns(of_day=pl.int_range(pl.len()).over("row", "day"))
            .sort("row", "of_day", "time", "sensor", descending=[False, False, True, False])
            .group_by("row", maintain_order=True)
            .head(most)
            .sort("row", "time", "sensor", descending=[False, True, False])
            .select("row", "time", "sensor", "source_port", "protocol", "port")
        )

    def _flows(self, window: Window) -> list[Piece]:
        """The pieces of a window, all of flows. Raises ExpiredError."""
        return self._pieces(window, Filter(classes=SCANS))

    def _confirmed(self, window: Window, sensors: frozenset[Posting] | None) -> pl.DataFrame:
        """Senders that completed a handshake."""
        piece = Piece(series.SOURCES, *whole_days(window))
        has_marks = (pl.col("offered").list.len() > 0) | (pl.col("completed").list.len() > 0)
        rows = self._evidence(piece, sensors).filter(has_marks)
        merged = rows.group_by("day", "sensor", *SENDER).agg(*series.SOURCES.merged())
        return self._collected(merged.filter(is_confirmed()).select(*SENDER).unique(), [piece])

    def _judged(
        self, window: Window, sensors: frozenset[Posting] | None, wanted: pl.DataFrame
    ) -> pl.DataFrame:
        """Give verdicts by wanted `row` and UTC `day`: `tool`, `is_confirmed`, `is_spoofable`, `is_broad`."""
        piece = Piece(series.SOURCES, *whole_days(window))
        rows = of_senders(self._evidence(piece, sensors), wanted)
        of_sensors = rows.group_by("row", "day", "sensor").agg(*series.SOURCES.merged())
        # A handshake is of one sensor; the marks of several would crowd each other out of the sets.
        of_days = (
            of_sensors.with_columns(is_confirmed=is_confirmed())
            .group_by("row", "day")
            .agg(*series.SOURCES.merged(), pl.col("is_confirmed").any())
        )
        verdicts = of_days.select(
            "row",
            "day",
            "is_confirmed",
            is_broad=is_broad(),
            is_spoofable=pl.col("spoofable") > 0,
            tool=tool_of_source(),
        )
        return self._collected(verdicts, [piece])

    def _collected(self, rows: pl.LazyFrame, pieces: Sequence[Piece]) -> pl.DataFrame:
        return collected(self._snapshot, rows, pieces, self._deadline)

    def _evidence(self, piece: Piece, sensors: frozenset[Posting] | None) -> pl.LazyFrame:
        rows = scan(self._snapshot, piece, self._deadline).with_columns(minute=first_minute())
        return rows if sensors is None else rows.filter(posted(sensors))

    def _ports(self, scans: Sequence[Scan], wanted: pl.DataFrame) -> pl.DataFrame:
        """Distinct ports of wanted senders: `row`, `port` (with its protocol), `is_cut` (others may be missing)."""
        parts = []
        for piece, matching in scans:
            rows = of_senders(matching, wanted)
            if piece.table is series.SOURCES:
                parts.append(
                    rows.select("row", port="ports", is_cut=pl.col("ports").list.len() >= MOST_PORTS)
                    .explode("port", empty_as_null=False, keep_nulls=False)
                    .unique()
                )
            else:
                port = pl.col("protocol").cast(pl.Int64) * (1 << 16) + pl.col("port")
                known = rows.filter(pl.col("port") != series.NO_PORT)
                parts.append(known.select("row", port=port, is_cut=pl.lit(value=False)).unique())
        return self._collected(pl.concat(parts), [piece for piece, _ in scans])

    def _scans(self, window: Window, where: Filter) -> list[Scan]:
        """Rows that pass a filter, piece by piece: read once where they are few, each time anew where they are many."""
        if (window, where) not in self._matched:
            self._matched[window, where] = self._match(window, where)
        return self._matched[window, where]

    def _match(self, window: Window, where: Filter) -> list[Scan]:
        scans = [
            (piece, self._piece(piece, where).select(*COLUMNS, *KEPT[piece.table.name]))
            for piece in self._pieces(window, where)
        ]
        few: list[Scan] = []
        room = FEW
        for piece, rows in scans:
            read = self._collected(rows.head(room + 1), [piece])
            room -= len(read)
            if room < 0:
                return scans
            few.append((piece, read.lazy()))
        return few

    def _piece(self, piece: Piece, where: Filter) -> pl.LazyFrame:
        """Rows of a piece with what both tables can say: packets by class, first and last minute."""
        rows = scan(self._snapshot, piece, self._deadline)
        if piece.table is series.SOURCES:
            # Rows that have only marks of handshakes say nothing of packets.
            rows = rows.filter(pl.col("packets") > 0).with_columns(minute=first_minute())
        for condition in conditions(where):
            rows = rows.filter(condition)
        if piece.table is series.SOURCES:
            judged = pl.sum_horizontal(name for name in CLASSES if name != Traffic.OTHER)
            return rows.with_columns(
                (pl.col("packets") - judged).alias(Traffic.OTHER),
                first=pl.col("first") // MINUTE,
                last=pl.col("last") // MINUTE,
            )
        packets, kind = pl.col("packets"), pl.col("class").replace({Traffic.RESEARCH: Traffic.SCAN.value})
        return rows.with_columns(
            *(pl.when(kind == name).then(packets).otherwise(0).alias(name) for name in CLASSES),
            first=pl.col("minute").cast(pl.Int64),
            last=pl.col("minute").cast(pl.Int64),
        )

    def _shares(self, rows: pl.LazyFrame, pieces: Sequence[Piece]) -> Iterator[pl.LazyFrame]:
        """Divide rows by what sources are counted by, so that each share has all rows of its sources."""
        return (rows.filter(part) for part in self._parts(rows, pieces))

    def _parts(self, rows: pl.LazyFrame, pieces: Sequence[Piece]) -> Iterator[pl.Expr]:
        """Conditions that divide rows so; none of them where all are few enough."""
        sampled = _ADDRESS.filter(_ADDRESS % SAMPLE == 0).n_unique()
        addresses = SAMPLE * self._collected(rows.select(sampled), pieces).item()
        shares = max(1, -(-addresses // SHARE))
        for share in range(shares):
            yield pl.lit(value=True) if shares == 1 else UNIT.hash() % shares == share

    def _pieces(self, window: Window, where: Filter) -> list[Piece]:
        """Which table answers for which stretch. Raises ExpiredError."""
        is_coarse = (where.classes, where.ports, where.protocols, where.tools) == (None,) * 4
        whole = self._snapshot.days(series.SOURCES) if is_coarse else frozenset[date]()
        sealed = self._snapshot.days(series.SEALS)
        start, end = window.minutes
        pieces: list[Piece] = []
        for day in range(start // DAY * DAY, end, DAY):
            low, high = max(start, day), min(end, day + DAY)
            is_whole = high - low == DAY and day_of(day) in whole
            if not is_whole and day_of(day) in sealed:
                raise ExpiredError(
                    f"the flows of {day_of(day)} have expired, and only they have what is asked for"
                )
            piece = Piece(series.SOURCES if is_whole else series.FLOWS, low, high)
            if pieces and pieces[-1].table is piece.table:
                pieces[-1] = replace(pieces[-1], end=high)
            else:
                pieces.append(piece)
        return pieces


def _rows(scans: Sequence[Scan]) -> pl.LazyFrame:
    return pl.concat([rows.select(*COLUMNS) for _, rows in scans])


def _summed(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Sum packets by sender. IPv4 by one number: half the time and half the memory."""
    packets = pl.col("packets").sum()
    four = rows.filter(pl.col("version") == 4).group_by("source_low").agg(packets)
    six = rows.filter(pl.col("version") == 6).group_by(SENDER[1:]).agg(packets)
    none = {"source_high": pl.lit(0, SENDER_SCHEMA["source_high"])}
    parts = ((four.with_columns(**none), 4), (six, 6))
    return pl.concat(
        part.with_columns(version=pl.lit(version, SENDER_SCHEMA["version"])).select(*SENDER, "packets")
        for part, version in parts
    )


def _owned(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Distinct senders by owner: the columns of SENDER, `asn`. IPv4 by one number, as in `_summed`."""
    low, asn = pl.col("source_low").cast(pl.UInt64), pl.col("asn").cast(pl.UInt64)
    key = pl.col("key")
    four = (
        rows.filter(pl.col("version") == 4)
        .select(key=asn * (1 << 32) + low)
        .unique()
        .select(
            source_high=pl.lit(0, SENDER_SCHEMA["source_high"]),
            source_low=(key % (1 << 32)).cast(SENDER_SCHEMA["source_low"]),
            asn=(key // (1 << 32)).cast(pl.Int64),
        )
    )
    six = rows.filter(pl.col("version") == 6).select(*SENDER[1:], "asn").unique()
    return pl.concat(
        part.with_columns(version=pl.lit(version, SENDER_SCHEMA["version"])).select(*SENDER, "asn")
        for part, version in ((four, 4), (six, 6))
    )


def _counted(rows: pl.DataFrame, name: str, *keys: str) -> pl.DataFrame:
    """Count distinct sources by keys."""
    distinct = rows.select(*keys, "version", "unit").unique()
    return distinct.group_by(keys).agg(pl.len().cast(pl.Int64).alias(name))


def _first(senders: pl.LazyFrame, limit: int) -> pl.DataFrame:
    # Lazily, for then polars keeps the first rows instead of sorting all.
    return senders.sort(_ORDER, descending=[True, False, False, False]).head(limit).collect()


def _behind(position: Position) -> pl.Expr:
    version, high, low = position.sender
    after = (version, high % (1 << 64), low % (1 << 64))
    is_behind = pl.lit(value=False)
    for name, value in reversed(list(zip(_ORDER[1:], after, strict=True))):
        column, bound = pl.col(name), pl.lit(value, pl.UInt64)
        is_behind = (column > bound) | ((column == bound) & is_behind)
    packets = pl.col("packets")
    return (packets < position.packets) | ((packets == position.packets) & is_behind)
