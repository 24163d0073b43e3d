"""What happens once, at a moment: attacks seen by their backscatter, and visits to honeypots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np

from darkscope.ingest.simulate.clock import HOUR, MILLISECOND, SECOND
from darkscope.ingest.simulate.frames import Batch, Layout, Layouts, batch, joined
from darkscope.ingest.simulate.replies import MSS
from darkscope.ingest.simulate.scenario import ACK, FIN, PSH, RST, SYN, TCP, Attack, Pool, Scenario, Visit
from darkscope.ingest.simulate.sources import population
from darkscope.ingest.simulate.targets import Targets

_RESPONSE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_CONNECTING = Layout(TCP, options=MSS + bytes.fromhex("01010402"))  # SACK permitted
_PLAIN = Layout(TCP)
_UNMARKED = 50_000
"""IP ids are drawn below: none of them is ZMap's."""


def events(
    scenario: Scenario, first: date, targets: Targets, layouts: Layouts, *, scale: float, seed: int
) -> Batch:
    """Make all attacks and visits of a scenario whose first UTC day is `first`, ordered by time."""
    make = _Events(scenario, first, targets, layouts, np.random.default_rng([seed, 3]), seed)
    parts = [batch(0)]
    for number, attack in enumerate(scenario.attacks):
        parts.append(make.attack(attack, number, max(scale, 1.0)))
    for visit in scenario.visits:
        parts += make.visits(visit)
    found = joined(parts)
    found = found.take(np.argsort(found.time, kind="stable"))
    return replace(found, hour=found.time // HOUR % 24)


@dataclass(frozen=True, slots=True)
class _Events:
    scenario: Scenario
    first: date
    targets: Targets
    layouts: Layouts
    random: np.random.Generator
    seed: int

    def attack(self, attack: Attack, number: int, scale: float) -> Batch:
        victims = population([Pool("victims", lifetime=1)], [str(number)], [attack.country], [4], self.seed)
        row = np.zeros(1, np.int64)
        victim = victims.address(row, victims.member(row, row, 0))[0]
        length = round(attack.packets * scale)
        target = self.targets.pick(np.full(length, self.targets.audience(())), self.random.random(length))
        reset = self.random.random(length) < attack.resets
        after = (self.random.random(length) * attack.minutes * 60 * SECOND).astype(np.int64)
        refused, accepted = self.layouts.number(_PLAIN), self.layouts.number(Layout(TCP, options=MSS))
        return batch(
            length,
            time=int(attack.start.timestamp()) * SECOND + after,
            sensor=self.targets.sensor[target],
            layout=np.where(reset, refused, accepted),
            source=victim,
            target=self.targets.address[target],
            source_port=attack.port,
            port=self.random.integers(1024, 65536, length),
            sequence=np.where(reset, 0, self.random.integers(0, 1 << 32, length, np.uint64)),
            acknowledgement=self.random.integers(0, 1 << 32, length, np.uint64),
            flags=np.where(reset, RST | ACK, SYN | ACK),
            window=np.where(reset, 0, 14600),
            ttl=51,
        )

    def visits(self, visit: Visit) -> Iterator[Batch]:
        guests = population([visit.pool], [visit.path], [visit.country], [4], self.seed)
        midnight = datetime.combine(visit.day, datetime.min.time(), ZoneInfo(self.scenario.zone)).astimezone(
            UTC
        )
        honeypots = np.flatnonzero(self.targets.honeypot[self.targets.sensor])
        row = np.zeros(1, np.int64)
        for _ in range(visit.count):
            slot = self.random.integers(0, max(visit.pool.members, 1), 1)
            member = guests.member(row, slot, (midnight.date() - self.first).days)
            source = int(guests.address(row, member)[0])
            # Well inside the local day: neither the connection nor its sweep leaves it.
            time = int(midnight.timestamp()) * SECOND + int(self.random.integers(2 * HOUR, 23 * HOUR))
            yield self._connection(visit, source, int(self.random.choice(honeypots)), time)
            yield self._sweep(visit, source, time)

    def _sweep(self, visit: Visit, source: int, before: int) -> Batch:
        """Ask telescopes for the port in the hour before."""
        length = visit.sweep
        telescopes = tuple(sensor.id for sensor in self.scenario.sensors if not sensor.honeypot)
        audience = np.full(length, self.targets.audience(telescopes))
        target = self.targets.pick(audience, self.random.random(length))
        return batch(
            length,
            time=before - self.random.integers(60 * SECOND, HOUR, length),
            sensor=self.targets.sensor[target],
            layout=self.layouts.number(_CONNECTING),
            source=source,
            target=self.targets.address[target],
            source_port=self.random.integers(32768, 61000, length),
            port=visit.port,
            sequence=self.random.integers(0, 1 << 32, length, np.uint64),
            flags=SYN,
            window=29200,
            ttl=47,
            ip_id=self.random.integers(0, _UNMARKED, length),
        )

    def _connection(self, visit: Visit, source: int, target: int, time: int) -> Batch:
        """Exchange one request in one TCP connection, both directions, from SYN to the last ACK."""
        here = int(self.targets.address[target])
        request = _request(visit, here)
        theirs, mine = (int(number) for number in self.random.integers(0, 1 << 31, 2))
        asked, answered = theirs + 1 + len(request), mine + 1 + len(_RESPONSE)
        # own, layout, flags, sequence, acknowledgement, milliseconds
        steps: Sequence[tuple[bool, Layout, int, int, int, int]] = (
            (False, _CONNECTING, SYN, theirs, 0, 0),
            (True, _CONNECTING, SYN | ACK, mine, theirs + 1, 1),
            (False, _PLAIN, ACK, theirs + 1, mine + 1, 181),
            (False, Layout(TCP, payload=request), PSH | ACK, theirs + 1, mine + 1, 182),
            (True, _PLAIN, ACK, mine + 1, asked, 183),
            (True, Layout(TCP, payload=_RESPONSE), PSH | ACK, mine + 1, asked, 190),
            (False, _PLAIN, ACK, asked, answered, 371),
            (False, _PLAIN, FIN | ACK, asked, answered, 372),
            (True, _PLAIN, FIN | ACK, answered, asked + 1, 373),
            (False, _PLAIN, ACK, asked + 1, answered + 1, 553),
        )
        own, layouts, flags, sequence, acknowledgement, after = zip(*steps, strict=True)
        port = int(self.random.integers(32768, 61000))
        return batch(
            len(steps),
            time=time + np.array(after) * MILLISECOND,
            sensor=self.targets.sensor[target],
            own=own,
            layout=[self.layouts.number(layout) for layout in layouts],
            source=np.where(own, np.uint64(here), np.uint64(source)),
            target=np.where(own, np.uint64(source), np.uint64(here)),
            source_port=np.where(own, visit.port, port),
            port=np.where(own, port, visit.port),
            sequence=sequence,
            acknowledgement=acknowledgement,
            flags=flags,
            window=29200,
            ttl=np.where(own, 64, 47),
            ip_id=self.random.integers(0, _UNMARKED, len(steps)),
        )


def _request(visit: Visit, here: int) -> bytes:
    host = ".".join(str(byte) for byte in here.to_bytes(4, "big"))
    return (
        f"{visit.method} {visit.path} HTTP/1.1\r\nHost: {host}:{visit.port}\r\n"
        f"User-Agent: {visit.agent}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    ).encode()
