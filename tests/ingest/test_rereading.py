"""Captures that were read before honeypots were heard give their requests later, once."""

from __future__ import annotations

import errno
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from capture_files import pcap
from killing import Killed, Killer
from ledgers import PLACES, Site, capture, read
from talks import GET, SENSOR, Talk

from darkscope.ingest.honeypot.sealing import Seal
from darkscope.ingest.intake.stored import File
from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.ledger.expiry import forget
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.rereading import Rereader
from darkscope.ingest.sensors import Sensors
from darkscope.ingest.series import CAPTURES, FLOWS, HEARD, REQUESTS, UNFINISHED
from darkscope.ingest.settings import Kind

TELESCOPE = SENSOR.model_copy(update={"kind": Kind.TELESCOPE})
FIRST = [*Talk().whole(GET), *Talk(source_port=5).opening(10)]
SECOND = [Talk(source_port=5).theirs(11, 0, GET), *Talk(source_port=6).whole(GET, 20)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two rotated captures; one connection begins in the first and asks in the second."""
    place = tmp_path / "a"
    place.mkdir()
    (place / "1.pcap").write_bytes(pcap(FIRST))
    (place / "2.pcap").write_bytes(pcap(SECOND))
    return place


def deaf(tmp_path: Path, folder: Path, *names: str) -> Site:
    """A ledger that has captures of a sensor which was no honeypot in the settings then, and is now."""
    site = Site(tmp_path / "ledger", sensors=[TELESCOPE])
    for name in names:
        site.take((folder / name).read_bytes(), str(folder / name))
    site.sensors = [SENSOR]
    return site


def rereader(site: Site) -> Rereader:
    return Rereader(
        site.opened(),
        site.settings,
        Sensors(site.settings),
        PLACES,
        lambda: int(site.now.timestamp()) * 10**9,
    )


def reread(site: Site, folder: Path, *names: str, is_last: bool = True) -> list[int | None]:
    reader = rereader(site)
    stored = [File(folder / name) for name in names]
    found = [reader.read(one.name, one.open) for one in stored]
    return [*found, reader.finish()] if is_last else found


def requests(site: Site) -> list[dict[str, Any]]:
    return sorted(site.rows(REQUESTS), key=lambda row: row["time"])


@pytest.fixture
def heard(tmp_path: Path, folder: Path) -> list[dict[str, Any]]:
    """Requests as a ledger has them that heard the honeypot from the start."""
    site = Site(tmp_path / "heard", sensors=[SENSOR])
    worker = site.worker()
    for name in ("1.pcap", "2.pcap"):
        read(worker, (folder / name).read_bytes(), str(folder / name))
    worker.commit(is_last=True)
    rows = requests(site)
    assert [row["source_port"] for row in rows] == [4000, 5, 6]
    assert reread(site, folder, "1.pcap", "2.pcap") == [None, None, 0]
    assert requests(site) == rows
    return rows


def test_requests_come_later_once_and_nothing_else_changes(
    tmp_path: Path, folder: Path, heard: list[dict[str, Any]]
) -> None:
    site = deaf(tmp_path, folder, "1.pcap", "2.pcap")
    before = {table: site.rows(table) for table in (FLOWS, CAPTURES)}
    assert requests(site) == []
    assert reread(site, folder, "1.pcap", "2.pcap") == [1, 1, 1]
    assert requests(site) == heard
    assert reread(site, folder, "1.pcap", "2.pcap") == [None, None, 0]
    assert requests(site) == heard
    assert {table: site.rows(table) for table in before} == before
    assert site.rows(UNFINISHED) == []
    assert verify(site.ledger).faults == ()


def test_a_restart_between_captures_changes_nothing(
    tmp_path: Path, folder: Path, heard: list[dict[str, Any]]
) -> None:
    site = deaf(tmp_path, folder, "1.pcap", "2.pcap")
    assert reread(site, folder, "1.pcap", is_last=False) == [1]
    assert reread(site, folder, "2.pcap") == [1, 1]
    assert requests(site) == heard


@pytest.mark.parametrize("step", range(1, 7))
def test_killed_at_any_step_a_restart_ends_with_the_same_rows(
    tmp_path: Path, folder: Path, heard: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    site = deaf(tmp_path, folder, "1.pcap", "2.pcap")
    with monkeypatch.context() as patched, suppress(Killed):
        Killer(patched, step)
        reread(site, folder, "1.pcap", "2.pcap")
    reread(site, folder, "1.pcap", "2.pcap")
    assert requests(site) == heard


def test_a_capture_of_which_the_end_was_heard_gives_its_beginning(tmp_path: Path, folder: Path) -> None:
    first = Talk().whole(GET)
    (folder / "1.pcap").write_bytes(pcap(first))
    site = deaf(tmp_path, folder, "1.pcap")
    (folder / "1.pcap").write_bytes(pcap([*first, *Talk(source_port=6).whole(GET, 20)]))
    worker = site.worker()
    read(worker, (folder / "1.pcap").read_bytes(), str(folder / "1.pcap"))
    worker.commit(is_last=True)
    assert [row["source_port"] for row in requests(site)] == [6]
    assert reread(site, folder, "1.pcap") == [1, 0]
    assert [row["source_port"] for row in requests(site)] == [4000, 6]
    assert reread(site, folder, "1.pcap") == [None, 0]
    assert len(site.rows(HEARD)) == 2


def test_what_was_left_out_as_overlap_gives_no_requests(tmp_path: Path, folder: Path) -> None:
    whole = [
        record for second in range(0, 60, 10) for record in Talk(source_port=second + 1).whole(GET, second)
    ]
    (folder / "1.pcap").write_bytes(pcap(whole))
    (folder / "2.pcap").write_bytes(pcap(whole[1:]))
    site = deaf(tmp_path, folder, "1.pcap", "2.pcap")
    assert site.booked()["overlap"] > 20
    reread(site, folder, "1.pcap")
    assert [row["source_port"] for row in requests(site)] == [1, 11, 21, 31, 41, 51]


def test_a_capture_that_the_ledger_does_not_have_is_passed_over(tmp_path: Path, folder: Path) -> None:
    site = deaf(tmp_path, folder, "1.pcap")
    assert reread(site, folder, "2.pcap") == [None, 0]
    assert requests(site) == []


def test_forgotten_days_bring_their_requests_along(
    tmp_path: Path, folder: Path, heard: list[dict[str, Any]]
) -> None:
    site = deaf(tmp_path, folder, "1.pcap", "2.pcap")
    day = heard[0]["day"]
    forget(site.opened(), "one", "a", day, day, site.now)
    reread(site, folder, "1.pcap", "2.pcap")
    assert requests(site) == []
    worker = site.worker(again=True)
    for name in ("1.pcap", "2.pcap"):
        read(worker, (folder / name).read_bytes(), str(folder / name))
    worker.commit(is_last=True)
    assert requests(site) == heard
    reread(site, folder, "1.pcap", "2.pcap")
    assert requests(site) == heard


def test_a_damaged_capture_changes_nothing_until_it_is_whole(tmp_path: Path, folder: Path) -> None:
    site = deaf(tmp_path, folder, "1.pcap")
    whole = (folder / "1.pcap").read_bytes()
    (folder / "1.pcap").write_bytes(whole[:-30])
    assert reread(site, folder, "1.pcap") == [None, 0]
    (folder / "1.pcap").write_bytes(whole)
    assert reread(site, folder, "1.pcap") == [1, 0]


@dataclass
class Again:
    """A capture that a reader is about to read again, and how often it was opened."""

    site: Site
    reader: Rereader
    capture: File
    opened: int = 0

    def read(self) -> tuple[int | None, int]:
        """Requests found, and how often it was opened."""
        return self.reader.read(self.capture.name, self._open), self.opened

    def _open(self) -> BinaryIO:
        self.opened += 1
        return self.capture.open()


@pytest.fixture
def again(tmp_path: Path, folder: Path) -> Again:
    site = deaf(tmp_path, folder, "1.pcap")
    return Again(site, rereader(site), File(folder / "1.pcap"))


def test_what_others_hear_of_other_captures_makes_nobody_read_again(
    tmp_path: Path, folder: Path, again: Again
) -> None:
    site = again.site
    site.take((folder / "2.pcap").read_bytes(), str(folder / "2.pcap"))
    site.take(capture(0), str(tmp_path / "b" / "1.pcap"))
    day = requests(site)[0]["day"]
    assert forget(site.opened(), "one", "b", day, day, site.now)
    assert len(site.rows(HEARD)) == 1
    assert again.read() == (1, 1)
    assert len(site.rows(HEARD)) == 2


def test_what_others_hear_of_the_same_capture_meanwhile_is_not_heard_twice(
    folder: Path, again: Again
) -> None:
    assert reread(again.site, folder, "1.pcap") == [1, 0]
    assert again.read() == (None, 2)
    assert [row["source_port"] for row in requests(again.site)] == [4000]


def test_days_that_are_forgotten_meanwhile_give_no_requests(
    heard: list[dict[str, Any]], again: Again
) -> None:
    day = heard[0]["day"]
    forget(again.site.opened(), "one", "a", day, day, again.site.now)
    assert again.read() == (0, 2)
    assert requests(again.site) == []


def test_an_end_for_which_the_key_cannot_be_read_is_an_error_of_the_ledger(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = deaf(tmp_path, folder, "1.pcap", "2.pcap")
    assert reread(site, folder, "1.pcap", is_last=False) == [1]
    reader, one = rereader(site), File(folder / "1.pcap")
    assert reader.read(one.name, one.open) is None

    def no_key(_: Seal) -> bytes:
        raise PermissionError(errno.EACCES, "not yours", "unfinished.key")

    with monkeypatch.context() as patched:
        patched.setattr(Seal, "_key", no_key)
        with pytest.raises(LedgerError, match=r"unfinished\.key: not yours"):
            reader.finish()
    reread(site, folder, "2.pcap")
    assert [row["source_port"] for row in requests(site)] == [4000, 5, 6]
