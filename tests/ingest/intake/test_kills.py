"""Killed at any instant, a restart ends with the rows of an undisturbed run."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
from ledgers import Site, packets
from runs import assert_same, many, run, session, start, until

from darkscope.ingest.intake.session import Capture
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.series import CAPTURES, ECHOES, FLOWS, ROLLUPS

KILLS = int(os.environ.get("DARKSCOPE_KILLS", "8"))
"""Kills in all; `make soak` sets 100: a third each while captures are read, while a spool is followed twice in one
case, and at the writes of commits and of upkeep."""

READING, FOLLOWING, WRITING = KILLS // 3, KILLS // 6, KILLS - KILLS // 3 - 2 * (KILLS // 6)
"""Cases of each kind; a case that follows a spool kills twice."""

SEED = int(os.environ.get("DARKSCOPE_KILLS_SEED", "7"))

CAPTURES_OF_A_RUN, FRAMES_OF_ONE = 12, 20_000

BATCHES = CAPTURES_OF_A_RUN * FRAMES_OF_ONE // 40_000
"""A batch ends with the capture that brings it to 30,000 frames."""

SMALL_BATCHES = """
import darkscope.ingest.intake.session as session
session.FRAMES = 30_000
import darkscope.api.command.ingest
print("ready", flush=True)
"""
"""Code that makes many commits out of a small run, and says when the reading begins."""

DIE_AT_CALL = """
import atexit, os
import darkscope.ingest.intake.session as session
session.FRAMES = 30_000
import darkscope.ingest.ledger.ledger as ledger, darkscope.ingest.ledger.plan as plan
import darkscope.ingest.ledger.upkeep as upkeep
calls = 0
def dying(owner, name):
    real = getattr(owner, name)
    def call(*arguments, **named):
        global calls
        calls += 1
        if calls == {call}:
            os._exit(9)
        result = real(*arguments, **named)
        calls += 1
        if calls == {call}:
            os._exit(9)
        return result
    setattr(owner, name, call)
dying(ledger.Ledger, "_commit")
dying(plan.Plan, "publish")
dying(upkeep, "write_file")
atexit.register(lambda: print("calls", calls))
"""
"""Code that ends the process before or after one of its writes: before the n-th is call 2n - 1, after it 2n; where it
lives on, it says how many there were."""


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rotated captures of one sensor: 200 s each, one after the other."""
    folder = tmp_path_factory.mktemp("captures") / "s"
    folder.mkdir()
    for number in range(CAPTURES_OF_A_RUN):
        data = many(FRAMES_OF_ONE, 200.0 * number, seed=number, answers=8)
        (folder / f"{number:02}.pcap").write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def undisturbed(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, float]:
    """A ledger of these captures, and the seconds that it took."""
    site = Site(tmp_path_factory.mktemp("undisturbed") / "ledger")
    with start("ingest", captures, "--ledger", site.folder, code=SMALL_BATCHES) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        began = time.monotonic()
        process.communicate()
    assert process.returncode == 0
    assert packets(site) == CAPTURES_OF_A_RUN * FRAMES_OF_ONE
    assert site.ledger.snapshot().days(ECHOES)
    return site, time.monotonic() - began


@pytest.mark.parametrize("kill", range(READING))
def test_killed_while_it_reads_captures(
    kill: int, captures: Path, undisturbed: tuple[Site, float], tmp_path: Path
) -> None:
    whole, seconds = undisturbed
    site = Site(tmp_path / "ledger")
    chance = random.Random(SEED * 1000 + kill)
    commits, pause = chance.randrange(BATCHES), chance.uniform(0, seconds / BATCHES)
    with start("ingest", captures, "--ledger", site.folder, code=SMALL_BATCHES) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        for _ in range(commits):
            assert process.stderr is not None
            assert b'"event": "committed"' in process.stderr.readline()
        time.sleep(pause)
        process.kill()
    code, _, errors = run("ingest", captures, "--ledger", site.folder)
    assert code == 0, errors
    assert_same(site, whole)


@pytest.mark.parametrize("kill", range(FOLLOWING))
def test_killed_while_it_follows_a_spool(
    kill: int, captures: Path, undisturbed: tuple[Site, float], tmp_path: Path
) -> None:
    """Captures grow while it is killed and started again; done ones are deleted."""
    site, spool = Site(tmp_path / "ledger"), tmp_path / "spool" / "s"
    spool.mkdir(parents=True)
    chance = random.Random(SEED * 1000 + kill)
    how = {
        "DARKSCOPE_INGEST__DONE": "delete",
        "DARKSCOPE_SPOOL__SETTLE": "1s",
        "DARKSCOPE_INGEST__BATCH_SECONDS": "0.2",
    }

    def follow() -> object:
        return start("ingest", "--follow", spool.parent, "--ledger", site.folder, code=SMALL_BATCHES, **how)

    process = follow()
    kills = chance.sample(range(1, CAPTURES_OF_A_RUN), 2)
    for number, capture in enumerate(sorted(captures.iterdir())):
        data = capture.read_bytes()
        with (spool / capture.name).open("wb") as writer:
            for cut in range(0, len(data), 400_000):
                writer.write(data[cut : cut + 400_000])
                writer.flush()
                time.sleep(0.05)
        if number in kills:
            time.sleep(chance.uniform(0, 5))
            process.kill()
            process.communicate()
            process = follow()
    until(lambda: not list(spool.iterdir()))
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    # The spool may have been emptied before the last one killed was; then its successor has hardly begun.
    assert process.returncode in (0, -signal.SIGTERM), errors
    assert_same(site, undisturbed[0])


def calls(*command: str | Path) -> int:
    """Calls at which a command could have died."""
    code, output, errors = run(*command, code=DIE_AT_CALL.format(call=0))
    assert code == 0, errors
    return int(output.split()[-1])


@pytest.fixture(scope="module")
def reading_calls(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    found = calls("ingest", captures, "--ledger", tmp_path_factory.mktemp("reading") / "ledger")
    assert found > 50
    return found


@pytest.fixture(scope="module")
def upkeep_calls(undisturbed: tuple[Site, float], tmp_path_factory: pytest.TempPathFactory) -> int:
    folder = tmp_path_factory.mktemp("upkeep") / "ledger"
    shutil.copytree(undisturbed[0].folder, folder)
    found = calls("ledger", "compact", "--rollups", "--ledger", folder)
    assert found > 2 * len(ROLLUPS)
    return found


@pytest.mark.parametrize("kill", range(-(-WRITING // 2)))
def test_killed_between_the_writes_of_one_commit(
    kill: int, captures: Path, undisturbed: tuple[Site, float], reading_calls: int, tmp_path: Path
) -> None:
    site = Site(tmp_path / "ledger")
    call = random.Random(SEED * 1000 + kill).randint(1, reading_calls)
    code, _, errors = run("ingest", captures, "--ledger", site.folder, code=DIE_AT_CALL.format(call=call))
    assert code == 9, errors
    assert_same_after_reading(site, captures, undisturbed[0])


@pytest.mark.parametrize("kill", range(WRITING // 2))
def test_killed_while_upkeep_merges_and_rolls_up(
    kill: int, undisturbed: tuple[Site, float], upkeep_calls: int, tmp_path: Path
) -> None:
    """At one of its files, its plan, or the commits of its tables: no row moves, and the next upkeep ends it."""
    site = Site(tmp_path / "ledger")
    shutil.copytree(undisturbed[0].folder, site.folder)
    command = ("ledger", "compact", "--rollups", "--ledger", site.folder)
    call = random.Random(SEED * 1000 + kill).randint(1, upkeep_calls)
    code, _, errors = run(*command, code=DIE_AT_CALL.format(call=call))
    assert code == 9, errors
    assert_same(site, undisturbed[0])
    code, _, errors = run(*command)
    assert code == 0, errors
    assert_same(site, undisturbed[0])
    assert verify(site.ledger).faults == ()
    snapshot = site.ledger.finish()
    assert all(snapshot.days(table) == snapshot.days(FLOWS) for table in ROLLUPS)


def assert_same_after_reading(site: Site, captures: Path, whole: Site) -> None:
    again = session(site)
    for path in sorted(captures.iterdir()):
        again.read_all(Capture.of_file(path))
    again.end()
    assert_same(site, whole)


def test_two_processes_on_the_same_captures_count_them_once(
    captures: Path, undisturbed: tuple[Site, float], tmp_path: Path
) -> None:
    site = Site(tmp_path / "ledger")
    both = [
        start("ingest", captures, "--ledger", site.folder, code=SMALL_BATCHES, DARKSCOPE_WORKER=name)
        for name in ("one", "two")
    ]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert_same(site, undisturbed[0])
    heads = site.ledger.finish().scan(CAPTURES).collect()["head"].n_unique()
    assert heads == CAPTURES_OF_A_RUN


def test_the_captures_moved_renamed_and_read_again_change_nothing(
    captures: Path, undisturbed: tuple[Site, float], tmp_path: Path
) -> None:
    site, _ = undisturbed
    version = site.ledger.finish().version
    for number, path in enumerate(sorted(captures.iterdir())):
        shutil.copy(path, tmp_path / f"{99 - number}.cap")
    code, output, _ = run("ingest", tmp_path, "--ledger", site.folder)
    assert code == 0
    assert output.startswith(f"captures  {CAPTURES_OF_A_RUN} known\n")
    assert site.ledger.finish().version == version
