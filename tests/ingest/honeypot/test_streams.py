"""The first data of a connection, from segments in any order."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkscope.ingest.honeypot.streams import LIMIT, FirstData, distance


@pytest.mark.parametrize(
    ("sequence", "start", "expected"),
    [
        (5, 5, 0),
        (7, 5, 2),
        (5, 7, -2),
        (1, (1 << 32) - 1, 2),
        ((1 << 32) - 1, 1, -2),
        (1 << 31, 0, -(1 << 31)),
    ],
)
def test_sequence_numbers_wrap(sequence: int, start: int, expected: int) -> None:
    assert distance(sequence, start) == expected


@st.composite
def cuttings(draw: st.DrawFn) -> tuple[int, bytes, list[tuple[int, bytes]]]:
    """Data, and segments that cover it: in any order, overlapping, repeated; sequence numbers may wrap."""
    start = draw(st.sampled_from([0, 1000, (1 << 32) - 3]))
    data = draw(st.binary(min_size=1, max_size=60))
    cuts = sorted({0, len(data), *draw(st.lists(st.integers(0, len(data))))})
    spans = list(pairwise(cuts))
    spans += draw(st.lists(st.tuples(st.integers(0, len(data)), st.integers(0, len(data)))))
    segments = [((start + low) % (1 << 32), data[low:high]) for low, high in spans if low <= high]
    return start, data, draw(st.permutations(segments))


@given(cuttings())
def test_any_cutting_order_and_repetition_gives_the_same_data(
    cutting: tuple[int, bytes, list[tuple[int, bytes]]],
) -> None:
    start, data, segments = cutting
    first = FirstData(start)
    for sequence, part in segments:
        first.add(sequence, part)
    assert (first.data, first.pieces) == (data, [[0, len(data)]])


@given(st.lists(st.tuples(st.integers(-10, 40), st.binary(max_size=20))))
def test_of_a_byte_that_came_several_times_the_first_counts(segments: list[tuple[int, bytes]]) -> None:
    first, expected = FirstData(100), dict[int, int]()
    for offset, part in segments:
        first.add(100 + offset, part)
        for place, byte in enumerate(part, offset):
            if place >= 0:
                expected.setdefault(place, byte)
    whole = []
    while len(whole) in expected:
        whole.append(expected[len(whole)])
    assert first.data == bytes(whole)
    assert sum(end - start for start, end in first.pieces) == len(expected)


def test_data_behind_a_gap_wait_for_it() -> None:
    first = FirstData(0)
    first.add(4, b"late")
    assert first.data == b""
    first.add(0, b"soon")
    assert first.data == b"soonlate"


def test_no_more_than_the_limit_is_kept() -> None:
    first = FirstData(0)
    first.add(LIMIT - 2, b"abcd")
    first.add(LIMIT + 5, b"x")
    first.add(0, bytes(LIMIT - 2))
    assert (len(first.buffer), first.data[-2:], first.is_complete) == (LIMIT, b"ab", True)


def test_data_end_where_either_side_says_so() -> None:
    first = FirstData(10)
    first.end_at(10)  # the sensor spoke first: its word acknowledges nothing
    first.add(10, b"abc")
    assert not first.is_complete
    first.end_at(12)
    assert (first.is_complete, first.data) == (True, b"ab")


def test_an_end_before_the_data_waits_for_them() -> None:
    first = FirstData(0)
    first.end_at(4)
    first.add(2, b"cd")
    assert not first.is_complete
    first.add(0, b"ab")
    assert (first.is_complete, first.data) == (True, b"abcd")


def test_pieces_apart_count_for_memory() -> None:
    first = FirstData(0)
    alone = first.held
    for place in range(0, 2000, 2):
        first.add(place, b"x")
    assert first.held > alone + 1000 * 100
