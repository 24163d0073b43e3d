"""Which sensors a question is about, and when.

Pure: a table of the known sensors and the ids that were heard in, postings out. What a sensor was at the time
decides: one that moved or changed hands does not rewrite the past.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from ipaddress import IPv4Network, collapse_addresses
from typing import Any

import polars as pl

from darkscope.api.store import Posting
from darkscope.api.watch import Watch
from darkscope.ingest import series
from darkscope.ingest.settings import SensorEntry

EVERY_KIND = "all"

KNOWN = {
    "id": pl.String,
    "name": pl.String,
    "organisation": pl.String,
    "kind": pl.String,
    "home": pl.Boolean,
    "since": pl.Date,
    "until": pl.Date,
    "addresses": pl.Int64,  # IPv4 addresses watched; null where the settings name no networks
}
"""Columns of the table of known sensors: one row for what held for a sensor over some UTC days."""


def known(entries: Iterable[SensorEntry]) -> pl.DataFrame:
    """Give the sensors of the settings as a table (columns KNOWN), in their order."""
    rows = [
        (
            one.id,
            one.name or one.id,
            one.organisation,
            one.kind.value,
            one.home,
            one.since,
            one.until,
            watched(one),
        )
        for one in entries
    ]
    return pl.DataFrame(rows, schema=KNOWN, orient="row")


def watched(entry: SensorEntry) -> int | None:
    """How many IPv4 addresses a sensor watches; None where its settings do not say."""
    networks = [IPv4Network(prefix) for prefix in entry.networks if prefix.version == 4]
    return sum(network.num_addresses for network in collapse_addresses(networks)) if networks else None


class UnknownSensorError(ValueError):
    """A sensor or organisation that nobody knows; the message names it and those that are known."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A choice of sensors by what they are; unknown ones are telescopes at home, of no organisation."""

    kind: str = series.TELESCOPE  # telescope, honeypot or all
    home: bool | None = None  # at home, abroad, or both
    organisations: tuple[str, ...] = ()  # empty: every one
    sensors: tuple[str, ...] = ()  # ids or names; empty: every one


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen sensors with the days for which they were chosen."""

    organisations: Mapping[Posting, str]  # empty text: of none
    everything: bool  # nobody was left out
    addresses: Mapping[Posting, int | None] = field(default_factory=dict)  # watched; None: not known

    @property
    def postings(self) -> frozenset[Posting]:
        """The chosen sensors."""
        return frozenset(self.organisations)

    @property
    def filter(self) -> frozenset[Posting] | None:
        """As Filter.sensors."""
        return None if self.everything else self.postings

    @property
    def watched(self) -> dict[str, int | None]:
        """IPv4 addresses that each sensor watched at any time; None where not all are known."""
        found: dict[str, int | None] = {}
        for posting in self.organisations:
            its, before = self.addresses.get(posting), found.get(posting.sensor, 0)
            found[posting.sensor] = None if its is None or before is None else before + its
        return found

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids, sorted."""
        return tuple(sorted({posting.sensor for posting in self.organisations}))

    def watched_on(self, day: date) -> int | None:
        """How many addresses the sensors that were chosen on a UTC day watch; None where that is not known of all."""
        counts = [
            self.addresses.get(posting)
            for posting in self.organisations
            if (posting.since or day) <= day and (posting.until is None or day < posting.until)
        ]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def of(self, organisation: str) -> Choice:
        """Choose among these the sensors of one organisation."""
        theirs = {posting: name for posting, name in self.organisations.items() if name == organisation}
        return self._part(theirs)

    def of_sensor(self, sensor: str) -> Choice:
        """Choose one of these sensors."""
        its = {posting: name for posting, name in self.organisations.items() if posting.sensor == sensor}
        return self._part(its)

    def steady(self, watch: Watch, share: float) -> Choice:
        """Choose among these the sensors that watched at least a share of the whole time, whenever they came."""
        longest = max((sum(seconds) for seconds in watch.expected.values()), default=0)
        enough = {sensor for sensor in watch.sensors if sum(watch.covered[sensor]) >= share * longest}
        chosen = {one: name for one, name in self.organisations.items() if one.sensor in enough}
        return self._part(chosen)

    def _part(self, organisations: Mapping[Posting, str]) -> Choice:
        addresses = {posting: self.addresses.get(posting) for posting in organisations}
        return Choice(organisations, everything=False, addresses=addresses)


def select(selection: Selection, sensors: pl.DataFrame, heard: Iterable[str]) -> Choice:
    """Choose among the known sensors (columns KNOWN) and those that were heard.

    A sensor that is named is chosen whatever its kind. Raises UnknownSensorError.
    """
    strangers = sorted(set(heard) - set(sensors["id"]))
    rows = [*sensors.select(*KNOWN).rows(named=True), *map(_stranger, strangers)]
    ids = {row["id"] for row in rows}
    for name in selection.sensors:
        if name not in ids and name not in {row["name"] for row in rows}:
            raise UnknownSensorError(f"no sensor is called {name!r}; there are {_listed(ids)}")
    owners = {row["organisation"] for row in rows}
    for name in selection.organisations:
        if name not in owners:
            raise UnknownSensorError(
                f"no sensor belongs to the organisation {name!r}; there are {_listed(owners)}"
            )
    chosen = [row for row in rows if _is_chosen(selection, row)]
    addresses = {_posting(row): row["addresses"] for row in chosen}
    return Choice(_organisations(chosen), len(chosen) == len(rows), addresses)


def known_and(choice: Choice, sensors: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows of the chosen sensors (columns KNOWN), those that nobody knows as strangers."""
    strangers = sorted(set(choice.ids) - set(sensors["id"]))
    return [*sensors.filter(pl.col("id").is_in(choice.ids)).rows(named=True), *map(_stranger, strangers)]


def organisations(sensors: pl.DataFrame) -> dict[Posting, str]:
    """Give the organisation of each posting of the known sensors (columns KNOWN)."""
    return _organisations(sensors.rows(named=True))


def _organisations(rows: Iterable[dict[str, Any]]) -> dict[Posting, str]:
    return {_posting(row): row["organisation"] for row in rows}


def _posting(row: dict[str, Any]) -> Posting:
    return Posting(row["id"], row["since"], row["until"])


def _stranger(sensor: str) -> dict[str, Any]:
    return {
        "id": sensor,
        "name": sensor,
        "organisation": "",
        "kind": series.TELESCOPE,
        "home": True,
        "since": None,
        "until": None,
        "addresses": None,
    }


def _is_chosen(selection: Selection, row: dict[str, Any]) -> bool:
    if selection.sensors:
        if row["id"] not in selection.sensors and row["name"] not in selection.sensors:
            return False
    elif selection.kind not in (EVERY_KIND, row["kind"]):
        return False
    if selection.home not in (None, row["home"]):
        return False
    return not selection.organisations or row["organisation"] in selection.organisations


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names) - {""})) or "none"
