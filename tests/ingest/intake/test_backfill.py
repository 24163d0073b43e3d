"""How captures are shared out among tasks that know nothing of each other."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from ledgers import PLACES, Site, capture, ramp

from darkscope.ingest.intake.backfill import Task, Unit, read, units
from darkscope.ingest.intake.files import Found, find
from darkscope.ingest.intake.session import Outcome, Problem, Summary
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.intake.stored import File
from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.sensors import Sensors
from darkscope.ingest.settings import Settings


def shared(folder: Path, *entries: dict[str, Any], unknown: str = "named") -> list[tuple[str, list[str]]]:
    """Texts of the units of a folder's captures, and the names of the captures in them."""
    settings = Settings.model_validate({"sensors": entries, "ingest": {"unknown_sensors": unknown}})
    found = find([str(folder)])
    return [
        (str(unit), [str(Path(one.name).relative_to(folder)) for one in unit.captures])
        for unit in units(found, Sensors(settings))
    ]


def put(folder: Path, **captures: bytes) -> None:
    for name, data in captures.items():
        path = folder / f"{name.replace('__', '/')}.pcap"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def test_the_captures_of_a_sensor_are_one_unit_in_the_order_of_their_time_and_the_largest_comes_first(
    tmp_path: Path,
) -> None:
    put(tmp_path, a__2=capture(10), a__1=capture(20), b__1=ramp(5, 9), c__1=capture(7))
    assert shared(tmp_path) == [
        ("b", ["b/1.pcap"]),
        ("a", ["a/2.pcap", "a/1.pcap"]),
        ("c", ["c/1.pcap"]),
    ]


def test_folders_of_one_sensor_are_one_unit(tmp_path: Path) -> None:
    put(tmp_path, a__2020__1=capture(10), b__old__1=capture(20), a__1=capture(30))
    entry = {"id": "a", "captures": ["old/*"]}
    assert shared(tmp_path, entry) == [("a", ["a/2020/1.pcap", "b/old/1.pcap", "a/1.pcap"])]


def test_captures_that_several_sensors_may_have_parts_of_are_one_unit(tmp_path: Path) -> None:
    put(tmp_path, shared__1=capture(10), a__1=capture(20), b__1=capture(30), c__1=capture(40))
    entries = [{"id": id_, "captures": ["shared/*"], "interfaces": [f"if-{id_}"]} for id_ in "ab"]
    assert shared(tmp_path, *entries) == [
        ("a, b, shared", ["shared/1.pcap", "a/1.pcap", "b/1.pcap"]),
        ("c", ["c/1.pcap"]),
    ]


def test_captures_that_begin_alike_are_one_unit_for_of_copies_one_counts(tmp_path: Path) -> None:
    put(tmp_path, a__1=capture(10, 11), b__1=capture(10, 11, 12), c__1=capture(11))
    assert shared(tmp_path) == [("a, b", ["a/1.pcap", "b/1.pcap"]), ("c", ["c/1.pcap"])]


def test_captures_without_a_frame_join_nothing(tmp_path: Path) -> None:
    put(tmp_path, a__1=capture(), b__1=capture())
    assert shared(tmp_path) == [("a", ["a/1.pcap"]), ("b", ["b/1.pcap"])]


def test_a_capture_that_is_of_no_sensor_is_a_unit_of_its_own_and_named_by_its_path(tmp_path: Path) -> None:
    put(tmp_path, a__1=capture(10), b__1=capture(20))
    assert shared(tmp_path, unknown="refused") == [
        (str(tmp_path / "a" / "1.pcap"), ["a/1.pcap"]),
        (str(tmp_path / "b" / "1.pcap"), ["b/1.pcap"]),
    ]


def test_the_text_of_a_unit_names_a_few_of_its_sensors() -> None:
    assert str(Unit(tuple("abcde"), (File(Path("1.pcap")),))) == "a, b, c and 2 more"


def test_no_captures_are_no_units() -> None:
    assert units(Found(), Sensors(Settings())) == []


def test_a_task_reads_its_unit_in_another_process_and_reading_again_changes_nothing(tmp_path: Path) -> None:
    put(tmp_path, s__1=ramp(0, 5), s__2=ramp(10, 5))
    site = Site(tmp_path / "ledger")
    Ledger.open_or_create(site.folder)
    (unit,) = units(find([str(tmp_path / "s")]), Sensors(site.settings))
    task, unit = pickle.loads(pickle.dumps((Task(site.settings), unit)))
    first, second = task(unit), task(unit)
    assert (first.captures[Outcome.READ], first.frames) == (2, 10)
    assert (second.captures[Outcome.KNOWN], second.frames) == (2, 0)
    assert site.booked() == {"frames": 10, "inbound": 10}


def test_a_capture_that_is_not_there_where_a_task_runs_is_refused_and_the_others_are_read(
    tmp_path: Path,
) -> None:
    put(tmp_path, s__1=ramp(0, 5), s__2=ramp(10, 5))
    site = Site(tmp_path / "ledger")
    (unit,) = units(find([str(tmp_path / "s")]), Sensors(site.settings))
    gone = tmp_path / "s" / "1.pcap"
    gone.unlink()
    Ledger.open_or_create(site.folder)
    came_to = Task(site.settings)(unit)
    assert [*came_to.problems] == [Problem(str(gone), None, "No such file or directory")]
    assert (came_to.captures[Outcome.READ], came_to.captures[Outcome.REFUSED]) == (1, 1)


def test_nothing_is_read_once_the_end_is_asked_for(tmp_path: Path) -> None:
    put(tmp_path, s__1=ramp(0, 5))
    site = Site(tmp_path / "ledger")
    Ledger.open_or_create(site.folder)
    stop = Stop()
    stop.ask()
    assert read(site.settings, PLACES, find([str(tmp_path / "s")]).captures, stop) == Summary()


def test_what_tasks_came_to_adds_up() -> None:
    one, other = Summary(), Summary()
    one.captures[Outcome.READ], other.captures[Outcome.READ] = 1, 2
    one.frames, other.frames = 10, 20
    one.flows, other.flows = 3, 4
    one.bytes, other.bytes = 100, 200
    one.fates, other.fates = {"inbound": 9, "own": 1}, {"inbound": 20}
    one.version, other.version = None, 7
    one.damaged, other.damaged = 1, 0
    other.problems.append(Problem("x", 5, "cut"))
    one.add(other)
    assert one.captures[Outcome.READ] == 3
    assert (one.frames, one.flows, one.bytes, one.version, one.damaged) == (30, 7, 300, 7, 1)
    assert one.fates == {"inbound": 29, "own": 1}
    assert [*one.problems] == [Problem("x", 5, "cut")]


@pytest.mark.parametrize(("one", "other", "both"), [(None, None, None), (3, None, 3), (3, 2, 3)])
def test_the_version_of_several_is_the_newest(one: int | None, other: int | None, both: int | None) -> None:
    first, second = Summary(version=one), Summary(version=other)
    first.add(second)
    assert first.version == both
