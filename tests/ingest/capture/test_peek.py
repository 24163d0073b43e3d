"""The time of a capture's first frame."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from capture_files import enhanced, interface, pcap, record, section, simple

from darkscope.ingest.capture.peek import first_time
from darkscope.ingest.capture.reader import UnknownFormat


@pytest.mark.parametrize(
    ("data", "time"),
    [
        (pcap([record(b"abc", 5, 6), record(b"abc", 1)]), 5_000_006_000),
        (gzip.compress(pcap([record(bytes(200_000), 5)])), 5_000_000_000),
        (section() + interface() + enhanced(b"", 7), 7_000),
        (section() + interface() + simple(b"abc"), None),
        (pcap(), None),
        (pcap([record(b"abc")])[:-1], None),
    ],
)
def test_the_time_of_the_first_frame_or_none(tmp_path: Path, data: bytes, time: int | None) -> None:
    path = tmp_path / "capture"
    path.write_bytes(data)
    assert first_time(path) == time


@pytest.mark.parametrize("data", [b"", b"no capture at all"])
def test_what_is_no_capture_is_told_apart(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "capture"
    path.write_bytes(data)
    with pytest.raises(UnknownFormat, match=str(path)):
        first_time(path)


def test_a_file_that_cannot_be_read_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        first_time(tmp_path / "missing")
