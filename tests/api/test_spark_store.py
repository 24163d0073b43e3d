"""The store that asks Spark, on a real one: two tasks at a time, in processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flows import book, flow, minute
from sparks import SOCKETS_LEFT_OPEN
from wide import FIRST, JUNE, LAST, answers

from darkscope.api import ledger_shares
from darkscope.api.command import shares
from darkscope.api.command.shares import InShares, Kept
from darkscope.api.command.stores import opened, reader_of
from darkscope.api.dimension import Dimension
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.store import Filter, UnreachableError
from darkscope.ingest.engine.engine import EngineError
from darkscope.ingest.engine.spark import OnSpark
from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.settings import Api, Settings, Spark, StoreName

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

    def map(self, function: Any, units: Any, **_: object) -> Iterator[Any]:
        if self.is_lost:
            raise EngineError("the session is gone")
        yield from ((unit, function(unit)) for unit in units)


def test_a_session_that_was_lost_begins_anew(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
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
    sessions[0].is_lost = True
    with pytest.raises(EngineError, match=r"^the session is gone$"):
        list(engine.map(abs, [-1]))
    assert list(engine.map(abs, [-2])) == [(-2, 2)]
    assert (len(sessions), closed) == (2, sessions[:1])
