"""Keep the ledger's table of promotions: who has a tag value of its own, decided day by day.

Writes `promotions` and nothing else. What it decided is there for good: the projection follows the table, live or
rebuilt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from darkscope.ingest.ledger.errors import Damaged
from darkscope.ingest.ledger.files import write_file
from darkscope.ingest.ledger.ledger import Ledger, Snapshot
from darkscope.ingest.ledger.plan import Change
from darkscope.ingest.measurements import Resolution
from darkscope.ingest.projection.earning import DAYS, Evidence, Promotion, decide, evidence, shown
from darkscope.ingest.projection.folding import Owned, Pair, owned_on, read_port
from darkscope.ingest.projection.slots import Slots, rounded, slots
from darkscope.ingest.series import COVERAGE, FLOWS, PROMOTIONS, SEALS
from darkscope.ingest.settings import Settings

AGAIN = 3600.0
"""Seconds after which the newest day is decided again."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision changed."""

    day: date
    rows: dict[Pair, Promotion]  # who has a tag of its own that day
    gained: Owned  # beside who had one before
    lost: Owned


def memory(settings: Settings) -> int | None:
    """Days that the bucket with the longest memory remembers; None: for ever.

    A shard goes as a whole, when the last of it is too old, and its series with it.
    """
    days = [(retention(settings, resolution), resolution.shard) for resolution in Resolution]
    known = [kept + shard for kept, shard in days if kept is not None]
    return max(known) if len(known) == len(days) else None


def retention(settings: Settings, resolution: Resolution) -> int | None:
    """Days that points of a resolution stay; None: for ever."""
    days: int | None = getattr(settings.influx, f"retention_{resolution.name.lower()}")
    return days


class Promotions:
    """Decides for one ledger."""

    def __init__(self, ledger: Ledger, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._settings = settings
        self._clock = clock
        self._memory = memory(settings)
        self._evidence: dict[date, Future[Evidence]] = {}
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="evidence")
        self._again: list[Future[Evidence]] = []  # what a decision waits for that is made again
        self._decided_at = 0.0
        self._slots: Slots | None = None
        self._table: tuple[pl.Series, pl.DataFrame] | None = None  # of the files that it was read from
        self._heard: tuple[int, frozenset[str]] | None = None  # sensors, as of a plan

    def table(self, snapshot: Snapshot) -> pl.DataFrame:
        """All rows, with their `day`."""
        files = snapshot.files(PROMOTIONS)["path"]
        if self._table is None or not self._table[0].equals(files):
            self._table = files, snapshot.scan(PROMOTIONS).collect()
        return self._table[1]

    def owned(self, snapshot: Snapshot, day: date) -> Owned:
        """What has tags of its own on a UTC day."""
        return owned_on(self.table(snapshot), day)

    def slots(self, snapshot: Snapshot) -> Slots:
        """Slots as they are now, by the settings or by the sensors that there are."""
        return slots(self._settings.influx.series, self.sensors(snapshot))

    def sensors(self, snapshot: Snapshot) -> int:
        """Sensors that the series are divided among."""
        if self._settings.influx.sensors is not None:
            return self._settings.influx.sensors
        first = date.min
        if self._memory is not None and (days := snapshot.days(COVERAGE)):
            first = max(days) - timedelta(days=self._memory)
        if self._heard is None or self._heard[0] != snapshot.plan:
            self._heard = snapshot.plan, _heard(snapshot, first)
        return rounded(len({*self._heard[1], *(entry.id for entry in self._settings.sensors)}))

    def undecided(self, snapshot: Snapshot) -> list[date]:
        """UTC days with flows that can be decided now, or decided again, in order.

        The newest day is decided again after an hour, or for other slots, as soon as it has been weighed: that goes on
        beside, for the old decision stands meanwhile.
        """
        decided = snapshot.days(PROMOTIONS)
        days = sorted(snapshot.days(FLOWS) - snapshot.days(SEALS))
        if not days:
            return []
        last = max(decided, default=None)
        new = [day for day in days if last is None or day > last]
        if self._memory is not None:
            new = [day for day in new if day >= days[-1] - timedelta(days=self._memory)]
        if new or last is None or last != days[-1]:
            self._again = []
            if last is not None:
                self._keep_evidence(last)  # of that day there was more to come
            return new
        is_due = self._clock() - self._decided_at >= AGAIN or self.slots(snapshot) != self._slots
        if not is_due:
            return []
        if not self._again:
            self._again = self._weigh(snapshot, last)
        return [last] if all(one.done() for one in self._again) else []

    def wait(self) -> bool:
        """Wait for what is weighed beside; whether a decision is due now."""
        wait(self._again)
        return bool(self._again)

    def decide(self, snapshot: Snapshot, days: list[date]) -> list[Decided]:
        """Decide for days, in order, and tell what changed; the ledger has not changed yet."""
        self._slots = self.slots(snapshot)
        self._decided_at = self._clock()
        watch = [read_port(text) for text in self._settings.influx.watch]
        rows = self.table(snapshot)
        known: dict[date, dict[Pair, Promotion]] = {}
        for day, protocol, port, country, since, earned in rows.select(
            "day", "protocol", "port", "country", "since", "earned"
        ).iter_rows():
            known.setdefault(day, {})[protocol, port, country] = Promotion(since, earned)
        decisions = []
        for day in days:
            earlier = max((other for other in known if other < day), default=None)
            before = known[earlier] if earlier else {}
            so_far = known.get(day)
            heard = [one.result() for one in self._weigh(snapshot, day)]
            now = decide(day, before, so_far, heard, watch, self._slots, self._memory)
            if now != so_far:
                had = shown(before if so_far is None else so_far, day)
                known[day] = now
                decisions.append(Decided(day, now, shown(now, day) - had, had - shown(now, day)))
        self._again = []
        self._keep_evidence(max(snapshot.days(FLOWS)))
        return decisions

    def write(self, decisions: Iterable[Decided]) -> None:
        """Make decisions count. Raises LedgerError."""
        rows = {one.day: _frame(one.rows) for one in decisions}

        def build(now: Snapshot) -> dict[str, Change]:
            storage = self._ledger.storage
            files = [write_file(storage, PROMOTIONS, day, frame) for day, frame in rows.items()]
            return {PROMOTIONS.name: Change(files, now.removals(PROMOTIONS, rows))}

        self._ledger.change(self._settings.worker, "promote", build, observes=False)

    def _weigh(self, snapshot: Snapshot, day: date) -> list[Future[Evidence]]:
        """Begin to weigh the days that a decision for a day rests on, beside; each of them once."""
        heard = []
        for one in (day - timedelta(days=back) for back in range(DAYS)):
            known = self._evidence.get(one)
            has_failed = known is not None and known.done() and known.exception() is not None
            if one in snapshot.days(FLOWS) and (known is None or has_failed):
                try:
                    self._evidence[one] = self._beside.submit(evidence, snapshot.scan(FLOWS, one, one))
                except Damaged:
                    continue  # whoever sums the day says so
            if one in self._evidence:
                heard.append(self._evidence[one])
        return heard

    def _keep_evidence(self, newest: date) -> None:
        """Keep what may be asked again: of the days before the newest, to which more may come."""
        self._evidence = {
            day: one for day, one in self._evidence.items() if newest - timedelta(days=DAYS) <= day < newest
        }


def _heard(snapshot: Snapshot, first: date) -> frozenset[str]:
    """Sensors that were heard since a day, as far as coverage can be read."""
    damaged: set[date] = set()
    while True:
        try:
            rows = snapshot.scan(COVERAGE, first, where=~pl.col("day").is_in(list(damaged)))
        except Damaged as one:
            damaged.add(one.day)
        else:
            return frozenset(rows.select("sensor").unique().collect()["sensor"])


def _frame(rows: dict[Pair, Promotion]) -> pl.DataFrame:
    return pl.DataFrame(
        [(*value, one.since, one.earned) for value, one in sorted(rows.items())],
        schema=PROMOTIONS.schema,
        orient="row",
    )
