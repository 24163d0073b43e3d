"""What a person may mean by a word: an address, a port, a service, a country, an owner.

Pure. The most exact reading comes first; a reading that is the only one is shown without asking.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from unicodedata import normalize

from darkscope.api.address import AddressError, address_text, parse_address
from darkscope.api.console.words import Words, names_of
from darkscope.api.dimension import Dimension, ValueTextError, parse_port, value_text
from darkscope.api.language import territories
from darkscope.api.services import service_name, services
from darkscope.ingest.protocols import TCP, UDP

MOST = 30
"""Readings that are listed."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One reading of a word: a page."""

    kind: str  # port, country, source, owner, vulnerability
    label: str  # for people
    path: str  # of the page, from the root
    parts: tuple[str, ...]  # that follow it
    changes: dict[str, str] = field(default_factory=dict)  # of the bar


def find(text: str, say: Words) -> list[Hit]:
    """Find what a text may mean."""
    word = normalize("NFKC", text).strip()
    if not word:
        return []
    with suppress(AddressError):
        address = address_text(*parse_address(word))
        return [Hit("source", address, "/sources", (address,))]
    if match := re.fullmatch(r"AS\s?([0-9]{1,10})", word, re.IGNORECASE):
        owner = f"AS{int(match[1])}"
        return [Hit("owner", owner, "/", (), {"owner": owner})]
    if re.fullmatch(r"CVE-[0-9]{4}-[0-9]{4,7}", word, re.IGNORECASE):
        return [Hit("vulnerability", word.upper(), "/requests", (), {"rule": word.upper()})]
    hits = [*(_ports(word) or _services(word)), *_countries(word, say)]
    return hits[:MOST]


def _port(protocol: int, number: int) -> Hit:
    text = value_text(Dimension.PORTS, (protocol, number))
    service = service_name(protocol, number)
    number_text, _, name = text.partition("/")
    label = f"{text} ({service})" if service else text
    return Hit("port", label, "/ports", (name.lower(), number_text))


def _ports(word: str) -> list[Hit]:
    if not re.match(r"[0-9]", word) and "icmp" not in word.lower():
        return []
    with suppress(ValueTextError):
        protocol, number = parse_port("0/icmp" if word.lower() == "icmp" else word)
        return [_port(one, number) for one in ((TCP, UDP) if protocol is None else (protocol,))]
    return []


def _services(word: str) -> list[Hit]:
    wanted = word.lower()
    if not re.search(r"[a-z]", wanted):
        return []
    exact, within = [], []
    for (protocol, number), name in services().items():
        if protocol in (TCP, UDP):
            if name.lower() == wanted:
                exact.append(_port(protocol, number))
            elif len(wanted) > 2 and wanted in name.lower():
                within.append(_port(protocol, number))
    return exact or within


def _countries(word: str, say: Words) -> list[Hit]:
    wanted = word.casefold()
    exact, within = [], []
    for code in territories():
        called = {code.casefold(), *(name.casefold() for name in names_of(code))}
        hit = Hit("country", f"{code} {say.country(code)}", "/regions", (code,))
        if wanted in called:
            exact.append(hit)
        elif len(wanted) > 1 and any(wanted in name for name in called if len(name) > 2):
            within.append(hit)
    return exact or within
