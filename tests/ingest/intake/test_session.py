"""One bad capture never stops the next; what was gathered is committed once, whoever else commits."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest
from ledgers import Site, capture, packets
from runs import assert_same, session

from darkscope.ingest.intake import session as module
from darkscope.ingest.intake.session import Capture, Outcome, Problem, opened
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.series import CAPTURES
from darkscope.ingest.settings import Ingest
from darkscope.ingest.worker import DiskLow


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "ledger")


def put(folder: Path, *captures: bytes) -> list[Capture]:
    paths = []
    for number, data in enumerate(captures):
        path = folder / "s" / f"{number}.pcap"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        paths.append(Capture.of_file(path))
    return paths


def outcomes(run: module.Session) -> dict[str, int]:
    return {outcome.value: count for outcome, count in run.summary.captures.items() if count}


def test_a_bad_capture_never_stops_the_next(site: Site, tmp_path: Path) -> None:
    captures = put(tmp_path, capture(1), b"no capture", capture(2, 3)[:-5], capture(), capture(30))
    captures.insert(1, Capture.of_file(tmp_path / "missing"))
    run = session(site)
    for one in captures:
        run.read_all(one)
    run.end()
    assert outcomes(run) == {"read": 3, "empty": 1, "refused": 2}
    assert list(run.summary.problems) == [
        Problem(str(tmp_path / "missing"), None, "No such file or directory"),
        Problem(
            str(tmp_path / "s" / "1.pcap"),
            None,
            "no pcap or pcapng at byte 0: it begins with 6e 6f 20 63 61 70 74 75",
        ),
        Problem(str(tmp_path / "s" / "2.pcap"), 94, "cut off 65 bytes into a record"),
    ]
    assert (run.summary.damaged, run.summary.frames, packets(site)) == (1, 3, 3)
    assert run.summary.fates["inbound"] == 3
    assert not run.summary.is_clean


def test_a_capture_of_no_known_sensor_is_refused_and_the_next_one_read(tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger", ingest=Ingest(unknown_sensors="refused"))
    run = session(site)
    for one in put(tmp_path, capture(1), capture(2)):
        run.read_all(one)
    run.end()
    assert outcomes(run) == {"refused": 2}
    assert packets(site) == 0


def test_the_same_captures_again_are_known_and_their_damage_is_told_again(site: Site, tmp_path: Path) -> None:
    for expected in ({"read": 2}, {"known": 2}):
        run = session(site)
        for one in put(tmp_path, capture(1), capture(2, 3)[:-5]):
            run.read_all(one)
        run.end()
        assert outcomes(run) == expected
        assert run.summary.damaged == 1
    assert packets(site) == 2


def test_a_batch_is_committed_when_it_is_large_enough(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FRAMES", 2)
    run = session(site)
    for one in put(tmp_path, capture(1, 2), capture(30), capture(60), capture(90)):
        run.read_all(one)
    run.end()
    assert run.summary.version == 3
    assert packets(site) == 5


def test_many_small_captures_are_committed_together_but_not_without_bound(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSED", 4)
    run = session(site)
    for one in put(tmp_path, *(capture(20 * number) for number in range(10))):
        run.read_all(one)
    run.end()
    assert run.summary.version == 3
    assert packets(site) == 10


def test_what_another_worker_took_meanwhile_is_not_doubled(site: Site, tmp_path: Path) -> None:
    captures = put(tmp_path, capture(1, 2), capture(30))
    run = session(site)
    for one in captures:
        run.read_all(one)
    other = session(site)
    other.read_all(Capture.of_file(Path(captures[0].name)))
    other.end()
    run.end()
    assert outcomes(run) == {"read": 2}
    assert packets(site) == 3
    undisturbed = Site(tmp_path / "undisturbed")
    alone = session(undisturbed)
    for one in put(tmp_path, capture(1, 2), capture(30)):
        alone.read_all(one)
    alone.end()
    assert_same(site, undisturbed)


def test_without_room_a_run_ends_with_an_error_that_names_the_ledger(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = session(site)
    monkeypatch.setattr(Ledger, "free_bytes", lambda _: -1)
    (one,) = put(tmp_path, capture(1))
    run.read_all(one)
    with pytest.raises(DiskLow, match=str(site.folder)):
        run.end()
    assert packets(site) == 0


def test_without_room_a_daemon_waits_says_so_and_goes_on(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "RETRY", 0.01)
    room = iter([-1, -1, -1, 1 << 40])
    monkeypatch.setattr(Ledger, "free_bytes", lambda _: next(room))
    run = session(site, patient=True)
    (one,) = put(tmp_path, capture(1))
    run.read_all(one)
    run.end()
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "waiting",
        "going on",
    ]
    assert packets(site) == 1


@pytest.mark.parametrize("failing", ["_commit", "publish"])
@pytest.mark.parametrize("call", range(1, 5))
def test_a_commit_that_fails_half_way_is_tried_again_and_counts_once(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, call: int
) -> None:
    """A full disk may let any one write fail."""
    monkeypatch.setattr(module, "RETRY", 0.01)
    run = session(site, patient=True)
    for one in put(tmp_path, capture(1, 2), capture(30)):
        run.read_all(one)
    calls = 0
    owner = Ledger if failing == "_commit" else module_plan()
    real = getattr(owner, failing)

    def fail(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == call:
            raise LedgerError("ledger: No space left on device (os error 28)")
        return real(*arguments)

    monkeypatch.setattr(owner, failing, fail)
    run.end()
    assert packets(site) == 3
    assert site.ledger.finish().scan(CAPTURES).collect().height == 2


def module_plan() -> type:
    from darkscope.ingest.ledger.plan import Plan

    return Plan


def test_asked_to_end_it_commits_what_was_gathered(site: Site, tmp_path: Path) -> None:
    stop = Stop()
    run = session(site, stop=stop)
    first, second = put(tmp_path, capture(1), capture(30))
    run.read_all(first)
    stop.ask()
    run.read_all(second)
    run.end()
    assert packets(site) == 1
    assert run.summary.captures[Outcome.READ] == 1


@dataclass(frozen=True)
class Near:
    """A capture that says whether it is open."""

    name: str
    opened: list[io.BytesIO]
    size = 0

    def open(self) -> BinaryIO:
        if self.name == "missing":
            raise FileNotFoundError(2, "No such file or directory")
        self.opened.append(io.BytesIO(capture(int(self.name))))
        return self.opened[-1]

    def peek(self) -> BinaryIO:
        return self.open()


def test_captures_are_opened_before_their_turn_and_closed_whether_it_came_or_not(site: Site) -> None:
    streams: list[io.BytesIO] = []
    stored = [Near(name, streams) for name in ("1", "missing", "2", "3", "4", "5")]
    run = session(site)
    for number, one in enumerate(opened(stored)):
        run.read_all(one)
        if number == 2:
            break
    run.end()
    assert outcomes(run) == {"read": 2, "refused": 1}
    assert ([stream.closed for stream in streams], packets(site)) == ([True] * 4, 2)
    assert [problem.capture for problem in run.summary.problems] == ["missing"]
