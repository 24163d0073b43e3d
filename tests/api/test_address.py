from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkscope.api.address import AddressError, address_text, parse_address, subnet_text


@given(st.ip_addresses())
def test_an_address_is_read_as_it_is_written(address: object) -> None:
    sender = parse_address(f" {address} ")
    assert all(-(1 << 63) <= half < 1 << 63 for half in sender[1:])
    assert parse_address(address_text(*sender)) == sender
    if not isinstance(address, IPv6Address):
        assert address_text(*sender) == str(address)


@pytest.mark.parametrize(
    ("text", "sender", "subnet"),
    [
        ("192.0.2.7", (4, 0, 0xC0000207), None),
        ("2001:db8::7", (6, 0x2001_0DB8 << 32, 7), "2001:db8::/64"),
        ("fe80::ffff:ffff:ffff:ffff", (6, (0xFE80 << 48) - (1 << 64), -1), "fe80::/64"),
    ],
)
def test_halves_are_signed(text: str, sender: tuple[int, int, int], subnet: str | None) -> None:
    assert parse_address(text) == sender
    assert subnet_text(*sender[:2]) == subnet


@pytest.mark.parametrize("text", ["", "192.0.2", "192.0.2.0/24", "fe80::1%eth0", "2001:db8::/64", "VN"])
def test_what_is_no_address_is_named(text: str) -> None:
    with pytest.raises(AddressError) as error:
        parse_address(text)
    assert repr(text) in str(error.value)
