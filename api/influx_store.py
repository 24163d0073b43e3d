"""InfluxDB's answers: the store's questions as InfluxQL over the projection.

It answers what the series hold, exactly, and refuses the rest with the setting that would help. A value is told apart
where it has tags of its own on every UTC day of the question; what has none is summed in the one row without a value.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import Any

import polars as pl

from darkscope.api.deadline import Deadline
from darkscope.api.dimension import Dimension, Key, parse_port, port_text, value_text
from darkscope.api.periods import DAY, Buckets, Window, instant, minute
from darkscope.api.roster import COUNTS
from darkscope.api.store import (
    NO_SENDERS,
    UNKNOWN,
    ExpiredError,
    Filter,
    NotHeldError,
    Origins,
    Posting,
    Precision,
    Senders,
    UnreachableError,
)
from darkscope.ingest import series
from darkscope.ingest.measurements import (
    COUNTRIES,
    COVERAGE,
    DARKSCOPE,
    NONE,
    OTHER,
    OWN,
    PACKETS,
    PORTS,
    TOTALS,
    Measurement,
    Resolution,
)
from darkscope.ingest.projection.folding import port_tags
from darkscope.ingest.projection.server import Refused, Server, Unavailable, quoted
from darkscope.ingest.projection.server import Series as Answer
from darkscope.ingest.projection.slots import FOLDED_ALONE, PORTLESS
from darkscope.ingest.protocols import WITH_PORTS, protocol_text
from darkscope.ingest.settings import Influx

Port = tuple[int, int]
"""Protocol and port."""

LEDGER = 'set api.store = "ledger"'
"""What helps whoever asks for more than the series hold."""

NAMED = 200
"""Values that a query names; beyond it asks for all."""

TOLD_APART = frozenset((*PORTLESS, *FOLDED_ALONE))
"""Protocols that are never folded, whatever their ports are."""

TAGS = {
    Dimension.PORTS: ("protocol", "port"),
    Dimension.COUNTRIES: ("country",),
    Dimension.SENSORS: ("sensor",),
    Dimension.ORGANISATIONS: ("sensor",),
    Dimension.CLASSES: ("class",),
}
"""Tags that hold a dimension's values. No series have others."""

PORT_TAGS = TAGS[Dimension.PORTS]

ALWAYS = (*port_tags(PORTLESS[0], series.NO_PORT), NONE)
"""What has tags of its own on every day that anything has."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of time that one query sums, from one resolution."""

    resolution: Resolution
    start: int  # minutes since 1970, included
    end: int  # minutes since 1970, excluded
    bucket: int  # index of the bucket that it belongs to, or that its first part does
    length: int | None = None  # minutes of a part, each the next bucket; None: all is of one


@dataclass(frozen=True, slots=True)
class Own:
    """Values that have tags of their own all through a question's days."""

    ports: frozenset[Port] = frozenset()
    pairs: frozenset[tuple[Port, str]] = frozenset()
    countries: frozenset[str] = frozenset()


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

    @cached_property
    def version(self) -> int:
        """Ledger version of which nothing waited to be written, as the projector said last."""
        found = self._last(DARKSCOPE, "version")
        if found is None:
            raise UnreachableError(
                f"InfluxDB cannot be asked: {self._server.url}: nothing was projected yet; `darkscope project` does so"
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

    def totals(self, dimension: Dimension, window: Window, where: Filter) -> pl.DataFrame:
        """Give sums by value; see Store."""
        asked = question([dimension], where)
        return _frame([dimension], self._sums(asked, window.minutes)).drop("bucket")

    def cross(
        self, first: Dimension, second: Dimension, window: Window, where: Filter, values: Sequence[Key]
    ) -> pl.DataFrame:
        """Give sums of named values by those of another dimension; see Store."""
        asked = question([first, second], _narrowed(first, where, values))
        sums = self._sums(asked, window.minutes)
        width, named = len(first.columns), frozenset(values)
        kept = {key: packets for key, packets in sums.items() if key[0][:width] in named}
        return _frame([first, second], kept).drop("bucket")

    def series(
        self, dimension: Dimension, buckets: Buckets, where: Filter, values: Sequence[Key]
    ) -> pl.DataFrame:
        """Give sums of named values by bucket; see Store."""
        asked = question([dimension], where)
        named = frozenset(values)
        sums = self._sums(asked, buckets.edges, named)
        kept = {key: packets for key, packets in sums.items() if key[0] in named or None in key[0]}
        return _frame([dimension], kept)

    def sources(
        self,
        dimension: Dimension,  # noqa: ARG002 - nothing that is asked would change the answer
        window: Window,  # noqa: ARG002
        where: Filter,  # noqa: ARG002
        values: Sequence[Key],  # noqa: ARG002
        precision: Precision,  # noqa: ARG002
    ) -> pl.DataFrame:
        """Refuse: no series holds a source."""
        raise NotHeldError(f"InfluxDB holds no sources, so they cannot be counted: {LEDGER}")

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
            for name in COUNTS:
                for tags, _, count in self._read(piece, COVERAGE, name, ("sensor",), (), sensors):
                    sums.setdefault(tags["sensor"], Counter())[name] += count
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
        conditions = [*asked.conditions, *_among(asked, values, partial)]
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
                    port = _port(tags)
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
        by = quoted(OWN.tag_names)
        days = {
            _value(one.tags): int(one.values[0][1] or 0)
            for one in self._ask(Resolution.DAY, 'sum("own")', OWN, low, high, by)
        }
        if not days.get(ALWAYS):
            since = self._edge(Resolution.DAY)
            last = self._ask(Resolution.DAY, 'last("own")', OWN, since, max(low, since), by)
            newest = max((one.values[0][0] for one in last), default=0)
            days = {_value(one.tags): one.values[0][1] for one in last if one.values[0][0] == newest}
        whole = days.get(ALWAYS, 0)
        return (
            _owned(value for value, count in days.items() if count and count == whole),
            _owned(value for value, count in days.items() if count and count != whole),
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
        conditions = list(conditions)
        if sensors is not None:
            chosen = sorted({one.sensor for one in sensors if holds(one, piece.start)})
            if not chosen:
                return
            conditions.append(_any(f'"sensor" = {_text(sensor)}' for sensor in chosen))
        groups = [f'"{tag}"' for tag in by]
        if piece.length is not None:
            groups.append(f"time({piece.length}m, {piece.start % piece.length}m) fill(none)")
        found = self._ask(
            piece.resolution,
            f'sum("{field}")',
            measurement,
            piece.start,
            piece.end,
            ", ".join(groups),
            "".join(f" AND ({condition})" for condition in conditions),
        )
        for one in found:
            for time, value in one.values:
                if value is not None:
                    part = 0 if piece.length is None else (time // 60 - piece.start) // piece.length
                    yield one.tags, piece.bucket + part, int(value)

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


def _forgotten(piece: Piece, edge: int) -> str:
    name = piece.resolution.name.lower()
    coarser = "" if piece.resolution is Resolution.DAY else ", ask for whole UTC days"
    return (
        f"InfluxDB remembers {name}s from {instant(edge):%Y-%m-%d %H:%M} UTC on, and the question needs those from "
        f"{instant(piece.start):%Y-%m-%d %H:%M} on: {LEDGER}{coarser}, or let influx.retention_{name} be longer"
    )


def plan(edges: Sequence[int], changed: Iterable[int] = ()) -> list[Piece]:
    """Which resolution answers for which stretch from the first edge to the last.

    Buckets of one length that follow each other are one piece, in the longest steps that none of them cuts. A bucket
    alone is days where it has whole ones, hours before and after them, and minutes around these. No piece goes
    beyond a minute at which the meaning of a sensor `changed`.
    """
    breaks = frozenset(changed)
    cuts = sorted({*edges, *(change for change in breaks if edges[0] < change < edges[-1])})
    pieces: list[Piece] = []
    run: list[int] = [cuts[0]]
    for low, high in pairwise(cuts):
        if len(run) > 1 and (low in breaks or high - low != run[1] - run[0]):
            pieces += _of_run(run, edges)
            run = [low]
        run.append(high)
    return pieces + list(_of_run(run, edges))


def _of_run(run: Sequence[int], edges: Sequence[int]) -> Iterator[Piece]:
    """Pieces of consecutive buckets of one length, given by their edges."""
    bucket = bisect_right(edges, run[0]) - 1
    if len(run) == 2:
        yield from _alone(run[0], run[1], bucket, list(Resolution)[::-1])
        return
    length = run[1] - run[0]
    steps = (one for one in reversed(Resolution) if not run[0] % one.minutes and not length % one.minutes)
    yield Piece(next(steps), run[0], run[-1], bucket, length)


def _alone(start: int, end: int, bucket: int, resolutions: Sequence[Resolution]) -> Iterator[Piece]:
    """Pieces of one bucket, from the longest steps that fit."""
    step = resolutions[0].minutes
    first, last = -(-start // step) * step, end // step * step
    if first >= last:
        if start < end:
            yield from _alone(start, end, bucket, resolutions[1:])
        return
    if start < first:
        yield from _alone(start, first, bucket, resolutions[1:])
    yield Piece(resolutions[0], first, last, bucket)
    if last < end:
        yield from _alone(last, end, bucket, resolutions[1:])


Found = tuple[int | str | None, ...]
"""Values as the columns of the dimensions hold them; None where they are not told apart."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one measurement."""

    dimensions: tuple[Dimension, ...]
    measurement: Measurement
    ports: frozenset[Port] | None
    protocols: frozenset[int] | None  # where no ports are asked for
    countries: frozenset[str] | None
    classes: frozenset[str] | None
    sensors: frozenset[Posting] | None

    @property
    def is_of_nothing(self) -> bool:
        """Whether no packet can match."""
        chosen = (self.ports, self.protocols, self.countries, self.classes, self.sensors)
        return any(values is not None and not values for values in chosen)

    @property
    def tags(self) -> tuple[str, ...]:
        """Tags that tell the values apart."""
        return tuple(dict.fromkeys(tag for dimension in self.dimensions for tag in TAGS[dimension]))

    @property
    def has_rest(self) -> bool:
        """Whether it is about any port of given countries: a folded port says nothing of its countries."""
        return self.measurement is PACKETS and self.ports is None

    @property
    def conditions(self) -> list[str]:
        """The filter, but for sensors, in InfluxQL."""
        chosen: list[tuple[Iterable[Any] | None, Callable[[Any], str]]] = [
            (self.ports, _is_port),
            (self.protocols, lambda protocol: f'"protocol" = {_text(protocol_text(protocol).lower())}'),
            (self.countries, lambda country: f'"country" = {_text(country)}'),
            (self.classes, lambda traffic: f'"class" = {_text(traffic)}'),
        ]
        return [_any(map(write, values)) for values, write in chosen if values is not None]

    def without_port(self, key: Found) -> Found:
        """The same with no port."""
        at = 0 if self.dimensions[0] is Dimension.PORTS else len(self.dimensions[0].columns)
        return (*key[:at], None, None, *key[at + 2 :])

    def tells_port(self, own: Own, port: Port, country: str | None = None) -> bool:
        """Whether what is asked about a port (from a country) stands under its own tags."""
        if self.measurement is not PACKETS:
            return port in own.ports
        if Dimension.COUNTRIES in self.dimensions and country is not None:
            return self.ports is not None or (port, country) in own.pairs
        return all((port, one) in own.pairs for one in self.countries or ())

    def tells_country(self, own: Own, tags: Mapping[str, str]) -> bool:
        """Whether what is asked about a country stands under its own tags."""
        country = tags["country"]
        if self.measurement is not PACKETS or self.ports is None:
            return country in own.countries
        if Dimension.PORTS in self.dimensions:
            return (_port(tags), country) in own.pairs
        return all((port, country) in own.pairs for port in self.ports)


def question(dimensions: Sequence[Dimension], where: Filter) -> Question:
    """Find the measurement that has all needed tags. Raises NotHeldError."""
    for dimension in dimensions:
        if dimension not in TAGS:
            raise NotHeldError(f"InfluxDB holds no {dimension.value}: {LEDGER}")
    for name, values in (("owners", where.owners), ("tools", where.tools)):
        if values is not None:
            raise NotHeldError(f"InfluxDB holds no {name}, so packets cannot be chosen by them: {LEDGER}")
    ports = _ports(where)
    protocols = where.protocols if ports is None else None
    if protocols is not None and (folded := protocols - TOLD_APART):
        names = ", ".join(sorted(map(protocol_text, folded)))
        raise NotHeldError(f"InfluxDB does not hold {names} apart from other protocols: {LEDGER}")
    by_port = Dimension.PORTS in dimensions or ports is not None
    by_country = Dimension.COUNTRIES in dimensions or where.countries is not None
    by_class = Dimension.CLASSES in dimensions or where.classes is not None
    if by_country and protocols is not None:
        raise NotHeldError(f"InfluxDB holds no protocols by country, only ports by country: {LEDGER}")
    if by_port and by_country and by_class:
        raise NotHeldError(f"InfluxDB holds no classes of ports by country: {LEDGER}")
    margins = {(False, False): TOTALS, (True, False): PORTS, (False, True): COUNTRIES, (True, True): PACKETS}
    measurement = margins[by_port, by_country]
    if measurement is PACKETS and ports is None and where.countries is None:
        raise NotHeldError(f"InfluxDB holds no countries of all ports together with the ports: {LEDGER}")
    return Question(
        tuple(dimensions), measurement, ports, protocols, where.countries, where.classes, where.sensors
    )


def check(asked: Question, own: Own, values: Iterable[Key]) -> None:
    """Raise NotHeldError where a filter or a named value has no tags of its own."""
    ports, countries = asked.ports, asked.countries
    lacking: set[str] = set()
    if ports is not None and countries is not None:
        pairs = {(port, country) for port in ports for country in countries}
        lacking = {f"{port_text(*port)} from {country}" for port, country in pairs - own.pairs}
    elif ports is not None:
        lacking = {port_text(*port) for port in ports - own.ports}
    elif countries is not None:
        lacking = set(countries - own.countries)
    for value in values:
        if asked.dimensions == (Dimension.PORTS,):
            is_own = asked.tells_port(own, (int(value[0]), int(value[1])))
        elif asked.dimensions == (Dimension.COUNTRIES,):
            is_own = asked.tells_country(own, {"country": str(value[0])})
        else:
            is_own = True
        if not is_own:
            lacking.add(value_text(asked.dimensions[0], value))
    if lacking:
        raise NotHeldError(
            f"InfluxDB does not hold {', '.join(sorted(lacking))} apart from others on all days of the question: "
            f"{LEDGER}; a port that influx.watch names is always held"
        )


def changes(postings: Iterable[Posting]) -> frozenset[int]:
    """Minutes at which a posting begins or ends."""
    return frozenset(bound for posting in postings for bound in posting.minutes if bound is not None)


def holds(posting: Posting, at: int) -> bool:
    """Whether a posting holds at a minute."""
    since, until = posting.minutes
    return (since is None or since <= at) and (until is None or at < until)


def _ports(where: Filter) -> frozenset[Port] | None:
    """The filter's ports, each with its protocol."""
    if where.ports is None:
        return None
    found = {
        (protocol, port)
        for asked, port in where.ports
        for protocol in (WITH_PORTS if asked is None else (asked,))
    }
    return frozenset(one for one in found if where.protocols is None or one[0] in where.protocols)


def _narrowed(dimension: Dimension, where: Filter, values: Iterable[Key]) -> Filter:
    """A filter that lets only named values through, where it can."""
    if dimension is Dimension.PORTS:
        named = replace(where, ports=frozenset((int(protocol), int(port)) for protocol, port in values))
        ports, asked = _ports(named) or frozenset(), _ports(where)
        return replace(where, ports=ports if asked is None else ports & asked, protocols=None)
    if dimension is Dimension.COUNTRIES:
        countries = frozenset(str(country) for (country,) in values)
        return replace(where, countries=countries if where.countries is None else countries & where.countries)
    return where


def _among(asked: Question, values: frozenset[Key], partial: Own) -> Iterator[str]:
    """Leave out what nobody named, where that spares InfluxDB most series; but not what is told of the rest."""
    if not values or len(values) > NAMED or asked.measurement is PACKETS:
        return
    if asked.dimensions == (Dimension.PORTS,):
        ports = {(int(protocol), int(port)) for protocol, port in values} | partial.ports
        yield _any([f'"port" = {_text(OTHER)}', *map(_is_port, ports)])
    elif asked.dimensions == (Dimension.COUNTRIES,):
        countries = {OTHER, *(str(country) for (country,) in values), *partial.countries}
        yield _any(f'"country" = {_text(country)}' for country in countries)


def _frame(dimensions: Sequence[Dimension], sums: Mapping[tuple[Found, int], int]) -> pl.DataFrame:
    columns = [column for dimension in dimensions for column in dimension.columns]
    types = {**series.FLOWS.schema, "organisation": pl.String()}
    rows = [(*key, bucket, packets) for (key, bucket), packets in sums.items() if packets > 0]
    schema = {**{name: types[name] for name in columns}, "bucket": pl.Int64(), "packets": pl.Int64()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _value(tags: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(tags[name] for name in OWN.tag_names)


def _owned(values: Iterable[Sequence[str]]) -> Own:
    ports: set[Port] = set()
    pairs: set[tuple[Port, str]] = set()
    countries: set[str] = set()
    for protocol, number, country in values:
        if protocol == NONE:
            countries.add(country)
        elif (port := _port({"protocol": protocol, "port": number})) is not None:
            if country == NONE:
                ports.add(port)
            else:
                pairs.add((port, country))
    return Own(frozenset(ports), frozenset(pairs), frozenset(countries))


def _port(tags: Mapping[str, str]) -> Port | None:
    """Protocol and port that tags stand for; None where they are folded."""
    if OTHER in (tags["protocol"], tags["port"]):
        return None
    protocol, port = parse_port(f"{tags['port']}/{tags['protocol']}")
    return None if protocol is None else (protocol, port)


def _is_port(port: Port) -> str:
    protocol, number = port_tags(*port)
    return f'"protocol" = {_text(protocol)} AND "port" = {_text(number)}'


def _any(conditions: Iterable[str]) -> str:
    return " OR ".join(f"({one})" for one in sorted(conditions))


def _text(value: str) -> str:
    """Text as InfluxQL writes it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
