"""A damaged file of the ledger holds up what needs it, and nothing else, until it is mended or forgotten."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from flows import book, flow, minute
from walls import Wall

from darkscope.ingest.ledger import expiry
from darkscope.ingest.ledger.errors import Damaged
from darkscope.ingest.projection.projector import LOOK_AGAIN, Projector
from darkscope.ingest.registry import PROJECTION, heard
from darkscope.ingest.series import COVERAGE, FLOWS, Table

DAYS = [date(2020, 6, 22), date(2020, 6, 23), date(2020, 6, 24)]
BROKEN = DAYS[1]
BY_DAY = 'SELECT "packets" FROM "totals" GROUP BY "sensor"'


def file_of(wall: Wall, table: Table, day: date) -> Path:
    files = wall.ledger.snapshot().files(table)
    (path,) = (path for path, of in files.select("path", "day").iter_rows() if of == day)
    return wall.ledger.storage.path / table.name / path


def flip_a_bit(file: Path) -> bytes:
    """Change one bit in the middle; the bytes as they were."""
    data = file.read_bytes()
    middle = len(data) // 2
    file.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    return data


def cut(file: Path) -> bytes:
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    return data


def lose(file: Path) -> bytes:
    data = file.read_bytes()
    file.unlink()
    return data


def follow(wall: Wall, one: Projector, looks: int = 400) -> None:
    """Let a projector go on for some looks at the clock, which it moves on by itself."""
    wall.clock.looks = looks
    one.follow(wall.clock)


def counts(wall: Wall) -> dict[str, list[tuple[int, ...]]]:
    """Packets by day and sensor in the buckets of hours and days."""
    return {
        bucket: [row for rows in wall.points(bucket, BY_DAY).values() for row in rows]
        for bucket in ("_hour", "_day")
    }


def expected(*days: date) -> dict[str, list[tuple[int, ...]]]:
    """What three packets at 9 o'clock of each day come to."""
    return {
        "_hour": [(minute(day, 9) * 60, 3) for day in days],
        "_day": [(minute(day) * 60, 3) for day in days],
    }


def told(caplog: Any) -> list[tuple[str, str]]:
    """What was said of damaged files."""
    return [
        (record.levelname, record.message)
        for record in caplog.records
        if record.message.startswith("a file of the ledger")
    ]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flip_a_bit, "its bytes are not those that were written"),
        (cut, "its bytes are not those that were written"),
        (lose, "No such file or directory"),
    ],
)
def test_a_damaged_day_waits_is_named_and_is_written_once_it_is_mended(
    wall: Wall, caplog: Any, damage: Any, said: str
) -> None:
    caplog.set_level(logging.INFO)
    for day in DAYS:
        book(wall.ledger, [flow(minute(day, 9), packets=3)])
    file = file_of(wall, FLOWS, BROKEN)
    data = damage(file)
    one = wall.projector()
    follow(wall, one)
    assert counts(wall) == expected(DAYS[0], DAYS[2])
    assert told(caplog) == [("ERROR", "a file of the ledger is damaged; what it bears on waits")]
    (record,) = (one for one in caplog.records if one.levelname == "ERROR")
    assert record.fields == {"reason": f"{file}: {said}", "day": "2020-06-23", "again_in_s": LOOK_AGAIN}
    state = heard(wall.ledger.storage.path, PROJECTION)
    assert state is not None
    shown = ("trouble", "lag", "damaged", "damaged_files")
    assert [state.values[name] for name in shown] == ["", 0, 1, f"{file}: {said}"]
    assert state.values["waiting"] == 3  # an hour of minutes, the day's hours, the day
    assert wall.points("_day", 'SELECT last("damaged") FROM "darkscope"')[()][0][1] == 1

    file.write_bytes(data)
    follow(wall, one)
    assert told(caplog)[1:] == [("INFO", "a file of the ledger holds nothing up any more")]
    assert counts(wall) == expected(*DAYS)
    assert wall.differences() == []
    state = heard(wall.ledger.storage.path, PROJECTION)
    assert state is not None
    assert [state.values[name] for name in ("damaged", "damaged_files", "waiting")] == [0, "", 0]


def test_the_other_hours_of_a_damaged_day_are_written(wall: Wall) -> None:
    book(wall.ledger, [flow(minute(BROKEN, 9), packets=3)])
    flip_a_bit(file_of(wall, FLOWS, BROKEN))
    book(wall.ledger, [flow(minute(BROKEN, 10), packets=4), flow(minute(BROKEN, 15), packets=5)])
    one = wall.projector()
    follow(wall, one)
    assert wall.points("", BY_DAY) == {("a",): [(minute(BROKEN, 10) * 60, 4), (minute(BROKEN, 15) * 60, 5)]}
    assert counts(wall) == {"_hour": [], "_day": []}  # which are summed for the day as a whole


def test_damaged_coverage_holds_up_coverage_alone(wall: Wall) -> None:
    for day in DAYS:
        book(wall.ledger, [flow(minute(day, 9), packets=3)], watched=60)
    file = file_of(wall, COVERAGE, DAYS[0])
    data = flip_a_bit(file)
    one = wall.projector()
    follow(wall, one)
    assert counts(wall) == expected(*DAYS)
    assert wall.points("_day", 'SELECT "watched" FROM "coverage"') == {}  # silence is bridged over two days
    assert one.damaged == {str(file): f"{file}: its bytes are not those that were written"}
    file.write_bytes(data)
    follow(wall, one)
    assert wall.points("_day", 'SELECT "watched" FROM "coverage"') == {
        (): [(minute(day) * 60, 3600) for day in DAYS]
    }
    assert wall.differences() == []


def test_a_damaged_file_that_is_forgotten_holds_nothing_up(wall: Wall) -> None:
    for day in DAYS:
        book(wall.ledger, [flow(minute(day, 9), packets=3)])
    flip_a_bit(file_of(wall, FLOWS, BROKEN))
    book(wall.ledger, [flow(minute(BROKEN, 9), packets=4, sensor="b")])
    one = wall.projector()
    follow(wall, one)
    assert counts(wall) == expected(DAYS[0], DAYS[2])
    expiry.forget(wall.ledger, "one", "a", BROKEN, BROKEN, datetime.now(UTC))
    follow(wall, one)
    assert one.damaged == {}
    assert wall.points("_day", BY_DAY) == {
        ("a",): [(minute(day) * 60, 3) for day in (DAYS[0], DAYS[2])],
        ("b",): [(minute(BROKEN) * 60, 4)],
    }
    assert wall.differences() == []


def test_a_damaged_file_with_rows_of_others_cannot_be_forgotten(wall: Wall) -> None:
    book(wall.ledger, [flow(minute(BROKEN, 9)), flow(minute(BROKEN, 9), sensor="b")])
    file = file_of(wall, FLOWS, BROKEN)
    flip_a_bit(file)
    with pytest.raises(Damaged, match=str(file)):
        expiry.forget(wall.ledger, "one", "a", BROKEN, BROKEN, datetime.now(UTC))


def test_a_run_that_ends_says_so_and_ends(wall: Wall) -> None:
    for day in DAYS:
        book(wall.ledger, [flow(minute(day, 9), packets=3)])
    file = file_of(wall, FLOWS, BROKEN)
    flip_a_bit(file)
    one = wall.project()
    assert counts(wall) == expected(DAYS[0], DAYS[2])
    assert list(one.damaged) == [str(file)]
