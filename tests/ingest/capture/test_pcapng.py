"""Frames of pcapng files."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
from capture_files import (
    RAW,
    Frame,
    block,
    drain,
    enhanced,
    interface,
    obsolete,
    option,
    section,
    simple,
    statistics,
)
from hypothesis import example, given
from hypothesis import strategies as st

from darkscope.ingest.capture import walk
from darkscope.ingest.capture.frames import NO_TIME, Damage, Interface
from darkscope.ingest.capture.pcapng import clock, frame_blocks, nanoseconds
from darkscope.ingest.capture.reader import CaptureReader

BOTH_ORDERS = pytest.mark.parametrize("order", ["<", ">"])


def reader(*blocks: bytes) -> CaptureReader:
    return CaptureReader(io.BytesIO(b"".join(blocks)), "test")


@BOTH_ORDERS
def test_each_kind_of_packet_block_gives_its_frame(order: str) -> None:
    one = reader(
        section(order=order),
        interface(order=order),
        enhanced(b"abc", 5, wire=60, order=order),
        simple(b"defgh", order=order),
        obsolete(b"ij", 7 << 32, order=order),
        enhanced(b"klmn", 6, order=order, options=option(1, b"a comment", order=order) + option(0)),
    )
    assert drain(one) == [
        Frame(b"abc", 5_000, 60),
        Frame(b"defgh", NO_TIME, 5),
        Frame(b"ij", (7 << 32) * 1000, 2),
        Frame(b"klmn", 6_000, 4),
    ]
    assert one.interfaces == [Interface(1)]
    assert one.damage == []


def test_blocks_without_packets_are_passed_over() -> None:
    others = [block(kind, b"whatever it holds") for kind in (4, 7, 8, 9, 10, 0xBAD, 0x40000BAD, 0x12345678)]
    data = [section(), others[0], interface(), *others, enhanced(b"abc"), *others]
    one = reader(*data)
    assert drain(one) == [Frame(b"abc", 0, 3)]
    assert one.damage == []
    assert one.reach == sum(map(len, data))


def test_sections_have_their_own_byte_order_and_interfaces_under_one_numbering() -> None:
    one = reader(
        section(length=4711),
        interface(1, option(2, b"eth0\0")),
        interface(RAW, option(2, "größe".encode()) + option(9, b"\x09")),
        enhanced(b"a", 1, interface=1),
        section(order=">", length=0),
        interface(113, option(9, b"\x03", order=">"), order=">"),
        enhanced(b"b", 2, interface=0, order=">"),
        section(),
        enhanced(b"c", 3, interface=0),
        interface(276),
        enhanced(b"d", 4, interface=0),
    )
    assert drain(one) == [
        Frame(b"a", 1, 1, 1),
        Frame(b"b", 2_000_000, 1, 2),
        Frame(b"d", 4_000, 1, 3),
    ]
    assert one.interfaces == [Interface(1, "eth0"), Interface(RAW, "größe"), Interface(113), Interface(276)]
    at = 3 * 28 + 32 + 40 + 36 + 28 + 36
    assert one.damage == [Damage(at, "a packet of interface 0, which the section does not have")]


def test_a_simple_packet_is_cut_at_the_first_interfaces_snapshot_length() -> None:
    one = reader(section(), interface(snap=4), interface(snap=2), simple(b"abcd", 1000), simple(b"xyz"))
    assert drain(one) == [Frame(b"abcd", NO_TIME, 1000), Frame(b"xyz", NO_TIME, 3)]
    one = reader(section(), interface(), simple(b"abcd", 1000), section(), simple(b"abcd"))
    assert drain(one) == [Frame(b"abcd", NO_TIME, 1000)]
    assert [damage.reason for damage in one.damage] == [
        "a packet of interface 0, which the section does not have"
    ]


@pytest.mark.parametrize(
    ("resolution", "offset", "ticks", "time"),
    [
        (6, 0, 1_600_000_000_123_456, 1_600_000_000_123_456_000),
        (0, 0, 3, 3_000_000_000),
        (9, 100, 5, 100_000_000_005),
        (9, -100, 5, -99_999_999_995),
        (12, 0, 1_999, 1),
        (30, 0, (1 << 64) - 1, 0),
        (20, 7, (1 << 64) - 1, 7_184_467_440),
        (127, 1, 1, 1_000_000_000),
        (0x80, 0, 2, 2_000_000_000),
        (0x80 | 10, 0, 1536, 1_500_000_000),
        (0x80 | 32, 0, 1 << 31, 500_000_000),
        (0x80 | 40, 0, (1 << 40) + (1 << 39), 1_500_000_000),
        (0x80 | 127, 1, (1 << 64) - 1, 1_000_000_000),
        (6, 0, (1 << 64) - 1, NO_TIME),
        (0, (1 << 63) - 1, 1, NO_TIME),
        (0, -(1 << 63), 1, NO_TIME),
        (0, -(1 << 63), 1 << 63, 0),
    ],
)
def test_times_follow_the_interfaces_resolution_and_offset(
    resolution: int, offset: int, ticks: int, time: int
) -> None:
    options = option(9, bytes([resolution])) + option(14, struct.pack("<q", offset)) + option(0)
    one = reader(section(), interface(options=options), enhanced(b"", ticks), obsolete(b"", ticks))
    assert [frame.time for frame in drain(one)] == [time, time]


@given(st.integers(0, 255), st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, (1 << 64) - 1))
@example(0x80 | 63, 0, (1 << 64) - 1)
@example(0, (1 << 63) - 1, (1 << 64) - 1)
def test_any_tick_of_any_clock_is_exact_or_no_time(resolution: int, offset: int, ticks: int) -> None:
    per_second = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    exact = ticks * 10**9 // per_second + offset * 10**9
    row = np.array(clock(resolution, offset), np.uint64)
    for function in (nanoseconds, getattr(nanoseconds, "py_func", nanoseconds)):
        time = int(function(np.uint64(ticks), row))
        if time == NO_TIME:
            assert not -(1 << 63) + 10**9 < exact < (1 << 63) - 10**9
        else:
            assert time == exact


def test_statistics_say_what_was_lost_and_the_latest_are_right() -> None:
    def lost(number: int, *options: bytes) -> bytes:
        return statistics(number, b"".join(options) + option(0))

    unknown = b"\xff" * 8
    one = reader(
        section(),
        *[interface()] * 4,
        lost(0, option(4, bytes(8)), option(5, struct.pack("<Q", 3)), option(7, struct.pack("<Q", 4))),
        lost(1, option(5, struct.pack("<Q", 9))),
        lost(2, option(4, struct.pack("<Q", 9))),
        lost(3, option(5, unknown), option(7, unknown)),
        enhanced(b"abc"),
        lost(1, option(5, struct.pack("<Q", 10))),
        lost(4, option(5, struct.pack("<Q", 10))),
        section(),
        interface(),
        lost(0, option(7, struct.pack("<Q", 1))),
    )
    assert len(drain(one)) == 1
    assert one.dropped == {0: 7, 1: 10, 4: 1}
    assert [damage.reason for damage in one.damage] == [
        "statistics of interface 4, which the section does not have"
    ]


def test_an_option_that_does_not_fit_costs_itself_and_those_behind_it() -> None:
    options = option(9, b"\x09") + option(2, b"eth0", length=400) + option(14, bytes(8))
    one = reader(section(), interface(options=options), enhanced(b"abc", 5))
    assert drain(one) == [Frame(b"abc", 5, 3)]
    assert one.interfaces == [Interface(1)]
    assert one.damage == [Damage(28, "option 2 of 400 bytes does not fit its block")]


def test_a_packet_that_does_not_fit_its_block_costs_only_itself() -> None:
    good = enhanced(b"abc", 1)
    one = reader(section(), interface(), enhanced(b"abc", captured=5), good, enhanced(b"", interface=1), good)
    assert drain(one) == [Frame(b"abc", 1_000, 3)] * 2
    assert one.damage == [
        Damage(48, "a packet of 5 bytes in a block with room for 4"),
        Damage(120, "a packet of interface 1, which the section does not have"),
    ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (block(6, bytes(20), length=28), "a block of type 0x6 cannot have 28 bytes"),
        (block(6, bytes(24), length=8), "a block of type 0x6 cannot have 8 bytes"),
        (block(1, bytes(8), length=16), "a block of type 0x1 cannot have 16 bytes"),
        (block(99, bytes(8), length=0), "a block of type 0x63 cannot have 0 bytes"),
        (block(6, bytes(40), length=48), "a block begins with a length of 48 bytes and ends with 0"),
        (
            block(6, bytes(40), length=(64 << 20) + 1),
            "a block of type 0x6 and 67108865 bytes is too long",
        ),
        (section(version=(2, 0)), "a section of version 2.0"),
        (
            block(0x0A0D0D0A, b"\x1a\x2b\x3c\x4e" + bytes(12)),
            "a section header of no known byte order",
        ),
    ],
)
def test_a_block_that_loses_the_framing_ends_the_capture(bad: bytes, reason: str) -> None:
    good = [section(), interface(), enhanced(b"abc")]
    one = reader(*good, bad, enhanced(b"abc"))
    assert drain(one) == [Frame(b"abc", 0, 3)]
    at = sum(map(len, good))
    assert one.damage == [Damage(at, f"{reason}; what follows not read")]
    assert one.reach == at


@BOTH_ORDERS
def test_a_length_that_leaves_out_the_padding_is_understood(order: str) -> None:
    header = struct.pack(order + "IIIII", 0, 0, 5, 3, 3)
    odd = block(6, header + b"abc", order=order, length=35)
    one = reader(section(order=order), interface(order=order), odd, enhanced(b"de", 6, order=order))
    assert drain(one) == [Frame(b"abc", 5_000, 3), Frame(b"de", 6_000, 2)]
    assert one.damage == []


@pytest.mark.parametrize("cut", [1, 4, 20, 35])
def test_a_cut_off_block_is_a_damage_and_no_frame(cut: int) -> None:
    data = b"".join([section(), interface(), enhanced(b"abc"), enhanced(b"def")])
    one = reader(data[:-cut])
    assert drain(one) == [Frame(b"abc", 0, 3)]
    assert one.damage == [Damage(84, f"cut off {36 - cut} bytes into a record")]


def test_a_capture_of_nothing_but_damage_is_given_up() -> None:
    one = reader(section(), *[enhanced(b"")] * 3000)
    assert drain(one) == []
    assert len(one.damage) == 1001
    assert one.damage[-1].reason == "given up after 1000 damaged records; what follows not read"


def test_a_capture_of_nothing_but_interfaces_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darkscope.ingest.capture.pcapng.MOST_INTERFACES", 10)
    one = reader(section(), *[interface()] * 11, enhanced(b"abc"))
    assert drain(one) == []
    assert len(one.interfaces) == 10
    assert one.damage == [Damage(28 + 200, "more than 10 interfaces; what follows not read")]
    assert walk.MOST_INTERFACES > 1 << 16


def test_many_interfaces_keep_their_own_clocks() -> None:
    described = [interface(number, option(9, bytes([number % 10]))) for number in range(100)]
    packets = [enhanced(b"", 10**9, interface=number) for number in range(100)]
    one = reader(section(), *described, *packets)
    assert [(frame.time, frame.interface) for frame in drain(one)] == [
        (10 ** (18 - number % 10), number) for number in range(100)
    ]


@st.composite
def hostile_blocks(draw: st.DrawFn) -> bytes:
    """Packet blocks of which most are right, then any bytes."""
    others = st.sampled_from([simple(b"abcdefg"), simple(b"ab", 7), obsolete(b"abc"), block(99, b"x")])
    packet = st.builds(
        enhanced,
        st.binary(max_size=9),
        st.integers(0, (1 << 64) - 1),
        interface=st.sampled_from([0, 0, 0, 1, 2, 1 << 31]),
        captured=st.sampled_from([None, None, None, 3, 40, (1 << 32) - 1]),
    )
    return b"".join(draw(st.lists(packet | others, max_size=6))) + draw(st.binary(max_size=60))


@given(hostile_blocks(), st.booleans(), st.integers(0, 5))
def test_compiled_and_plain_framing_agree_on_any_blocks(data: bytes, big: bool, room: int) -> None:
    buffer = np.zeros(len(data) + -len(data) % 4, np.uint8)
    buffer[: len(data)] = np.frombuffer(data, np.uint8)
    clocks = np.array([clock(6, 0), clock(0x80 | 20, -3)], np.uint64)
    results = []
    functions: list[Callable[..., tuple[int, int]]] = [
        frame_blocks,
        getattr(frame_blocks, "py_func", frame_blocks),
    ]
    for function in functions:
        columns = [np.zeros(room, np.int64) for _ in range(4)] + [np.zeros(room, np.int32)]
        answer = function(buffer.view("<u4"), 0, len(data), big, 0, 2, 5, clocks, 0, *columns)
        results.append((tuple(map(int, answer)), [column.tolist() for column in columns]))
    assert results[0] == results[1]
    count, end = results[0][0]
    assert 0 <= count <= room
    assert 0 <= end <= len(data)
