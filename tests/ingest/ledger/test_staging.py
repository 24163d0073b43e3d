"""Files of a batch in the making: of each table in the order of its rows, whatever had to be tried again."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.ledger.staging import Staging
from darkscope.ingest.ledger.storage import Folder
from darkscope.ingest.series import FORGOTTEN, UNFINISHED

DAY = date(2020, 6, 24)


class Full(Folder):
    """A folder whose disk is full at some of the writings, by their number."""

    def __init__(self, path: Path, fails: Iterable[int], *, is_far: bool) -> None:
        super().__init__(path)
        self.is_far = is_far
        self._fails = set(fails)
        self._puts = 0

    def put(self, name: str, data: bytes | memoryview) -> None:
        self._puts += 1
        if self._puts in self._fails:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().put(name, data)


def marks(sensor: str, *days: date) -> pl.DataFrame:
    return pl.DataFrame({"day": list(days), "sensor": [sensor] * len(days), "at": [1] * len(days)})


@pytest.mark.parametrize("is_far", [False, True], ids=["near", "far"])
@pytest.mark.parametrize("fails", [(), (1,), (2,), (1, 3)], ids=str)
def test_files_come_in_the_order_of_their_rows(tmp_path: Path, fails: tuple[int, ...], is_far: bool) -> None:
    staging = Staging(Full(tmp_path, fails, is_far=is_far))
    for sensor in "abcde":
        staging.add(FORGOTTEN, marks(sensor, DAY))
    staging.add(UNFINISHED, pl.DataFrame(schema={"day": pl.Date(), **UNFINISHED.schema}))
    for _ in range(len(fails) if not is_far else bool(fails)):
        with pytest.raises(LedgerError, match=r"forgotten: cannot write: .*No space left on device"):
            staging.finish()
    staging.finish()
    assert list(staging.files) == [FORGOTTEN]
    paths = [tmp_path / "forgotten" / file.path for file in staging.files[FORGOTTEN]]
    assert [pl.read_parquet(path)["sensor"].to_list() for path in paths] == [[one] for one in "abcde"]
    assert len(list(tmp_path.rglob("*.parquet"))) == 5
    staging.clear()
    assert staging.files == {}


def test_rows_of_several_days_become_a_file_each(tmp_path: Path) -> None:
    staging = Staging(Folder(tmp_path))
    days = [DAY, date(2020, 6, 25)]
    staging.add(FORGOTTEN, marks("a", *days, *days))
    staging.finish()
    assert sorted(file.day for file in staging.files[FORGOTTEN]) == [one.isoformat() for one in days]
