"""Source addresses as the ledger holds them, and as people write them.

Pure. The ledger has two halves of 64 bits as signed numbers, an IPv4 address in the lowest 32.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from darkscope.ingest.series import FLOWS

SENDER = ("version", "source_high", "source_low")
"""Columns that hold a source address."""

SENDER_SCHEMA = {name: FLOWS.schema[name] for name in SENDER}
"""These columns with their types."""

Sender = tuple[int, int, int]
"""A source address as these columns hold it."""

_HALF = 1 << 64


class AddressError(ValueError):
    """A text that is no address; the message says why."""


def parse_address(text: str) -> Sender:
    """Read an IPv4 or IPv6 address. Raises AddressError."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        raise AddressError(
            f"the address {text!r} is not understood; understood are IPv4 and IPv6 addresses"
        ) from None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise AddressError(f"the address {text!r} has a zone, which means something on one machine alone")
    high, low = divmod(int(address), _HALF)
    return address.version, _signed(high), _signed(low)


def address_text(version: int, high: int, low: int) -> str:
    """Write an address, IPv6 in its shortest form (RFC 5952)."""
    if version == 4:
        return str(IPv4Address(low))
    return str(IPv6Address(high % _HALF * _HALF + low % _HALF))


def subnet_text(version: int, high: int) -> str | None:
    """Write the /64 of an IPv6 address, by which sources are counted; None for IPv4."""
    return None if version == 4 else str(ip_network((high % _HALF * _HALF, 64)))


def _signed(half: int) -> int:
    return half - _HALF if half >= _HALF // 2 else half
