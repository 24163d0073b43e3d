"""Following, resuming and bounds of a capture reader."""

from __future__ import annotations

import gzip
import io
import itertools
import os
import threading
import tracemalloc
from pathlib import Path

import pytest
from blake3 import blake3
from capture_files import (
    Frame,
    Stream,
    block,
    drain,
    enhanced,
    interface,
    obsolete,
    option,
    pcap,
    record,
    section,
    simple,
    statistics,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from darkscope.ingest.capture.frames import NO_TIME, Damage
from darkscope.ingest.capture.reader import CaptureError, CaptureReader, UnknownFormat


class Repeated(io.RawIOBase):
    """A long stream out of little memory."""

    def __init__(self, begin: bytes, piece: bytes, pieces: int) -> None:
        self._parts = itertools.chain([begin], itertools.repeat(piece, pieces))
        self._part = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, view: memoryview) -> int:
        self._part = self._part or memoryview(next(self._parts, b""))
        size = min(len(view), len(self._part))
        view[:size] = self._part[:size]
        self._part = self._part[size:]
        return size


CHUNKS = st.sampled_from([64, 100, 1000, 1 << 20])


def one_of_each() -> bytes:
    """A capture whose first frame has blocks before and behind it, that are not to be read twice."""
    lost = statistics(0, option(5, bytes([1, 0, 0, 0, 0, 0, 0, 0])))
    return b"".join(
        [
            section(),
            block(10, b"secrets"),
            interface(1, option(2, b"eth0")),
            lost,
            simple(b"abc"),
            interface(101, option(9, b"\x09")),
            lost,
            enhanced(b"defg" * 50, 5, interface=1),
            block(0xBAD, bytes(300)),
            section(order=">"),
            interface(113, order=">"),
            obsolete(b"hi", 7, order=">"),
            enhanced(b"", 8, order=">"),
        ]
    )


@st.composite
def captures(draw: st.DrawFn) -> bytes:
    """Whole captures, which may hold damage."""
    if draw(st.booleans()):
        order = draw(st.sampled_from("<>"))
        bodies = draw(st.lists(st.binary(max_size=40), max_size=12))
        data = pcap([record(body, number, order=order) for number, body in enumerate(bodies)], order=order)
    else:
        blocks = [
            section(),
            section(order=">"),
            interface(),
            interface(101, option(2, b"name"), order=">"),
            enhanced(b"abcde", 7),
            enhanced(b"fgh", 1 << 40, interface=1),
            enhanced(b"fgh", 9, order=">"),
            simple(b"ijkl"),
            obsolete(b"mn", 3, order=">"),
            statistics(0, option(7, bytes([3]) + bytes(7))),
            block(0xBAD, b"custom"),
        ]
        data = section() + b"".join(draw(st.lists(st.sampled_from(blocks), max_size=12)))
    return data + draw(st.sampled_from([b"", b"", b"\0", b"\xff" * 30]))


def state(reader: CaptureReader) -> tuple[object, ...]:
    return reader.interfaces, reader.dropped, reader.damage, reader.reach, reader.head, reader.digest()


def whole(data: bytes) -> tuple[list[Frame], CaptureReader]:
    reader = CaptureReader(io.BytesIO(data), "test")
    return drain(reader), reader


def test_blocks_before_the_first_frame_are_read_once() -> None:
    data = one_of_each()
    frames, reader = whole(data)
    assert [frame.data for frame in frames] == [b"abc", b"defg" * 50, b"hi", b""]
    assert [(one.link_type, one.name) for one in reader.interfaces] == [(1, "eth0"), (101, ""), (113, "")]
    assert reader.dropped == {0: 1}
    assert reader.reach == len(data)


def test_the_head_is_the_digest_up_to_the_end_of_the_first_frame_and_costs_no_frame() -> None:
    data = one_of_each()
    reader = CaptureReader(io.BytesIO(data), "test")
    end = data.index(simple(b"abc")) + 20
    assert reader.open_head() == reader.head == blake3(data[:end]).hexdigest()
    assert reader.reach == end - 20
    assert reader.digest() == blake3(data[: end - 20]).hexdigest()
    assert drain(reader) == whole(data)[0]
    assert reader.digest() == blake3(data).hexdigest()


@given(captures(), CHUNKS)
@settings(deadline=None)
def test_the_size_of_the_buffer_changes_nothing(data: bytes, chunk: int) -> None:
    frames, reader = whole(data)
    small = CaptureReader(io.BytesIO(data), "test", chunk=chunk)
    assert drain(small) == frames
    assert state(small) == state(reader)


@given(captures(), st.data(), CHUNKS, st.integers(1, 50))
@settings(deadline=None)
def test_a_capture_that_grew_in_any_steps_reads_as_the_whole_one(
    data: bytes, choices: st.DataObject, chunk: int, at_most: int
) -> None:
    frames, reader = whole(data)
    cuts = sorted(choices.draw(st.lists(st.integers(0, len(data)), max_size=8)))
    stream = Stream(at_most=at_most)
    growing = CaptureReader(stream.binary(), "test", following=True, chunk=chunk)
    seen: list[Frame] = []
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        stream.grow(data[start:end])
        seen += drain(growing)
        assert growing.digest() == blake3(data[: growing.reach]).hexdigest()
    assert seen == frames
    ended = [damage for damage in reader.damage if not damage.reason.startswith("cut off")]
    assert growing.damage == ended
    assert (growing.reach, growing.digest(), growing.head) == (reader.reach, reader.digest(), reader.head)


@given(captures(), st.data(), CHUNKS)
@settings(deadline=None)
def test_a_reading_of_any_part_can_be_continued(data: bytes, choices: st.DataObject, chunk: int) -> None:
    frames, reader = whole(data)
    known, before = [], []
    for cut in choices.draw(st.lists(st.integers(0, len(data)), max_size=4)):
        part = CaptureReader(Stream(data[:cut]).binary(), "part", following=True)
        seen = drain(part)
        if part.head:
            known.append((part.reach, part.digest()))
            before.append(len(seen))
    others = st.tuples(st.integers(0, len(data) + 50), st.just("other"))
    strangers = choices.draw(st.lists(others, max_size=3))
    again = CaptureReader(io.BytesIO(data), "test", chunk=chunk)
    reach = again.resume([*strangers, *known])
    assert reach == max([reach for reach, _ in known], default=0)
    assert drain(again) == frames[max(before, default=0) :]
    assert state(again) == state(reader)


def test_a_stream_that_cannot_seek_resumes_forward_alone() -> None:
    data = pcap([record(b"abc", number) for number in range(10)])
    first = 24 + 19
    known = [(first + 19, blake3(data[: first + 19]).hexdigest()), (first, blake3(data[:first]).hexdigest())]
    reader = CaptureReader(Stream(data).binary(), "-")
    assert reader.resume(known) == first + 19
    assert len(drain(reader)) == 8
    reader = CaptureReader(Stream(data).binary(), "-")
    with pytest.raises(CaptureError, match=r"^-: cannot go back to where an earlier reading fits"):
        reader.resume([*known, (first + 38, "another")])


def test_resuming_a_capture_without_frames_is_no_error() -> None:
    reader = CaptureReader(io.BytesIO(pcap()), "test")
    assert reader.resume([(24, "x"), (100, "y")]) == 0
    assert reader.read() is None


def test_what_is_no_capture_is_refused_with_what_was_seen() -> None:
    for data, seen in (
        (b"", "it is empty"),
        (b"\x00\x47\x2f\x00\x81\xd7\x48\x41\xbc", "it begins with 00 47 2f 00 81 d7 48 41"),
        (b"snoop\0\0\0\0", "it is a snoop file"),
        (b"\xd4\xc3", "it begins with d4 c3"),
        (b"\x0a\x0d\x0d\x0a" + bytes(20), "it begins with 0a 0d 0d 0a 00 00 00 00"),
    ):
        reader = CaptureReader(io.BytesIO(data), "x.pcap")
        with pytest.raises(UnknownFormat) as caught:
            reader.read()
        assert str(caught.value) == f"x.pcap: no pcap or pcapng at byte 0: {seen}"


def test_a_followed_stream_may_be_empty_for_now() -> None:
    stream = Stream()
    reader = CaptureReader(stream.binary(), "test", following=True)
    assert reader.read() is None
    assert reader.open_head() == ""
    stream.grow(pcap([record(b"abc")]))
    assert drain(reader) == [Frame(b"abc", 0, 3)]
    stream.grow(record(b"abc")[:-1])
    assert reader.read() is None
    stream.grow(b"d" + record(b"e", 1))
    assert drain(reader) == [Frame(b"abd", 0, 3), Frame(b"e", 1_000_000_000, 1)]
    assert reader.damage == []


def test_a_followed_stream_that_is_finished_tells_what_is_missing() -> None:
    for data, reach, reason in (
        (pcap([record(b"abc")]) + record(b"abc")[:-1], 43, "cut off 18 bytes into a record"),
        (pcap()[:5], 0, "cut off 5 bytes into the file header"),
        (gzip.compress(pcap([record(b"abc")]))[:-1], 43, "gzip data are cut off"),
        (pcap([record(b"abc")]), 43, ""),
    ):
        reader = CaptureReader(Stream(data).binary(), "test", following=True)
        seen = drain(reader)
        assert (reader.damage, reader.ended) == ([], False)
        reader.finish()
        assert seen + drain(reader) == [Frame(b"abc", 0, 3)] * bool(reach)
        assert reader.damage == [Damage(reach, reason)] * bool(reason)
        assert (reader.reach, reader.ended) == (reach, True)
    empty = CaptureReader(Stream().binary(), "test", following=True)
    assert empty.read() is None
    empty.finish()
    with pytest.raises(UnknownFormat, match="it is empty"):
        empty.read()


def test_a_followed_capture_that_lost_its_framing_has_ended() -> None:
    stream = Stream(pcap([record(b"abc"), record(b"", captured=1 << 30)]))
    reader = CaptureReader(stream.binary(), "test", following=True)
    assert drain(reader) == [Frame(b"abc", 0, 3)]
    assert reader.ended
    stream.grow(record(b"abc"))
    assert reader.read() is None


def test_the_first_frames_time_is_there_with_the_head() -> None:
    reader = CaptureReader(io.BytesIO(pcap([record(b"abc", 7), record(b"abc", 5)])), "test")
    assert reader.first == NO_TIME
    reader.open_head()
    assert reader.first == 7_000_000_000
    assert len(drain(reader)) == 2
    assert reader.first == 7_000_000_000


def test_a_pipe_hands_out_what_it_has_without_waiting_for_more() -> None:
    out, into = os.pipe()
    packed = pcap([record(b"abc")]) + record(b"defg")
    with os.fdopen(out, "rb") as stream, os.fdopen(into, "wb", buffering=0) as writer:
        reader = CaptureReader(stream, "-")
        writer.write(packed[:-1])
        frames = reader.read()
        assert frames is not None
        assert len(frames) == 1

        def end() -> None:
            writer.write(packed[-1:])
            writer.close()

        late = threading.Timer(0.05, end)
        late.start()
        assert drain(reader) == [Frame(b"defg", 0, 4)]
        late.join()


def test_a_record_longer_than_the_buffer_makes_it_grow_and_no_lie_does() -> None:
    data = b"".join([section(), interface(), enhanced(bytes(1 << 20)), enhanced(b"abc")])
    reader = CaptureReader(io.BytesIO(data), "test", chunk=1 << 10)
    assert [len(frame.data) for frame in drain(reader)] == [1 << 20, 3]
    assert len(reader._buffer) == 1 << 21
    lie = b"".join([section(), interface(), enhanced(b"abc"), block(6, bytes(100), length=60 << 20)])
    reader = CaptureReader(io.BytesIO(lie), "test", chunk=1 << 10)
    assert drain(reader) == [Frame(b"abc", 0, 3)]
    assert len(reader._buffer) == 1 << 10
    assert reader.damage == [Damage(84, "cut off 112 bytes into a record")]


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_memory_does_not_grow_with_the_capture(form: str) -> None:
    begin, piece = {
        "pcap": (pcap(), record(bytes(1400)) * 500),
        "pcapng": (section() + interface(), enhanced(bytes(1400)) * 500),
    }[form]
    peaks = []
    for pieces in (5, 100):
        data = io.BufferedReader(Repeated(begin, piece, pieces))
        reader = CaptureReader(data, "test", chunk=1 << 20)
        tracemalloc.start()
        frames = 0
        while (run := reader.read()) is not None:
            frames += len(run)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert frames == 500 * pieces
    assert peaks[1] < peaks[0] + 100_000 < 4 << 20


def test_unread_bytes_of_a_file_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap([record(b"abc"), record(b"", captured=1 << 30), record(b"abc")]))
    with path.open("rb") as stream:
        reader = CaptureReader(stream, "a.pcap")
        assert len(drain(reader)) == 1
    reason = "a record of more than 262144 bytes is none; 35 bytes from byte 43 on not read"
    assert reader.damage == [Damage(43, reason)]


def test_closing_a_reader_closes_its_stream() -> None:
    stream = io.BytesIO()
    CaptureReader(stream, "test").close()
    assert stream.closed
