"""A stream is committed in time, whatever its writer does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from ledgers import Site, capture, packets
from runs import session, until

from darkscope.ingest.intake.daemon import run
from darkscope.ingest.intake.session import Outcome, Session, Summary
from darkscope.ingest.intake.stdin import Stream
from darkscope.ingest.intake.stop import Stop


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "ledger")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


class Running:
    """A session that reads a stream in a thread."""

    def __init__(self, site: Site, descriptor: int) -> None:
        self.stop = Stop()
        self.session: Session = session(site, stop=self.stop, seconds=0.2, patient=True)
        self._thread = Thread(
            target=run, args=(self.session, [Stream(descriptor, "-", self.stop)], self.stop)
        )
        self._thread.start()

    def ended(self) -> Summary:
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.session.summary


def test_what_came_is_committed_although_nothing_more_comes(site: Site, pipe: tuple[int, int]) -> None:
    running = Running(site, pipe[0])
    data = capture(1, 2, 3)
    os.write(pipe[1], data[:100])
    until(lambda: packets(site) == 1)
    os.write(pipe[1], data[100:])
    until(lambda: packets(site) == 3)
    os.close(pipe[1])
    assert running.ended().captures[Outcome.READ] == 1


def test_asked_to_end_it_commits_what_was_sent(site: Site, pipe: tuple[int, int]) -> None:
    running = Running(site, pipe[0])
    os.write(pipe[1], capture(1))
    until(lambda: packets(site) == 1)
    os.write(pipe[1], capture(2)[24:])
    running.stop.ask()
    running.ended()
    assert packets(site) == 2


def test_it_ends_when_asked_although_nothing_ever_came(site: Site, pipe: tuple[int, int]) -> None:
    running = Running(site, pipe[0])
    running.stop.ask()
    assert running.ended().frames == 0


def test_the_same_bytes_fed_again_change_nothing(site: Site) -> None:
    data = capture(1, 2, 3)
    for part, frames in ((data[:94], 1), (data, 3), (data, 3)):
        reading, writing = os.pipe()
        running = Running(site, reading)
        os.write(writing, part[:50])
        os.write(writing, part[50:])
        os.close(writing)
        running.ended()
        os.close(reading)
        assert packets(site) == frames


def test_a_stream_that_holds_no_capture_is_refused(site: Site, pipe: tuple[int, int]) -> None:
    running = Running(site, pipe[0])
    os.write(pipe[1], b"GET / HTTP/1.1\r\n")
    os.close(pipe[1])
    summary = running.ended()
    assert summary.captures[Outcome.REFUSED] == 1
    assert summary.is_vain


def test_a_stream_cut_off_is_damage_with_its_place(site: Site, pipe: tuple[int, int]) -> None:
    running = Running(site, pipe[0])
    os.write(pipe[1], capture(1, 2)[:-5])
    os.close(pipe[1])
    assert [(problem.capture, problem.offset) for problem in running.ended().problems] == [("-", 94)]
