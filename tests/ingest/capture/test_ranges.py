"""What is read by ranges is what lies there, in bounded memory, whatever fails on the way."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkscope.ingest.capture.ranges import Ranges


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


class Far:
    """Bytes far away; notes which ranges were asked for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.asked: list[tuple[int, int]] = []
        self.failures = 0
        self.lock = Lock()

    def fetch(self, start: int, end: int) -> memoryview:
        with self.lock:
            self.asked.append((start, end))
            if self.failures:
                self.failures -= 1
                raise OSError(5, "no answer")
        return memoryview(self.data)[start:end]


@given(
    st.binary(max_size=200),
    st.integers(1, 50),
    st.integers(0, 4),
    st.lists(st.one_of(st.integers(0, 60), st.tuples(st.integers(0, 220), st.sampled_from([0, 2])))),
)
@settings(deadline=None)
def test_it_reads_and_seeks_like_a_file(
    pool: ThreadPoolExecutor, data: bytes, piece: int, ahead: int, steps: list[int | tuple[int, int]]
) -> None:
    far, near = Far(data), io.BytesIO(data)
    for stream in (
        Ranges(far.fetch, len(data), pool, piece=piece, ahead=ahead),
        Ranges(far.fetch, len(data)),
    ):
        near.seek(0)
        with stream:
            for step in steps:
                if isinstance(step, int):
                    got = stream.read(step)
                    assert got is not None
                    assert got == near.read(len(got))
                    assert got or not step or near.tell() >= len(data)
                else:
                    assert stream.seek(*step) == near.seek(*step)
            assert stream.tell() == near.tell()
            assert stream.readall() == near.read()


def test_few_ranges_are_fetched_ahead_and_none_twice(pool: ThreadPoolExecutor) -> None:
    far = Far(bytes(range(100)))
    with Ranges(far.fetch, 100, pool, piece=10, ahead=2) as stream:
        assert stream.read(5) == far.data[:5]
        stream.seek(12)
        assert stream.read(3) == far.data[12:15]
    pool.submit(int).result()
    assert set(far.asked) <= {(0, 10), (10, 20), (20, 30), (30, 40)}
    assert len(far.asked) == len(set(far.asked))


def test_a_range_that_failed_says_so_and_is_fetched_anew(pool: ThreadPoolExecutor) -> None:
    far = Far(b"0123456789")
    far.failures = 1
    for how in (pool, None):
        stream = Ranges(far.fetch, 10, how, ahead=0)
        if how is None:
            far.failures = 1
        with pytest.raises(OSError, match="no answer"):
            stream.read(10)
        assert (stream.tell(), stream.read(10)) == (0, far.data)


def test_fewer_bytes_than_asked_for_are_no_end() -> None:
    stream = Ranges(lambda start, _end: memoryview(b"0123")[start:], 10)
    with pytest.raises(OSError, match="4 of 10 bytes came, from byte 0 on"):
        stream.read(10)
