"""Keep InfluxDB as the ledger is: take what changed, sum it anew, write it.

Reads the ledger (and writes its promotions), the registry and InfluxDB. Ingest never waits for it: it runs beside, and
whatever happens to InfluxDB, all that it owes is a list of stretches in the registry. Everything may be done twice.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

import polars as pl
from polars.exceptions import PolarsError

from darkscope.ingest.ledger.errors import Damaged, LedgerError
from darkscope.ingest.ledger.ledger import Ledger, Snapshot
from darkscope.ingest.ledger.plan import Plan
from darkscope.ingest.measurements import (
    COVERAGE,
    DARKSCOPE,
    EVENTS,
    OTHER,
    OWN,
    PACKETS,
    SENSORS,
    Measurement,
    Resolution,
)
from darkscope.ingest.projection import changes, sums
from darkscope.ingest.projection.delivery import Counts, Delivery
from darkscope.ingest.projection.lines import chunks
from darkscope.ingest.projection.points import swept
from darkscope.ingest.projection.promotions import Decided, Promotions, retention
from darkscope.ingest.projection.server import LONGEST, Missing, Refused, Server, Unavailable
from darkscope.ingest.projection.sums import Stretch, minute_of
from darkscope.ingest.projection.waiting import Place, Task, Waiting, Watermark, Work, tasks
from darkscope.ingest.registry import PROJECTION, Registry
from darkscope.ingest.sensors import Sensors
from darkscope.ingest.series import COVERAGE as COVERAGE_TABLE
from darkscope.ingest.series import EPOCH, FLOWS, SEALS
from darkscope.ingest.settings import Settings

LOG = logging.getLogger("darkscope.ingest.projection")

POLL = 1.0
"""Seconds between two looks at the ledger."""

COARSE = 60.0
"""Seconds that hours and days wait at least, so that they are written once a minute at most."""

FLOWS_AT_ONCE = 1_000_000
"""About how many flows are summed at a time: bounds memory."""

FLOWS_AT_FIRST = 100_000
"""As many where InfluxDB has nothing to do, and twice as many each time after that: it would wait for the sums."""

TASKS_AT_ONCE = 48
"""Tasks looked at to find neighbours that can be summed together."""

LATE = timedelta(minutes=5)
"""Points that would leave their bucket so soon are not written: InfluxDB would refuse them."""

LOOK_AGAIN = 60.0
"""Seconds between two looks at damaged files of the ledger."""

LOOKED_AT = 20_000
"""Data files of the ledger that are remembered not to be damaged, at most."""

TELL = 10.0
"""Seconds between two points about the projection itself."""

FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""Seconds before InfluxDB is tried again: at first, and at most."""

SAY_AGAIN = 300.0
"""Seconds after which an outage that lasts is told again."""


class Stop(Protocol):
    """Whether the end was asked for."""

    @property
    def is_asked(self) -> bool:
        """Say so."""

    def wait(self, seconds: float) -> bool:
        """Wait, less long where the end is asked for; say if asked."""


class Projector:
    """Projects one ledger into one InfluxDB. For one thread."""

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        registry: Registry,
        server: Server,
        delivery: Delivery,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._registry = registry
        self._server = server
        self._delivery = delivery
        self._clock = clock
        self._sensors = Sensors(settings)
        self._promotions = Promotions(ledger, settings, clock)
        self._waiting = Waiting(registry, f"{server.url} {server.org} {settings.influx.bucket}")
        self._wait = 0.0
        self._retry_at = 0.0
        self._said_at = 0.0
        self._told_at = 0.0
        self._trouble = ""
        self._listed: dict[tuple[date, Resolution], pl.DataFrame] = {}
        self._newest = (0, 0)  # series and folded packets of the newest day
        self._under_way: deque[tuple[list[Task], int]] = deque()  # and the chunk that is the last of theirs
        self._at_once = FLOWS_AT_FIRST
        self._registry_said = 0.0
        self._looked: dict[str, str] = {}  # data files of the ledger that were looked at, and what is wrong
        self._aside: dict[Place, Damaged] = {}
        self._look_again_at = 0.0
        self._complete = 0  # newest version of the ledger of which nothing waited

    @property
    def counts(self) -> Counts:
        """What became of points and requests."""
        return self._delivery.counts

    # What changed

    def take(self) -> Snapshot:
        """Take what changed in the ledger since the last time; it waits from now on.

        Raises LedgerError, RegistryError.
        """
        if len(self._looked) > LOOKED_AT:
            self._looked.clear()
        snapshot = self._ledger.snapshot().checked(self._looked)
        watermark = self._waiting.watermark
        now = self._clock()
        plans = self._plans(watermark, snapshot)
        undecided = self._promotions.undecided(snapshot)
        if watermark is not None and watermark.plan == snapshot.plan and not undecided:
            return snapshot
        new: list[Task] = []
        if plans is None:
            new += self.everything(snapshot, self._known(snapshot), now, sweep=self._holds_something())
        else:
            new += changes.of_plans(plans, now)
        if undecided:
            decisions = self._promotions.decide(snapshot, undecided)
            if decisions:
                if plans is not None:
                    new += self._promoted(snapshot, decisions, now)
                # They wait first: should this end here, something is written again that need not.
                self._waiting.take(new, Watermark(snapshot.plan, snapshot.version))
                self._promotions.write(decisions)
                return self._ledger.snapshot().checked(self._looked)
        self._waiting.take(new, Watermark(snapshot.plan, snapshot.version))
        return snapshot

    def _plans(self, watermark: Watermark | None, snapshot: Snapshot) -> list[Plan] | None:
        if watermark is None or watermark.plan > snapshot.plan:
            return None
        plans = self._ledger.plans(watermark.plan, snapshot.plan)
        if plans is None:
            LOG.warning(
                "the ledger's log was cleaned past what was taken; all is projected again",
                extra={"fields": {"taken": watermark.plan, "plan": snapshot.plan}},
            )
        return plans

    def _holds_something(self) -> bool:
        """Whether InfluxDB has points of a projection already, as far as can be told."""
        for resolution in Resolution:
            try:
                if self._mark_in(resolution) >= 0:
                    return True
            except Missing:
                continue
            except (Refused, Unavailable):
                return True
        return False

    def everything(
        self, snapshot: Snapshot, days: Iterable[date], now: float, *, sweep: bool = True
    ) -> Iterator[Task]:
        """All of some days that the buckets remember; never of a sealed one."""
        sealed = snapshot.days(SEALS)
        for resolution in Resolution:
            edge = self._edge(resolution)
            open_days = [
                day for day in sorted(days) if day not in sealed and minute_of(day) + sums.DAY > edge
            ]
            yield from changes.of_days(open_days, now, sweep=sweep, resolutions=[resolution])

    def _promoted(self, snapshot: Snapshot, decisions: Iterable[Decided], now: float) -> Iterator[Task]:
        """What looks otherwise after decisions: a promoted port has its whole past, as far as there are flows."""
        days = sorted(snapshot.days(FLOWS) - snapshot.days(SEALS))
        for decision in decisions:
            shown = [day for day in days if day <= decision.day] if decision.gained else []
            for resolution in Resolution:
                edge = self._edge(resolution)
                for day in shown:
                    low = minute_of(day)
                    if low + sums.DAY > edge:
                        yield from tasks(
                            Work.TRAFFIC,
                            resolution,
                            low,
                            low + sums.DAY,
                            now,
                            whole=False,
                            touched=decision.gained,
                        )
            if decision.lost:
                yield from changes.of_days([decision.day], now, sweep=True)

    def _edge(self, resolution: Resolution) -> int:
        """First minute that a bucket still takes."""
        days = retention(self._settings, resolution)
        if days is None:
            return 0
        oldest = datetime.fromtimestamp(self._clock(), UTC) - timedelta(days=days) + LATE
        return -(-int(oldest.timestamp()) // 60)

    # What is written

    def rebuild(self, days: Iterable[date]) -> int:
        """Let all of some days wait to be written anew; how many days that are. Raises RegistryError, LedgerError."""
        snapshot = self._ledger.snapshot()
        new = list(self.everything(snapshot, sorted(set(days) & self._known(snapshot)), self._clock()))
        self._waiting.take(new)
        return len({sums.day_of(task.low) for task in new})

    def owes(self, since: float) -> int:
        """Tasks that wait since then or longer. Raises RegistryError."""
        return self._waiting.count(since)

    def forgotten(self, snapshot: Snapshot) -> list[date]:
        """UTC days of the ledger that no bucket remembers any more, or that are sealed."""
        edge = min(self._edge(resolution) for resolution in Resolution)
        sealed = snapshot.days(SEALS)
        return sorted(
            day for day in self._known(snapshot) if minute_of(day) + sums.DAY <= edge or day in sealed
        )

    def _known(self, snapshot: Snapshot) -> frozenset[date]:
        """UTC days that anything is known of; the day of frames without a time is none."""
        return (snapshot.days(COVERAGE_TABLE) | snapshot.days(FLOWS)) - {EPOCH}

    def work(self, snapshot: Snapshot, *, hasten: bool = False) -> bool:
        """Write the most urgent of what waits; whether there was anything. `hasten`: also hours and days at once.

        Raises Refused, Unavailable, LedgerError, RegistryError.
        """
        since = None if hasten else self._clock() - COARSE
        self._take_up(snapshot)
        waiting = self._waiting.next(TASKS_AT_ONCE, since, self._aside)
        under_way = {task for group, _ in self._under_way for task in group}
        if any(_is_same(task, other) for task in waiting for other in under_way if task != other):
            self._settle()  # what is under way was added to: it must have arrived before it is written again
            under_way = set()
        group = self._neighbours(snapshot, [task for task in waiting if task not in under_way])
        if not group:
            was_busy = bool(self._under_way)
            self._settle()
            self._at_once = FLOWS_AT_FIRST
            return was_busy
        self._do(snapshot, group)
        if group[0].work is Work.TRAFFIC:
            self._at_once = min(2 * self._at_once, FLOWS_AT_ONCE)
        self._settle(len(self._under_way) - 1)
        return True

    def _do(self, snapshot: Snapshot, group: list[Task]) -> None:
        """Begin to write what neighbours stand for; what a damaged file of the ledger holds up is put aside."""
        whole = replace(group[0], low=min(task.low for task in group), high=max(task.high for task in group))
        stretch = self.open(snapshot, Stretch(whole.resolution, whole.low, whole.high))
        if stretch is not None:
            try:
                found = self.points(snapshot, stretch, whole)
            except Damaged as damaged:
                if len(group) == 1:
                    self._put_aside(group[0], damaged)
                else:  # perhaps it bears on some of them only
                    for task in group:
                        self._do(snapshot, [task])
                return
            for measurement, points in found:
                self._write(stretch, measurement, points, sweep=whole.sweep)
        self._under_way.append((group, self._delivery.begun))

    def _settle(self, count: int | None = None) -> None:
        """Wait until the first groups under way (all where left out) have arrived; they wait no longer."""
        for _ in range(len(self._under_way) if count is None else count):
            group, begun = self._under_way[0]
            self._delivery.settle(begun)
            self._under_way.popleft()
            self._waiting.done(group)

    # What a damaged file of the ledger holds up, and nothing else

    @property
    def damaged(self) -> dict[str, str]:
        """Data files of the ledger that are damaged, as far as they were needed, and what was said of each."""
        return {one.place: str(one) for one in self._aside.values()}

    def _put_aside(self, task: Task, damaged: Damaged) -> None:
        if damaged.place not in self.damaged:
            fields = {"reason": str(damaged), "day": damaged.day.isoformat(), "again_in_s": LOOK_AGAIN}
            LOG.error("a file of the ledger is damaged; what it bears on waits", extra={"fields": fields})
        self._aside[task.place] = damaged

    def _take_up(self, snapshot: Snapshot) -> None:
        """See whether damaged files were mended or taken out; what they held up is done again."""
        if not self._aside or self._clock() < self._look_again_at:
            return
        self._look_again_at = self._clock() + LOOK_AGAIN
        for damaged in {one.place: one for one in self._aside.values()}.values():
            if snapshot.is_mended(damaged):
                self._looked.pop(damaged.place, None)
                self._aside = {key: one for key, one in self._aside.items() if one.place != damaged.place}
                fields = {"file": damaged.place, "day": damaged.day.isoformat()}
                LOG.info("a file of the ledger holds nothing up any more", extra={"fields": fields})

    def _neighbours(self, snapshot: Snapshot, waiting: list[Task]) -> list[Task]:
        """The first task, and those that touch it, are of its kind, and make it no too much at a time."""
        if not waiting:
            return []
        first = waiting[0]
        day = sums.day_of(first.low)
        files = snapshot.files(FLOWS).filter(pl.col("day") == day)
        an_hour = int(files["rows"].sum()) // 24 + 1
        group = [first]
        low, high = first.low, first.high
        for task in waiting[1:]:
            alike = (task.work, task.resolution, task.whole, task.sweep, task.touched)
            if alike != (first.work, first.resolution, first.whole, first.sweep, first.touched):
                continue
            if sums.day_of(task.low) != day or not (task.high == low or task.low == high):
                continue
            if (max(high, task.high) - min(low, task.low)) / 60 * an_hour > self._at_once:
                break
            low, high = min(low, task.low), max(high, task.high)
            group.append(task)
        return group

    def open(self, snapshot: Snapshot, stretch: Stretch) -> Stretch | None:
        """The part of a stretch that its bucket remembers; None where there is none, or its day is sealed."""
        step = stretch.resolution.minutes
        low = max(stretch.low, -(-self._edge(stretch.resolution) // step) * step)
        if low >= stretch.high or stretch.day in snapshot.days(SEALS):
            return None
        return replace(stretch, low=low)

    def points(
        self, snapshot: Snapshot, stretch: Stretch, task: Task
    ) -> Iterable[tuple[Measurement, pl.DataFrame]]:
        """What a task writes."""
        match task.work:
            case Work.TRAFFIC:
                owned = self._promotions.owned(snapshot, stretch.day)
                before = owned - task.touched if task.touched else None
                touched = None if task.whole or task.sweep else task.touched
                found = sums.traffic(snapshot, stretch, owned, before, touched)
                if stretch.resolution is not Resolution.DAY:
                    return found
                if touched is None:
                    self._weigh(snapshot, stretch, found)
                return [*found, (OWN, sums.own(snapshot, owned, stretch.day))]
            case Work.COVERAGE:
                return [(COVERAGE, sums.coverage(snapshot, stretch))]
            case Work.SENSORS:
                return [(SENSORS, sums.sensors(snapshot, [stretch.day], self._sensors))]
            case Work.EVENTS:
                owned = self._promotions.owned(snapshot, stretch.day)
                known = [sensor.id for sensor in self._sensors]
                room = self._promotions.slots(snapshot).events
                return [(EVENTS, sums.events(snapshot, [stretch.day], owned, known, room))]

    def _weigh(
        self, snapshot: Snapshot, stretch: Stretch, found: Iterable[tuple[Measurement, pl.DataFrame]]
    ) -> None:
        """Remember how many series the newest day has, and what was folded."""
        if stretch.day < max(snapshot.days(FLOWS), default=stretch.day):
            return
        series = sum(points.height for _, points in found)
        folded = sum(
            int(points.filter(pl.col("port") == OTHER)["packets"].sum())
            for measurement, points in found
            if measurement is PACKETS
        )
        self._newest = series, folded

    def _write(
        self, stretch: Stretch, measurement: Measurement, points: pl.DataFrame, *, sweep: bool
    ) -> None:
        bucket = stretch.resolution.bucket(self._settings.influx.bucket)
        # Not from the stretch on: counts of coverage stand at the first minute of the hour, which may come before.
        points = points.filter(pl.col("seconds") >= self._edge(stretch.resolution) * 60)
        if measurement is SENSORS and not sweep:
            key = stretch.day, stretch.resolution
            if key in self._listed and self._listed[key].equals(points):
                return
            self._listed = {**dict(list(self._listed.items())[-100:]), key: points}
        if sweep:
            points = swept(self._server, bucket, measurement, stretch, points)
        self._delivery.bring(bucket, chunks(points, measurement))

    # InfluxDB's state

    def look(self, snapshot: Snapshot) -> None:
        """See whether InfluxDB still has what it was given; where it lost something, all is owed again.

        Raises Refused, Unavailable, RegistryError.
        """
        for resolution in Resolution:
            marked = self._waiting.marked(resolution)
            if marked is None:
                continue
            bucket = resolution.bucket(self._settings.influx.bucket)
            has = self._mark_in(resolution)
            if has < marked:
                LOG.warning(
                    "InfluxDB lost what it had; it is projected again",
                    extra={"fields": {"bucket": bucket, "had": marked, "has": max(has, 0)}},
                )
                self._listed.clear()
                everything = self.everything(snapshot, self._known(snapshot), self._clock(), sweep=has >= 0)
                self._waiting.take(task for task in everything if task.resolution is resolution)
                self._waiting.mark(resolution, has)

    def _mark_in(self, resolution: Resolution) -> int:
        """The plan that a bucket says it has; -1 where it says nothing. Raises Refused, Unavailable."""
        bucket = resolution.bucket(self._settings.influx.bucket)
        found = self._server.select(bucket, 'last("plan")', DARKSCOPE.name, self._edge(resolution) * 60)
        plan = found[0].values[0][1] if found else -1
        return plan if isinstance(plan, int) else -1  # somebody else's

    def tell(self) -> None:
        """Write a point about the projection itself into each bucket. Raises Unavailable, RegistryError."""
        watermark = self._waiting.watermark
        if watermark is None:
            return
        waiting, now = self._waiting.count(), self._clock()
        series, folded = self._newest
        if self._waiting.oldest(self._aside) is None:
            self._complete = watermark.version
        counts = self._delivery.counts
        values = {
            "version": self._complete,
            "plan": watermark.plan,
            "lag": self.lag(),
            "waiting": waiting,
            "series": series,
            "folded": folded,
            "points": counts.points,
            "rejected": counts.rejected,
            "failures": counts.failures,
            "damaged": len(self.damaged),
        }
        for resolution in Resolution:
            step = resolution.minutes * 60
            point = pl.DataFrame(
                {"seconds": [int(now) // step * step], **{k: [v] for k, v in values.items()}}
            )
            bucket = resolution.bucket(self._settings.influx.bucket)
            rejected = counts.rejected
            self._delivery.bring(bucket, chunks(point, DARKSCOPE))
            self._delivery.settle()
            if counts.rejected == rejected:  # else it would look lost each time
                self._waiting.mark(resolution, watermark.plan)
        self._told_at = now

    def lag(self) -> int:
        """Seconds since the first change that is not in the minutes' bucket yet; 0 where all are.

        What damaged files hold up does not count: it would hide whether the rest is late.
        """
        oldest = self._waiting.oldest(self._aside)
        return 0 if oldest is None else max(0, int(self._clock() - oldest))

    def say(self, snapshot: Snapshot | None) -> None:
        """Say how it goes to whoever asks the registry. Raises RegistryError."""
        counts = self._delivery.counts
        self._registry.say(
            PROJECTION,
            url=self._server.url,
            trouble=self._trouble,
            version=self._complete,
            ledger_version=snapshot.version if snapshot else 0,
            lag=self.lag(),
            waiting=self._waiting.count(),
            series=self._newest[0],
            folded=self._newest[1],
            points=counts.points,
            rejected=counts.rejected,
            failures=counts.failures,
            damaged=len(self.damaged),
            damaged_files=" ".join(self.damaged.values())[:LONGEST],
        )

    # Going on

    def follow(self, stop: Stop) -> None:
        """Go on until the end is asked for. Raises RegistryError; what the ledger or InfluxDB have is waited out."""
        while not stop.is_asked:
            is_busy = self._round()
            if not is_busy:
                stop.wait(POLL)

    def _round(self) -> bool:
        """One look at the ledger, and one piece of work; whether there is more to do at once."""
        now = self._clock()
        try:
            snapshot = self.take()
        except LedgerError as error:
            self._say_trouble(f"the ledger: {error}", now)
            return False
        is_busy = False
        if now >= self._retry_at:
            try:
                if self._told_at == 0 or self._trouble:
                    self.look(snapshot)
                is_busy = self.work(snapshot)
                if self._trouble:
                    self._settle()  # what is on its way does not show that InfluxDB is back; what arrived does
                if now - self._told_at >= TELL:
                    self.look(snapshot)  # before a new point hides that the old one is gone
                    self.tell()
                self._recover()
            except (Refused, Unavailable) as error:
                self._under_way.clear()
                self._listed.clear()  # perhaps none of it arrived
                self._wait = min(LONGEST_WAIT, max(FIRST_WAIT, 2 * self._wait))
                self._retry_at = self._clock() + self._wait
                self._say_trouble(str(error), now)
            except (LedgerError, PolarsError, OSError) as error:
                reason = str(error) if isinstance(error, LedgerError) else snapshot.told(error)
                self._say_trouble(f"the ledger: {reason}", now)
        if not is_busy or now - self._registry_said >= POLL:
            self.say(snapshot)
            self._registry_said = now
        return is_busy

    def finish(self, stop: Stop) -> None:
        """Write all that waits, hours and days too, then end.

        Raises Refused, Unavailable, LedgerError, RegistryError.
        """
        snapshot = self.take()
        self.look(snapshot)
        while not stop.is_asked and (self.work(snapshot, hasten=True) or self._promotions.wait()):
            snapshot = self.take()
        if not stop.is_asked:
            self.tell()
        self.say(snapshot)

    def _say_trouble(self, text: str, now: float) -> None:
        if text != self._trouble or now - self._said_at >= SAY_AGAIN:
            LOG.warning(
                "the projection waits", extra={"fields": {"reason": text, "again_in_s": round(self._wait, 1)}}
            )
            self._said_at = now
        self._trouble = text

    def _recover(self) -> None:
        if self._trouble:
            LOG.info("the projection goes on", extra={"fields": {"waiting": self._waiting.count()}})
        self._trouble, self._wait, self._retry_at = "", 0.0, 0.0


def _is_same(one: Task, other: Task) -> bool:
    """Whether two tasks are of one slot."""
    return (one.work, one.resolution, one.slot) == (other.work, other.resolution, other.slot)
