"""TLS clients' greetings, with the examples of JA4's specification."""

from __future__ import annotations

import pytest
from greetings import EXTENSIONS, GREASE, hello
from hypothesis import given
from hypothesis import strategies as st

from darkscope.ingest.honeypot import tls


def read(data: bytes) -> tls.Hello:
    found = tls.read(data)
    assert found is not None
    return found


@pytest.mark.parametrize("grease", [True, False])
@pytest.mark.parametrize("record", [1 << 14, 7])
def test_the_specifications_example_has_its_fingerprint(grease: bool, record: int) -> None:
    found = read(hello(grease=grease, record=record))
    assert (found.ja4, found.name) == ("t13d1516h2_8daaf6152771_e5627efa2ab1", b"example.org")


def test_without_signatures_the_extensions_end_the_text() -> None:
    assert read(hello(signatures="", grease=False)).ja4.endswith("_6d807ffa2a79")


@pytest.mark.parametrize(
    ("protocol", "ends"),
    [
        ("6832", "h2"),
        ("687474702f312e31", "h1"),
        ("68", "hh"),
        ("ab", "ab"),
        ("20", "20"),
        ("abcd", "ad"),
        ("2061", "21"),
        ("30ab", "3b"),
        ("6120", "60"),
        ("3031abcd", "3d"),
        ("30abcd31", "01"),
        ("", "00"),
    ],
)
def test_protocols_are_told_by_their_ends(protocol: str, ends: str) -> None:
    assert read(hello(protocols=[bytes.fromhex(protocol)])).ja4[8:10] == ends


@pytest.mark.parametrize(
    ("version", "versions", "name"),
    [
        (0x0301, None, "10"),
        (0x0302, None, "11"),
        (0x0303, None, "12"),
        (0x0300, None, "s3"),
        (0x0002, None, "s2"),
        (0x7777, None, "00"),
        (0x0301, [GREASE, 0x0304, 0x0303], "13"),
        (0x0301, [GREASE], "10"),
    ],
)
def test_the_version_is_the_highest_offered(version: int, versions: list[int] | None, name: str) -> None:
    extensions = EXTENSIONS if versions is not None else "000d"
    assert read(hello(extensions=extensions, version=version, versions=versions or ())).ja4[1:3] == name


def test_what_is_not_there_is_said_with_zeros() -> None:
    assert read(hello("", "", grease=False)).ja4 == "t12i000000_000000000000_000000000000"
    assert read(hello("", "0000,0010", grease=False)).ja4[:10] == "t12d0002h2"
    assert read(hello("", "0000,0010", grease=False)).ja4.endswith("_000000000000")


def test_more_than_two_digits_hold_are_ninety_nine() -> None:
    many = ",".join(f"{number:04x}" for number in range(0x1000, 0x1000 + 120))
    assert read(hello(many, many)).ja4[4:8] == "9999"


def test_a_greeting_of_which_something_is_missing_is_none() -> None:
    whole = hello(record=50)
    assert [tls.read(whole[:end]) for end in range(len(whole))] == [None] * len(whole)
    assert tls.is_hello(whole[:6])
    assert not tls.is_hello(whole[:5])


@given(st.binary(max_size=400), st.integers(0, 400))
def test_nothing_that_may_come_fails(noise: bytes, place: int) -> None:
    whole = hello()
    tls.read(noise)
    found = tls.read(whole[:place] + noise + whole[place + len(noise) :])
    assert found is None or len(found.ja4) == 36
