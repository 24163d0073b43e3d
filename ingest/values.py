"""Texts of settings as values: durations, sizes, zones, addresses and the like.

Each type says in its own words what would be right.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from darkscope.ingest.protocols import PROTOCOLS, WITH_PORTS

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DURATIONS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
"""Units of durations, longest first."""

_SIZES = {"B": 1} | {
    f"{letter}{suffix}": base**power
    for power, letter in enumerate("kMGTP", start=1)
    for suffix, base in (("B", 1000), ("iB", 1024))
}
_SIZE_BY_LOWER = {unit.lower(): size for unit, size in _SIZES.items()}


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])\s*", value) if isinstance(value, str) else []
    if not parts or not re.fullmatch(r"\s*(\d+(?:\.\d+)?\s*(ms|[smhdw])\s*)+", str(value)):
        raise ValueError(
            'a duration is a number and a unit, like "60s", "15m", "1h30m"; units are ms s m h d w'
        )
    try:
        return sum((float(number) * DURATIONS[unit] for number, unit in parts), timedelta())
    except OverflowError as error:
        raise ValueError("longer than any duration can be") from error


def _size(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", value) if isinstance(value, str) else None
    unit = (found[2] or "B").lower() if found else ""
    if found is None or unit not in _SIZE_BY_LOWER:
        raise ValueError('a size is a number of bytes, or a number and a unit, like "500MB", "20GB", "1GiB"')
    try:
        return int(float(found[1]) * _SIZE_BY_LOWER[unit])
    except OverflowError as error:
        raise ValueError("larger than any disk can be") from error


def _days(value: object) -> object:
    return None if value == "keep" else value


def _zone(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value not in available_timezones():
        raise ValueError(f"no time zone of this name{did_you_mean(value, available_timezones())}")
    return ZoneInfo(value)


def _network(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(f"no prefix: {error}") from error


def _country(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch("[A-Za-z]{2}", value):
        raise ValueError("a country is two letters, ISO 3166-1 alpha-2; ZZ is unknown")
    return value.upper() if isinstance(value, str) else value


def _url(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("an address is http:// or https://, a host, and perhaps a port and a path")
    if parts.username or parts.password:
        raise ValueError("an address holds no user and no password: they go into a file of their own")
    return value.rstrip("/")


def _watched(value: object) -> object:
    found = re.fullmatch(r"(\d{1,5})/([a-z]+)", value.strip().lower()) if isinstance(value, str) else None
    if found is None or int(found[1]) > 65535 or found[2] not in _WITH_PORTS:
        raise ValueError(f"a port is a number and its protocol, like 23/tcp; protocols are {_WITH_PORTS}")
    return f"{int(found[1])}/{found[2]}"


_WITH_PORTS = ", ".join(sorted(PROTOCOLS[number].lower() for number in WITH_PORTS))


_SECRET = re.compile(
    r"(?is)((?:password|passwd|secret|token|key|credential)[\w.-]*\s*[=:\s]).*|(?<=://)[^/@\s]*(?=@)"
)
"""What is behind a key that is called like a secret, and who is named before a host."""


def masked(text: str) -> str:
    """A value as it may be shown: what its key calls a secret is covered, with all that follows."""
    return _SECRET.sub(lambda found: f"{found[1] or ''}***", text)


class Uri(str):
    """A place in object storage, like `s3://bucket/prefix`; no slash at its end."""

    __slots__ = ()


SCHEMES = ("s3", "gs", "az")
"""Object storage that is spoken to: Amazon's and what speaks like it, Google's, Azure's."""


def _place(value: object) -> object:
    if isinstance(value, Uri) or not (isinstance(value, str) and "://" in value):
        if isinstance(value, str | Path):
            return value if isinstance(value, Uri) else Path(value)
        raise ValueError("a place is a folder, or object storage like s3://bucket/prefix")
    found = re.fullmatch(
        r"([a-z0-9]+)://([A-Za-z0-9][A-Za-z0-9._-]*)((?:/[A-Za-z0-9!_.*'()=,+-]+)*)/?", value
    )
    if found is None or found[1] not in SCHEMES or any(part in (".", "..") for part in found[3].split("/")):
        schemes = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise ValueError(f"object storage is one of {schemes}, a bucket, and perhaps a path of plain letters")
    return Uri(value.rstrip("/"))


def _address(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return ipaddress.ip_address(value)
    except ValueError as error:
        raise ValueError(f"no IP address: {error}") from error


def _owner(value: object) -> object:
    found = (
        re.fullmatch(r"(?:AS)?([0-9]{1,10})", value.strip(), re.IGNORECASE)
        if isinstance(value, str)
        else None
    )
    if isinstance(value, str) and found is None:
        raise ValueError("an autonomous system is its number, like AS64500 or 64500")
    return int(found[1]) if found else value


def _email(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(
        r"[\w.!#$%&*+/=?^`{|}~'-]{1,64}@[A-Za-z0-9.-]{1,253}", value
    ):
        raise ValueError("no e-mail address: one is like soc@example.org")
    return value


class Language(StrEnum):
    """A language that people read."""

    JA = "ja"
    EN = "en"


class Section(BaseModel):
    """A part of the settings: frozen, no other keys than its own, each explained below it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


Duration = Annotated[timedelta, BeforeValidator(_duration), Field(ge=timedelta())]
Size = Annotated[int, BeforeValidator(_size), Field(ge=0)]
Days = Annotated[Annotated[int, Field(ge=1, le=100_000)] | None, BeforeValidator(_days)]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
Prefix = Annotated[Network, BeforeValidator(_network)]
Country = Annotated[str, BeforeValidator(_country)]
Owner = Annotated[int, BeforeValidator(_owner), Field(ge=1, lt=1 << 32)]
Email = Annotated[str, BeforeValidator(_email)]
Address = Annotated[ipaddress.IPv4Address | ipaddress.IPv6Address, BeforeValidator(_address)]
HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")]
Identifier = Annotated[str, Field(pattern=r"^\w[\w.-]{0,63}$")]
Watched = Annotated[str, BeforeValidator(_watched)]
Bucket = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,55}$")]
Url = Annotated[str, BeforeValidator(_url)]
Place = Annotated[Path | Uri, PlainValidator(_place)]
Origin = Annotated[str, Field(pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Propose the known word that is most like another, as the end of a sentence."""
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
