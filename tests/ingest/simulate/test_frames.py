from __future__ import annotations

import dpkt
import numpy as np
import pytest

from darkscope.ingest.simulate.frames import ARP, Layout, Layouts, Wiring, batch, render
from darkscope.ingest.simulate.scenario import ICMP, ICMPV6, SYN, TCP, UDP

WIRING = Wiring(
    mac=np.array([[2, 0, 0, 0, 1, 0]], np.uint8),
    gateway_mac=np.array([[2, 0, 0, 0, 2, 0]], np.uint8),
    gateway=np.array([0xC00002FE], np.uint64),
)
SOURCE, TARGET = 0x01020304, 0xC0000201


def frame(layout: Layout, **columns: int) -> bytes:
    layouts = Layouts()
    given = {"source": SOURCE, "target": TARGET, "ttl": 50, **columns}
    frames, length = render(batch(1, layout=layouts.number(layout), **given), layouts, WIRING)
    return frames[0, : length[0]].tobytes()


def test_a_syn_carries_its_columns_and_is_padded_as_received() -> None:
    sent = frame(Layout(TCP), source_port=4000, port=23, sequence=7, flags=SYN, window=1024, ip_id=54321)
    ip = dpkt.ethernet.Ethernet(sent).data
    assert len(sent) == 60
    assert (ip.src, ip.dst, ip.id, ip.ttl, ip.len) == (b"\1\2\3\4", b"\xc0\0\2\1", 54321, 50, 40)
    assert (ip.data.sport, ip.data.dport, ip.data.seq, ip.data.flags, ip.data.win) == (4000, 23, 7, SYN, 1024)


def test_what_the_sensor_sends_is_captured_before_it_is_padded() -> None:
    sent = frame(Layout(TCP), own=1)
    assert len(sent) == 54
    assert (sent[0:6], sent[6:12]) == (b"\2\0\0\0\2\0", b"\2\0\0\0\1\0")


def test_the_gateway_asks_for_the_sensor() -> None:
    arp = dpkt.ethernet.Ethernet(frame(Layout(ARP))).data
    assert (arp.op, arp.sha, arp.spa, arp.tpa) == (1, b"\2\0\0\0\2\0", b"\xc0\0\2\xfe", b"\xc0\0\2\1")


def test_an_icmp_error_quotes_a_packet_from_the_sensor_to_the_victim() -> None:
    error = dpkt.ethernet.Ethernet(
        frame(Layout(ICMP, icmp=(3, 1), quotes=True), source_port=80, port=9)
    ).data.data
    quoted = dpkt.ip.IP(
        error.data.data.pack() if hasattr(error.data.data, "pack") else bytes(error.data.data)
    )
    assert (error.type, error.code) == (3, 1)
    assert (quoted.src, quoted.dst, quoted.p) == (b"\xc0\0\2\1", b"\1\2\3\4", TCP)
    assert dpkt.in_cksum(bytes(quoted)[:20]) == 0


@pytest.mark.parametrize("length", range(12))
@pytest.mark.parametrize("protocol", [TCP, UDP, ICMP])
def test_checksums_are_right_for_any_length(protocol: int, length: int) -> None:
    layout = Layout(protocol, payload=bytes(range(200, 200 + length)), icmp=(8, 0))
    sent = frame(layout, source_port=1, port=2, sequence=3)
    ip = sent[14:34]
    body = sent[34 : 14 + int.from_bytes(ip[2:4], "big")]
    pseudo = ip[12:20] + bytes([0, protocol]) + len(body).to_bytes(2, "big") if protocol != ICMP else b""
    assert dpkt.in_cksum(ip) == 0
    assert dpkt.in_cksum(pseudo + body) == 0


@pytest.mark.parametrize("protocol", [TCP, ICMPV6])
def test_checksums_are_right_over_ipv6(protocol: int) -> None:
    layout = Layout(protocol, 6, payload=b"odd", icmp=(128, 0))
    sent = frame(layout, source_high=0x2001 << 48, target_high=0x20010DB8 << 32, port=80)
    body = sent[54 : 54 + int.from_bytes(sent[18:20], "big")]
    pseudo = sent[22:54] + len(body).to_bytes(4, "big") + bytes([0, 0, 0, protocol])
    assert dpkt.in_cksum(pseudo + body) == 0
    assert sent[21] == 50


def test_a_udp_checksum_of_zero_is_sent_as_ones() -> None:
    layouts = Layouts()
    number = layouts.number(Layout(UDP))
    packets = batch(65536, layout=number, source=SOURCE, target=TARGET, source_port=np.arange(65536), port=53)
    frames, _ = render(packets, layouts, WIRING)
    checksums = frames[:, 40:42].copy().view(">u2")
    assert 0 not in checksums
    assert 0xFFFF in checksums
