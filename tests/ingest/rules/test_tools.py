"""Fingerprints, each with SYNs that must and must not bear it."""

from __future__ import annotations

import random
from ipaddress import ip_address
from typing import Any

import pytest
from packets import RAW, TARGET, ipv4, ipv6, run, tcp

from darkscope.ingest.capture.frames import Interface
from darkscope.ingest.decode.decoder import Decoder
from darkscope.ingest.rules.judge import Judge
from darkscope.ingest.rules.tools import NO_NMAP, NO_UNICORNSCAN
from darkscope.ingest.series import Tool

TO = int(ip_address(TARGET))
MSS = bytes.fromhex("020405b4")
ZMAP_OPTIONS = bytes.fromhex("020405b4010303080101 0402")
SYN_ACK = 0x12


def verdict(packet: bytes) -> tuple[Tool, bool, int, int]:
    """Tool, masscan hit, nmap key, unicornscan key of one IP packet."""
    frames = run([packet])
    result = Judge().judge(Decoder().decode(frames, [Interface(RAW)]), frames)
    return (
        tuple(Tool)[result.tool[0]],
        bool(result.masscan_hit[0]),
        int(result.nmap_key[0]),
        int(result.unicornscan_key[0]),
    )


def tool(packet: bytes) -> Tool:
    return verdict(packet)[0]


def masscan(**header: Any) -> bytes:
    """A SYN that keeps masscan's rule of the IP id."""
    ttl = header.pop("ttl", 250)
    return ipv4(tcp(23, sequence=99, **header), ip_id=(TO ^ 23 ^ 99) & 0xFFFF, ttl=ttl)


def test_mirai_puts_the_destination_into_the_sequence_number() -> None:
    assert tool(ipv4(tcp(sequence=TO))) == Tool.MIRAI
    assert tool(ipv4(tcp(sequence=TO), ip_id=54321)) == Tool.MIRAI
    assert tool(ipv4(tcp(sequence=TO + 1))) == Tool.NONE
    assert tool(ipv4(tcp(sequence=TO, flags=SYN_ACK))) == Tool.NONE
    assert tool(ipv6(tcp(sequence=9))) == Tool.NONE  # the lowest 32 bits of an IPv6 address are no such thing


def test_zmap_has_its_ip_id() -> None:
    assert tool(ipv4(tcp(window=65535), ip_id=54321, ttl=250)) == Tool.ZMAP
    assert tool(ipv4(tcp(), ip_id=54320)) == Tool.NONE
    assert tool(ipv4(tcp(flags=SYN_ACK), ip_id=54321)) == Tool.NONE


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (masscan(window=1024), Tool.MASSCAN),
        (masscan(window=1025, options=MSS), Tool.MASSCAN),
        (masscan(window=1024, ttl=64), Tool.NONE),
        (masscan(window=1024, options=MSS), Tool.NONE),
        (masscan(window=1025), Tool.NONE),
        (masscan(window=1025, options=b"\x02\x04\x05\x00"), Tool.NONE),
        (masscan(window=29200, options=ZMAP_OPTIONS), Tool.NONE),
    ],
)
def test_masscan_keeps_its_ip_id_within_the_header_of_its_versions(packet: bytes, expected: Tool) -> None:
    assert verdict(packet)[:2] == (expected, True)


def test_masscans_header_without_its_ip_id_is_not_masscan() -> None:
    assert verdict(ipv4(tcp(window=1024), ttl=250))[:2] == (Tool.NONE, False)
    assert verdict(masscan(window=1024, flags=SYN_ACK))[:2] == (Tool.NONE, False)


def zmap_like(**change: Any) -> bytes:
    header = {"source_port": 40000, "window": 65535, "options": ZMAP_OPTIONS, "ttl": 50} | change
    ttl = header.pop("ttl")
    return ipv4(tcp(**header), ttl=ttl)


def test_newer_zmaps_look_like_windows_with_another_ttl() -> None:
    assert tool(zmap_like()) == Tool.ZMAP_LIKE
    assert tool(zmap_like(source_port=61000)) == Tool.ZMAP_LIKE
    for change in (
        {"ttl": 128},
        {"window": 64240},
        {"source_port": 61001},
        {"source_port": 32767},
        {"options": MSS},
        {"options": ZMAP_OPTIONS[:-1] + b"\0"},
        {"options": b"\x02\x04\x05\xb3" + ZMAP_OPTIONS[4:]},
        {"options": ZMAP_OPTIONS[:7] + b"\x07" + ZMAP_OPTIONS[8:]},
    ):
        assert tool(zmap_like(**change)) == Tool.NONE, change


def test_a_header_cut_within_its_options_has_no_fingerprint() -> None:
    assert verdict(zmap_like()[:-1]) == (Tool.NONE, False, NO_NMAP, NO_UNICORNSCAN)
    assert verdict(ipv4(tcp(sequence=TO))[:39]) == (Tool.NONE, False, NO_NMAP, NO_UNICORNSCAN)


def nmap(sequence: int, **change: Any) -> int:
    return verdict(ipv4(tcp(sequence=sequence, **({"window": 1024, "options": MSS} | change))))[2]


def test_two_tries_of_one_nmap_scan_have_one_key_and_two_numbers() -> None:
    mask = 0x5A17C3E9
    first, second = nmap(mask), nmap(mask ^ 0x00010001)
    assert first != second
    assert first >> 32 == second >> 32 == (mask >> 16) ^ (mask & 0xFFFF)
    assert first & 0xFFFFFFFF == mask
    assert nmap(mask ^ 0x00010002) >> 32 != first >> 32


def test_other_headers_than_nmaps_have_no_key() -> None:
    assert nmap(7, window=1025) == NO_NMAP
    assert nmap(7, options=b"") == NO_NMAP
    assert nmap(7, options=b"\x02\x04\x02\x18") == NO_NMAP
    assert nmap(7, flags=SYN_ACK) == NO_NMAP
    assert nmap(TO) == NO_NMAP  # Mirai


def unicornscan(target: str, source_port: int, port: int, key: int) -> int:
    swapped = int.from_bytes(ip_address(target).packed, "little")
    sequence = key ^ swapped ^ (port << 16 | source_port)
    return verdict(ipv4(tcp(port, source_port=source_port, sequence=sequence), target=target))[3]


@pytest.mark.parametrize("key", [0x12345678, 0xF2345678])
def test_all_probes_of_one_unicornscan_have_one_key(key: int) -> None:
    chance = random.Random(1)
    kept = {
        unicornscan(
            f"133.8.{chance.randrange(256)}.9", chance.randrange(1024, 65536), chance.randrange(1, 9999), key
        )
        for _ in range(20)
    }
    assert len(kept) == 20
    assert {value >> 32 for value in kept} == {key if key < 1 << 31 else key - (1 << 32)}


def test_a_syn_of_a_known_tool_or_of_ipv6_has_no_unicornscan_key() -> None:
    assert verdict(ipv4(tcp(sequence=TO)))[3] == NO_UNICORNSCAN
    assert verdict(ipv6(tcp()))[3] == NO_UNICORNSCAN
    assert verdict(ipv4(tcp(flags=SYN_ACK)))[3] == NO_UNICORNSCAN
