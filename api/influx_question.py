"""What, over the projection: which series of InfluxDB answer a question, and which questions none can.

Pure: filters and tags in, InfluxQL's conditions and values out. A value is told apart where it has tags of its own on
every UTC day of the question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from darkscope.api.dimension import Dimension, Key, parse_port, port_text, value_text
from darkscope.api.store import Filter, NotHeldError, Posting
from darkscope.ingest import series
from darkscope.ingest.measurements import (
    COUNTRIES,
    NONE,
    OTHER,
    OWN,
    PACKETS,
    PORTS,
    TOTALS,
    Measurement,
)
from darkscope.ingest.projection.folding import port_tags
from darkscope.ingest.projection.slots import FOLDED_ALONE, PORTLESS
from darkscope.ingest.protocols import WITH_PORTS, protocol_text

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
class Own:
    """Values that have tags of their own all through a question's days."""

    ports: frozenset[Port] = frozenset()
    pairs: frozenset[tuple[Port, str]] = frozenset()
    countries: frozenset[str] = frozenset()


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
            (self.protocols, lambda protocol: f'"protocol" = {text_of(protocol_text(protocol).lower())}'),
            (self.countries, lambda country: f'"country" = {text_of(country)}'),
            (self.classes, lambda traffic: f'"class" = {text_of(traffic)}'),
        ]
        return [any_of(map(write, values)) for values, write in chosen if values is not None]

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
            return (port_of(tags), country) in own.pairs
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


def narrowed(dimension: Dimension, where: Filter, values: Iterable[Key]) -> Filter:
    """A filter that lets only named values through, where it can."""
    if dimension is Dimension.PORTS:
        named = replace(where, ports=frozenset((int(protocol), int(port)) for protocol, port in values))
        ports, asked = _ports(named) or frozenset(), _ports(where)
        return replace(where, ports=ports if asked is None else ports & asked, protocols=None)
    if dimension is Dimension.COUNTRIES:
        countries = frozenset(str(country) for (country,) in values)
        return replace(where, countries=countries if where.countries is None else countries & where.countries)
    return where


def among(asked: Question, values: frozenset[Key], partial: Own) -> Iterator[str]:
    """Leave out what nobody named, where that spares InfluxDB most series; but not what is told of the rest."""
    if not values or len(values) > NAMED or asked.measurement is PACKETS:
        return
    if asked.dimensions == (Dimension.PORTS,):
        ports = {(int(protocol), int(port)) for protocol, port in values} | partial.ports
        yield any_of([f'"port" = {text_of(OTHER)}', *map(_is_port, ports)])
    elif asked.dimensions == (Dimension.COUNTRIES,):
        countries = {OTHER, *(str(country) for (country,) in values), *partial.countries}
        yield any_of(f'"country" = {text_of(country)}' for country in countries)


def own_value(tags: Mapping[str, str]) -> tuple[str, ...]:
    """Protocol, port and country of a series of `own`, as the tags have them."""
    return tuple(tags[name] for name in OWN.tag_names)


def owned(values: Iterable[Sequence[str]]) -> Own:
    """What has tags of its own, from protocols, ports and countries of `own`."""
    ports: set[Port] = set()
    pairs: set[tuple[Port, str]] = set()
    countries: set[str] = set()
    for protocol, number, country in values:
        if protocol == NONE:
            countries.add(country)
        elif (port := port_of({"protocol": protocol, "port": number})) is not None:
            if country == NONE:
                ports.add(port)
            else:
                pairs.add((port, country))
    return Own(frozenset(ports), frozenset(pairs), frozenset(countries))


def port_of(tags: Mapping[str, str]) -> Port | None:
    """Protocol and port that tags stand for; None where they are folded."""
    if OTHER in (tags["protocol"], tags["port"]):
        return None
    protocol, port = parse_port(f"{tags['port']}/{tags['protocol']}")
    return None if protocol is None else (protocol, port)


def _is_port(port: Port) -> str:
    protocol, number = port_tags(*port)
    return f'"protocol" = {text_of(protocol)} AND "port" = {text_of(number)}'


def any_of(conditions: Iterable[str]) -> str:
    """Join conditions of which one must hold, always in the same order."""
    return " OR ".join(f"({one})" for one in sorted(conditions))


def text_of(value: str) -> str:
    """Text as InfluxQL writes it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
