"""When people of a country rest, and what their clocks say: weekends, public holidays, time zones.

Holidays are those of the library `holidays`, and the further ones of the settings; zones those of the IANA database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import holidays

from darkscope.ingest.settings import HolidayEntry

SATURDAY, SUNDAY = 5, 6

MOST_POPULOUS = {
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "CD": "Africa/Kinshasa",
    "CL": "America/Santiago",
    "CN": "Asia/Shanghai",
    "CY": "Asia/Nicosia",
    "EC": "America/Guayaquil",
    "ES": "Europe/Madrid",
    "FM": "Pacific/Pohnpei",
    "GL": "America/Nuuk",
    "ID": "Asia/Jakarta",
    "KI": "Pacific/Tarawa",
    "KZ": "Asia/Almaty",
    "MN": "Asia/Ulaanbaatar",
    "MX": "America/Mexico_City",
    "NZ": "Pacific/Auckland",
    "PF": "Pacific/Tahiti",
    "PG": "Pacific/Port_Moresby",
    "PT": "Europe/Lisbon",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
    "US": "America/New_York",
}
"""Countries with several clocks, and the zone that most of their people live by. Others have one clock, or none."""

UNINHABITED = frozenset({"AQ", "UM"})
"""With several clocks, and nobody who lives by them."""

ENGLISH = "en_US"


@dataclass(frozen=True, slots=True)
class DaysOff:
    """When a country rests."""

    weekend: frozenset[int]  # days of the week, Monday is 0
    holidays: Mapping[date, str]  # with their names


class Calendars:
    """The calendars of all countries, by ISO 3166-1 alpha-2."""

    def __init__(self, further: Iterable[HolidayEntry] = ()) -> None:
        """`further` are holidays that the library does not know."""
        self._further: dict[str, dict[date, str]] = {}
        for one in further:
            self._further.setdefault(one.country, {})[one.date] = one.name or "holiday"

    def days_off(self, country: str, first: date, last: date) -> DaysOff:
        """Say when a country rests from a day to another, both included. Of a country nobody knows: on weekends."""
        further = {day: name for day, name in self._further.get(country, {}).items() if first <= day <= last}
        if country not in _known():
            return DaysOff(frozenset({SATURDAY, SUNDAY}), further)
        found = holidays.country_holidays(country, years=range(first.year, last.year + 1), language=ENGLISH)
        public = {day: name for day, name in sorted(found.items()) if first <= day <= last}
        return DaysOff(frozenset(found.weekend), public | further)


def zone_of(country: str) -> ZoneInfo | None:
    """Give a country's zone, of several the most populous; None where there is none (ZZ, Antarctica)."""
    zones = zones_of(country)
    name = MOST_POPULOUS.get(country) or (zones[0] if zones and country not in UNINHABITED else None)
    return None if name is None else ZoneInfo(name)


def zones_of(country: str) -> tuple[str, ...]:
    """List a country's zones, as IANA's `zone.tab` has them."""
    return _zones().get(country, ())


@cache
def _known() -> frozenset[str]:
    """Countries that the library knows."""
    return frozenset(holidays.list_supported_countries())


@cache
def _zones() -> Mapping[str, tuple[str, ...]]:
    text = files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8")
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found[country] = (*found.get(country, ()), zone)
    return found
