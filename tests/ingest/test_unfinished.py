"""Whoever reads on goes on with what is open: captures pass from worker to worker, and nobody sees it in the rows."""

from __future__ import annotations

import io
import logging
import random
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from capture_files import pcap
from ledgers import DAY, NOON, SECOND, Site, at, merged, read
from runs import booked, covered, reached
from talks import GET, SENSOR, Talk, several
from tries import TRIES

from darkscope.ingest.fates import HOUR
from darkscope.ingest.honeypot.sealing import Seal
from darkscope.ingest.intake.session import Capture, Session
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.ledger.errors import LedgerError, Overtaken
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.rules.evidence import is_confirmed
from darkscope.ingest.series import ECHOES, FLOWS, REQUESTS, SOURCES, UNFINISHED

SYN_ACK = 0x12

APART = 3 if TRIES == 1 else 1
"""Frames between two places at which a capture is cut; odd, so that both kinds of cuts take turns."""


def site_at(folder: Path) -> Site:
    return Site(folder, sensors=[SENSOR])


def told() -> list[bytes]:
    """What a honeypot is asked, between handshakes that are completed and replies that nobody asked for."""
    talks = several()
    handshake = [
        at(1.25, source="133.8.0.9", target="198.41.9.9", port=4000, source_port=80, sequence=5,
           acknowledgement=1001, flags=SYN_ACK),
        at(1.35, source="198.41.9.9", target="133.8.0.9", port=80, source_port=4000, sequence=1001,
           acknowledgement=6, flags=0x10),
        at(1.36, source="198.41.7.7", target="133.8.0.9", port=4001, source_port=80, flags=SYN_ACK),
    ]  # fmt: skip
    return [*talks[:6], handshake[0], *talks[6:9], *handshake[1:], *talks[9:]]


def rows(site: Site) -> dict[str, pl.DataFrame]:
    """All that was observed, whatever the batches were: of handshakes only whom they confirm."""
    snapshot = site.ledger.finish()
    found = {table.name: merged(snapshot, table) for table in (FLOWS, REQUESTS, ECHOES)}
    sources = merged(snapshot, SOURCES)
    found["sources"] = sources.with_columns(confirmed=is_confirmed()).drop("offered", "completed")
    return found | {view.__name__: view(site) for view in (covered, booked, reached)}


def assert_same(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame], *without: str) -> None:
    for name, found in one.items():
        if name not in without:
            assert found.equals(other[name]), name


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """As one worker has it, in one go."""
    site = site_at(tmp_path_factory.mktemp("alone") / "ledger")
    worker = site.worker()
    read(worker, pcap(told()))
    worker.commit(is_last=True)
    found = rows(site)
    assert found["requests"].height == 6
    assert found["sources"]["confirmed"].sum() == 1
    assert found["echoes"]["packets"].sum() == 1
    return found


def test_another_worker_goes_on_wherever_one_was_killed(
    tmp_path: Path, alone: dict[str, pl.DataFrame]
) -> None:
    """Within a capture, or between two; what the first had begun to read since its last commit is gone."""
    records = told()
    for cut in sorted({*range(1, len(records), APART), len(records) - 1}):
        site = site_at(tmp_path / str(cut))
        first = site.worker(f"before-{cut}")
        read(first, pcap(records[:cut]), following=True)
        first.commit()
        is_one_capture = cut % 2 == 0
        second = site.worker(f"after-{cut}")
        if not is_one_capture:
            read(second, pcap(records[:cut]))
        read(second, pcap(records if is_one_capture else records[cut:]), f"/spool/a/{cut % 2}.pcap")
        second.commit(is_last=True)
        assert_same(rows(site), alone, *(() if is_one_capture else ("reached",)))
        assert site.rows(UNFINISHED) == []
        assert verify(site.ledger).faults == ()


def test_who_comes_after_the_last_frame_finishes_what_is_open(
    tmp_path: Path, alone: dict[str, pl.DataFrame]
) -> None:
    site = site_at(tmp_path / "ledger")
    first = site.worker("first")
    read(first, pcap(told()))
    first.commit()
    second = site.worker("second")
    read(second, pcap(told()))
    second.commit(is_last=True)
    assert_same(rows(site), alone)
    first = site.worker("first")
    read(first, pcap(told()))
    assert first.commit(is_last=True) is None


def parts(folder: Path, records: Sequence[bytes], cuts: Iterable[int]) -> list[Path]:
    places = [0, *cuts, len(records)]
    paths = []
    for number, (low, high) in enumerate(pairwise(places)):
        path = folder / "a" / f"{number}.pcap"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pcap(records[low:high]))
        paths.append(path)
    return paths


@pytest.mark.parametrize("names", [("one", "two"), ("same", "same")], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_two_workers_that_read_the_same_captures_at_once_leave_the_rows_of_one(
    tmp_path: Path,
    alone: dict[str, pl.DataFrame],
    caplog: pytest.LogCaptureFixture,
    seed: int,
    names: tuple[str, str],
) -> None:
    """Whatever they are called: a worker's name says who it was, and decides nothing."""
    chance = random.Random(seed)
    site = site_at(tmp_path / "ledger")
    paths = parts(tmp_path, told(), (5, 11, 20))
    sessions = [Session(site.worker(name), Stop()) for name in names]
    waiting = [[Capture.of_file(path) for path in paths] for _ in names]
    with caplog.at_level(logging.INFO, "darkscope.ingest.intake"):
        while any(waiting):
            turn = chance.choice([number for number, left in enumerate(waiting) if left])
            sessions[turn].read_all(waiting[turn].pop(0))
            if chance.random() < 0.4:
                sessions[turn].commit()
        for session in sessions:
            session.end()
    assert_same(rows(site), alone, "reached")
    assert site.rows(UNFINISHED) == []
    assert verify(site.ledger).faults == ()
    assert any(record.message == "overtaken" for record in caplog.records)


def test_a_backlog_and_what_comes_now_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Read by two workers at one point: each goes on with its own time."""
    days = (0, DAY)
    captures = [shifted(several(), day) for day in days]
    site, apart = site_at(tmp_path / "ledger"), site_at(tmp_path / "apart")
    for number, records in enumerate(captures):
        worker = apart.worker()
        read(worker, pcap(records), f"/spool/a/{number}.pcap")
        worker.commit(is_last=True)
    workers = [site.worker("backlog"), site.worker("now")]
    for cut in (4, 11, 17, len(captures[0])):
        for number, worker in enumerate(workers):
            read(worker, pcap(captures[number][:cut]), f"/spool/a/{number}.pcap")
            worker.commit(is_last=cut == len(captures[0]))
    assert_same(rows(site), rows(apart))
    assert site.rows(UNFINISHED) == []


def shifted(records: Sequence[bytes], seconds: int) -> list[bytes]:
    """The same, so much later."""
    return [(int.from_bytes(one[:4], "little") + seconds).to_bytes(4, "little") + one[4:] for one in records]


def test_who_goes_on_elsewhere_leaves_what_another_goes_on_with(tmp_path: Path) -> None:
    site = site_at(tmp_path / "ledger")
    records = several()
    first = site.worker("first")
    read(first, pcap(records[:5]))
    first.commit()
    read(first, pcap(records[:9]), following=True)
    second = site.worker("second")
    read(second, pcap(records))
    second.commit()
    with pytest.raises(Overtaken, match="another worker"):
        first.commit()


def asked(site: Site) -> list[Any]:
    return [(row["time"] // SECOND - NOON, row["source_port"]) for row in site.rows(REQUESTS)]


@pytest.mark.parametrize("hours", [0.5, 2])
def test_what_nobody_goes_on_with_is_finished_an_hour_later(tmp_path: Path, hours: float) -> None:
    """By whoever reads at that point then; sooner only where silence ends it, by the time of the frames."""
    site = site_at(tmp_path / "ledger")
    now = int(site.now.timestamp()) * SECOND
    first = site.worker("first", clock=lambda: now)
    talk = Talk()
    read(first, pcap([*talk.opening(), talk.theirs(1, 0, GET)]))
    first.commit()
    later = Talk(source_port=5).opening(3600 * hours)
    second = site.worker("second", clock=lambda: now)
    read(second, pcap(later[:1]), "/spool/a/2.pcap")
    second.commit()
    assert asked(site) == ([(1, 4000)] if hours < 1 else [])
    third = site.worker("third", clock=lambda: now + 2 * HOUR)
    read(third, pcap([*later[:1], Talk(source_port=6).opening(3600 * hours + 1)[0]]), "/spool/a/2.pcap")
    third.commit()
    assert asked(site) == [(1, 4000)]


def test_what_is_read_again_goes_on_with_nothing_that_was_read_first(tmp_path: Path) -> None:
    site = site_at(tmp_path / "ledger")
    talk = Talk()
    first = site.worker("first")
    read(first, pcap([*talk.opening(), talk.theirs(1, 0, GET)]))
    first.commit()
    kept = site.rows(UNFINISHED)
    again = site.worker("second", again=True)
    read(again, pcap(Talk(source_port=7).whole(GET, 5)), "/spool/a/2.pcap")
    again.commit(is_last=True)
    assert site.rows(UNFINISHED) == kept


def test_frames_wait_where_what_is_open_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: dict[str, pl.DataFrame]
) -> None:
    site = site_at(tmp_path / "ledger")
    records = told()
    worker = site.worker("first")
    read(worker, pcap(records[:8]), following=True)
    worker.commit()
    worker = site.worker("second")
    reading = worker.open(io.BytesIO(pcap(records)), "/spool/a/1.pcap")

    def fails(_: Seal) -> bytes:
        raise PermissionError(13, "Permission denied", "unfinished.key")

    with monkeypatch.context() as patched:
        patched.setattr(Seal, "_key", fails)
        for _ in range(2):
            with pytest.raises(LedgerError, match=r"unfinished\.key: Permission denied"):
                worker.read(reading)
    while worker.read(reading):
        pass
    worker.commit(is_last=True)
    assert_same(rows(site), alone)
