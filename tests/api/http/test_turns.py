from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event

import pytest
from runs import until

from darkscope.api.http import turns
from darkscope.api.http.turns import Busy, Turns


def held(pool: ThreadPoolExecutor, asked: Turns, who: str, over: Event) -> Future[float]:
    """Ask, in another thread; hold the turn until something is over, and give when it came."""

    def hold() -> float:
        with asked.turn(who):
            begun = time.monotonic()
            over.wait()
            return begun

    return pool.submit(hold)


def test_so_many_turns_there_are_and_who_comes_then_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE", 0.05)
    asked = Turns(2, 4)
    with ExitStack() as stack:
        for who in ("one", "two"):
            stack.enter_context(asked.turn(who))
        begun = time.monotonic()
        with pytest.raises(Busy), asked.turn("three"):
            pytest.fail("there was a turn")
        assert time.monotonic() - begun >= 0.05
    with asked.turn("three"):
        pass


def test_nobody_has_all_turns() -> None:
    asked, over = Turns(4, 4), Event()
    with ThreadPoolExecutor(8) as pool:
        greedy = [held(pool, asked, "greedy", over) for _ in range(5)]
        until(lambda: asked._running["greedy"] == 3)
        with asked.turn("modest"):
            assert asked._running.total() == 4
        over.set()
        assert len({one.result() for one in greedy}) == 5


@pytest.mark.parametrize(
    ("who", "waiting"), [("greedy", 2), ("any", 4)], ids=["of one asker", "of all askers"]
)
def test_who_comes_while_all_places_to_wait_are_taken_is_told_so_at_once(who: str, waiting: int) -> None:
    asked, over = Turns(1, 4), Event()
    name: Callable[[int], str] = lambda number: who if who == "greedy" else f"{who}-{number}"  # noqa: E731
    with ThreadPoolExecutor(8) as pool:
        waiters = [held(pool, asked, name(0), over)]
        until(lambda: asked._running.total() == 1)
        waiters += [held(pool, asked, name(number), over) for number in range(1, waiting + 1)]
        until(lambda: asked._queued.total() == waiting)
        begun = time.monotonic()
        with pytest.raises(Busy), asked.turn(name(9)):
            pytest.fail("there was a turn")
        assert time.monotonic() - begun < turns.PATIENCE / 2
        over.set()
        assert len([one.result() for one in waiters]) == waiting + 1
    assert (asked._running, asked._queued) == ({}, {})


def test_a_turn_is_given_back_also_by_what_fails() -> None:
    asked = Turns(1, 0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), asked.turn("one"):
            raise ZeroDivisionError
    assert asked._running == {}
