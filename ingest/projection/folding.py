"""Fold rare ports and countries into `other`: which values have tags of their own on a day, and rows summed by tags.

Pure. No sum over a measurement moves by folding, and a value is never shown in part: a port has its own tag for all
sensors and the whole UTC day, or for none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from darkscope.ingest.measurements import COUNTRIES, NONE, OTHER, PACKETS, PORTS, TOTALS, Measurement
from darkscope.ingest.projection.slots import FOLDED_ALONE, PORTLESS
from darkscope.ingest.protocols import PROTOCOLS, port_number_text, protocol_text
from darkscope.ingest.series import EPOCH, NO_PORT

Port = tuple[int, int]
"""Protocol and port, as in `flows`."""

Pair = tuple[int, int, str]
"""Protocol, port and source country."""

ANY = -1
"""Protocol of a promotion that is about a country alone."""

LINGERS = 90
"""UTC days that a value goes on having a tag of its own after it last earned it."""


NEEDS: dict[Measurement, tuple[str, ...]] = {
    PACKETS: ("sensor", "protocol", "port", "country"),
    PORTS: ("sensor", "protocol", "port", "class"),
    COUNTRIES: ("sensor", "country", "class"),
    TOTALS: ("sensor", "protocol", "class"),
}
"""Columns of flows, or of a rollup, that a measurement is summed from, beside `minute`, `packets` and `bytes`."""

_PORTLESS = frozenset((protocol, NO_PORT) for protocol in PORTLESS)


@dataclass(frozen=True, slots=True)
class Owned:
    """Values that have tags of their own."""

    ports: frozenset[Port] = frozenset()
    pairs: frozenset[Pair] = frozenset()
    countries: frozenset[str] = frozenset()

    def __or__(self, other: Owned) -> Owned:
        return Owned(self.ports | other.ports, self.pairs | other.pairs, self.countries | other.countries)

    def __sub__(self, other: Owned) -> Owned:
        return Owned(self.ports - other.ports, self.pairs - other.pairs, self.countries - other.countries)

    def __bool__(self) -> bool:
        return bool(self.ports or self.pairs or self.countries)

    @classmethod
    def of_rows(cls, rows: Iterable[tuple[int, int, str]]) -> Owned:
        """From protocol, port and country as `promotions` has them."""
        ports, pairs, countries = set(), set(), set()
        for protocol, port, country in rows:
            if protocol == ANY:
                countries.add(country)
            elif country:
                pairs.add((protocol, port, country))
            else:
                ports.add((protocol, port))
        return cls(frozenset(ports), frozenset(pairs), frozenset(countries))

    def rows(self) -> set[Pair]:
        """As `promotions` has them."""
        return (
            {(protocol, port, "") for protocol, port in self.ports}
            | self.pairs
            | {(ANY, NO_PORT, country) for country in self.countries}
        )


NOTHING = Owned()


def owned_on(promotions: pl.DataFrame, day: date) -> Owned:
    """What has tags of its own on a UTC day, by the rows of `promotions` (with their `day`)."""
    number = (day - EPOCH) // timedelta(days=1)
    rows = promotions.filter(
        pl.col("day") >= day, pl.col("since") <= number, pl.col("earned") >= number - LINGERS
    )
    return Owned.of_rows(rows.select("protocol", "port", "country").unique().iter_rows())


def folded(
    rows: pl.LazyFrame,
    measurement: Measurement,
    owned: Owned,
    step: int,
    before: Owned | None = None,
    touched: Owned | None = None,
) -> pl.LazyFrame:
    """Sum rows by step and tags: `minute` (start of the step), the tags as text, `packets`, `bytes`.

    `rows` are flows or a rollup, partial ones too. With `before` come zeros for the tags that packets had when that
    was owned, so that what moved away is not left standing. With `touched` only series come that gain or lose by its
    values.
    """
    # Tags first, sums after: a flood has more ports and countries than memory has room for, and few tags. Until all is
    # summed they are one number: polars groups by numbers several times as fast as by texts.
    tags = _Tags(measurement, owned if before is None else owned | before)
    as_they_are = [name for name in ("sensor", "class") if name in NEEDS[measurement]]
    rows = rows.with_columns(
        pl.col(as_they_are).cast(pl.Categorical), pl.col("minute").cast(pl.Int64) // step * tags.count
    )
    shown = rows.select(*as_they_are, "packets", "bytes", number=pl.col("minute") + tags.number(owned))
    if before is not None:
        zero, number = pl.lit(0, pl.Int64), pl.col("minute") + tags.number(before)
        gone = rows.select(*as_they_are, packets=zero, bytes=zero, number=number)
        shown = pl.concat([shown, gone])
    points = (
        shown.group_by(*as_they_are, "number")
        .agg(pl.col("packets", "bytes").sum())
        .with_columns(
            pl.col(as_they_are).cast(pl.String),
            minute=pl.col("number") // tags.count * step,
            **tags.texts(pl.col("number") % tags.count),
        )
        .select("minute", *measurement.tag_names, "packets", "bytes")
    )
    return points if touched is None else points.filter(_gains_or_loses(measurement, touched))


class _Tags:
    """All that the tags `protocol`, `port` and `country` of a measurement may be together, by number."""

    def __init__(self, measurement: Measurement, owned: Owned) -> None:
        self._measurement = measurement
        ports, pairs = _shown(measurement, owned)
        self._folded = {
            protocol: (protocol_text(protocol).lower(), OTHER) for protocol in _OF_PROTOCOLS[measurement]
        }
        texts = sorted({(OTHER, OTHER), *self._folded.values(), *ports.values()})
        self._ports = pl.DataFrame(texts, schema=["protocol", "port"], orient="row")
        self._numbers = {tags: number for number, tags in enumerate(texts)}
        self._countries = [*sorted({country for _, country in pairs}), OTHER]
        self.count = len(texts) * len(self._countries)

    def number(self, owned: Owned) -> pl.Expr:
        """Number of a row's tags where that is owned: all of it is in what the numbers were made for."""
        ports, pairs = _shown(self._measurement, owned)
        number = pl.lit(self._numbers[OTHER, OTHER], pl.Int64)
        if self._folded:
            folded = {protocol: self._numbers[tags] for protocol, tags in self._folded.items()}
            number = pl.col("protocol").replace_strict(folded, default=number, return_dtype=pl.Int64)
        if ports:
            own = {
                protocol * NUMBERED + port: self._numbers[tags] for (protocol, port), tags in ports.items()
            }
            key = pl.col("protocol").cast(pl.Int64) * NUMBERED + pl.col("port")
            number = pl.coalesce(key.replace_strict(own, default=None, return_dtype=pl.Int64), number)
        count = len(self._countries)
        if not pairs:
            return number * count + (count - 1)
        place = {country: place for place, country in enumerate(self._countries)}
        own_pairs = [self._numbers[tags] * count + place[country] for tags, country in pairs]
        both = number * count + pl.col("country").cast(pl.Enum(self._countries), strict=False).to_physical()
        return pl.when(both.is_in(own_pairs)).then(both).otherwise(number * count + (count - 1))

    def texts(self, number: pl.Expr) -> dict[str, pl.Expr]:
        """Text of each of the tags that the measurement has."""
        count = len(self._countries)
        all_of_them = {
            "protocol": pl.lit(self._ports["protocol"]).gather(number // count),
            "port": pl.lit(self._ports["port"]).gather(number // count),
            "country": pl.lit(pl.Series(self._countries)).gather(number % count),
        }
        return {name: text for name, text in all_of_them.items() if name in self._measurement.tag_names}


_OF_PROTOCOLS: dict[Measurement, tuple[int, ...]] = {
    PACKETS: FOLDED_ALONE,
    PORTS: FOLDED_ALONE,
    COUNTRIES: (),
    TOTALS: (*PORTLESS, *FOLDED_ALONE),
}
"""Protocols that keep their name where the port is folded."""

NUMBERED = 1 << 17
"""Ports that are numbered of each protocol: more than there are ports, with `NO_PORT`."""

_Tagged = tuple[str, str]


def _shown(measurement: Measurement, owned: Owned) -> tuple[dict[Port, _Tagged], set[tuple[_Tagged, str]]]:
    """Ports with tags of their own, and countries with one, each with its port's tags."""
    if measurement is TOTALS:
        return {}, set()
    if measurement is COUNTRIES:
        return {}, {((OTHER, OTHER), country) for country in owned.countries}
    ports = {port: port_tags(*port) for port in owned.ports | _PORTLESS}
    if measurement is PORTS:
        return ports, set()
    # A folded port has no countries.
    return ports, {(ports[pair[:2]], pair[2]) for pair in owned.pairs if pair[:2] in ports}


def port_tags(protocol: int, port: int) -> tuple[str, str]:
    """Values of the tags `protocol` and `port` where a port has its own."""
    return protocol_text(protocol).lower(), port_number_text(protocol, port)


def own_tags(owned: Owned) -> list[tuple[str, str, str]]:
    """Values of the tags of `own`: protocol, port and country of all that has tags of its own, in order."""
    ports = owned.ports | _PORTLESS
    return sorted(
        {(*port_tags(*port), NONE) for port in ports}
        | {(*port_tags(*pair[:2]), pair[2]) for pair in owned.pairs if pair[:2] in ports}
        | {(NONE, NONE, country) for country in owned.countries}
    )


def read_port(text: str) -> Port:
    """Protocol and port of `23/tcp`, as the settings write it."""
    number, _, name = text.partition("/")
    return _BY_NAME[name], int(number)


def _gains_or_loses(measurement: Measurement, touched: Owned) -> pl.Expr:
    """Series that touched values have, had, or could have given to."""
    if measurement is TOTALS:
        return pl.lit(value=False)
    if measurement is COUNTRIES:
        return pl.col("country").is_in([OTHER, *sorted(touched.countries)]) & pl.lit(bool(touched.countries))
    ports = touched.ports
    if measurement is PACKETS:
        ports = ports | {(protocol, port) for protocol, port, _ in touched.pairs}
    texts = [":".join(port_tags(*port)) for port in sorted(ports)]
    text = pl.concat_str("protocol", pl.lit(":"), "port")
    return ((pl.col("port") == OTHER) & pl.lit(bool(touched.ports))) | text.is_in(texts)


_BY_NAME = {name.lower(): number for number, name in PROTOCOLS.items()}
