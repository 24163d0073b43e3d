"""Classes, each with frames that must and must not be of it."""

from __future__ import annotations

import dataclasses
import struct
from ipaddress import ip_address, ip_network

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packets import RAW, TARGET, icmp, ipv4, ipv6, run, tcp, udp

from darkscope.ingest.capture.frames import Interface
from darkscope.ingest.decode.decoder import Decoder
from darkscope.ingest.rules.classes import is_bogon_v4, is_bogon_v6
from darkscope.ingest.rules.judge import Judge
from darkscope.ingest.series import Traffic

SPOOFABLE, BACKSCATTER, SCAN, OTHER, _ = Traffic
F, S, R, P, A, U, E, C = (1 << bit for bit in range(8))


def traffic(packet: bytes) -> Traffic:
    frames = run([packet])
    packets = Decoder().decode(frames, [Interface(RAW)])
    return tuple(Traffic)[Judge().judge(packets, frames).traffic[0]]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (S, SCAN),
        (S | E | C, SCAN),
        (S | A, BACKSCATTER),
        (S | A | E, BACKSCATTER),
        (R, BACKSCATTER),
        (R | A, BACKSCATTER),
        (A, OTHER),
        (P | A, OTHER),
        (F | A, OTHER),
        (F | P | A, OTHER),
        (F, OTHER),
        (0, SPOOFABLE),
        (S | F, SPOOFABLE),
        (S | R, SPOOFABLE),
        (F | P | U, SPOOFABLE),
        (P | A | U, SPOOFABLE),
        (S | A | P, SPOOFABLE),
        (0xFF, SPOOFABLE),
    ],
)
def test_tcp_is_judged_by_its_flags(flags: int, expected: Traffic) -> None:
    assert traffic(ipv4(tcp(flags=flags))) == expected
    assert traffic(ipv6(tcp(flags=flags))) == expected


@pytest.mark.parametrize(
    ("source_port", "port", "expected"),
    [
        (40000, 53, SCAN),
        (40000, 40001, SCAN),
        (53, 40000, BACKSCATTER),
        (123, 80, BACKSCATTER),
        (1900, 40000, BACKSCATTER),
        (11211, 443, BACKSCATTER),
        (123, 123, SCAN),
        (137, 137, SCAN),
        (54, 40000, SCAN),
        (53, 0, SPOOFABLE),
        (0, 53, SPOOFABLE),
    ],
)
def test_udp_is_judged_by_its_ports(source_port: int, port: int, expected: Traffic) -> None:
    assert traffic(ipv4(udp(port, source_port=source_port), 17)) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        *((kind, BACKSCATTER) for kind in (0, 3, 4, 5, 11, 12, 14, 16, 18)),
        *((kind, SCAN) for kind in (8, 13, 15, 17)),
        *((kind, OTHER) for kind in (1, 9, 10, 30, 129, 255)),
    ],
)
def test_icmp_is_judged_by_its_type(kind: int, expected: Traffic) -> None:
    assert traffic(ipv4(icmp(kind), 1)) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        *((kind, BACKSCATTER) for kind in (1, 2, 3, 4, 129, 137)),
        (128, SCAN),
        *((kind, OTHER) for kind in (0, 8, 133, 135)),
    ],
)
def test_icmpv6_is_judged_by_its_own_types(kind: int, expected: Traffic) -> None:
    assert traffic(ipv6(icmp(kind), 58)) == expected


def test_a_source_that_cannot_be_real_is_spoofable_whatever_it_sends() -> None:
    assert traffic(ipv4(tcp(), source="10.1.2.3")) == SPOOFABLE
    assert traffic(ipv4(tcp(flags=S | A), source="192.0.2.1")) == SPOOFABLE
    assert traffic(ipv4(tcp(), source=TARGET)) == SPOOFABLE
    assert traffic(ipv6(tcp(), source="fe80::1")) == SPOOFABLE


def test_fragments_and_rare_protocols_are_spoofable() -> None:
    assert traffic(ipv4(tcp(), flags=0x0001)) == SPOOFABLE
    assert traffic(ipv4(tcp(), flags=0x8000)) == SPOOFABLE
    assert traffic(ipv4(tcp(), flags=0x4000)) == SCAN
    assert traffic(ipv4(tcp(), flags=0x2000)) == SCAN
    assert traffic(ipv4(b"", 2)) == SPOOFABLE
    assert traffic(ipv4(udp(), 132)) == SPOOFABLE
    assert traffic(ipv4(b"", 47)) == OTHER
    assert traffic(ipv4(ipv6(b""), 41)) == OTHER


def test_a_packet_cut_before_what_it_is_judged_by_is_other() -> None:
    assert traffic(ipv4(tcp())[:24]) == OTHER
    assert traffic(ipv4(udp(), 17)[:22]) == OTHER
    assert traffic(ipv4(icmp(), 1)[:21]) == OTHER


def test_a_frame_that_is_no_packet_is_other() -> None:
    assert traffic(b"\x00") == OTHER


BOGONS = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "240.0.0.0/4"),
]  # fmt: skip


@pytest.mark.parametrize("prefix", BOGONS)
def test_bogons_begin_and_end_with_their_prefix(prefix: str) -> None:
    network = ip_network(prefix)
    first, last = int(network[0]), int(network[-1])
    assert is_bogon_v4(first)
    assert is_bogon_v4(last)


@given(st.integers(0, (1 << 32) - 1))
@settings(deadline=None)
def test_bogons_are_the_listed_prefixes_and_nothing_else(address: int) -> None:
    listed = any(ip_address(address) in ip_network(prefix) for prefix in BOGONS)
    assert is_bogon_v4(address) == listed


@pytest.mark.parametrize("prefix", BOGONS)
def test_the_neighbours_of_a_bogon_are_judged_by_themselves(prefix: str) -> None:
    network = ip_network(prefix)
    for address in (int(network[0]) - 1, int(network[-1]) + 1):
        if 0 <= address < 1 << 32:
            listed = any(ip_address(address) in ip_network(other) for other in BOGONS)
            assert is_bogon_v4(address) == listed


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        *((address, True) for address in ("::", "::1", "::ffff:1.2.3.4", "64:ff9b::1", "100::1", "2001:db8::1")),
        *((address, True) for address in ("3fff::1", "3fff:fff::1", "fc00::1", "fd12::1", "fe80::1", "ff02::1")),
        *((address, False) for address in ("2001:200::1", "2001:db9::", "2400::1", "3ffe::1", "2a00::1")),
    ],
)  # fmt: skip
def test_ipv6_sources_outside_the_global_space_are_bogons(address: str, expected: bool) -> None:
    assert is_bogon_v6(np.uint64(int(ip_address(address)) >> 64)) == expected


def test_every_packet_of_a_run_is_judged_for_itself() -> None:
    packets = [ipv4(tcp()), ipv4(tcp(flags=S | A)), ipv4(b"", 2), ipv4(tcp(flags=A)), struct.pack("B", 0)]
    frames = run(packets)
    verdicts = Judge().judge(Decoder().decode(frames, [Interface(RAW)]), frames)
    assert verdicts.traffic.tolist() == [2, 1, 0, 3, 3]
    assert {len(getattr(verdicts, field.name)) for field in dataclasses.fields(verdicts)} == {5}
