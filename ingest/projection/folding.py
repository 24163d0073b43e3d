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
from darkscope.ingest.series import NO_PORT

Port = tuple[int, int]
"""Protocol and port, as in `flows`."""

Pair = tuple[int, int, str]
"""Protocol, port and source country."""

ANY = -1
"""Protocol of a promotion that is about a country alone."""

LINGERS = 90
"""UTC days that a value goes on having a tag of its own after it last earned it."""

EPOCH = date(1970, 1, 1)

NEEDS: dict[Measurement, tuple[str, ...]] = {
    PACKETS: ("sensor", "protocol", "port", "country"),
    PORTS: ("sensor", "protocol", "port", "class"),
    COUNTRIES: ("sensor", "country", "class"),
    TOTALS: ("sensor", "protocol", "class"),
}
"""Columns of flows, or of a rollup, that a measurement is summed from, beside `minute`, `packets` and `bytes`."""

_PORTLESS = frozenset((protocol, NO_PORT) for protocol in PORTLESS)
_PORT_SCHEMA = {"protocol": pl.Int16, "port": pl.Int32}


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
    # Tags first, sums after: a flood has more ports and countries than memory has room for, and few tags.
    rows = rows.select(
        (pl.col("minute").cast(pl.Int64) // step * step), *NEEDS[measurement], "packets", "bytes"
    )
    sums = (pl.col("packets").sum(), pl.col("bytes").sum())
    shown = _tagged(rows, measurement, owned)
    if before is not None:
        gone = _tagged(rows, measurement, before).with_columns(
            packets=pl.lit(0, pl.Int64), bytes=pl.lit(0, pl.Int64)
        )
        shown = pl.concat([shown, gone])
    if touched is not None:
        shown = shown.filter(_gains_or_loses(measurement, touched))
    return shown.group_by("minute", *measurement.tag_names).agg(sums)


def _tagged(rows: pl.LazyFrame, measurement: Measurement, owned: Owned) -> pl.LazyFrame:
    """Give rows their tags as text."""
    if measurement is COUNTRIES:
        is_own = pl.col("country").is_in(sorted(owned.countries))
        rows = rows.with_columns(country=pl.when(is_own).then("country").otherwise(pl.lit(OTHER)))
        return rows.select("minute", *measurement.tag_names, "packets", "bytes")
    if measurement is TOTALS:
        return rows.with_columns(protocol=_named(*PORTLESS, *FOLDED_ALONE)).select(
            "minute", *measurement.tag_names, "packets", "bytes"
        )
    if measurement is PACKETS:
        own = owned.ports | _PORTLESS  # a folded port has no countries
        pairs = pl.LazyFrame(
            sorted(pair for pair in owned.pairs if pair[:2] in own),
            schema={**_PORT_SCHEMA, "country": pl.String},
            orient="row",
        ).with_columns(is_own=pl.lit(value=True))
        rows = rows.join(pairs, on=["protocol", "port", "country"], how="left").with_columns(
            country=pl.when("is_own").then("country").otherwise(pl.lit(OTHER))
        )
    ports = _port_texts(owned)
    return (
        rows.join(ports, on=["protocol", "port"], how="left")
        .with_columns(
            protocol=pl.coalesce("protocol_text", _named(*FOLDED_ALONE)),
            port=pl.col("port_text").fill_null(OTHER),
        )
        .select("minute", *measurement.tag_names, "packets", "bytes")
    )


def _named(*protocols: int) -> pl.Expr:
    """Names of these protocols; any other is folded."""
    names = {number: protocol_text(number).lower() for number in protocols}
    return pl.col("protocol").replace_strict(names, default=OTHER, return_dtype=pl.String)


def _port_texts(owned: Owned) -> pl.LazyFrame:
    own = sorted(owned.ports | _PORTLESS)
    return pl.LazyFrame(
        [(*port, *port_tags(*port)) for port in own],
        schema={**_PORT_SCHEMA, "protocol_text": pl.String, "port_text": pl.String},
        orient="row",
    )


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
