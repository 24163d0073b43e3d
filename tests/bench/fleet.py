"""A fleet on one ledger in object storage: a thousand sensors, up to fifty workers, simulated event by event.

What a commit asks for was measured (`COSTS`, held to the program by a test); how long a request takes is an assumption.
Plan n+1 can be made over a complete plan n alone, so commits queue: this tells how long they wait, how often a worker
loses, how old a packet is once it can be read, and how many files lie about while upkeep merges them.

`fleet.py` sweeps and prints a table; `fleet.py WORKERS BATCH_SECONDS MILLISECONDS [KEEPERS] [FEW]` runs one fleet.
"""

from __future__ import annotations

import heapq
import itertools
import math
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from random import Random

SENSORS = 1000
SECONDS = 3600.0
"""Simulated; the first tenth is warming up and does not count."""

SPREAD = 0.4
"""Standard deviation of the logarithm of a request's time: one in a hundred takes 2.5 times the usual."""

TABLES = 6
"""That a batch adds a file to: flows, sources, echoes, coverage, captures, unfinished."""

PAUSE, LONGEST = 0.1, 1.0
"""As in ingest/ledger/ledger.py: seconds that who lost waits at most, twice as long each time."""

KEEPING = 60.0
"""Seconds between two rounds of upkeep (ingest/intake/caretaker.py)."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Requests of a commit, one after the other; what is asked side by side counts once."""

    stage: int = 1  # data files, side by side
    look: int = 1  # is there a plan that we have not seen?
    moved: int = 3  # where others changed the ledger: whose commit is the newest, their plans, their captures
    publish: int = 1  # the plan
    begin: int = 1  # is its number still free?
    table: int = 1  # a table's commit; all but `coverage` side by side
    complete: int = 1  # the commit of `coverage`
    after: int = 0
    checkpoint: int = 17  # more, of each table's every tenth commit, once all others can go on
    every: int = 10
    cpu: float = 0.1  # seconds between the requests

    @property
    def serial(self) -> int:
        """Requests from a plan to its completion: as long as nobody else can make the next."""
        return self.publish + self.begin + self.table + self.complete

    @property
    def alone(self) -> int:
        """Requests of a commit that meets nobody."""
        return self.stage + self.look + self.serial + self.after


COSTS = Costs()

Process = Generator[float, None, None]
"""Gives seconds to wait."""


@dataclass(slots=True)
class Fleet:
    """One fleet, and what became of it."""

    workers: int
    batch: float  # seconds
    latency: float  # seconds of a usual request
    keepers: int = 1  # workers that do upkeep
    few: int = 8  # small files of a table and day that upkeep leaves alone
    costs: Costs = COSTS
    dice: Random = field(default_factory=lambda: Random(2020))
    now: float = 0.0
    plan: int = 0  # newest plan
    complete_at: float = 0.0  # when it is or was complete
    commits: int = 0
    lost: int = 0
    most_lost: int = 0  # tries that one commit lost
    busy: float = 0.0  # seconds in which a plan was not complete
    lags: list[float] = field(default_factory=list)  # of each batch's oldest packet
    files: list[int] = field(default_factory=lambda: [0] * TABLES)  # small ones of the open day, by table
    most_files: int = 0  # that one table had
    merges: int = 0

    def run(self) -> Fleet:
        """Let it work."""
        order = itertools.count()
        waiting: list[tuple[float, int, Process]] = []
        processes: list[Process] = [self._worker() for _ in range(self.workers)]
        processes += [self._keeper() for _ in range(self.keepers)]
        for process in processes:
            heapq.heappush(waiting, (0.0, next(order), process))
        while waiting and (then := heapq.heappop(waiting))[0] < SECONDS:
            self.now, _, process = then
            heapq.heappush(waiting, (self.now + next(process), next(order), process))
        return self

    @property
    def is_warm(self) -> bool:
        """Whether what happens now counts."""
        return self.now > SECONDS / 10

    def lag(self, share: float) -> float:
        """Seconds from a packet's arrival to its being readable, of a share of the batches at most; oldest packets."""
        return sorted(self.lags)[int(len(self.lags) * share)]

    def _asked(self, requests: int) -> float:
        """Seconds of so many requests, one after the other."""
        return sum(self.latency * math.exp(self.dice.gauss(0, SPREAD)) for _ in range(requests))

    def _worker(self) -> Process:
        yield self.dice.uniform(0, self.batch)  # they were not started together
        seen = self.now
        known = 0
        while True:
            yield self.batch
            oldest, seen = seen, self.now  # what comes while the batch is committed waits for the next one
            yield self._asked(self.costs.stage) + self.costs.cpu
            known = yield from self._commit(known)
            if self.is_warm:
                self.commits += 1
                self.lags.append(self.now - oldest)
            for table in range(TABLES - 1):  # the file of `unfinished` takes the place of the one before
                self.files[table] += 1
            self.most_files = max(self.most_files, *self.files)
            yield self._asked(self.costs.after)

    def _keeper(self) -> Process:
        while True:
            yield self.dice.uniform(0.5, 1.5) * KEEPING
            for table in range(TABLES - 1):
                found = self.files[table]
                if found <= self.few:
                    continue
                yield (
                    self._asked(2) + found / 1000
                )  # read side by side, merged, written: a millisecond a file
                yield from self._commit(self.plan)
                if self.files[table] >= found:  # else another keeper was first, and this was in vain
                    self.files[table] -= found - 1
                    self.merges += 1

    def _commit(self, known: int) -> Generator[float, None, int]:
        """Make a plan and complete it, once nobody else does; give its number. `known` is the last one seen."""
        lost = 0
        while True:
            yield self._asked(self.costs.look)
            has_waited = False
            while self.now < self.complete_at:
                if has_waited:  # it helps, and no sooner than the other has it done
                    help_takes = self._asked(self.costs.serial - self.costs.publish)
                    yield min(help_takes, self.complete_at - self.now)
                else:
                    yield self.dice.uniform(PAUSE, 3 * PAUSE)
                has_waited = True
                yield self._asked(self.costs.look)
            over = self.plan
            if over != known:
                yield self._asked(self.costs.moved)
                known = over
            yield self._asked(self.costs.publish)
            if self.plan == over:
                break
            yield self.dice.uniform(0, min(LONGEST, PAUSE * 2**lost))
            lost += 1
        self.plan += 1
        takes = self._asked(self.costs.begin + self.costs.complete) + self.costs.cpu
        takes += max(self._asked(self.costs.table) for _ in range(TABLES - 1))
        self.complete_at = self.now + takes
        if self.is_warm:
            self.busy += takes
            self.lost += lost
            self.most_lost = max(self.most_lost, lost)
        made = self.plan
        yield takes
        if self.plan % self.costs.every < TABLES:  # a table's turn
            yield self._asked(self.costs.checkpoint)
        return made


def told(fleet: Fleet) -> str:
    """Tell what became of a fleet, as a row of a table."""
    counted = SECONDS * 0.9
    figures = (
        f"{fleet.workers}",
        f"{fleet.batch:g}",
        f"{fleet.latency * 1000:g}",
        f"{fleet.keepers}",
        f"{fleet.few}",
        f"{fleet.commits / counted:.2f}",
        f"{fleet.busy / counted:.0%}",
        f"{fleet.lost / max(1, fleet.commits):.2f}",
        f"{fleet.most_lost}",
        f"{fleet.lag(0.5):.1f}",
        f"{fleet.lag(0.99):.1f}",
        f"{fleet.most_files}",
        f"{fleet.merges}",
    )
    return "| " + " | ".join(figures) + " |"


HEAD = (
    "| workers | batch s | request ms | keepers | few | commits/s | ledger busy | lost a commit | at most "
    "| lag p50 s | p99 s | small files of a table | merges |\n" + "|-" * 13 + "|"
)


def sweep() -> Iterator[Fleet]:
    """Fleets that differ in what may be chosen."""
    for latency in (0.01, 0.03, 0.1):
        for workers, batch in itertools.product((1, 5, 10, 20, 50), (2.0, 10.0, 30.0, 60.0, 120.0, 300.0)):
            yield Fleet(workers, batch, latency)
    for keepers, few in ((1, 8), (1, 64), (50, 8), (50, 64)):
        yield Fleet(50, 120.0, 0.03, keepers, few)


def main() -> None:
    """Run one fleet, or sweep."""
    print(HEAD)
    if len(sys.argv) > 1:
        workers, batch, latency, *rest = map(float, sys.argv[1:])
        print(told(Fleet(int(workers), batch, latency / 1000, *map(int, rest)).run()))
        return
    for fleet in sweep():
        print(told(fleet.run()), flush=True)


if __name__ == "__main__":
    main()
