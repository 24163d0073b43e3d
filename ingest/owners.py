"""Names of network owners, by the owner databases of the settings: for people; counting needs numbers alone.

In: the databases, and an address of each autonomous system with a day. Out: names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import maxminddb

from darkscope.ingest.settings import Database

FIELDS = ("autonomous_system_organization", "as_name", "as_organization", "organization", "name")
"""Where databases have the name: GeoLite2, DB-IP and ip-location-db the first, IPinfo `as_name` or `name`."""

LONGEST = 200
"""Characters of a name, at most."""


class OwnersError(Exception):
    """A database that cannot be read; the text names the setting and the file."""


def name_of(record: object) -> str:
    """Read the owner's name out of a record; empty where it has none."""
    if not isinstance(record, dict):
        return ""
    names = (record.get(field) for field in FIELDS)
    return next((name.strip()[:LONGEST] for name in names if isinstance(name, str) and name.strip()), "")


def names(databases: Iterable[Database], seen: Mapping[int, tuple[str, date]]) -> dict[int, str]:
    """Name autonomous systems, each by an address in it on a UTC day; without those that no database names.

    Raises OwnersError.
    """
    found: dict[int, str] = {}
    with ExitStack() as opened:
        for index, database in enumerate(databases):
            reader = opened.enter_context(_reader(database.path, index))
            for asn, (address, day) in seen.items():
                holds = (database.since or date.min) <= day < (database.until or date.max)
                if holds and (name := _name(reader, address)):
                    found.setdefault(asn, name)
    return found


def _reader(path: Path, index: int) -> maxminddb.Reader:
    try:
        return maxminddb.open_database(path)
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        raise OwnersError(f"geo.owner[{index}]: {path}: {error}") from error


def _name(reader: maxminddb.Reader, address: str) -> str:
    try:
        return name_of(reader.get(address))
    except (
        ValueError,
        maxminddb.InvalidDatabaseError,
    ):  # an IPv6 address in a database of IPv4, a broken record
        return ""
