"""Frames of pcap files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from capture_files import (
    IXIA_HARDWARE,
    IXIA_SOFTWARE,
    KUZNETZOV,
    NANOSECOND_PCAP,
    PCAP,
    Frame,
    drain,
    pcap,
    record,
)
from hypothesis import given
from hypothesis import strategies as st

from darkscope.ingest.capture.frames import Damage, Interface
from darkscope.ingest.capture.pcap import frame_records
from darkscope.ingest.capture.reader import CaptureReader


def reader(data: bytes) -> CaptureReader:
    return CaptureReader(io.BytesIO(data), "test")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("magic", "file_extra", "record_extra", "tick"),
    [
        (PCAP, b"", b"", 1000),
        (NANOSECOND_PCAP, b"", b"", 1),
        (KUZNETZOV, b"", b"ifixprty", 1000),
        (IXIA_HARDWARE, b"size", b"", 1),
        (IXIA_SOFTWARE, b"size", b"", 1000),
        (0xA1B234CD, b"", b"", 1000),
        (0xA12B3C4D, b"", b"", 1000),
    ],
)
def test_every_variant_is_told_by_its_magic(
    order: str, magic: int, file_extra: bytes, record_extra: bytes, tick: int
) -> None:
    records = [record(b"abc", 7, 5, wire=60, order=order, extra=record_extra)] * 2
    one = reader(pcap(records, magic=magic, order=order, link=113, extra=file_extra))
    assert drain(one) == [Frame(b"abc", 7_000_000_000 + 5 * tick, 60)] * 2
    assert one.interfaces == [Interface(113)]
    assert one.damage == []
    assert one.dropped == {}


def test_seconds_are_unsigned_and_a_fraction_of_a_second_or_more_carries_on() -> None:
    records = [record(b"", 0xFFFFFFFF, 999_999), record(b"", 10, 1_500_000), record(b"", 0, 0xFFFFFFFF)]
    times = [frame.time for frame in drain(reader(pcap(records)))]
    assert times == [4_294_967_295_999_999_000, 11_500_000_000, 4_294_967_295_000]


@pytest.mark.parametrize("link", [0x14000001, 0xFFFF0001, 0x00300001])
def test_the_upper_half_of_the_link_type_field_is_no_part_of_the_link_type(link: int) -> None:
    one = reader(pcap([record(b"abc")], link=link))
    assert drain(one) == [Frame(b"abc", 0, 3)]
    assert one.interfaces == [Interface(1)]


@pytest.mark.parametrize(
    ("version", "first", "second"),
    [
        ((2, 1), (5, 3), Frame(b"abc", 0, 5)),
        ((2, 2), (2, 3), Frame(b"abc", 0, 2)),
        ((543, 0), (5, 3), Frame(b"abc", 0, 5)),
        ((2, 3), (5, 3), Frame(b"abc", 0, 5)),
        ((2, 3), (3, 5), Frame(b"abc", 0, 5)),
        ((2, 4), (3, 5), Frame(b"abc", 0, 5)),
        ((2, 4), (3, 2), Frame(b"abc", 0, 2)),
    ],
)
def test_old_versions_have_the_lengths_the_other_way_round(
    version: tuple[int, int], first: tuple[int, int], second: Frame
) -> None:
    captured, wire = first
    assert drain(reader(pcap([record(b"abc", captured=captured, wire=wire)], version=version))) == [second]


def test_a_record_longer_than_any_packet_ends_the_capture_with_a_damage() -> None:
    good = [record(b"abc"), record(bytes(262_144))]
    one = reader(pcap([*good, record(b"x", captured=262_145), record(b"abc")]))
    assert [len(frame.data) for frame in drain(one)] == [3, 262_144]
    at = 24 + 19 + 16 + 262_144
    reason = "a record of more than 262144 bytes is none; what follows not read"
    assert one.damage == [Damage(at, reason)]
    assert one.reach == at
    assert one.read() is None


def test_a_link_type_of_longer_messages_has_a_longer_bound() -> None:
    data = bytes(3 << 20)
    one = CaptureReader(io.BytesIO(pcap([record(b"abc"), record(data)], link=249)), "test", chunk=1 << 16)
    assert [len(frame.data) for frame in drain(one)] == [3, 3 << 20]
    assert one.damage == []


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_second_file_behind_the_first_is_a_damage(order: str) -> None:
    data = pcap([record(b"abc", order=order)], order=order)
    one = reader(data * 2)
    assert drain(one) == [Frame(b"abc", 0, 3)]
    assert one.damage == [Damage(43, "another pcap file begins here; what follows not read")]


def test_a_cut_off_record_is_a_damage_and_no_frame() -> None:
    data = pcap([record(b"abc"), record(b"defg")])
    for missing in range(1, 20):
        one = reader(data[:-missing])
        assert drain(one) == [Frame(b"abc", 0, 3)]
        assert one.damage == [Damage(43, f"cut off {20 - missing} bytes into a record")]
        assert one.reach == 43


def test_a_cut_off_file_header_is_a_damage() -> None:
    one = reader(pcap()[:10])
    assert drain(one) == []
    assert one.damage == [Damage(0, "cut off 10 bytes into the file header")]


def test_a_capture_without_packets_is_no_damage() -> None:
    one = reader(pcap())
    assert drain(one) == []
    assert one.damage == []
    assert one.head == ""
    assert one.reach == 24


@given(
    st.binary(max_size=300),
    st.booleans(),
    st.sampled_from([16, 24]),
    st.sampled_from([0, 1, 2]),
    st.integers(0, 4),
)
def test_compiled_and_plain_framing_agree_on_any_bytes(
    data: bytes, big: bool, header: int, swapped: int, room: int
) -> None:
    # Lengths that fit are rare in random bytes: make most of them small.
    buffer = np.frombuffer(data, np.uint8).copy()
    buffer[8::4] &= 0x1F if not big else 0
    results = []
    for function in (frame_records, getattr(frame_records, "py_func", frame_records)):
        columns = [np.zeros(room, np.int64) for _ in range(4)]
        answer = function(buffer, 0, len(buffer), big, 5, header, 1000, swapped, 64, *columns)
        results.append((tuple(map(int, answer)), [column.tolist() for column in columns]))
    assert results[0] == results[1]
    count, end, _ = results[0][0]
    assert 0 <= count <= room
    assert 0 <= end <= len(buffer)
