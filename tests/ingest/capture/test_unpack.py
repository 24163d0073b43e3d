"""Decompression by content."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zlib
from collections.abc import Callable

import pytest
import zstandard
from capture_files import Frame, Stream, drain, pcap, record
from hypothesis import given, settings
from hypothesis import strategies as st

from darkscope.ingest.capture.frames import Damage
from darkscope.ingest.capture.reader import CaptureReader, UnknownFormat
from darkscope.ingest.capture.unpack import Unpacked

Pack = Callable[[bytes], bytes]


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


PACKS: dict[str, Pack] = {
    "gzip": lambda data: gzip.compress(data, 6, mtime=0),
    "zstd": zstd,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
EVERY_PACK = pytest.mark.parametrize("kind", PACKS)

CAPTURE = pcap([record(os.urandom(10) * 9, number) for number in range(3000)])


def everything(unpacked: Unpacked, piece: int = 1 << 16) -> bytes:
    buffer, out = bytearray(piece), b""
    while size := unpacked.readinto(memoryview(buffer)):
        out += buffer[:size]
    return out


@EVERY_PACK
def test_a_compressed_capture_reads_as_the_plain_one(kind: str) -> None:
    plain = CaptureReader(io.BytesIO(CAPTURE), "plain")
    packed = CaptureReader(io.BytesIO(PACKS[kind](CAPTURE)), "packed", chunk=50_000)
    assert drain(packed) == drain(plain)
    assert (packed.head, packed.reach, packed.digest()) == (plain.head, plain.reach, plain.digest())
    assert packed.damage == []


@EVERY_PACK
def test_members_one_after_the_other_read_as_one(kind: str) -> None:
    pack = PACKS[kind]
    parts = [CAPTURE[:1000], b"", CAPTURE[1000:70_000], CAPTURE[70_000:]]
    stream = io.BytesIO(b"".join(map(pack, parts)))
    unpacked = Unpacked(stream, following=False)
    assert everything(unpacked) == CAPTURE
    assert (unpacked.kind, unpacked.failure) == (kind, "")


@pytest.mark.parametrize("kind", ["gzip", "xz"])
def test_padding_between_and_behind_members_is_passed_over(kind: str) -> None:
    packed = PACKS[kind](CAPTURE)
    unpacked = Unpacked(io.BytesIO(packed + bytes(100_000) + packed + bytes(512)), following=False)
    assert everything(unpacked) == CAPTURE * 2
    assert unpacked.failure == ""


def test_skippable_frames_of_zstd_are_passed_over() -> None:
    skippable = b"\x50\x2a\x4d\x18\x05\0\0\0hello"
    unpacked = Unpacked(io.BytesIO(skippable + zstd(CAPTURE) + skippable), following=False)
    assert everything(unpacked) == CAPTURE
    assert unpacked.failure == ""


@EVERY_PACK
def test_what_follows_the_compressed_data_is_a_damage(kind: str) -> None:
    one = CaptureReader(io.BytesIO(PACKS[kind](CAPTURE) + b"PK\x03\x04 something"), "test")
    assert len(drain(one)) == 3000
    assert one.damage == [Damage(len(CAPTURE), f"something else follows the {kind} data")]


@EVERY_PACK
def test_cut_off_compressed_data_give_all_frames_before_the_cut(kind: str) -> None:
    packed = PACKS[kind](CAPTURE)
    stream = io.BytesIO(packed[: len(packed) * 3 // 4])
    unpacked = Unpacked(stream, following=False)
    there = everything(unpacked)
    assert CAPTURE.startswith(there)
    stream.seek(0)
    one = CaptureReader(stream, "test")
    assert len(drain(one)) == max(0, (len(there) - 24) // 106)
    assert one.damage == [Damage(len(there), f"{kind} data are cut off")]


def test_a_wrong_check_sum_of_gzip_costs_no_frame() -> None:
    packed = bytearray(gzip.compress(CAPTURE))
    packed[-5] ^= 1
    one = CaptureReader(io.BytesIO(bytes(packed)), "test")
    assert len(drain(one)) == 3000
    (damage,) = one.damage
    assert damage.offset == len(CAPTURE)
    assert damage.reason.startswith("gzip data are damaged: ")


@EVERY_PACK
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_any_damage_in_compressed_data_is_survived(kind: str, data: st.DataObject) -> None:
    packed = bytearray(PACKS[kind](CAPTURE[:40_000]))
    for _ in range(data.draw(st.integers(1, 3))):
        packed[data.draw(st.integers(10, len(packed) - 1))] = data.draw(st.integers(0, 255))
    one = CaptureReader(io.BytesIO(bytes(packed)), "test", chunk=10_000)
    try:
        drain(one)
    except UnknownFormat:
        return
    assert one.damage  # the capture is cut in any case


@EVERY_PACK
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_growing_compressed_data_can_be_followed(kind: str, data: st.DataObject) -> None:
    capture = CAPTURE[: 24 + 500 * 106]
    packed = PACKS[kind](capture[:20_000]) + PACKS[kind](capture[20_000:])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(packed)), max_size=6)))
    stream = Stream()
    one = CaptureReader(stream.binary(), "test", following=True)
    seen: list[Frame] = []
    for start, end in zip([0, *cuts], [*cuts, len(packed)], strict=True):
        stream.grow(packed[start:end])
        seen += drain(one)
    assert seen == drain(CaptureReader(io.BytesIO(capture), "plain"))
    assert (one.reach, one.damage) == (len(capture), [])


def test_little_compressed_data_cannot_fill_the_memory() -> None:
    blocks = 1 << 16  # RLE blocks of 128 KiB: 8 GiB
    bomb = b"\x28\xb5\x2f\xfd\x00\x58" + b"\x02\x00\x10\x00" * blocks
    unpacked = Unpacked(io.BytesIO(bomb), following=False)
    buffer = memoryview(bytearray(1 << 20))
    for _ in range(100):
        assert unpacked.readinto(buffer) == 1 << 20
    assert len(unpacked._ready) <= 64 << 20


def test_a_name_says_nothing() -> None:
    data = zlib.compress(CAPTURE)  # a zlib stream is no gzip
    with pytest.raises(
        UnknownFormat, match=r"^good\.pcap: no pcap or pcapng at byte 0: it begins with 78 9c "
    ):
        CaptureReader(io.BytesIO(data), "good.pcap").read()
    assert len(drain(CaptureReader(io.BytesIO(gzip.compress(CAPTURE)), "bad.txt"))) == 3000
