"""Who earns a tag value of its own: ports, the leading countries of ports, and countries.

Pure. A value earns when it is heard widely: by a quarter of the sensors, from many sources, over days. Many packets
from one source, or at one sensor, earn nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from darkscope.ingest.projection.folding import ANY, LINGERS, NUMBERED, Owned, Pair, Port
from darkscope.ingest.projection.slots import PORTLESS, Slots
from darkscope.ingest.series import EPOCH, NO_PORT

DAYS = 7
"""UTC days that count: the day decided for, and those before it."""

SOURCES = 20
"""Sources that a value needs, counted day by day and added up."""

PART = 4
"""One in so many sensors must each have heard that many sources; two where there are two."""

NEW_A_DAY = 8
"""Where half of the slots are taken, at most one slot in so many is given in a day."""

MOST = 4096
"""Values of a day that are looked at: those of the most sources."""

_VALUE = ("protocol", "port", "country")

_NUMBERS = 256 * NUMBERED
"""More than there are protocols with ports."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How widely the values of one UTC day were heard: `protocol`, `port`, `country`, `sources`, `packets`.

    Of a quarter of the sensors each had at least so many sources, and at least so many packets.
    """

    values: pl.DataFrame


def evidence(flows: pl.LazyFrame) -> Evidence:
    """Weigh the flows of one UTC day."""
    address = pl.when(pl.col("version") == 4).then("source_low").otherwise("source_high")
    # Grouped by few integers, for which polars is several times as fast as for as many columns with text in them.
    sensor = pl.col("sensor").cast(pl.Categorical).to_physical().cast(pl.Int64)
    number = pl.col("protocol").cast(pl.Int64) * NUMBERED + pl.col("port") - NO_PORT
    sources = (
        flows.select(
            "packets",
            of=sensor * _NUMBERS + number,
            country=pl.col("country").cast(pl.Categorical),
            version=pl.col("version"),
            address=address,
        )
        .group_by("of", "country", "version", "address")
        .agg(pl.col("packets").sum())
        .collect(engine="streaming")
        .lazy()
    )
    sensors = sources.select((pl.col("of") // _NUMBERS).n_unique()).collect().item()
    needed = max(min(2, sensors), -(-sensors // PART))
    # A source has one country, and of a port it is counted once: rows of a group are its sources.
    of_countries = sources.group_by(pl.col("of") // _NUMBERS * _NUMBERS, "country", "version", "address").agg(
        pl.col("packets").sum()
    )
    protocol, port = pl.col("number") // NUMBERED, pl.col("number") % NUMBERED + NO_PORT
    asked: Sequence[tuple[pl.LazyFrame, tuple[str, ...], Mapping[str, pl.Expr]]] = (
        (sources, (), {"protocol": protocol, "port": port, "country": pl.lit("")}),
        (sources, ("country",), {"protocol": protocol, "port": port}),
        (of_countries, ("country",), {"protocol": pl.lit(ANY), "port": pl.lit(NO_PORT)}),
    )
    found = [
        _heard_widely(rows, keys, needed)
        .with_columns(**rest)
        .select(
            pl.col("protocol").cast(pl.Int16),
            pl.col("port").cast(pl.Int32),
            pl.col("country").cast(pl.String),
            pl.col("sources").cast(pl.Int64),
            pl.col("packets").cast(pl.Int64),
        )
        .top_k(MOST, by="sources")
        for rows, keys, rest in asked
    ]
    return Evidence(pl.concat(pl.collect_all(found)))


def _heard_widely(sources: pl.LazyFrame, keys: tuple[str, ...], needed: int) -> pl.LazyFrame:
    """Values that so many sensors heard, with what each of these had at least; `sources` are rows of single sources.

    A value is `number` (protocol and port) and `keys`.
    """
    of_sensors = (
        sources.group_by("of", *keys)
        .agg(pl.len().alias("sources"), pl.col("packets").sum())
        .with_columns(number=pl.col("of") % _NUMBERS)
        .collect(engine="streaming")
        .lazy()
    )
    wide = of_sensors.group_by("number", *keys).len().filter(pl.col("len") >= needed).drop("len")
    # Most values are not, and the next step is the dear one.
    of_wide = of_sensors.join(wide, on=["number", *keys], how="semi")
    return of_wide.group_by("number", *keys).agg(
        pl.col("sources", "packets").sort(descending=True).get(needed - 1)
    )


@dataclass(frozen=True, slots=True)
class Promotion:
    """One value with a tag of its own."""

    since: int  # first UTC day that shows it, days since 1970
    earned: int  # last UTC day on which it earned


def decide(
    day: date,
    before: Mapping[Pair, Promotion],
    so_far: Mapping[Pair, Promotion] | None,
    heard: Sequence[Evidence],
    watch: Sequence[Port],
    given: Slots,
    memory: int | None,
) -> dict[Pair, Promotion]:
    """Who has a tag of its own on a UTC day, by (protocol, port, country) as in `promotions`.

    `before` is who had one the day before, `so_far` who has one of this day already, where it was decided before;
    `heard` the evidence of the last days with this one, `watch` the ports that are always to have one, the first
    first; `memory` the days that a bucket remembers (None: for ever). A value is shown until 90 days after it last
    earned, and its slot stays taken until no bucket remembers it.
    """
    today = (day - EPOCH) // timedelta(days=1)
    since = 0 if memory is None else max(0, today - memory)
    weighed = (
        pl.concat([one.values for one in heard])
        .group_by(_VALUE)
        .agg(pl.col("sources", "packets").sum())
        .filter(pl.col("sources") >= SOURCES)
        .sort("packets", "protocol", "port", "country", descending=[True, False, False, False])
        if heard
        else pl.DataFrame(schema=dict.fromkeys(_VALUE))
    )
    earned: list[Pair] = weighed.select(_VALUE).rows()
    order = {value: place for place, value in enumerate(earned)}
    held = before if so_far is None else so_far
    result: dict[Pair, Promotion] = {}

    def choose(kind: Callable[[Pair], bool], first: Sequence[Pair], room: int) -> None:
        kept = {value: one for value, one in held.items() if kind(value)}
        chosen: dict[Pair, Promotion] = {}
        for value in first[:room]:
            chosen[value] = Promotion(min(since, kept[value].since) if value in kept else since, today)
        remembered = [
            (value, one)
            for value, one in kept.items()
            if value not in chosen
            and (value in order or memory is None or today - one.earned <= LINGERS + memory)
        ]
        remembered.sort(key=lambda one: (-one[1].earned, order.get(one[0], len(order)), one[0]))
        for value, one in remembered[: room - len(chosen)]:
            chosen[value] = Promotion(one.since, today if value in order else one.earned)
        rest = [value for value in earned if kind(value) and value not in chosen and value not in kept]
        free = room - len(chosen)
        at_once = max(0, room // 2 - len(chosen))
        limit = max(at_once, max(1, room // NEW_A_DAY) - len(kept.keys() - before.keys()))
        for value in rest[: min(free, limit)]:
            chosen[value] = Promotion(since, today)
        result.update(chosen)

    choose(_is_port, [(*port, "") for port in dict.fromkeys(watch)], given.ports)
    ports = {value[:2] for value in result} | {(protocol, NO_PORT) for protocol in PORTLESS}
    choose(lambda value: _is_pair(value) and value[:2] in ports, [], given.pairs)
    choose(_is_country, [], given.countries)
    return result


def shown(promoted: Mapping[Pair, Promotion], day: date) -> Owned:
    """Values that have a tag of their own on a UTC day, of promotions decided for it."""
    today = (day - EPOCH) // timedelta(days=1)
    return Owned.of_rows(value for value, one in promoted.items() if today - one.earned <= LINGERS)


def _is_port(value: Pair) -> bool:
    return value[0] != ANY and not value[2] and not (value[0] in PORTLESS and value[1] == NO_PORT)


def _is_pair(value: Pair) -> bool:
    return value[0] != ANY and bool(value[2])


def _is_country(value: Pair) -> bool:
    return value[0] == ANY
