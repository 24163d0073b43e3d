"""Decoding of captures nobody here wrote: kernel against reference, and both against independent truth."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from packets import differences, referred

from darkscope.ingest.capture.reader import CaptureError, CaptureReader
from darkscope.ingest.decode.columns import DECODED, LINK_TYPE, Packets
from darkscope.ingest.decode.decoder import Decoder

FOLDER = Path(
    os.environ.get("DARKSCOPE_CAPTURES", Path(__file__).resolve().parents[3].parent / "shared" / "captures")
)
CAPTURES = sorted(path.relative_to(FOLDER) for path in FOLDER.glob("*/*") if path.suffix != ".json")

pytestmark = [
    pytest.mark.real_captures,
    pytest.mark.skipif(not CAPTURES, reason=f"no real captures in {FOLDER}"),
]


def truth_of(capture: Path) -> dict[str, Any]:
    return json.loads((FOLDER / f"{capture}.truth.json").read_text())


class Count:
    """What one capture's frames came to."""

    def __init__(self) -> None:
        self.frames = 0
        self.outcomes: Counter[int] = Counter()
        self.ports: Counter[tuple[int, int, int | None]] = Counter()
        self.syns: Counter[int] = Counter()

    def add(self, packets: Packets) -> None:
        self.frames += len(packets)
        self.outcomes.update(packets.outcome.tolist())
        fine = packets.outcome == DECODED
        rows = zip(
            packets.version[fine].tolist(),
            packets.protocol[fine].tolist(),
            packets.port[fine].tolist(),
            strict=True,
        )
        self.ports.update(
            (version, protocol, port if port >= 0 else None) for version, protocol, port in rows
        )
        syn = (packets.tcp_flags >= 0) & (packets.tcp_flags & 0x12 == 0x02)
        self.syns.update(packets.port[syn].tolist())


@pytest.mark.parametrize("capture", CAPTURES, ids=str)
def test_every_frame_is_decoded_as_the_reference_and_the_truth_say(capture: Path) -> None:
    decoder, count = Decoder(), Count()
    reader = CaptureReader((FOLDER / capture).open("rb"), str(capture))
    try:
        while (frames := reader.read()) is not None:
            packets = decoder.decode(frames, reader.interfaces)
            assert differences(packets, referred(frames, reader.interfaces)) == []
            count.add(packets)
    except CaptureError:
        assert truth_of(capture)["oracle"]["status"] != "confirmed"
    finally:
        reader.close()

    assert sum(decoder.unknown_link_types.values()) == count.outcomes[LINK_TYPE]
    assert count.outcomes.total() == count.frames
    truth = truth_of(capture)
    if truth["oracle"]["status"] != "confirmed":
        return
    totals = truth["totals"]
    assert count.frames == totals["packets"]
    expected = {(row["ip"], row["proto"], row["dport"]): row["packets"] for row in truth["by_proto_dport"]}
    assert dict(count.ports) == expected
    assert count.frames - count.outcomes[DECODED] == totals["packets_no_ip"]
    syns: Counter[int] = Counter()
    for row in truth["tcp_syn_by_dport"]:
        syns[row["dport"]] += row["packets"]
    assert count.syns == syns
