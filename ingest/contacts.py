"""Settings of who is told what was seen: contacts by network owner and country, and how they are told.

A part of the settings; `ingest/settings.py` reads it and holds entries against each other.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field

from darkscope.ingest.values import Country, Duration, Email, Identifier, Language, Owner, Section, Zone


class Tlp(StrEnum):
    """How far a text may go: the Traffic Light Protocol 2.0 of FIRST."""

    CLEAR = "CLEAR"
    GREEN = "GREEN"
    AMBER = "AMBER"
    AMBER_STRICT = "AMBER+STRICT"
    RED = "RED"


class Notices(Section):
    """How those are told who can act on what was seen."""

    provider: str = "darkscope"
    """Who tells them: named in every text and export."""
    reply_to: Email | None = None
    """Where they may answer; no text names an address where left out."""
    again: Duration = timedelta(days=30)
    """Time after which a source may be named to the same recipient once more."""
    tlp: Tlp = Tlp.AMBER
    """How far a notice may go (TLP 2.0), where the recipient's entry does not say."""
    language: Language = Language.EN
    """`ja` or `en`, where the recipient's entry does not say."""
    templates: Path | None = None
    """Folder with texts of one's own in place of those that ship, which hold where left out."""
    name_sensors: bool = False
    """Name sensors (never their addresses) in evidence."""
    most: Annotated[int, Field(ge=1, le=1_000_000)] = 100_000
    """Sources that one making of notices names at most; the rest is counted."""


class ContactEntry(Section):
    """Somebody who can act on sources of some networks or countries."""

    id: Identifier
    """Stable name, and that of the folder of his notices: letters, digits and `. _ -`, 64 at most."""
    name: str = ""
    """For people; the id where left out."""
    email: tuple[Email, ...]
    """Where a notice goes, when somebody sends it."""
    owners: tuple[Owner, ...] = ()
    """Autonomous systems, like `AS64500`; any where left out."""
    countries: tuple[Country, ...] = ()
    """Source countries, ISO 3166-1 alpha-2; any where left out."""
    language: Language | None = None
    """`ja` or `en`; `notices.language` where left out."""
    time_zone: Zone | None = None
    """Zone of the times beside UTC; `time_zone` where left out."""
    tlp: Tlp | None = None
    """How far his notices may go (TLP 2.0); `notices.tlp` where left out."""


def claims_of(contact: ContactEntry) -> list[tuple[int | None, str | None]]:
    """Owners and countries that a contact stands for; None is any."""
    return [
        (owner, country) for owner in contact.owners or (None,) for country in contact.countries or (None,)
    ]
