"""The store that asks Spark, on a real one: two tasks at a time, in processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flows import book, flow, minute
from objects import Bucket
from parts import Elsewhere
from sparks import SOCKETS_LEFT_OPEN
from wide import FIRST, JUNE, LAST, answers

from darkscope.api import ledger_shares
from darkscope.api.command import shares
from darkscope.api.command.shares import InShares, Kept
from darkscope.api.command.stores import opened, reader_of
from darkscope.api.dimension import Dimension
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.store import Filter, UnreachableError
from darkscope.ingest.engine.engine import EngineError, LostError
from darkscope.ingest.engine.spark import OnSpark
from darkscope.ingest.ledger.ledger import Ledger, storage_of
from darkscope.ingest.settings import Api, Settings, Spark, Storage, StoreName
from darkscope.ingest.values import Uri

pytestmark = SOCKETS_LEFT_OPEN

NOW = JUNE.end
ASKED = ("totals", "series", "targets", "sources", "page", "facts", "watched until")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A ledger of two days, of which every file is a share."""
    for name, value in (("LEAST", 0), ("AT_MOST", 1), ("PART", 20)):
        monkeypatch.setattr(ledger_shares, name, value)
    ledger = Ledger.open_or_create(tmp_path / "ledger")
    for day in (FIRST, LAST):
        rows = [
            flow(minute(day, 1, number), source_low=number % 9, port=(22, 23)[number % 2])
            for number in range(30)
        ]
        book(ledger, rows)
    return Settings(ledger=tmp_path / "ledger", api=Api(store=StoreName.SPARK))


def test_answers_are_those_of_the_ledgers_store(settings: Settings, spark: OnSpark) -> None:
    snapshot = Ledger(settings.ledger).snapshot()
    store = LedgerStore(snapshot, reader=InShares(settings, spark))
    expected = answers(LedgerStore(snapshot), ASKED)
    assert answers(store, ASKED) == expected
    assert expected["page"][1:] == [60, 9, True]


def test_tasks_open_a_ledger_in_a_bucket_where_they_are(
    settings: Settings, bucket: Bucket, tmp_path: Path
) -> None:
    assert isinstance(settings.ledger, Path)
    for path in sorted(settings.ledger.rglob("*")):
        if path.is_file():
            bucket.put(f"ledger/{path.relative_to(settings.ledger).as_posix()}", path.read_bytes())
    place = {"ledger": Uri(f"{bucket.uri}/ledger"), "storage": Storage(cache=tmp_path / "cache")}
    snapshot = Ledger(storage_of(settings.model_copy(update=place))).snapshot()
    there = LedgerStore(snapshot, reader=InShares(settings.model_copy(update=place), Elsewhere()))
    assert answers(there, ASKED) == answers(LedgerStore(Ledger(settings.ledger).snapshot()), ASKED)


def test_the_settings_say_that_spark_is_asked(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reader_of(settings.model_copy(update={"api": Api()})) is None
    store = opened(settings, NOW)
    monkeypatch.delenv("SPARK_REMOTE", raising=False)
    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(UnreachableError, match=r"^no Spark$"):
        store.totals(Dimension.PORTS, JUNE, Filter())


def missing(_: str) -> Any:
    raise EngineError("no Spark")


class Lost:
    """An engine that is lost after it did something."""

    def __init__(self) -> None:
        self.is_lost = False
        self.asked = 0
        self.error: type[EngineError] = EngineError

    def map(self, function: Any, units: Any, **_: object) -> Iterator[Any]:
        self.asked += 1
        if self.is_lost:
            raise self.error("the session is gone")
        yield from ((unit, function(unit)) for unit in units)


@pytest.mark.parametrize(("error", "asked"), [(EngineError, 3), (LostError, 2)])  # whether it is there; known
def test_a_session_that_was_lost_begins_anew(
    error: type[EngineError], asked: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: list[Lost] = []
    closed: list[Lost] = []

    class Module:
        @staticmethod
        def connected(master: str, conf: tuple[str, ...]) -> Any:
            assert (master, conf) == ("sc://spark.example", ("one=1",))
            return session()

    class session:  # noqa: N801  stands for a function
        def __enter__(self) -> Lost:
            sessions.append(Lost())
            return sessions[-1]

        def __exit__(self, *_: object) -> None:
            closed.append(sessions[-1])

    monkeypatch.setattr(shares.importlib, "import_module", lambda _: Module)
    engine = Kept(settings.model_copy(update={"spark": Spark(master="sc://spark.example", conf=("one=1",))}))
    assert list(engine.map(abs, [-1])) == [(-1, 1)]
    sessions[0].is_lost, sessions[0].error = True, error
    if error is LostError:
        assert list(engine.map(abs, [-3])) == [(-3, 3)]
    else:
        with pytest.raises(EngineError, match=r"^the session is gone$"):
            list(engine.map(abs, [-1]))
    assert list(engine.map(abs, [-2])) == [(-2, 2)]
    assert (len(sessions), closed, sessions[0].asked) == (2, sessions[:1], asked)
