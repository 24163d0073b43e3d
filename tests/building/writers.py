"""Workers that write to one ledger at once: each commits captures of its own sensor, one after the other.

As a program, `python writers.py '{"ledger": ..., "cache": ..., "name": ..., "seconds": ...}'`, one runs in a process of
its own: it says `ready`, begins at a line of standard input, says the number of each capture that is committed, and at
its end what it did.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import BinaryIO

from capture_files import pcap
from ledgers import PLACES, at
from talks import GET, Talk

from darkscope.ingest.intake.session import Capture, Session
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.ledger.ledger import Ledger, storage_of
from darkscope.ingest.sensors import Sensors
from darkscope.ingest.settings import Kind, Settings
from darkscope.ingest.worker import Worker

FRAMES = 20
"""SYNs of a capture."""

STEP = 30.0
"""Seconds of a capture."""


@dataclass(slots=True)
class Done:
    """What a writer did."""

    captures: int = 0
    lost: int = 0  # changes of others that came first
    seconds: float = 0.0
    slowest: float = 0.0  # seconds of one commit


def settings_of(ledger: str, cache: str, name: str) -> Settings:
    """A writer's settings. Its sensor has its name, and is a honeypot where that ends in an even digit."""
    sensor = {"id": name, "kind": Kind.HONEYPOT if is_honeypot(name) else Kind.TELESCOPE}
    return Settings.model_validate(
        {
            "ledger": ledger,
            "worker": name,
            "retention": {"disk_reserve": 0, "flows": 3, "sources": "keep", "echoes": "keep"},
            "storage": {"cache": cache},
            "sensors": [{**sensor, "networks": ["133.8.0.0/24"]}],
        }
    )


def is_honeypot(name: str) -> bool:
    """Whether a writer's sensor answers."""
    return name[-1] in "02468"


def asked(name: str, number: int) -> bytes:
    """A capture of a writer's sensor: to a honeypot a connection that goes on in the next one, and ends there."""
    begin = number * STEP + int(name[1:]) / 100  # of one that begins alike only one would count
    records = [at(begin + 1 + second) for second in range(FRAMES)]
    if is_honeypot(name):
        last, now = (Talk(source_port=5000 + one % 50_000) for one in (number - 1, number))
        records = [
            last.theirs(begin, 0, GET),
            last.ours(begin + 0.5, len(GET), b"HTTP/1.1 404 Not Found\r\n\r\n"),
            *records,
            *now.opening(begin + FRAMES + 2),
        ]
    return pcap(records)


def write(
    ledger: str,
    cache: str,
    name: str,
    over: Callable[[int], bool],
    on_commit: Callable[[int], None] = lambda _: None,
) -> Done:
    """Commit captures from the first on until `over` the number of the next; what it did."""
    how = settings_of(ledger, cache, name)
    worker = Worker(Ledger.open_or_create(storage_of(how)), how, Sensors(how), PLACES)
    done, number, began = Done(), 0, time.monotonic()
    with Session(worker, Stop(), patient=True, seconds=3600) as session:
        while not over(number):
            session.read_all(Capture(f"/spool/{name}/{number}.pcap", _opener(asked(name, number))))
            started = time.monotonic()
            session.commit()
            done.slowest = max(done.slowest, time.monotonic() - started)
            on_commit(number)
            number += 1
    done.captures = number
    done.lost, done.seconds = worker.ledger.lost, time.monotonic() - began
    return done


def _opener(data: bytes) -> Callable[[], BinaryIO]:
    return lambda: io.BytesIO(data)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(ledger: str, cache: str, name: str, seconds: float) -> None:
    """Write for so long."""
    write(ledger, cache, name, lambda number: number == 1)  # what is compiled is compiled then
    _say("ready")
    sys.stdin.readline()
    end = time.monotonic() + seconds
    done = write(ledger, cache, name, lambda _: time.monotonic() >= end, lambda number: _say(str(number)))
    _say(json.dumps(asdict(done)))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
