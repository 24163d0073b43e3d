"""The measured side, in a process of its own: what is timed is the work, not the interpreter's start.

Run as `ours.py ingest CAPTURE LEDGER`, `ours.py honeypot CAPTURE LEDGER` (the same as a honeypot's), `ours.py folder
FOLDER LEDGER`, `ours.py decode CAPTURE`; prints JSON.
Before the clock starts, a capture of 2,000 packets is read into a ledger beside, so that every function is compiled
or loaded and every table imported. Wall and CPU seconds are of this process, all its threads included.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mixes import SPARSE, write

from darkscope.ingest.capture.frames import Frames
from darkscope.ingest.capture.reader import CaptureReader
from darkscope.ingest.decode.decoder import Decoder
from darkscope.ingest.geo import Places
from darkscope.ingest.intake.files import find
from darkscope.ingest.intake.session import Capture, Session
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.ledger.upkeep import keep_up
from darkscope.ingest.sensors import Sensors
from darkscope.ingest.series import FLOWS
from darkscope.ingest.settings import Kind, Retention, SensorEntry, Settings
from darkscope.ingest.worker import Worker

REPEATS = 5
"""Times that a capture is decoded; the fastest counts."""


@dataclass(slots=True)
class Watch:
    """Seconds of one stretch of work."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def watching() -> Iterator[Watch]:
    """Time what is inside."""
    watch = Watch()
    wall, cpu = time.perf_counter(), time.process_time()
    yield watch
    watch.wall, watch.cpu = time.perf_counter() - wall, time.process_time() - cpu


def ingest(captures: Iterable[Path], folder: Path, kind: Kind = Kind.TELESCOPE) -> dict[str, float]:
    """Read captures as `darkscope ingest` does, from an empty folder to the last commit; then upkeep, apart.

    They are of one sensor of a kind.
    """
    # The mixes are of 2020: nothing is to expire before its size is known.
    settings = Settings(
        ledger=folder,
        worker="bench",
        retention=Retention(flows=None, sources=None),
        sensors=(SensorEntry(id="bench", kind=kind, captures=("*",)),),
    )
    with watching() as reading:
        ledger = Ledger.open_or_create(folder)
        session = Session(Worker(ledger, settings, Sensors(settings), Places(settings.geo)), Stop())
        for path in captures:
            session.read_all(Capture.of_file(path))
        session.end()
    with watching() as upkeep:
        keep_up(ledger, settings.worker, datetime.now(UTC))
    files = ledger.snapshot().files(FLOWS)
    return {
        "wall": reading.wall,
        "cpu": reading.cpu,
        "upkeep_wall": upkeep.wall,
        "upkeep_cpu": upkeep.cpu,
        "frames": session.summary.frames,
        "inbound": session.summary.fates["inbound"],
        "flows": int(files["rows"].sum()),
        "bytes": int(files["size"].sum()),
    }


def decode(capture: Path) -> dict[str, float]:
    """Decode frames that lie in memory, run by run, without reading them; the fastest of some times."""
    best = Watch(float("inf"), float("inf"))
    frames = 0
    for _ in range(REPEATS):
        total = Watch()
        frames = 0
        decoder = Decoder()
        with capture.open("rb", buffering=0) as stream:
            reader = CaptureReader(stream, str(capture))
            while (run := reader.read()) is not None:
                once = _timed(decoder, run, reader)
                total.wall, total.cpu = total.wall + once.wall, total.cpu + once.cpu
                frames += len(run)
        best = Watch(min(best.wall, total.wall), min(best.cpu, total.cpu))
    return {"wall": best.wall, "cpu": best.cpu, "frames": frames}


def _timed(decoder: Decoder, run: Frames, reader: CaptureReader) -> Watch:
    with watching() as watch:
        decoder.decode(run, reader.interfaces)
    return watch


def _warm() -> None:
    with tempfile.TemporaryDirectory(prefix="darkscope-bench-") as folder:
        capture = Path(folder) / "warm.pcap"
        write(SPARSE, 2000, capture)
        for kind in Kind:
            ingest([capture], Path(folder) / kind.value, kind)


def main() -> None:
    """Do one measure and print it."""
    what, of, *to = sys.argv[1:]
    _warm()
    match what:
        case "ingest":
            result = ingest([Path(of)], Path(to[0]))
        case "honeypot":
            result = ingest([Path(of)], Path(to[0]), Kind.HONEYPOT)
        case "folder":
            result = ingest((Path(one.name) for one in find([of]).captures), Path(to[0]))
        case "decode":
            result = decode(Path(of))
        case _:
            raise SystemExit(f"what is {what}?")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
