"""Every frame of real and of mutated captures is somewhere in the ledger, once."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import BinaryIO

import pytest
from capture_files import drain
from ledgers import Site
from real_captures import FOLDER, MANIFEST, manifest, mutate
from runs import session

from darkscope.ingest.capture.reader import CaptureError, CaptureReader
from darkscope.ingest.intake.session import Capture, Outcome
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.series import COVERAGE

pytestmark = [
    pytest.mark.real_captures,
    pytest.mark.skipif(not MANIFEST.exists(), reason=f"no captures in {FOLDER}"),
]


Known = dict[str, list[tuple[int, str]]]


def frames_of(data: bytes, known: Known) -> int | None:
    """Frames that a reader alone hands out behind what it knows of the capture; None where it finds none.

    Some of the captures go on where another one ends; what they have in common counts once.
    """
    reader = CaptureReader(io.BytesIO(data), "alone")
    try:
        reader.resume(known.get(reader.open_head(), ()))
        frames = len(drain(reader))
    except CaptureError:
        return None
    known.setdefault(reader.head, []).append((reader.reach, reader.digest()))
    return frames


def in_memory(data: bytes, name: str) -> Capture:
    def open_it() -> BinaryIO:
        return io.BytesIO(data)

    return Capture(name, open_it)


def take(site: Site, captures: list[tuple[str, bytes]]) -> None:
    """Read captures, each of a sensor of its own, and hold the ledger to what their readers say."""
    known: Known = {}
    alone = [frames_of(data, known) for _, data in captures]
    with session(site) as run:
        for name, data in captures:
            run.read_all(in_memory(data, name))
        run.end()
    assert run.summary.captures[Outcome.REFUSED] == alone.count(None)
    assert run.summary.frames == sum(frames or 0 for frames in alone)
    verified = verify(site.ledger)
    assert verified.faults == ()
    assert verified.frames == run.summary.frames
    rows = site.ledger.snapshot().scan(COVERAGE).group_by("sensor").agg(frames="frames").collect()
    booked = {sensor: sum(frames) for sensor, frames in rows.iter_rows() if any(frames)}
    assert booked == {
        Path(name).parent.name: frames for (name, _), frames in zip(captures, alone, strict=True) if frames
    }


def test_every_frame_of_the_real_captures_is_accounted_for(tmp_path: Path) -> None:
    captures = [
        (f"/spool/capture-{number}/{Path(row['file']).name}", (FOLDER / row["file"]).read_bytes())
        for number, row in enumerate(manifest())
    ]
    assert len(captures) > 600
    take(Site(tmp_path / "ledger"), captures)


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.soak)])
def test_every_frame_of_mutated_captures_is_accounted_for(count: int, tmp_path: Path) -> None:
    dice = random.Random(20261125)
    small = [row["file"] for row in manifest() if int(row["bytes"]) < 60_000]
    for start in range(0, count, 500):
        names = [dice.choice(small) for _ in range(min(500, count - start))]
        captures = [
            (f"/spool/capture-{number}/{Path(name).name}", mutate((FOLDER / name).read_bytes(), dice))
            for number, name in enumerate(names)
        ]
        take(Site(tmp_path / f"ledger-{start}"), captures)
