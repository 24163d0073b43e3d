"""Real captures against what tshark and capinfos say of them, and against damage done to them."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
from typing import Any

import pytest
import zstandard
from blake3 import blake3
from capture_files import drain
from real_captures import FOLDER, MANIFEST, manifest, mutate

from darkscope.ingest.capture.frames import NO_TIME
from darkscope.ingest.capture.peek import first_time
from darkscope.ingest.capture.reader import CaptureReader, UnknownFormat
from darkscope.ingest.capture.unpack import compression

pytestmark = [
    pytest.mark.real_captures,
    pytest.mark.skipif(not MANIFEST.exists(), reason=f"no captures in {FOLDER}"),
]


def told(row: dict[str, str]) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads((FOLDER / row["truth"]).read_text())
    return truth


def nanoseconds(seconds: str) -> int:
    whole, fraction = seconds.split(".")
    return int(whole) * 10**9 + int(fraction.ljust(9, "0"))


DAMAGED = {
    "formats/gopacket__pcapgo__tests__be__test901.pcapng": "a section of version 2.0",
    "formats/gopacket__pcapgo__tests__le__test901.pcapng": "a section of version 2.0",
    "formats/libpcap__pcapng-invalid-vers-1.pcapng": "a section of version 0.1",
    "damaged/ICS-Security-Tools__MELSEC__melsoft_129_clean.pcap": "cut off 111 bytes into a record",
    "damaged/dpkt__examples__data__truncated_dns_2.pcap": "cut off 7 bytes into a record",
    "damaged/nDPI__fuzz-2021-10-13.pcap": "cut off 2 bytes into a record",
    "damaged/suricata-verify__bug-1450-04__tls_DER-incomplete-header.pcap": "a record of more than 262144",
    "damaged/suricata-verify__bug-1450-05__tls_DER-incomplete-content.pcap": "a record of more than 262144",
}
"""What cannot be read to its end, and why."""

FURTHER = {
    "formats/libpcap__pcapng-invalid-vers-2.pcapng": 1,  # version 1.3, which changes nothing
    "formats/python-pcapng__test_data__test007.ntar": 1,  # lengths without padding, snapshot length kept
    "formats/tcpdump__brcm-tag.pcap": 23,  # link types that tshark does not know
    "formats/tcpdump__edsa.pcap": 10,
    "damaged/tcpdump__frf16_magic_ie-oobr.pcap": 1,
    "damaged/tcpdump__juniper_es_oobr.pcap": 1,
    "damaged/tcpdump__kday6.pcap": 1,
    "damaged/tcpdump__vtp_asan-2.pcap": 1,
    "damaged/tcpdump__vtp_asan.pcap": 5,
}
"""Frames of captures where tshark stopped early; as tcpdump counts them, where it reads them."""


@pytest.mark.parametrize("row", manifest(), ids=lambda row: row["file"])
def test_frames_lengths_and_times_are_those_that_tshark_tells(row: dict[str, str]) -> None:
    truth = told(row)
    totals, status = truth["totals"], truth["oracle"]["status"]
    with (FOLDER / row["file"]).open("rb") as stream:
        reader = CaptureReader(stream, row["file"])
        if status == "unsupported-container":
            with pytest.raises(UnknownFormat):
                reader.read()
            return
        frames = drain(reader)
    assert len(frames) == FURTHER.get(
        row["file"], truth["oracle"].get("expected_packets") or totals["packets"]
    )
    assert [damage.reason.startswith(DAMAGED.get(row["file"], "none")) for damage in reader.damage] == (
        [True] if row["file"] in DAMAGED else []
    )
    if row["file"] in FURTHER or status == "tshark-overcounts":
        return
    assert sum(frame.wire for frame in frames) == totals["frame_bytes"]
    assert sum(len(frame.data) for frame in frames) == totals["captured_bytes"]
    if truth["oracle"]["timestamps_usable"] and frames and status == "confirmed":
        times = [frame.time for frame in frames if frame.time != NO_TIME] or [0]
        first, last = nanoseconds(totals["first_ts"]), nanoseconds(totals["last_ts"])
        assert (min(times), max(times)) == (first, last)
        assert first_time(FOLDER / row["file"]) == (None if frames[0].time == NO_TIME else frames[0].time)


def test_a_real_capture_reads_the_same_in_any_compression_and_from_any_place() -> None:
    data = gzip.decompress((FOLDER / "formats/libtrace__sll.pcap.gz").read_bytes())
    reader = CaptureReader(io.BytesIO(data), "plain")
    frames = drain(reader)
    for pack in (gzip.compress, bz2.compress, lzma.compress, zstandard.compress):
        packed = CaptureReader(io.BytesIO(pack(data)), "packed", chunk=1000)
        assert packed.open_head() == reader.head
        first = packed.read()
        assert first is not None
        known = packed.reach, packed.digest()
        again = CaptureReader(io.BytesIO(pack(data)), "again")
        assert again.resume([known]) == known[0]
        assert drain(again) == frames[len(first) :]
        assert again.digest() == reader.digest()


@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.soak)])
def test_mutated_captures_never_crash_and_every_byte_is_accounted_for(count: int) -> None:
    dice = random.Random(20261122)
    small = [row["file"] for row in manifest() if int(row["bytes"]) < 60_000]
    for _ in range(count):
        name = dice.choice(small)
        data = mutate((FOLDER / name).read_bytes(), dice)
        reader = CaptureReader(io.BytesIO(data), name, chunk=dice.choice([64, 1 << 10, 1 << 17]))
        try:
            frames = drain(reader)
        except UnknownFormat:
            continue
        assert sum(len(frame.data) for frame in frames) <= reader.reach
        assert all(0 <= frame.interface < len(reader.interfaces) for frame in frames)
        if compression(data) == ("", None):
            assert reader.digest() == blake3(data[: reader.reach]).hexdigest()
            assert reader.damage or reader.reach == len(data)
