"""Frames to capture files: pcap in both byte orders, pcapng, plain or compressed; always the same bytes."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import zstandard

from darkscope.ingest.simulate.scenario import Compression, Container

SNAP_LENGTH = 65535
ETHERNET_LINK = 1
_COMMENT, _INTERFACE_NAME = 1, 2

SUFFIX = {Compression.NONE: "", Compression.GZIP: ".gz", Compression.ZSTD: ".zst"}
_ENDING = {Container.PCAP: ".pcap", Container.PCAP_BIG: ".pcap", Container.PCAPNG: ".pcapng"}


def ending(container: Container, compression: Compression) -> str:
    """Tell what the name of such a file ends with."""
    return _ENDING[container] + SUFFIX[compression]


def write(path: Path, content: bytes, compression: Compression) -> int:
    """Write a capture, making its folder; the bytes it takes. Compressed files carry no time of their own."""
    match compression:
        case Compression.GZIP:
            content = gzip.compress(content, compresslevel=6, mtime=0)
        case Compression.ZSTD:
            content = zstandard.ZstdCompressor(level=3).compress(content)
        case Compression.NONE:
            pass
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.write_bytes(content)


def capture(
    container: Container,
    time: npt.NDArray[np.int64],
    frames: npt.NDArray[np.uint8],
    length: npt.NDArray[np.int64],
    interface: str,
) -> bytes:
    """Make a whole capture file: times in microseconds since 1970, frames as rows, their lengths."""
    if container is Container.PCAPNG:
        return _pcapng_head(interface) + _enhanced_packets(time, frames, length)
    order = ">" if container is Container.PCAP_BIG else "<"
    head = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAP_LENGTH, ETHERNET_LINK)
    fields = np.stack([time // 1_000_000, time % 1_000_000, length, length], axis=1).astype(order + "u4")
    return head + _cut(np.concatenate([fields.view(np.uint8), frames], axis=1), 16 + length)


def _cut(rows: npt.NDArray[np.uint8], length: npt.NDArray[np.int64]) -> bytes:
    """Put the rows one behind the other, each as long as its length says."""
    return rows[np.arange(rows.shape[1]) < length[:, None]].tobytes()


def _pcapng_head(interface: str) -> bytes:
    """Begin a section with one interface (draft-ietf-opsawg-pcapng); times are in microseconds by default."""
    section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + _option(_COMMENT, "simulated")
    described = struct.pack("<HHI", ETHERNET_LINK, 0, SNAP_LENGTH) + _option(_INTERFACE_NAME, interface)
    return b"".join(
        struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
        for kind, body in ((0x0A0D0D0A, section), (1, described))
    )


def _option(code: int, text: str) -> bytes:
    """Write one option and the end of options."""
    value = text.encode()
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4) + bytes(4)


def _enhanced_packets(
    time: npt.NDArray[np.int64], frames: npt.NDArray[np.uint8], length: npt.NDArray[np.int64]
) -> bytes:
    total = 32 + (length + 3 & ~3)
    fields = np.stack(
        [np.full_like(time, 6), total, np.zeros_like(time), time >> 32, time & 0xFFFFFFFF, length, length],
        axis=1,
    ).astype("<u4")
    spare = np.zeros((len(frames), 8), np.uint8)
    rows = np.concatenate([fields.view(np.uint8), frames, spare], axis=1)
    trailer = total.astype("<u4").view(np.uint8).reshape(-1, 4)
    np.put_along_axis(rows, (total - 4)[:, None] + np.arange(4), trailer, axis=1)
    return _cut(rows, total)
