"""Hostile frames by the million: valid ones of many kinds, then bent, cut and put under a wrong link type."""

from __future__ import annotations

import struct

import numpy as np
from packets import differences, ethernet, icmp, ipv4, ipv6, referred, tcp, udp

from darkscope.ingest.capture.frames import Frames, Interface
from darkscope.ingest.decode.columns import REASONS
from darkscope.ingest.decode.decoder import Decoder
from darkscope.ingest.decode.links import LINKS

WIDTH = 176
INTERFACES = [*(Interface(number) for number in sorted(LINKS)), Interface(147), Interface(70000)]
_INDEX = {interface.link_type: i for i, interface in enumerate(INTERFACES)}

_OPTIONS = bytes.fromhex("020405b4010303080101040a")


def _hop(protocol: int, length: int = 0) -> bytes:
    return bytes((protocol, length, 1, 4 + 8 * length)) + bytes(4 + 8 * length)


def _fragment(protocol: int, bits: int) -> bytes:
    return struct.pack(">BBHI", protocol, 0, bits, 9)


def _templates() -> list[tuple[int, bytes]]:
    syn, query = ipv4(tcp(options=_OPTIONS)), ipv4(udp(payload=b"\0" * 12), 17)
    packets = [
        (0x0800, syn),
        (0x0800, query),
        (0x0800, ipv4(icmp(), 1)),
        (0x0800, ipv4(tcp(), options=b"\x94\x04\0\0" * 3)),
        (0x0800, ipv4(tcp(payload=b"GET / HTTP/1.0\r\n"), total=0)),
        (0x0800, ipv4(tcp(), flags=0x2000)),
        (0x0800, ipv4(tcp(), flags=0x2001)),
        (0x0800, ipv4(udp(), 132)),
        (0x0800, ipv4(syn, 4)),
        (0x86DD, ipv6(tcp(options=_OPTIONS))),
        (0x86DD, ipv6(udp(), 17)),
        (0x86DD, ipv6(icmp(128), 58)),
        (0x86DD, ipv6(_hop(60) + _hop(43, 1) + _hop(6, 2) + tcp(), 0)),
        (0x86DD, ipv6(_fragment(17, 1) + udp(), 44)),
        (0x86DD, ipv6(_fragment(60, 0x00B0) + bytes(8), 44)),
        (0x86DD, ipv6(_fragment(51, 0) + bytes((6, 2)) + bytes(14) + tcp(), 44)),
        (0x86DD, ipv6(_hop(59, 3), 60, length=0)),
    ]
    frames = [(1, ethernet(packet, kind)) for kind, packet in packets]
    frames += [
        (1, ethernet(syn, 0x0800, (0x8100, 5))),
        (1, ethernet(packets[9][1], 0x86DD, (0x88A8, 5), (0x8100, 7), (0x9100, 9))),
        (1, ethernet(b"\0\1\x08\0" + bytes(24), 0x0806)),
        (1, ethernet(b"\0\1\x20\x40\0\0\x31\x40" + query, 0x8847)),
        (1, ethernet(b"\x11\0\0\x07\0\x40\0\x21" + syn, 0x8864)),
        (1, ethernet(b"\xaa\xaa\x03\0\0\0\x08\0" + syn, 8 + len(syn))),
        (1, ethernet(b"\x42\x42\x03" + bytes(35), 38)),
        (1, ethernet(ethernet(query), 0x6558)),
        (9, b"\xff\x03\0\x21" + syn),
        (9, b"\x21" + query),
        (104, b"\x0f\0\x08\0" + syn),
        (10, b"\x50" + bytes(12) + b"\xaa\xaa\x03\0\0\0\x08\0" + syn),
        (105, b"\x88\x01" + bytes(24) + b"\xaa\xaa\x03\0\0\0\x08\0" + syn),
        (107, b"\x48\xe1\x08\0" + query),
        (107, b"\x48\xe1\x03\xcc" + query),
        (239, b"\2\0\0\x14\6\0\1\0ab\0\0\4\0\x09\0" + syn),
    ]
    for kind, packet in packets:
        version = packet[0] >> 4
        frames += [
            (113, b"\0\0\0\1\0\6" + bytes(8) + struct.pack(">H", kind) + packet),
            (276, struct.pack(">HHIHBB", kind, 0, 3, 1, 0, 6) + bytes(8) + packet),
            (0, struct.pack("<I", 2 if version == 4 else 30) + packet),
            (108, struct.pack(">I", 2 if version == 4 else 24) + packet),
            (101, packet),
            (228 if version == 4 else 229, packet),
        ]
    return frames


_TEMPLATES = _templates()
_INTERESTING = np.array(
    (
        0,
        1,
        2,
        4,
        5,
        6,
        8,
        17,
        20,
        43,
        44,
        50,
        51,
        58,
        59,
        60,
        0x40,
        0x45,
        0x4F,
        0x60,
        0x81,
        0x86,
        0x88,
        0xDD,
        0xFF,
    ),
    np.uint8,
)


def hostile(seed: int, count: int) -> Frames:
    """So many frames of `INTERFACES`; bytes behind each frame are noise that must not be read."""
    chance = np.random.default_rng(seed)
    width = WIDTH
    lengths = np.array([len(frame) for _, frame in _TEMPLATES])
    blank = chance.integers(0, 256, (len(_TEMPLATES), width), np.uint8)
    for line, (_, frame) in zip(blank, _TEMPLATES, strict=True):
        line[: len(frame)] = np.frombuffer(frame, np.uint8)
    chosen = chance.integers(0, len(_TEMPLATES), count)
    frames = blank[chosen]
    length = lengths[chosen]
    for _ in range(4):  # each bends one byte of half of the frames, header bytes the more often
        bent = np.flatnonzero(chance.random(count) < 0.5)
        at = (length[bent] * chance.random(len(bent)) ** 1.5).astype(np.int64)
        noise = chance.integers(0, 256, len(bent), np.uint8)
        known = chance.choice(_INTERESTING, len(bent))
        frames[bent, at] = np.where(chance.random(len(bent)) < 0.5, noise, known)
    cut = chance.random(count) < 0.4
    captured = np.where(cut, (length + 1) * chance.random(count), length).astype(np.int64)
    padded = ~cut & (chance.random(count) < 0.2)
    captured = np.where(padded, np.minimum(captured + 6, width), captured)
    interface = np.array([_INDEX[link_type] for link_type, _ in _TEMPLATES], np.int32)[chosen]
    wrong = chance.random(count) < 0.03
    interface = np.where(wrong, chance.integers(0, len(INTERFACES), count), interface).astype(np.int32)
    return Frames(
        buffer=frames.reshape(-1),
        offset=np.arange(count, dtype=np.int64) * width,
        captured=captured,
        wire=np.full(count, width, np.int64),
        time=np.zeros(count, np.int64),
        interface=interface,
    )


def compare(seed: int, count: int) -> tuple[list[object], np.ndarray]:
    """Where kernel and reference differ on hostile frames, and how many frames had each outcome."""
    frames = hostile(seed, count)
    packets = Decoder().decode(frames, INTERFACES)
    found: list[object] = list(differences(packets, referred(frames, INTERFACES)))
    return found, np.bincount(packets.outcome, minlength=1 + len(REASONS))
