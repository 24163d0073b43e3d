"""Captures to measure with: packets of many sources, as a telescope gets them, written as pcap or pcapng.

*sparse*: about 2 packets a flow from 200,000 sources; *dense*: 20 a flow. Seeded; 102 bytes a packet on average.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

START = 1_588_032_000  # 2020-04-28T00:00Z
CHUNK = 200_000  # packets a minute, so that flows have the packets their mix says, whatever the size
POPULAR = np.array([23, 445, 22, 80, 8080, 1433, 3389, 2323, 5555, 81], np.int64)


@dataclass(frozen=True)
class Mix:
    name: str
    packets_a_flow: int
    sources: int = 200_000


SPARSE, DENSE = Mix("sparse", 2), Mix("dense", 20)


def write(mix: Mix, packets: int, to: Path, *, pcapng: bool = False, second: int = 0) -> None:
    """Write a capture of so many packets that begins so many seconds after START."""
    random = np.random.default_rng(20200428)
    sources = random.integers(1 << 24, 224 << 24, mix.sources).astype(np.uint32)
    with to.open("wb") as file:
        file.write(_PCAPNG if pcapng else _PCAP)
        chunks = max(1, packets // CHUNK)
        for chunk in range(chunks):
            count = packets // chunks + (packets % chunks if chunk == 0 else 0)
            file.write(_records(random, mix, sources, count, second + 60 * chunk, pcapng).tobytes())


_PCAP = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
_PCAPNG = bytes.fromhex(
    "0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c0000000100000014000000010000000000040014000000"
)


def _records(
    random: np.random.Generator,
    mix: Mix,
    sources: np.ndarray,
    count: int,
    start: int,
    pcapng: bool,
) -> np.ndarray:
    flows = max(1, count // mix.packets_a_flow)
    flow = random.integers(0, flows, count)
    source = sources[random.integers(0, len(sources), flows)][flow]
    port = np.where(
        random.random(flows) < 0.6,
        POPULAR[random.integers(0, len(POPULAR), flows)],
        random.integers(1, 65536, flows),
    )[flow]
    protocol = np.where(random.random(flows) < 0.85, 6, 17)[flow]
    time = np.sort((start + 60 * random.random(count)) * 1e6).astype(np.int64) + START * 1_000_000
    target = (198 << 24 | 18 << 16) + random.integers(0, 256, count)
    size = np.where(
        protocol == 6, 60 + 4 * random.integers(0, 8, count), 60 + 4 * random.integers(0, 40, count)
    )
    head, tail = (28, 4) if pcapng else (16, 0)
    record = size + head + tail
    offset = np.cumsum(record) - record
    out = np.zeros(int(record.sum()), np.uint8)

    def put(at: int, values: np.ndarray, width: int, order: str) -> None:
        data = values.astype(f"{order}u{width}").view(np.uint8).reshape(count, width)
        for byte in range(width):
            out[offset + at + byte] = data[:, byte]

    if pcapng:
        put(0, np.full(count, 6), 4, "<")
        put(4, record, 4, "<")
        put(12, time >> 32, 4, "<")
        put(16, time & 0xFFFFFFFF, 4, "<")
        put(20, size, 4, "<")
        put(24, size, 4, "<")
        for byte in range(4):
            out[offset + record - 4 + byte] = (record >> (8 * byte)) & 0xFF
    else:
        put(0, time // 1_000_000, 4, "<")
        put(4, time % 1_000_000, 4, "<")
        put(8, size, 4, "<")
        put(12, size, 4, "<")
    put(head + 12, np.full(count, 0x0800), 2, ">")
    ip = head + 14
    put(ip, np.full(count, 0x45), 1, ">")
    put(ip + 2, size - 14, 2, ">")
    put(ip + 4, random.integers(0, 65536, count), 2, ">")
    put(ip + 8, random.integers(40, 250, count), 1, ">")
    put(ip + 9, protocol, 1, ">")
    put(ip + 12, source, 4, ">")
    put(ip + 16, target, 4, ">")
    put(ip + 20, random.integers(1024, 65536, count), 2, ">")
    put(ip + 22, port, 2, ">")
    put(ip + 24, np.where(protocol == 6, random.integers(0, 1 << 32, count), (size - 34) << 16), 4, ">")
    tcp = protocol == 6
    out[offset[tcp] + ip + 32] = 0x50
    out[offset[tcp] + ip + 33] = 0x02
    out[offset[tcp] + ip + 34] = 0x04
    return out
