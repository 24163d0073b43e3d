"""What a frame says, column by column; what is absent in a row is absent in the frame."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from packets import ETHERNET, RAW, decoded, ethernet, icmp, ipv4, ipv6, row, run, tcp, udp

from darkscope.ingest.capture.frames import Frames, Interface
from darkscope.ingest.decode.columns import LINK_TYPE, MALFORMED, NOT_IP, TRUNCATED
from darkscope.ingest.decode.decoder import Decoder

MSS = bytes.fromhex("020405b4")
V4 = {"version": 4, "source_low": 0xC6290004, "target_low": 0x85080009, "ttl": 64, "ip_id": 7}
V6 = {
    "version": 6,
    "source_high": 0x20010503BA3E0000,
    "source_low": 0x20030,
    "target_high": 0x200103B800000000,
    "target_low": 9,
    "ttl": 57,
}
PORTS = {"source_port": 40000, "port": 23}


def tcp_row(at: int, **more: int) -> dict[str, int]:
    """The row of a plain SYN whose TCP header begins at `at`."""
    syn = {"protocol": 6, "header": at, "tcp_flags": 2, "sequence": 0x01020304, "acknowledgement": 0}
    return PORTS | syn | {"window": 1024, "tcp_header": 20, "payload": at + 20} | more


def test_a_syn_with_options_and_padding_is_read_to_the_last_field() -> None:
    frame = ethernet(ipv4(tcp(options=MSS))) + b"\0\0"
    expected = V4 | tcp_row(34, tcp_header=24, payload=58) | {"ip_header": 14}
    assert row(decoded(frame)) == expected


@pytest.mark.parametrize(
    ("link_type", "head"),
    [
        (ETHERNET, ethernet(b"", 0x0800, (0x8100, 5))),
        (ETHERNET, ethernet(b"", 0x0800, (0x88A8, 5), (0x8100, 6), (0x9100, 7))),
        (ETHERNET, ethernet(b"\0\1\x20\x40\0\0\x31\x40", 0x8847)),
        (ETHERNET, ethernet(b"\x11\0\0\x07\0\x40\0\x21", 0x8864)),
        (ETHERNET, ethernet(b"\xaa\xaa\x03\0\0\0\x08\0", 48)),
        (ETHERNET, ethernet(b"\x06\x06\x03", 43)),
        (ETHERNET, ethernet(ethernet(b""), 0x6558)),
        (113, b"\0\0\0\1\0\6" + bytes(8) + b"\x08\0"),
        (276, b"\x08\0\0\0\0\0\0\3\0\1\0\6" + bytes(8)),
        (0, b"\2\0\0\0"),
        (0, b"\0\0\0\2"),
        (108, b"\0\0\0\2"),
        (9, b"\xff\x03\0\x21"),
        (50, b"\x0f\0\x08\0"),
        (51, b"\x11\0\0\x07\0\x40\x21"),
        (104, b"\x0f\0\x08\0"),
        (ETHERNET, ethernet(bytes(4) + ethernet(b""), 0x88E7)),
        (ETHERNET, ethernet(bytes(2) + ethernet(b""), 0x8903)),
        (ETHERNET, ethernet(bytes(4) + b"\x81\0\0\x05\x08\0", 0x8926)),
        (ETHERNET, ethernet(bytes(6) + b"\x08\0", 0x893F)),
        (ETHERNET, ethernet(b"\0\2\2\1\0\0\0\0", 0x894F)),
        (10, b"\x50" + bytes(12) + b"\xaa\xaa\x03\0\0\0\x08\0"),
        (105, b"\x08\x03" + bytes(28) + b"\xaa\xaa\x03\0\0\0\x08\0"),
        (107, b"\x48\xe1\x08\0"),
        (107, b"\x48\xe0\x01\x03\0\x80\0\0\0\x08\0"),
        (127, b"\0\0\x09\0\0\0\0\0\0\x88\x02" + bytes(24) + b"\xaa\xaa\x03\0\0\0\x08\0"),
        (226, b"\1\2" + bytes(22)),
        (239, b"\2\0\0\x14\6\0\1\0ab\0\0\x2c\0\x09\0"),
        (242, bytes(40) + b"\x08\0\0\0"),
        (12, b""),
        (RAW, b""),
        (228, b""),
    ],
)
def test_the_outermost_ip_header_is_found_below_every_link_layer(link_type: int, head: bytes) -> None:
    at = len(head)
    packets = decoded(head + ipv4(tcp()), link_type=link_type)
    assert row(packets) == V4 | tcp_row(at + 20) | ({"ip_header": at} if at else {"ip_header": 0})


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (ipv4(udp(payload=b"abc"), 17), {"protocol": 17, "port": 53, "payload": 28, "payload_length": 3}),
        (ipv4(icmp(3, 1), 1), {"protocol": 1, "icmp_type": 3, "icmp_code": 1, "payload": 28, "payload_length": 4}),
        (ipv4(udp(9) + b"x", 132), {"protocol": 132, "port": 9}),
        (ipv4(udp(9), 33), {"protocol": 33, "port": 9}),
        (ipv4(udp(9), 136), {"protocol": 136, "port": 9}),
        (ipv4(udp(9), 50), {"protocol": 50, "source_port": -1}),
        (ipv4(ipv4(tcp(), target="9.9.9.9"), 4), {"protocol": 4, "source_port": -1}),
        (ipv4(tcp(), flags=0x2000), tcp_row(20, fragment=1)),
        (ipv4(tcp(), flags=0x00B9), {"protocol": 6, "fragment": 2, "source_port": -1}),
        (ipv4(tcp(), options=MSS), tcp_row(24)),
        (ipv4(tcp(payload=b"GET"), total=0), tcp_row(20, payload_length=3)),
        (ipv4(tcp(payload=b"GET") + b"padding", total=43), tcp_row(20, payload_length=3)),
        (ipv4(tcp(), options=MSS)[:22], {"protocol": 6, "header": -1, "source_port": -1}),
        (ipv4(tcp())[:22], {"protocol": 6, "source_port": -1}),
        (ipv4(tcp())[:24], {"protocol": 6, "port": 23}),
        (ipv4(tcp())[:28], {"protocol": 6, "port": 23, "sequence": 0x01020304}),
        (
            ipv4(tcp())[:34],
            {"protocol": 6, "port": 23, "sequence": 0x01020304, "acknowledgement": 0, "tcp_flags": 2, "tcp_header": 20},
        ),
        (ipv4(tcp(options=MSS))[:42], tcp_row(20, tcp_header=24, payload=-1)),
        (ipv4(udp(), 17)[:25], {"protocol": 17, "port": 53}),
    ],
)  # fmt: skip
def test_what_follows_ipv4_is_read_as_far_as_it_is_there(packet: bytes, expected: dict[str, int]) -> None:
    complete = V4 | {"ip_header": 0, "header": 20, "source_port": 40000} | expected
    if "icmp_type" in expected:
        complete["source_port"] = -1
    assert row(decoded(packet, link_type=RAW)) == {
        name: value for name, value in complete.items() if name == "acknowledgement" or value != -1
    }


def _extension(protocol: int, length: int = 0) -> bytes:
    return bytes((protocol, length)) + bytes(6 + 8 * length)


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (ipv6(tcp()), tcp_row(40)),
        (ipv6(udp(), 17), {"protocol": 17, "source_port": 40000, "port": 53, "header": 40, "payload": 48}),
        (
            ipv6(icmp(128), 58),
            {
                "protocol": 58,
                "icmp_type": 128,
                "icmp_code": 0,
                "header": 40,
                "payload": 48,
                "payload_length": 4,
            },
        ),
        (ipv6(_extension(60) + _extension(43) + _extension(6, 1) + tcp(), 0), tcp_row(72)),
        (ipv6(b"\6\4" + bytes(22) + tcp(), 51), tcp_row(64)),
        (ipv6(b"\6\0\0\1\0\0\0\7" + tcp(), 44), tcp_row(48, fragment=1)),
        (ipv6(b"\6\0\0\0\0\0\0\7" + tcp(), 44), tcp_row(48)),
        (ipv6(b"\6\0\0\x08\0\0\0\7" + tcp(), 44), {"protocol": 6, "fragment": 2, "header": 48}),
        (ipv6(b"\6\0\0\x08", 44), {"protocol": 44}),
        (ipv6(b"\6\4" + bytes(20), 60), {"protocol": 6}),
        (ipv6(b"", 60), {"protocol": 60}),
        (ipv6(bytes(20), 50), {"protocol": 50, "header": 40}),
        (ipv6(bytes((59, 0)) + bytes(6), 135), {"protocol": 135, "header": 40}),
        (ipv6(tcp(payload=b"GET"), length=0), tcp_row(40, payload_length=3)),
    ],
)
def test_what_follows_ipv6_is_found_behind_extension_headers(packet: bytes, expected: dict[str, int]) -> None:
    assert row(decoded(packet, link_type=229)) == V6 | {"ip_header": 0} | expected


@pytest.mark.parametrize(
    ("outcome", "link_type", "frame"),
    [
        (TRUNCATED, ETHERNET, b""),
        (TRUNCATED, ETHERNET, ethernet(b"")[:13]),
        (TRUNCATED, ETHERNET, ethernet(b"", 0x0800, (0x8100, 5))[:17]),
        (TRUNCATED, ETHERNET, ethernet(b"")),
        (TRUNCATED, ETHERNET, ethernet(ipv4(b"")[:19])),
        (TRUNCATED, ETHERNET, ethernet(ipv6(b"")[:39], 0x86DD)),
        (TRUNCATED, ETHERNET, ethernet(b"\0\1", 0x8847)),
        (NOT_IP, ETHERNET, ethernet(bytes(28), 0x0806)),
        (NOT_IP, ETHERNET, ethernet(bytes(28), 0x88CC)),
        (NOT_IP, ETHERNET, ethernet(b"\x42\x42\x03" + bytes(35), 38)),
        (NOT_IP, ETHERNET, ethernet(b"\0\1\x21\x40\0\0\0\0" + bytes(20), 0x8847)),
        (NOT_IP, 0, b"\7\0\0\0" + ipv4(tcp())),
        (NOT_IP, 113, b"\0\4\x03\x38\0\0" + bytes(8) + b"\x08\0" + ipv4(tcp())),
        (MALFORMED, ETHERNET, ethernet(b"\x44" + ipv4(tcp())[1:])),
        (MALFORMED, ETHERNET, ethernet(b"\x55" + ipv4(tcp())[1:])),
        (MALFORMED, ETHERNET, ethernet(ipv6(tcp()))),
        (MALFORMED, ETHERNET, ethernet(ipv4(tcp(), total=19))),
        (MALFORMED, RAW, b"\x50" + bytes(39)),
        (LINK_TYPE, 147, ethernet(ipv4(tcp()))),
    ],
)
def test_a_frame_that_is_no_packet_says_why(outcome: int, link_type: int, frame: bytes) -> None:
    assert row(decoded(frame, link_type=link_type)) == {"outcome": outcome}


@pytest.mark.parametrize("tag", [b"\x81\0\0\x05", b"\x88\x47\0\1\x20\x40", b"\x65\x58" + bytes(12)])
def test_the_longest_stack_of_tags_comes_to_an_end(tag: bytes) -> None:
    frame = ethernet(b"", 0x0800)[:12] + tag * 30_000
    assert int(decoded(frame).outcome[0]) in (TRUNCATED, NOT_IP)


def test_link_types_that_nobody_reads_are_counted_by_their_number() -> None:
    decoder = Decoder()
    frames = run([ethernet(ipv4(tcp()))] * 3)
    frames.interface[:] = (0, 1, 1)
    interfaces = [Interface(ETHERNET), Interface(147), Interface(200)]
    decoder.decode(frames, interfaces)
    decoder.decode(frames, interfaces)
    assert decoder.unknown_link_types == {147: 4}


@pytest.mark.parametrize(("offset", "captured", "interface"), [(-1, 9, 0), (0, 99, 0), (0, -1, 0), (0, 9, 1)])
def test_a_frame_that_leaves_its_buffer_is_refused(offset: int, captured: int, interface: int) -> None:
    one = np.ones(1, np.int64)
    frames = Frames(
        np.zeros(20, np.uint8), one * offset, one * captured, one, one, np.array([interface], np.int32)
    )
    with pytest.raises(ValueError, match="frame 0 of the run"):
        Decoder().decode(frames, [Interface(ETHERNET)])


def test_an_empty_run_gives_empty_columns() -> None:
    assert len(decoded()) == 0


WITHOUT_COMPILER = """
from hostile import INTERFACES, hostile
from packets import differences, referred
from darkscope.ingest import compiled
from darkscope.ingest.decode.decoder import Decoder
from darkscope.ingest.rules.judge import Judge
frames = hostile(5, 2000)
packets = Decoder().decode(frames, INTERFACES)
assert differences(packets, referred(frames, INTERFACES)) == []
verdicts = Judge().judge(packets, frames)
print(compiled.AVAILABLE, *(int(column.astype("int64").sum()) for column in (verdicts.traffic, verdicts.tool)))
"""


def test_decoding_and_judging_are_the_same_without_the_compiler() -> None:
    building = Path(__file__).parents[2] / "building"
    said = []
    for switch in ("off", "on"):
        environment = os.environ | {"DARKSCOPE_NUMBA": switch, "PYTHONPATH": str(building)}
        command = [sys.executable, "-W", "error", "-c", WITHOUT_COMPILER]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout.split())
    assert said[0][0] == "False"
    assert said[1][0] == "True"
    assert said[0][1:] == said[1][1:]
