from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from darkscope.api.notices.record import Batch, Known, Named, Overtaken, Record, known

ONE: Named = ("vn", "scanner", (4, 0, 7))
SIX: Named = ("jp", "infected-system", (6, -1, 1))


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    record = Record(tmp_path)
    yield record
    record.close()


def test_where_nothing_was_named_nothing_is_known_and_nothing_is_made(tmp_path: Path) -> None:
    assert known(tmp_path, 0.0) == Known(0, frozenset())
    assert list(tmp_path.iterdir()) == []


def test_what_was_named_is_known_for_a_time(tmp_path: Path, record: Record) -> None:
    assert record.begin(Path("one"), [ONE, SIX], 100.0, 0) == 1
    assert record.begin(Path("two"), [ONE], 200.0, 1) == 2
    assert known(tmp_path, 99.0) == Known(2, frozenset({ONE, SIX}))
    assert known(tmp_path, 100.0) == Known(2, frozenset({ONE}))
    assert known(tmp_path, 200.0) == Known(2, frozenset())


def test_a_batch_that_others_overtook_is_not_recorded(tmp_path: Path, record: Record) -> None:
    record.begin(Path("one"), [ONE], 100.0, 0)
    with pytest.raises(Overtaken):
        record.begin(Path("two"), [SIX], 100.0, 0)
    assert known(tmp_path, 0.0) == Known(1, frozenset({ONE}))


def test_a_batch_is_pending_until_it_ends_or_is_withdrawn(tmp_path: Path, record: Record) -> None:
    for number, name in enumerate(("one", "two", "three")):
        record.begin(Path(name), [ONE, SIX], 100.0 + number, number)
    record.end(1)
    record.withdraw(3)
    assert record.pending() == [Batch(2, Path("two"))]
    assert known(tmp_path, 100.5) == Known(3, frozenset({ONE, SIX}))
    assert known(tmp_path, 101.0) == Known(3, frozenset())
