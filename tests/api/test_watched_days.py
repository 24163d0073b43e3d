from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
from memory_ledger import minute_of, watched

from darkscope.api.watched_days import WatchedDays
from darkscope.ingest.series import Table

DAYS = [date(2020, 6, day) for day in (23, 24, 25)]


class Files:
    """A state of the ledger: which files the days of `coverage` have; and a reader that notes what it read."""

    def __init__(self, **paths: str) -> None:
        self.paths = [
            (date(2020, 6, int(day[1:])), path) for day, names in paths.items() for path in names.split()
        ]
        self.read_days: list[tuple[date, date]] = []

    def files(self, _: Table) -> pl.DataFrame:
        return pl.DataFrame(self.paths, schema={"day": pl.Date, "path": pl.String}, orient="row")

    def read(self, first: date, last: date) -> pl.DataFrame:
        self.read_days.append((first, last))
        rows = watched({"minute": f"{day}T0{number}:00"} for number, (day, _) in enumerate(self.paths))
        day = (pl.col("minute") // 1440).cast(pl.Date).alias("day")
        return rows.with_columns(day).filter(pl.col("day").is_between(first, last))

    def asked(self, days: WatchedDays, first: date = DAYS[0], last: date = DAYS[-1]) -> list[Any]:
        found = days.stretches(self, first, last, self.read)
        return found.select("minute", "minutes").rows()


def hours(*texts: str) -> list[tuple[int, int]]:
    return [(minute_of(text), 60) for text in texts]


def test_a_day_is_read_again_only_where_its_files_changed() -> None:
    kept = WatchedDays()
    before = Files(d23="a", d24="b", d25="c")
    whole = hours("2020-06-23T00:00", "2020-06-24T01:00", "2020-06-25T02:00")
    assert before.asked(kept) == whole
    assert before.asked(kept) == whole
    assert before.asked(kept, DAYS[1], DAYS[1]) == whole[1:2]
    assert before.read_days == [(DAYS[0], DAYS[-1])]
    after = Files(d23="a", d24="b", d25="c d")
    assert after.asked(kept) == [*whole[:2], (minute_of("2020-06-25T02:00"), 120)]
    assert after.read_days == [(DAYS[2], DAYS[2])]
    assert before.asked(kept) == whole  # a list that was begun on the older state goes on with it
    assert before.read_days == [(DAYS[0], DAYS[-1])]


def test_days_without_files_are_nothing() -> None:
    state = Files(d24="a")
    assert state.asked(WatchedDays(), DAYS[2], DAYS[2]) == []
    assert state.asked(WatchedDays()) == hours("2020-06-24T00:00")


def test_what_was_not_asked_for_the_longest_is_forgotten_first() -> None:
    kept, state = WatchedDays(most=2), Files(d23="a", d24="b", d25="c")
    for day in (DAYS[0], DAYS[1], DAYS[0], DAYS[2], DAYS[0], DAYS[1]):
        state.asked(kept, day, day)
    assert state.read_days == [(day, day) for day in (DAYS[0], DAYS[1], DAYS[2], DAYS[1])]
