"""The questions that a store answers. Answers are frames; no store ranks, completes or formats.

Two stores pass one contract: the ledger's, which answers all, and InfluxDB's, which answers what its series hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Protocol

import polars as pl

from darkscope.api.address import Sender
from darkscope.api.dimension import Dimension, Key, port_text, value_text
from darkscope.api.periods import DAY, EPOCH, Buckets, Window
from darkscope.ingest.protocols import protocol_text


@dataclass(frozen=True, slots=True)
class Posting:
    """A sensor over some time: what it was, and whether it was chosen, holds by UTC days."""

    sensor: str  # id
    since: date | None = None  # first day; None: from ever
    until: date | None = None  # first day no longer; None: for ever

    @property
    def minutes(self) -> tuple[int | None, int | None]:
        """Start and end in minutes since 1970."""
        return _start_of(self.since), _start_of(self.until)


def _start_of(day: date | None) -> int | None:
    return None if day is None else (day - EPOCH.date()).days * DAY


@dataclass(frozen=True, slots=True)
class Filter:
    """Which packets a question is about. None leaves a column open; an empty set matches nothing."""

    sensors: frozenset[Posting] | None = None
    classes: frozenset[str] | None = None
    ports: frozenset[tuple[int | None, int]] | None = None  # (protocol, or None for any; port)
    protocols: frozenset[int] | None = None
    countries: frozenset[str] | None = None  # ISO 3166-1 alpha-2, ZZ unknown
    owners: frozenset[int] | None = None  # autonomous system numbers, 0 unknown
    tools: frozenset[str] | None = None

    def texts(self) -> dict[str, tuple[str, ...]]:
        """Columns that are not open, but for sensors, with their values as filters take them, sorted."""
        columns: dict[str, tuple[frozenset[Any] | None, Callable[[Any], str]]] = {
            "classes": (self.classes, str),
            "ports": (self.ports, lambda port: str(port[1]) if port[0] is None else port_text(*port)),
            "protocols": (self.protocols, protocol_text),
            "countries": (self.countries, str),
            "owners": (self.owners, lambda asn: value_text(Dimension.OWNERS, (asn,))),
            "tools": (self.tools, lambda tool: value_text(Dimension.TOOLS, (tool,))),
        }
        return {
            name: tuple(sorted(map(write, values)))
            for name, (values, write) in columns.items()
            if values is not None
        }


class StoreError(Exception):
    """The store cannot be read; the message names the place."""


class ExpiredError(StoreError):
    """The question needs what retention has taken out; the message names the days."""


class NotHeldError(StoreError):
    """The store does not hold what the question needs; the message names the setting that would help."""


class UnreachableError(StoreError):
    """The server behind the store does not answer, or not as it should; the message has its own words."""


NO_SENDERS = 'InfluxDB has no source addresses: set api.store = "ledger"'

NO_REQUESTS = 'InfluxDB does not hold what honeypots were asked: set api.store = "ledger"'


NO_ECHOES = 'InfluxDB has no backscatter by its victims: set api.store = "ledger"'


class TooMuch(StoreError):
    """The question needs more memory than it may have; the message says what needs less."""


@dataclass(frozen=True, slots=True)
class Origins:
    """What decided about the packets of a window: each as it is told, sorted; empty where the store does not know."""

    databases: tuple[str, ...] = ()  # of countries and owners, with their build dates
    rules: tuple[str, ...] = ()  # versions of classes and fingerprints


UNKNOWN = Origins()
"""Of a store that does not know."""


class Precision(StrEnum):
    """How distinct sources are counted."""

    NONE = "none"
    ESTIMATED = "estimated"
    EXACT = "exact"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the list of senders: behind one of them."""

    packets: int
    sender: Sender


@dataclass(frozen=True, slots=True)
class Page:
    """Some senders in their order, and how many there are in all."""

    senders: pl.DataFrame  # version, source_high, source_low, packets
    packets: int  # of all senders
    addresses: int  # all senders
    has_more: bool


@dataclass(frozen=True, slots=True)
class Owners:
    """Senders by owner."""

    owners: (
        pl.DataFrame
    )  # asn, packets, sources, confirmed, first, last (minutes), countries (list); most packets first
    devices: pl.DataFrame  # asn, device, sources; by owner, the most first


class Senders(Protocol):
    """What can be asked about single source addresses. Every question may raise StoreError."""

    def page(self, window: Window, where: Filter, after: Position | None, limit: int) -> Page:
        """List senders by packets, those of equal packets by address, behind a position."""

    def facts(self, window: Window, where: Filter, senders: pl.DataFrame) -> pl.DataFrame:
        """Tell of senders (columns SENDER) what the packets that pass a filter say, in their order.

        `packets`, `first` and `last` (minutes since 1970), `country` and `asn` (of the last packets), `ports` (how
        many), `ports_exact`, `sensors` (how many), `classes` (list); null where there are no packets.
        """

    def evidence(
        self, window: Window, sensors: frozenset[Posting] | None, senders: pl.DataFrame
    ) -> pl.DataFrame:
        """Tell of senders (columns SENDER) what all their packets of the window's UTC days say, in their order.

        `tools` (list), `is_confirmed`, `is_spoofable`, `is_broad`. Nothing is known where no evidence is left.
        """

    def days(self, window: Window, where: Filter, senders: pl.DataFrame) -> pl.DataFrame:
        """Tell of senders (columns SENDER) day by day what is kept longest: `row` (which of them), UTC `day`.

        `packets`, `first` and `last` (minutes since 1970), `country`, `asn`, the lists `sensors`, `ports` (protocol
        << 16 | port) and `classes`, `ports_exact`. Only sensors of the filter count. Days are whole.
        """

    def verdicts(
        self, window: Window, sensors: frozenset[Posting] | None, senders: pl.DataFrame
    ) -> pl.DataFrame:
        """Tell the evidence of senders day by day: `row`, UTC `day`.

        `tool` (empty where none is known), `is_confirmed`, `is_spoofable`, `is_broad`.
        """

    def accounts(
        self, window: Window, where: Filter, sensors: frozenset[Posting] | None
    ) -> Iterator[pl.DataFrame]:
        """Tell of all senders, a share at a time, in no order, what there is to judge them by.

        Of the packets that pass the filter: `country` and `asn` (of the last), `packets`, packets by class (a column
        each, research scanners as `scan`), `first` and `last` (minutes since 1970), `sensors` (how many). Of all scans
        of the window's UTC days, by the evidence of `sensors`: `seen_by` (how many), `seen_from` and `seen_until`
        (nanoseconds since 1970), `ttl_least` and `ttl_most`; `is_spoofable` (of any packets), `is_confirmed`. Null
        where no evidence is left.
        """

    def targets(self, window: Window, where: Filter, senders: pl.DataFrame, most: int) -> pl.DataFrame:
        """Tell where scans of senders (columns SENDER) that pass the filter went.

        `row` (which of them), `protocol`, `port`, `packets`, and `ports` (how many of each row, with their protocols);
        so many of a row at most, by packets.
        """

    def samples(self, window: Window, where: Filter, senders: pl.DataFrame, most: int) -> pl.DataFrame:
        """Tell of senders (columns SENDER) when exactly some scans that pass the filter came.

        `row` (which of them), `time` (nanoseconds since 1970), `sensor`, `source_port` (-1 where there is none),
        `protocol` and `port` (null where other packets of its minute went elsewhere): the first of a day and sensor,
        where all packets of its minute pass the filter, but for what follows a scan, and none is a reply to forged
        packets, or spoofable. So many of a row at most, of as many days as there are, the newest of them; the newest
        first.
        """

    @property
    def since(self) -> date | None:
        """First UTC day of which evidence is left; None where there is none."""

    def owners(
        self,
        window: Window,
        where: Filter,
        sensors: frozenset[Posting] | None,
        device: Callable[[pl.DataFrame], pl.Series],
    ) -> Owners:
        """Sum senders by owner; those are confirmed that are by the evidence of `sensors`.

        `device` tells the device of each sender (columns SENDER), empty where nobody looked.
        """


Marked = Callable[[pl.LazyFrame], pl.LazyFrame]
"""Adds to rows of `requests` the column `rules` (list of text), and leaves out rows that are not asked about."""


@dataclass(frozen=True, slots=True)
class After:
    """A place in the list of requests: behind so many of one moment."""

    time: int  # nanoseconds since 1970
    count: int


class Requests(Protocol):
    """What can be asked about the first data that clients sent to honeypots. Every question may raise StoreError.

    Of a filter, sensors, ports (of TCP), countries and owners count; whatever has no other columns is left as it is.
    """

    @property
    def since(self) -> date | None:
        """First UTC day of which requests are left; None where there is none."""

    def counted(
        self, keys: Sequence[str], buckets: Buckets, where: Filter, marked: Marked, *, by_rule: bool = False
    ) -> pl.DataFrame:
        """Count requests by keys: columns of `requests`, `bucket` (its index), `is_named` (by a rule), `target`.

        In no order. A target is that of an HTTP request, else the server's name.

        Beside the keys `requests`, `unnamed` (by no rule), `sources` (distinct, IPv6 by /64), `sensors` (how many),
        the sorted lists `countries`, `ports` and `rules`, `last_country` and `last_asn` (of the last request), `first`
        and `last` (nanoseconds since 1970). By rule, `rule` is one of the keys, null for requests that no rule names;
        one that several name counts for each.
        """

    def page(
        self, window: Window, where: Filter, marked: Marked, after: After | None, limit: int
    ) -> tuple[pl.DataFrame, bool]:
        """Give requests in the order of time, behind a place: columns of `requests`, `rules`; and if there are more."""

    def seen_by(
        self, window: Window, sensors: frozenset[Posting] | None, visitors: pl.DataFrame
    ) -> pl.DataFrame:
        """Tell what sensors received of visitors (columns SENDER, and `first`, nanoseconds since 1970), in their order.

        `seen_first`, `seen_last` (nanoseconds since 1970), `seen_on` (sensors), `before` and `after` (packets, parted
        by the minute of the visitor's `first`); null where nothing came. In whole UTC days of the window. Replies to
        forged packets and forged packets do not count.
        """


class Echoes(Protocol):
    """What can be asked about backscatter by its victims. Every question may raise StoreError."""

    def rows(
        self, first: date, last: date, sensors: frozenset[Posting] | None, victims: pl.DataFrame
    ) -> pl.DataFrame:
        """Rows of the ledger's table `echoes`, of UTC days, both included, and of some victims (attacks.VICTIM)."""

    def victims(
        self, first: date, last: date, sensors: frozenset[Posting] | None, least: int
    ) -> pl.DataFrame:
        """Victims (attacks.VICTIM) that have so many packets on some UTC day from a first to a last one, or more."""

    def until(self, since: date, sensors: frozenset[Posting] | None) -> int | None:
        """When sensors last watched, since a UTC day; minutes since 1970, None where they did not."""

    @property
    def since(self) -> date | None:
        """First UTC day of which there are echoes; None where there is none."""


class Store(Protocol):
    """What can be asked about one consistent state of the observations. Every question may raise StoreError.

    A store may not know all values apart. Packets whose value it does not know stand in rows of their own, in which
    that value is null, so that sums are whole; the ledger has none such. What it does not hold at all raises
    NotHeldError.
    """

    @property
    def version(self) -> int:
        """Number of the state that every answer of this store is about."""

    @property
    def precision(self) -> Precision:
        """How distinct sources are counted where nobody says."""

    @property
    def senders(self) -> Senders:
        """Single source addresses. Raises NotHeldError."""

    @property
    def requests(self) -> Requests:
        """What honeypots were asked. Raises NotHeldError."""

    @property
    def echoes(self) -> Echoes:
        """Backscatter by its victims. Raises NotHeldError."""

    def totals(
        self, dimension: Dimension, window: Window, where: Filter, classes: Sequence[str] = ()
    ) -> pl.DataFrame:
        """Sum by value: the dimension's columns, `packets` (Int64), in no order.

        One row may have no value: packets of values that are not known apart. A further column for each class that
        is named has its packets.
        """

    def cross(
        self, first: Dimension, second: Dimension, window: Window, where: Filter, values: Sequence[Key]
    ) -> pl.DataFrame:
        """Sum named values of the first dimension by those of the second: the columns of both, `packets`.

        In no order. The dimensions have no column in common. The second may be null: not known apart.
        """

    def series(
        self, dimension: Dimension, buckets: Buckets, where: Filter, values: Sequence[Key] | None
    ) -> pl.DataFrame:
        """Sum named values by bucket, or all (None): the dimension's columns, `bucket` (its index), `packets`.

        In no order; empty buckets have no row. Rows without a value are packets, of values that nobody named too,
        that are not known apart.
        """

    def sources(
        self, dimension: Dimension, window: Window, where: Filter, values: Sequence[Key], precision: Precision
    ) -> pl.DataFrame:
        """Distinct sources of named values: the dimension's columns, `sources` (Int64), `error` (Float64).

        The error is the relative standard error, 0 where the count is exact. An IPv6 source is its /64. Without
        rows where flows have expired.
        """

    def targets(
        self, dimension: Dimension, window: Window, where: Filter, values: Sequence[Key]
    ) -> pl.DataFrame:
        """Marks of the addresses that packets of named values went to, as in `flows`: for `targets.estimated`.

        The dimension's columns, `sensor`, `version` (of IP), `targets` (64 bits as Int64). Without rows where flows
        have expired.
        """

    def coverage(self, buckets: Buckets, sensors: frozenset[Posting]) -> pl.DataFrame:
        """Watched time: `sensor`, `bucket` (its index), `covered` (Int64, seconds, not zero).

        A sensor is covered while any of its points is; only the time of its postings counts.
        """

    def frames(self, window: Window, sensors: frozenset[Posting]) -> pl.DataFrame:
        """Sum frames by sensor and by what became of them: `sensor`, and a column for each of roster.COUNTS.

        A stretch of coverage counts where it begins; what became of frames is known by stretches of up to an hour.
        """

    def origins(self, window: Window, /) -> Origins:
        """Databases and rules by which the packets of a window's UTC days were judged when they were taken in."""

    def sensors(self, window: Window) -> frozenset[str]:
        """Ids of the sensors that were heard in a window."""

    def events(self, window: Window) -> pl.DataFrame:
        """Events that began in a window: columns events.SCHEMA, in no order."""


class RemoteStore(Store, Protocol):
    """A store behind a server that goes on being written: two answers of one version may differ."""

    @property
    def newest(self) -> int | None:
        """End of the newest minute that a sensor watched, seconds since 1970; None where there is none."""
