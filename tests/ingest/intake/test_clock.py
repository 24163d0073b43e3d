"""A clock that jumps while the daemon runs: nothing is lost, nothing is deleted, nothing is watched that was not."""

from __future__ import annotations

import io
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from capture_files import pcap
from ledgers import DAY, NOON, SECOND, Site, at, packets, ramp
from runs import running, session, stopped, until

from darkscope.ingest.intake import live as module
from darkscope.ingest.intake import spool as spool_module
from darkscope.ingest.intake.clock import JUMP, Clock
from darkscope.ingest.intake.live import TCPDUMP, Live
from darkscope.ingest.intake.spool import Policy, Spool
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.ledger import expiry
from darkscope.ingest.ledger.upkeep import keep_up
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.series import COVERAGE, FLOWS, ROLLUPS, SEALS

HOUR = 3600


class Clocks:
    """Both clocks, set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall = float(NOON)
        self.monotonic = 1000.0
        monkeypatch.setattr(time, "time", lambda: self.wall)
        monkeypatch.setattr(time, "time_ns", lambda: int(self.wall * SECOND))
        monkeypatch.setattr(time, "monotonic", lambda: self.monotonic)

    def run(self, seconds: float, jump: float = 0) -> None:
        """Let time pass; `jump` is what the wall clock goes beside it."""
        self.monotonic += seconds
        self.wall += seconds + jump


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


@pytest.mark.parametrize("jump", [400 * DAY, HOUR, 11, -11, -5 * HOUR])
def test_a_jump_is_seen_and_the_clock_is_steady_again_from_then_on(clocks: Clocks, jump: float) -> None:
    clock = Clock()
    clocks.run(500)
    assert clock.look()
    assert clock.steady == 500
    clocks.run(60, jump)
    assert not clock.look()
    assert clock.steady == 0
    clocks.run(60)
    assert clock.look()
    assert clock.steady == 60


def test_a_clock_that_is_put_right_slowly_does_not_jump(clocks: Clocks) -> None:
    clock = Clock()
    for _ in range(100):
        clocks.run(60, JUMP / 2)
        assert clock.look()
    assert clock.steady == 6000


def test_a_live_point_is_not_booked_as_watched_at_a_time_that_just_jumped(
    clocks: Clocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_installed", lambda: TCPDUMP)
    site = Site(tmp_path / "ledger")
    run = session(site)
    live = Live(site.folder, "wire0", "a", Stop())
    for seconds, jump in ((0, 0), (30, 5 * HOUR), (30, -5 * HOUR), (30, 0), (30, -2 * HOUR), (30, 0)):
        clocks.run(seconds, jump)
        live._beat(run)
    run.end()
    minutes = [(row["minute"] - NOON // 60, row["minutes"]) for row in site.rows(COVERAGE)]
    assert sorted(minutes) == [(-118, 1), (0, 2)]  # neither the hours between nor those that never came


def test_a_live_capture_is_counted_though_the_clock_was_set_back(tmp_path: Path) -> None:
    """One program alone writes the captures of an interface, so nothing of them is a double."""
    site = Site(tmp_path / "ledger")
    worker = site.worker()
    for number, start in enumerate((0, 7200, 0)):
        data = pcap([*seen(start, number)])
        reading = worker.open(io.BytesIO(data), f"live-{number}", interface="wire0")
        while worker.read(reading):
            pass
        worker.commit()
    assert site.booked() == {"frames": 180, "inbound": 180}
    assert verify(site.ledger).faults == ()


def test_a_jump_within_a_capture_takes_no_time_from_the_next(tmp_path: Path) -> None:
    """Five hours ahead for a moment: what another capture saw in these hours is counted."""
    site = Site(tmp_path / "ledger")
    site.take(pcap([*seen(0, 0), *seen(5 * HOUR, 0)]), "/spool/a/1.pcap")
    for hour in range(1, 5):
        site.take(ramp(hour * HOUR - 1800, 60), f"/spool/a/{hour + 1}.pcap")
    assert site.booked() == {"frames": 360, "inbound": 360}


def test_an_open_day_that_was_closed_too_early_is_opened_by_what_comes(tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    site.take(ramp(0, 50))
    keep_up(site.ledger, "w", site.now + timedelta(days=400))
    assert site.ledger.snapshot().days(ROLLUPS[0]) == site.ledger.snapshot().days(FLOWS)
    site.take(ramp(60, 50), "/spool/a/2.pcap")
    assert site.ledger.snapshot().days(ROLLUPS[0]) == frozenset()
    keep_up(site.ledger, "w", site.now)
    assert packets(site) == 100
    assert verify(site.ledger).faults == ()


def test_ages_are_counted_from_the_newest_day_that_was_observed(tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    assert expiry.today(site.ledger.snapshot(), site.now) == site.now.date()
    site.take(ramp(0, 5))
    for now in (site.now, site.now + timedelta(days=4000)):
        assert expiry.today(site.ledger.snapshot(), now).isoformat() == "2020-06-24"
    early = datetime(2020, 6, 1, tzinfo=UTC)
    assert expiry.today(site.ledger.snapshot(), early) == early.date()


def test_a_growing_capture_that_only_the_clock_calls_old_is_not_deleted(
    clocks: Clocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a network file system, where nobody can tell whether somebody has it open for writing."""
    monkeypatch.setattr(spool_module, "_has_writer", lambda _: False)
    site, folder = Site(tmp_path / "ledger"), tmp_path / "spool" / "s"
    folder.mkdir(parents=True)
    path = folder / "1.pcap"
    data = ramp(0, 20)
    half = len(data) - 10 * (len(data) - 24) // 20
    writer = path.open("wb", buffering=0)
    writer.write(data[:half])
    clocks.wall = path.stat().st_mtime + 5 * HOUR
    run, spool = session(site), Spool(folder, Policy(60.0, "delete"))
    for _ in range(3):
        clocks.run(5)
        spool.turn(run)
        run.commit()
    assert packets(site) == 10
    with writer:
        writer.write(data[half:])
    for _ in range(20):
        clocks.run(5)
        spool.turn(run)
        run.commit()
    assert packets(site) == 20
    assert list(folder.iterdir()) == []


SET = """
import time, pathlib
wall = time.time
def ahead():
    return float(pathlib.Path({file!r}).read_text())
time.time = lambda: wall() + ahead()
time.time_ns = lambda: int(time.time() * 1e9)
import darkscope.ingest.intake.caretaker as caretaker
caretaker.EVERY, caretaker.CLEANING, caretaker.STEADY = 0.2, 2, {steady}
"""
"""Code that sets the wall clock of a process ahead by what a file says."""


@pytest.mark.parametrize("steady", [3600.0, 1.5])
def test_a_daemon_whose_clock_jumps_loses_nothing_and_deletes_nothing(tmp_path: Path, steady: float) -> None:
    """Days ahead, hours and days back: captures with the wrong time and with the right one are counted all the same.

    Where the clock has been steady for long enough, what is old by then expires: the days before the newest.
    """
    site, spool, setting = Site(tmp_path / "ledger"), tmp_path / "spool" / "s", tmp_path / "ahead"
    spool.mkdir(parents=True)
    taken = 0

    def set_to(seconds: float) -> None:
        """So many seconds after noon."""
        draft = setting.with_suffix(".new")
        draft.write_text(str(NOON + seconds - time.time()))
        draft.replace(setting)

    def sees(start: float, source: str) -> None:
        nonlocal taken
        taken += 20
        (spool / f"{taken}.pcap").write_bytes(ramp(round(start), 20, source=source))
        until(lambda: (site.folder / "ledger.json").exists() and packets(site) + sealed(site) == taken)

    set_to(60)
    how = {
        "DARKSCOPE_INGEST__BATCH_SECONDS": "0.2",
        "DARKSCOPE_RETENTION__FLOWS": "30",
        "DARKSCOPE_RETENTION__SOURCES": "30",
        "DARKSCOPE_INGEST__LATE": "accepted",
    }
    code = SET.format(file=str(setting), steady=steady)
    with running("ingest", "--follow", spool.parent, "--ledger", site.folder, code=code, **how) as process:
        sees(0, "198.41.0.1")
        set_to(400 * DAY)
        sees(100, "198.41.0.2")
        sees(400 * DAY, "198.41.0.3")  # stamped by the same wrong clock
        if steady < 60:
            until(lambda: sealed(site))
        time.sleep(2)
        set_to(300)
        sees(200, "198.41.0.4")
        set_to(-5 * HOUR)
        sees(300, "198.41.0.5")
        set_to(-10 * DAY)
        sees(400, "198.41.0.6")
        set_to(600)
        sees(500, "198.41.0.7")
        time.sleep(1)
        code_, _, errors = stopped(process)
    assert code_ == 0, errors
    assert '"event": "clock jumped"' in errors
    assert site.booked() == {"frames": 140, "inbound": 140}
    assert verify(site.ledger).faults == ()
    assert (sealed(site) > 0) == (steady < 60)


def sealed(site: Site) -> int:
    """Packets of days that expired."""
    return sum(row["packets"] for row in site.rows(SEALS))


def seen(start: int, number: int) -> list[bytes]:
    """60 records, one a second."""
    return [at(start + second, source=f"198.41.1.{number}") for second in range(60)]
