"""Attacks seen by their echo: echoes in, randomly spoofed denial of service out, by CAIDA's rule.

Pure. An attack is what one victim answers to one protocol without a silence; it is a function of the ledger's echoes
alone, whenever and in whatever order they came in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.api.address import address_text
from darkscope.api.dimension import NO_OWNER, Dimension, port_text, value_text
from darkscope.api.periods import DAY, EPOCH, Window
from darkscope.api.ranking import Provenance
from darkscope.api.store import Filter
from darkscope.api.targets import counted
from darkscope.ingest import series
from darkscope.ingest.protocols import protocol_text

LEAST = 25
"""Packets of an attack, at least (Moore et al. 2006; corsaro's default). FASTEST asks for more."""

SHORTEST = 60_000
"""Milliseconds from its first to its last packet, at least (likewise)."""

FASTEST = 30
"""Packets in some minute of it, at least: corsaro's default. The minute slides by ten seconds."""

SILENCE = 300_000
"""Milliseconds without a packet after which an attack is over: the flow timeout of Moore et al. (2001, 2006)."""

LIKELY = FASTEST // 2
"""Packets that a victim must have in some UTC day to be looked at: of the fullest
minute of an attack, one of two days has these."""

LEADING = 10
"""Countries and ports of all attacks that are named, the leading ones."""

NAMED = 5
"""Ports of an attack that are named, the leading ones."""

VICTIM = ("version", "victim_high", "victim_low", "protocol")
"""Columns by which attacks are told apart; a victim that is attacked by two protocols is in two attacks."""

KIND = "attack"
"""What events call an attack."""

_MILLISECOND = timedelta(milliseconds=1)
_SLOT, _MINUTE = 10_000, 60_000
_SLOTS = _MINUTE // _SLOT
_REACH = SILENCE // _MINUTE
_ADDRESSES = 1 << 32  # of IPv4

Fetch = Callable[[date, date, pl.DataFrame | None], pl.DataFrame]
"""Gives the rows of `echoes` of UTC days, both included: of some victims (VICTIM), or of all that
are LIKELY in one of them."""


@dataclass(frozen=True, slots=True)
class AttackRow:
    """One attack."""

    victim: str  # address
    country: str  # of its last echoes, ISO 3166-1 alpha-2, ZZ unknown
    owner: str  # likewise, as filters take it
    protocol: str  # by which it was attacked
    start: datetime  # first echo, in the reader's zone
    end: datetime  # last echo so far
    seconds: int  # from start to end
    ongoing: bool  # was not yet silent for so long that it is over
    packets: int  # echoes
    peak: int  # of them in the fullest minute
    answers_per_second: float | None  # that the victim sent to all of IPv4 in that minute, if forged evenly
    sensors: int  # that got echoes
    targets: int  # addresses of the sensors that were forged, about
    ports: tuple[str, ...]  # attacked, the leading ones
    all_ports: int  # how many there are; those that are not known count as one
    syn_acks: int  # of the packets: the port is open
    resets: int
    icmp: int


@dataclass(frozen=True, slots=True)
class Share:
    """What part of the attacks has one value."""

    value: str  # as filters take it
    attacks: int
    victims: int  # addresses


@dataclass(frozen=True, slots=True)
class AttackList:
    """Attacks by their packets, those of equal packets by time and victim."""

    ROW: ClassVar = AttackRow
    attacks: int  # in all
    victims: int  # addresses
    packets: int  # of all attacks
    countries: tuple[Share, ...]  # of the victims, those with the most attacks
    ports: tuple[Share, ...]  # likewise; an attack on several counts for each
    known_since: date | None  # first UTC day of which there are echoes at all
    next: str | None  # where the list goes on
    rows: tuple[AttackRow, ...]
    provenance: Provenance


def gather(fetch: Fetch, window: Window) -> pl.DataFrame:
    """Echoes of all that may be an attack in a window, from the first to the last packet of each.

    One day more on both sides is looked at: who is silent for no five minutes of it is LIKELY there. What reaches
    beyond is followed, day by day.
    """
    first = (window.start - timedelta(days=1)).date()
    last = (window.end + timedelta(days=1) - timedelta(microseconds=1)).date()
    start, end = (_milliseconds(moment) for moment in (window.start, window.end))
    echoes = fetch(first, last, None)
    while True:
        begun = _reaching(echoes, pl.col("minute") <= _minute(first) + _REACH, start, end)
        begun = begun.filter(pl.col("start") <= _minute(first) * _MINUTE + SILENCE)
        if begun.is_empty():
            break
        first -= timedelta(days=1)
        echoes = pl.concat([fetch(first, first, begun.select(VICTIM).unique()), echoes])
    while True:
        following = _minute(last + timedelta(days=1))
        going_on = _reaching(echoes, pl.col("minute") >= following - 1 - _REACH, start, end)
        going_on = going_on.filter(pl.col("end") >= following * _MINUTE - SILENCE)
        if going_on.is_empty():
            return echoes
        last += timedelta(days=1)
        echoes = pl.concat([echoes, fetch(last, last, going_on.select(VICTIM).unique())])


def _reaching(echoes: pl.DataFrame, is_there: pl.Expr, start: int, end: int) -> pl.DataFrame:
    """What is without a silence and lasts into a window (milliseconds since 1970), of victims with certain rows."""
    victims = echoes.filter(is_there).select(VICTIM).unique()
    runs = _of_runs(_slots(echoes.join(victims, on=VICTIM, how="semi")))
    return runs.filter(pl.col("end") >= start, pl.col("start") < end)


def find(echoes: pl.DataFrame) -> pl.DataFrame:
    """Attacks among rows of `echoes`, partial ones too, in no order.

    The columns of VICTIM; `start` and `end` (milliseconds since 1970), `packets`, `peak`, `country`, `asn`, `sensors`,
    `targets`, `ports` (list, the leading first), `syn_acks`, `resets`.
    """
    slots = _slots(echoes)
    peaks = _peaks(slots["run"].to_numpy(), slots["at"].to_numpy(), slots["packets"].to_numpy())
    found = (
        _of_runs(slots)
        .with_columns(pl.Series("peak", peaks))
        .filter(
            pl.col("packets") >= LEAST, pl.col("end") - pl.col("start") >= SHORTEST, pl.col("peak") >= FASTEST
        )
    )
    of_attacks = slots.join(found.select("run"), on="run", how="semi").select(*VICTIM, "at", "run")
    rows = echoes.with_columns(_at()).join(of_attacks, on=[*VICTIM, "at"])
    ports = (
        rows.group_by("run", "port")
        .agg(pl.col("packets").sum())
        .sort("packets", "port", descending=[True, False])
        .group_by("run", maintain_order=True)
        .agg(ports=pl.col("port"))
    )
    marks = rows.group_by("run", "sensor").agg(pl.col("targets").bitwise_or()).sort("run", "sensor")
    forged = marks.group_by("run").agg(targets=counted(pl.col("targets")).sum().round().cast(pl.Int64))
    told = (
        rows.sort("at", "last", "country", "asn")
        .group_by("run", maintain_order=True)
        .agg(pl.col("country", "asn").last(), pl.col("syn_acks", "resets").sum(), pl.col("sensor").n_unique())
        .rename({"sensor": "sensors"})
    )
    return found.join(told, on="run").join(ports, on="run").join(forged, on="run").drop("run")


def _at() -> pl.Expr:
    """Tens of seconds since 1970."""
    return (pl.col("minute").cast(pl.Int64) * _SLOTS + pl.col("slot")).alias("at")


def _slots(echoes: pl.DataFrame) -> pl.DataFrame:
    """Sums of ten seconds by victim, sorted, each with the `run` it is of: what is without a silence."""
    at = pl.col("at") * _SLOT
    slots = (
        echoes.with_columns(_at())
        .group_by(*VICTIM, "at")
        .agg(pl.col("packets").sum(), pl.col("first").min(), pl.col("last").max())
        .sort(*VICTIM, "at")
        .with_columns(first=at + pl.col("first"), last=at + pl.col("last"))
    )
    is_other = pl.any_horizontal(pl.col(VICTIM) != pl.col(VICTIM).shift())
    is_late = pl.col("first") - pl.col("last").shift() > SILENCE
    begins = (is_other | is_late).fill_null(value=True)
    return slots.with_columns(run=begins.cast(pl.Int64).cum_sum() - 1)


def _of_runs(slots: pl.DataFrame) -> pl.DataFrame:
    return slots.group_by("run", *VICTIM, maintain_order=True).agg(
        pl.col("packets").sum(), start=pl.col("first").min(), end=pl.col("last").max()
    )


def _peaks(
    run: npt.NDArray[np.int64], at: npt.NDArray[np.int64], packets: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Packets of each run's fullest minute: the fullest begins with a slot that has some."""
    if not len(run):
        return np.zeros(0, np.int64)
    low = at.min()
    place = run * (at.max() - low + _SLOTS) + (at - low)  # of one run behind the other
    before = np.concatenate(([0], np.cumsum(packets)))
    beyond = np.searchsorted(place, place + _SLOTS)
    minutes = before[beyond] - before[:-1]
    return np.maximum.reduceat(minutes, np.flatnonzero(np.diff(run, prepend=-1)))


def within(attacks: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Attacks that lasted at some time of a window."""
    start, end = (_milliseconds(moment) for moment in (window.start, window.end))
    return attacks.filter(pl.col("end") >= start, pl.col("start") < end)


def narrowed(attacks: pl.DataFrame, where: Filter) -> pl.DataFrame:
    """Attacks on victims of some countries and owners, by some protocols, on some ports, as a filter has them."""
    if where.countries is not None:
        attacks = attacks.filter(pl.col("country").is_in(sorted(where.countries)))
    if where.owners is not None:
        attacks = attacks.filter(pl.col("asn").is_in(sorted(where.owners)))
    if where.protocols is not None:
        attacks = attacks.filter(pl.col("protocol").is_in(sorted(where.protocols)))
    if where.ports is not None:
        is_wanted = pl.lit(value=False)
        for protocol, port in where.ports:
            is_its = pl.col("ports").list.contains(port)
            is_wanted |= is_its if protocol is None else is_its & (pl.col("protocol") == protocol)
        attacks = attacks.filter(is_wanted)
    return attacks


_ORDER = ("packets", "start", *VICTIM)
"""Packets, the most first; of equal ones by time, then by victim: as signed numbers, for that is all the same."""


def listed(
    attacks: pl.DataFrame,
    after: tuple[int, ...] | None,
    limit: int,
    *,
    until: int,
    addresses: Callable[[date], int | None],
    known_since: date | None,
    mark: Callable[[tuple[int, ...]], str] | None,
    provenance: Provenance,
) -> AttackList:
    """List attacks (see `find`), those behind one that is given by the columns of _ORDER; `mark` writes such a place.

    `until` is the end of what was watched (milliseconds since 1970), `addresses` tells how many IPv4 addresses were
    watched on a UTC day; None where that is not known.
    """
    rest = attacks.sort(_ORDER, descending=[True, *[False] * (len(_ORDER) - 1)])
    if after is not None:
        is_behind = pl.lit(value=False)
        for name, value in reversed(list(zip(_ORDER, after, strict=True))):
            column = -pl.col(name) if name == "packets" else pl.col(name).cast(pl.Int64)
            bound = -value if name == "packets" else value
            is_behind = (column > bound) | ((column == bound) & is_behind)
        rest = rest.filter(is_behind)
    shown = rest.head(limit)
    last = shown.select(_ORDER).row(-1) if len(rest) > len(shown) else None
    return AttackList(
        len(attacks),
        attacks.select(VICTIM[:3]).n_unique(),
        int(attacks["packets"].sum()),
        _shares(attacks, "country", text=str),
        _shares(attacks.explode("ports"), "protocol", "ports", text=port_text),
        known_since,
        mark(last) if mark and last else None,
        tuple(_row(one, until, addresses, provenance) for one in shown.iter_rows(named=True)),
        provenance,
    )


def _shares(attacks: pl.DataFrame, *columns: str, text: Callable[..., str]) -> tuple[Share, ...]:
    """Count attacks by the values of some columns, the most first."""
    counted = attacks.group_by(columns).agg(
        attacks=pl.len().cast(pl.Int64), victims=pl.struct(VICTIM[:3]).n_unique().cast(pl.Int64)
    )
    order = counted.sort("attacks", *columns, descending=[True, *[False] * len(columns)]).head(LEADING)
    return tuple(
        Share(text(*row[: len(columns)]), *row[len(columns) :])
        for row in order.select(*columns, "attacks", "victims").rows()
    )


def _row(
    one: dict[str, Any], until: int, addresses: Callable[[date], int | None], provenance: Provenance
) -> AttackRow:
    zone = provenance.period.zone
    start, end = (EPOCH + one[name] * _MILLISECOND for name in ("start", "end"))
    watched = addresses(start.date()) if one["version"] == 4 else None
    return AttackRow(
        victim=address_text(one["version"], one["victim_high"], one["victim_low"]),
        country=one["country"],
        owner=value_text(Dimension.OWNERS, (one["asn"],)),
        protocol=protocol_text(one["protocol"]),
        start=start.astimezone(zone),
        end=end.astimezone(zone),
        seconds=(one["end"] - one["start"]) // 1000,
        ongoing=one["end"] + SILENCE >= until,
        packets=one["packets"],
        peak=one["peak"],
        answers_per_second=_rounded(one["peak"] / 60 * _ADDRESSES / watched) if watched else None,
        sensors=one["sensors"],
        targets=one["targets"],
        ports=tuple(port_text(one["protocol"], port) for port in one["ports"][:NAMED]),
        all_ports=len(one["ports"]),
        syn_acks=one["syn_acks"],
        resets=one["resets"],
        icmp=one["packets"] - one["syn_acks"] - one["resets"],
    )


def _rounded(rate: float) -> float:
    """Write an order of magnitude as one: by two digits."""
    return float(f"{rate:.2g}")


def events(rows: Iterable[AttackRow]) -> pl.DataFrame:
    """Rows of `events`, with their `day`, for attacks; they do not name the victim, for more people see events.

    The subject is the victim's country. An attack that goes on has no end yet; told again later it is the same event
    where kind, start and subject are the same.
    """
    told = [_event(row) for row in rows]
    return pl.DataFrame(told, schema={"day": pl.Date(), **series.EVENTS.schema})


def _event(row: AttackRow) -> dict[str, object]:
    start, end = ((moment - EPOCH) // _MILLISECOND * 1_000_000 for moment in (row.start, row.end))
    more = row.all_ports - len(row.ports)
    ports = " ".join(row.ports) + (f" and {more:,} more" if more else "")
    owner = "" if row.owner == NO_OWNER else f" ({row.owner})"
    lasted = f"goes on, {row.seconds:,} s so far" if row.ongoing else f"lasted {row.seconds:,} s"
    numbers = ("packets", "peak", "answers_per_second", "seconds", "sensors", "targets", "all_ports")
    return {
        "day": EPOCH.date() + timedelta(days=start // (DAY * _MINUTE * 1_000_000)),
        "start": start,
        "end": 0 if row.ongoing else end,
        "kind": KIND,
        "subject": row.country,
        "title": f"attack on a host in {row.country}{owner}: {row.ports[0]}",
        "text": f"{row.packets:,} echoes at {row.sensors:,} sensors, {row.peak:,} in the fullest minute; "
        f"{lasted}; attacked: {ports}",
        "numbers": json.dumps({name: getattr(row, name) for name in numbers}),
    }


def _minute(day: date) -> int:
    """Minute since 1970 with which a UTC day begins."""
    return (day - EPOCH.date()).days * DAY


def _milliseconds(moment: datetime) -> int:
    return (moment - EPOCH) // _MILLISECOND
