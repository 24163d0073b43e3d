"""The ledger's answers about single source addresses, as polars queries over one snapshot.

Sums come from `sources`, which has one row per UTC day, sensor and address, where that has what is asked for, and
from flows elsewhere; both give the same. What several packets of a source say together comes from `sources` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import polars as pl

from darkscope.api.address import SENDER, SENDER_SCHEMA
from darkscope.api.ledger_reader import Apart, Reader, Scan, Stream, Whole, as_it_is, distinct
from darkscope.api.ledger_tables import (
    MINUTE,
    UNIT,
    Piece,
    Snapshot,
    conditions,
    day_of,
    first_minute,
    of_senders,
    posted,
    whole_days,
)
from darkscope.api.periods import DAY, Window
from darkscope.api.store import ExpiredError, Filter, Owners, Page, Position, Posting
from darkscope.ingest import series
from darkscope.ingest.rules.evidence import is_broad, is_confirmed, tool_of_source
from darkscope.ingest.series import Traffic

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

_ADDRESS = pl.col("source_low").hash() ^ pl.col("source_high").hash()
"""Tells addresses apart, all but surely."""

_UNSIGNED = [pl.col(name).reinterpret(signed=False).alias(f"{name}_") for name in SENDER[1:]]
"""Halves of an address in the order of addresses."""

_ORDER = ("packets", "version", *(f"{name}_" for name in SENDER[1:]))


class LedgerSenders:
    """Single source addresses of one snapshot. Every question may raise StoreError."""

    def __init__(self, snapshot: Snapshot, reader: Reader | None = None) -> None:
        """A reader that has a deadline may raise TooLong."""
        self._snapshot = snapshot
        self._reader = reader or Whole(snapshot)
        self._matched: dict[tuple[Window, Filter], _Matching] = {}

    def page(self, window: Window, where: Filter, after: Position | None, limit: int) -> Page:
        """Give a page of senders; see Senders."""
        matching = self._matching(window, where)
        question = Apart(
            (Stream(partial(_sent, matching), _summed),),
            UNIT,
            _summed,
            partial(_headed, after, limit + 1),
            counted=_ADDRESS,
        )
        told = pl.concat(self._reader.read_apart(matching.read, question))
        head = _first(
            told.lazy().select(pl.col("head").explode(empty_as_null=False, keep_nulls=False)).unnest("head"),
            limit + 1,
        )
        packets, addresses = told.select(pl.col("packets", "addresses").sum()).row(0)
        return Page(head.head(limit).select(*SENDER, "packets"), packets, addresses, len(head) > limit)

    def facts(self, window: Window, where: Filter, senders: pl.DataFrame) -> pl.DataFrame:
        """Give what packets say of senders; see Senders."""
        matching = self._matching(window, where)
        wanted = senders.select(*SENDER).with_row_index("row")
        summed = self._reader.read(
            matching.read, partial(_of_wanted, matching, wanted), _merged_of_wanted
        ).sort("row", "last", "sensor", "country", "asn")
        told = summed.group_by("row").agg(
            pl.col("packets", *CLASSES).sum(),
            pl.col("first").min(),
            pl.col("last").max(),
            pl.col("country", "asn").last(),
            sensors=pl.col("sensor").n_unique(),
        )
        ports = (
            self._reader.read(matching.read, partial(_ports, matching, wanted), distinct)
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
        rows = partial(_days_of_wanted, piece, Filter(sensors=where.sensors), wanted)
        told = self._reader.read([piece], rows, as_it_is, _by_day)
        classes = pl.concat_list(pl.when(pl.col(name) > 0).then(pl.lit(name)) for name in CLASSES)
        return told.with_columns(classes=classes.list.drop_nulls()).drop(CLASSES).sort("row", "day")

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
        matching = self._matching(window, where)
        confirmed = self._confirmed(window, sensors)
        sums = self._reader.read(matching.read, partial(_by_owner, matching), _merged_by_owner)
        question = Apart((Stream(partial(_sent, matching), _owned),), UNIT, _owned, counted=_ADDRESS)
        counts, devices = [], []
        for part in self._reader.read_apart(matching.read, question):
            told = part.with_columns(unit=UNIT)
            told = told.with_columns(device(told).alias("device"))
            proven = told.join(confirmed, on=SENDER, how="semi")
            counts.append(
                _counted(told, "sources", "asn").join(
                    _counted(proven, "confirmed", "asn"), on="asn", how="left"
                )
            )
            devices.append(_counted(told.filter(pl.col("device") != ""), "sources", "asn", "device"))
        # A source is in one part alone, so here distinct counts do add.
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
        """Give all senders, a part at a time, with what there is to judge them by; see Senders."""
        matching = self._matching(window, where)
        proof = Piece(series.SOURCES, *whole_days(window))
        confirmed = self._confirmed(window, sensors).with_columns(is_confirmed=pl.lit(value=True))
        question = Apart(
            (
                Stream(partial(_sent, matching), _condensed, is_read=matching.kept is None),
                Stream(partial(_proof, proof, sensors), _condensed_proof),
            ),
            UNIT,
            _accounted,
            counted=_ADDRESS,
        )
        for both in self._reader.read_apart([*matching.read, proof], question):
            yield both.join(confirmed, on=SENDER, how="left").with_columns(
                pl.col("is_confirmed").fill_null(value=False)
            )

    def targets(self, window: Window, where: Filter, senders: pl.DataFrame, most: int) -> pl.DataFrame:
        """Give where the scans of senders went; see Senders."""
        wanted = senders.select(*SENDER).with_row_index("row")
        asked = replace(where, classes=SCANS if where.classes is None else where.classes & SCANS)
        pieces = self._flows(window)
        summed = self._reader.read(pieces, partial(_targets, pieces, asked, wanted), _merged_targets)
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
        proof = Piece(series.SOURCES, *whole_days(window))
        kept = partial(_scans_of_wanted, proof, where.sensors, wanted)
        first = self._reader.read([proof], kept, as_it_is, partial(_first_of_day, *window.minutes))
        pieces = self._flows(window)
        minutes = partial(_minutes, pieces, where, wanted, first)
        told = self._reader.read(pieces, minutes, as_it_is, _told_of_minutes)
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
        marked = Stream(partial(_with_marks, piece, sensors), _merged_evidence)
        return pl.concat(self._reader.read_apart([piece], Apart((marked,), UNIT, _confirmed))).unique()

    def _judged(
        self, window: Window, sensors: frozenset[Posting] | None, wanted: pl.DataFrame
    ) -> pl.DataFrame:
        """Give verdicts by wanted `row` and UTC `day`: `tool`, `is_confirmed`, `is_spoofable`, `is_broad`."""
        piece = Piece(series.SOURCES, *whole_days(window))
        return self._reader.read(
            [piece], partial(_evidence_of_wanted, piece, sensors, wanted), _merged_rows, _judged
        )

    def _matching(self, window: Window, where: Filter) -> _Matching:
        """Rows that pass a filter: read once where they are few, each time anew where they are many."""
        if (window, where) not in self._matched:
            self._matched[window, where] = self._match(window, where)
        return self._matched[window, where]

    def _match(self, window: Window, where: Filter) -> _Matching:
        pieces = self._pieces(window, where)
        few: dict[Piece, pl.DataFrame] = {}
        room = FEW
        for piece in pieces:
            read = self._reader.read([piece], partial(_at_most, piece, where, room), as_it_is)
            room -= len(read)
            if room < 0 or read["is_more"].any():
                return _Matching(tuple(pieces), where)
            few[piece] = read.drop("is_more")
        return _Matching(tuple(pieces), where, few)

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


@dataclass(frozen=True, slots=True)
class _Matching:
    """Rows of pieces that pass a filter. Can be pickled."""

    pieces: tuple[Piece, ...]
    where: Filter
    kept: Mapping[Piece, pl.DataFrame] | None = None  # they themselves, where they are few

    @property
    def read(self) -> tuple[Piece, ...]:
        """The pieces that have to be read."""
        return self.pieces if self.kept is None else ()

    def of(self, scan: Scan) -> list[pl.LazyFrame]:
        """Rows, piece by piece: COLUMNS, and what the table has in KEPT."""
        if self.kept is not None:
            return [self.kept[piece].lazy() for piece in self.pieces]
        return [_piece(piece, self.where, scan) for piece in self.pieces]


def _at_most(piece: Piece, where: Filter, room: int, scan: Scan) -> pl.LazyFrame:
    """Rows of a piece that pass a filter; where they are more than there is room for, one of them, and `is_more`."""
    some = _piece(piece, where, scan).head(room + 1).with_columns(is_more=pl.len() > room)
    return some.filter(~pl.col("is_more") | (pl.int_range(pl.len()) == 0))


def _piece(piece: Piece, where: Filter, scan: Scan) -> pl.LazyFrame:
    return _alike(piece, where, scan).select(*COLUMNS, *KEPT[piece.table.name])


def _alike(piece: Piece, where: Filter, scan: Scan) -> pl.LazyFrame:
    """Rows of a piece with what both tables can say: packets by class, first and last minute."""
    rows = scan(piece)
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


def _evidence(piece: Piece, sensors: frozenset[Posting] | None, scan: Scan) -> pl.LazyFrame:
    rows = scan(piece).with_columns(minute=first_minute())
    return rows if sensors is None else rows.filter(posted(sensors))


def _sent(matching: _Matching, scan: Scan) -> pl.LazyFrame:
    return pl.concat([rows.select(*COLUMNS) for rows in matching.of(scan)])


def _of_wanted(matching: _Matching, wanted: pl.DataFrame, scan: Scan) -> pl.LazyFrame:
    return _merged_of_wanted(of_senders(_sent(matching, scan), wanted))


def _merged_of_wanted(rows: pl.LazyFrame) -> pl.LazyFrame:
    return _merged(rows, "row", "sensor", "country", "asn")


def _merged(rows: pl.LazyFrame, *keys: str) -> pl.LazyFrame:
    return rows.group_by(keys).agg(
        pl.col("packets", *CLASSES).sum(), pl.col("first").min(), pl.col("last").max()
    )


def _ports(matching: _Matching, wanted: pl.DataFrame, scan: Scan) -> pl.LazyFrame:
    """Distinct ports of wanted senders: `row`, `port` (with its protocol), `is_cut` (others may be missing)."""
    parts = []
    for piece, matched in zip(matching.pieces, matching.of(scan), strict=True):
        rows = of_senders(matched, wanted)
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
    return pl.concat(parts)


def _days_of_wanted(piece: Piece, where: Filter, wanted: pl.DataFrame, scan: Scan) -> pl.LazyFrame:
    rows = of_senders(_alike(piece, where, scan), wanted)
    return rows.select(
        "row", "day", "sensor", "country", "asn", "packets", *CLASSES, "first", "last", "ports"
    )


def _by_day(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.group_by("row", "day").agg(
        pl.col("packets", *CLASSES).sum(),
        pl.col("first").min(),
        pl.col("last").max(),
        pl.col("country", "asn").sort_by("last", "country", "asn").last(),
        pl.col("ports").explode(empty_as_null=False, keep_nulls=False).unique().sort(),
        ports_exact=(pl.col("ports").list.len() < MOST_PORTS).all(),
        sensors=pl.col("sensor").unique().sort(),
    )


def _by_owner(matching: _Matching, scan: Scan) -> pl.LazyFrame:
    return _merged_by_owner(_sent(matching, scan))


def _merged_by_owner(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.group_by("asn", "country").agg(
        pl.col("packets").sum(), pl.col("first").min(), pl.col("last").max()
    )


def _condensed(rows: pl.LazyFrame) -> pl.LazyFrame:
    return _merged(rows, *SENDER, "sensor", "country", "asn")


def _proof(piece: Piece, sensors: frozenset[Posting] | None, scan: Scan) -> pl.LazyFrame:
    rows = _evidence(piece, sensors, scan)
    ttls = {"ttl_least": pl.col("ttl"), "ttl_most": pl.col("ttl")}
    return rows.select(*SENDER, "sensor", "spoofable", "first", "last", has_scans=pl.col("scan") > 0, **ttls)


def _condensed_proof(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.group_by(*SENDER, "sensor", "has_scans").agg(
        pl.col("spoofable").sum(),
        pl.col("first", "ttl_least").min(),
        pl.col("last", "ttl_most").max(),
    )


def _accounted(sent: pl.LazyFrame, proof: pl.LazyFrame) -> pl.LazyFrame:
    summed = sent.group_by(SENDER).agg(
        pl.col("country", "asn").sort_by("last", "country", "asn").last(),
        pl.col("packets", *CLASSES).sum(),
        pl.col("first").min(),
        pl.col("last").max(),
        sensors=pl.col("sensor").n_unique(),
    )
    seen = proof.group_by(SENDER).agg(
        is_spoofable=(pl.col("spoofable") > 0).any(),
        seen_by=pl.col("sensor").filter("has_scans").n_unique(),
        seen_from=pl.col("first").filter("has_scans").min(),
        seen_until=pl.col("last").filter("has_scans").max(),
        ttl_least=pl.col("ttl_least").filter("has_scans").min(),
        ttl_most=pl.col("ttl_most").filter("has_scans").max(),
    )
    return summed.join(seen, on=SENDER, how="left")


def _targets(pieces: Sequence[Piece], where: Filter, wanted: pl.DataFrame, scan: Scan) -> pl.LazyFrame:
    parts = [_merged_targets(of_senders(_alike(piece, where, scan), wanted)) for piece in pieces]
    return _merged_targets(pl.concat(parts))


def _merged_targets(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.group_by("row", "protocol", "port").agg(pl.col("packets").sum())


def _scans_of_wanted(
    piece: Piece, sensors: frozenset[Posting] | None, wanted: pl.DataFrame, scan: Scan
) -> pl.LazyFrame:
    kept = of_senders(_evidence(piece, sensors, scan).filter(pl.col("scan") > 0), wanted)
    return kept.select("row", "day", "sensor", "source_port", "first")


def _first_of_day(start: int, end: int, rows: pl.LazyFrame) -> pl.LazyFrame:
    """First scans by `row`, `day` and `sensor`, of those whose minutes lie in between."""
    return (
        rows.group_by("row", "day", "sensor")
        .agg(pl.col("source_port").sort_by("first", "source_port").first(), time=pl.col("first").min())
        .with_columns(minute=(pl.col("time") // MINUTE).cast(pl.Int32))
        .filter(pl.col("minute") >= start, pl.col("minute") < end)
    )


def _minutes(
    pieces: Sequence[Piece], where: Filter, wanted: pl.DataFrame, first: pl.DataFrame, scan: Scan
) -> pl.LazyFrame:
    """What the flows of the minutes of first scans are."""
    # What the minute's flows all are, its first packet is. Where a honeypot answers, more than scans follow.
    asked = replace(where, sensors=None, classes=None, tools=None)
    is_asked = pl.all_horizontal(pl.col("class").is_in(sorted(THEIRS)), *conditions(asked))
    scans = SCANS if where.classes is None else where.classes & SCANS
    is_scan = pl.all_horizontal(
        pl.col("class").is_in(sorted(scans)), *conditions(replace(asked, tools=where.tools))
    )
    return pl.concat(
        of_senders(scan(piece), wanted)
        .join(first.lazy(), on=["row", "sensor", "minute"], how="semi")
        .select("row", "sensor", "minute", "protocol", "port", is_asked=is_asked, is_scan=is_scan)
        for piece in pieces
    )


def _told_of_minutes(rows: pl.LazyFrame) -> pl.LazyFrame:
    is_one = pl.struct("protocol", "port").n_unique() == 1
    return (
        rows.group_by("row", "sensor", "minute")
        .agg(
            pl.col("is_asked").all(),
            pl.col("is_scan").any(),
            pl.when(is_one).then(pl.col("protocol").first()).alias("protocol"),
            pl.when(is_one).then(pl.col("port").first()).alias("port"),
        )
        .filter("is_asked", "is_scan")
    )


def _with_marks(piece: Piece, sensors: frozenset[Posting] | None, scan: Scan) -> pl.LazyFrame:
    has_marks = (pl.col("offered").list.len() > 0) | (pl.col("completed").list.len() > 0)
    return _evidence(piece, sensors, scan).filter(has_marks).select("day", *series.SOURCES.schema)


def _merged_evidence(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.group_by("day", "sensor", *SENDER).agg(*series.SOURCES.merged())


def _confirmed(rows: pl.LazyFrame) -> pl.LazyFrame:
    return _merged_evidence(rows).filter(is_confirmed()).select(*SENDER).unique()


def _evidence_of_wanted(
    piece: Piece, sensors: frozenset[Posting] | None, wanted: pl.DataFrame, scan: Scan
) -> pl.LazyFrame:
    return _merged_rows(of_senders(_evidence(piece, sensors, scan), wanted))


def _merged_rows(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.group_by("row", "day", "sensor").agg(*series.SOURCES.merged())


def _judged(rows: pl.LazyFrame) -> pl.LazyFrame:
    # A handshake is of one sensor; the marks of several would crowd each other out of the sets.
    of_days = (
        rows.with_columns(is_confirmed=is_confirmed())
        .group_by("row", "day")
        .agg(*series.SOURCES.merged(), pl.col("is_confirmed").any())
    )
    return of_days.select(
        "row",
        "day",
        "is_confirmed",
        is_broad=is_broad(),
        is_spoofable=pl.col("spoofable") > 0,
        tool=tool_of_source(),
    )


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


def _headed(after: Position | None, most: int, senders: pl.DataFrame) -> pl.DataFrame:
    """Sum up some senders in one row: all their `packets`, their `addresses`, and the `head` behind a position."""
    rest = senders.lazy().with_columns(_UNSIGNED)
    head = _first(rest if after is None else rest.filter(_behind(after)), most)
    sums = senders.select(pl.col("packets").sum(), addresses=pl.len().cast(pl.Int64))
    return sums.with_columns(pl.Series("head", [head.to_struct()]))


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
