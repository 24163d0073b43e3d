"""A ledger that is written, merged, rolled up, expired and cleaned while a real server is asked about it.

Days that are over are told as they were told at rest, whole values, whatever happens beside; also by a server that was
killed and started again, and while a killed ingest and its successor write. What is done is chosen by a seed.
"""

from __future__ import annotations

import os
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import httpx2
import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient
from flows import DEFAULTS, book, minute
from runs import many, run, running, until

from darkscope.api.http.app import create
from darkscope.ingest.ledger.expiry import expire
from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.ledger.upkeep import clean, drop_rollups, keep_up
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.series import FLOWS, ROLLUPS, Traffic
from darkscope.ingest.settings import Settings

ACTIONS = int(os.environ.get("DARKSCOPE_SURVIVAL_ACTIONS", "5"))
"""What is done to the ledger meanwhile; `make soak` does far more."""

SEED = int(os.environ.get("DARKSCOPE_SURVIVAL_SEED", "11"))

NOW = datetime(2020, 8, 20, tzinfo=UTC)
"""Upkeep's clock: all days here are over."""

OLD = [date(2020, 5, 1) + timedelta(days=number) for number in range(12)]
"""Days that expire one by one."""

ASKED = [date(2020, 6, 7) + timedelta(days=number) for number in range(6)]
"""Days that are asked about, and those before them that they are compared with."""

PERIOD = "period=2020-06-10/2020-06-12"
INGESTED = [date(2020, 6, 24) + timedelta(days=number) for number in range(5)]
"""Days of the captures, which come to each in turn: most come late, when the day and its month are rolled up."""

FRAMES = 2_000
"""Of a capture."""

QUESTIONS = [
    f"rankings/ports?{PERIOD}&sources=exact&targets=true&limit=40",
    f"rankings/ports?{PERIOD}&country=JP&country=VN&limit=40",
    f"rankings/countries?{PERIOD}&sources=estimated",
    f"rankings/sensors?{PERIOD}&class=scan",
    f"rankings/tools?{PERIOD}&time_zone=Asia/Tokyo",
    f"trends/countries?{PERIOD}&step=hour",
    f"trends/ports?{PERIOD}&step=day&by=countries&time_zone=Asia/Kathmandu",
    f"breadth?{PERIOD}&port=23/tcp",
    f"spreads/countries?{PERIOD}",
    f"coverage?{PERIOD}&step=hour",
    f"sensors?{PERIOD}",
    f"owners?{PERIOD}",
]
LIST = f"sources?{PERIOD}&limit=25"
"""A list of several pages, all of one state of the ledger."""


def observed(day: date, rows: int = 600) -> pl.DataFrame:
    """Flows of a day, of three sensors."""
    dice = np.random.default_rng(day.toordinal())
    source = dice.integers(1, 60, rows)
    made = {
        "minute": minute(day) + dice.integers(0, 1440, rows),
        "sensor": pl.Series(np.array(["a", "b", "c"])[dice.integers(0, 3, rows)]),
        "source_low": source,
        "port": np.array([23, 445, 80, 22, 8080])[dice.integers(0, 5, rows)] + dice.integers(0, 8, rows),
        "country": pl.Series(np.array(["JP", "VN", "CN", "RU"])[source % 4]),
        "asn": source % 7,
        "class": pl.Series(np.array([Traffic.SCAN, Traffic.OTHER, Traffic.BACKSCATTER])[source % 3]),
        "tool": pl.Series(np.array(["", "zmap"])[source % 2]),
        "packets": dice.integers(1, 9, rows),
        "targets": np.left_shift(1, dice.integers(0, 30, rows)),
    }
    rest = [pl.lit(value).alias(name) for name, value in DEFAULTS.items() if name not in made]
    whole = pl.DataFrame(made).with_columns(rest)
    return whole.select(pl.col(name).cast(kind) for name, kind in FLOWS.schema.items())


class Server:
    """A server in a process of its own, which may be killed and started again."""

    def __init__(self, ledger: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self._port = listening.getsockname()[1]
        self._ledger = ledger
        self._url = f"http://127.0.0.1:{self._port}"
        self.starts = 0

    @contextmanager
    def up(self) -> Iterator[None]:
        """Be there, until killed."""
        arguments = ("serve", "--ledger", self._ledger, "--port", str(self._port))
        with running(*arguments, DARKSCOPE_API__RATE="0") as process:
            Thread(target=process.stderr.read, daemon=True).start()  # else its log would fill the pipe
            until(self._answers)
            self.starts += 1
            yield

    def get(self, path: str) -> httpx2.Response:
        """Ask for a path."""
        return httpx2.get(f"{self._url}{path}", timeout=120)

    def _answers(self) -> bool:
        try:
            return self.get("/readyz").status_code == 200
        except httpx2.HTTPError:
            return False


Get = Callable[[str], httpx2.Response]
"""Asks for a path."""


def told(get: Get, question: str) -> Any:
    """An answer without what names the state of the ledger that it is about."""
    answer = get(f"/v1/{question}")
    assert answer.status_code == 200, (question, answer.text)
    body = answer.json()
    del body["provenance"]["ledger_version"]
    return body


def listed(get: Get) -> Any:
    """All pages of the list; from its beginning where its state is not there any more."""
    rows: list[Any] = []
    versions = set()
    following = f"/v1/{LIST}"
    while True:
        answer = get(following)
        if answer.status_code == 410 and rows:  # the server is another one
            rows, following = [], f"/v1/{LIST}"
            versions.clear()
            continue
        assert answer.status_code == 200, answer.text
        body = answer.json()
        rows += body["rows"]
        versions.add(body["provenance"]["ledger_version"])
        if body["next"] is None:
            assert len(versions) == 1
            return rows
        following = f"/v1/{LIST}&cursor={body['next']}"


def asked(get: Get, question: str) -> Any:
    """What a question is answered."""
    return listed(get) if question == LIST else told(get, question)


def at_rest(ledger: Path) -> dict[str, Any]:
    """What every question is answered while nothing happens, by a server in this process."""
    with TestClient(create(Settings(ledger=ledger)), "http://localhost") as client:
        return {question: asked(client.get, question) for question in (*QUESTIONS, LIST)}


class Askers:
    """Threads that ask without end, and compare with what was told at rest."""

    def __init__(self, server: Server, at_rest: dict[str, Any]) -> None:
        self._server, self._at_rest = server, at_rest
        self._over, self._lock = Event(), Lock()
        self.answered: Counter[str] = Counter()
        self.wrong: list[str] = []

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask meanwhile."""
        threads = [Thread(target=self._ask, args=(random.Random(f"{SEED}-{number}"),)) for number in range(3)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _ask(self, dice: random.Random) -> None:
        while not self._over.is_set():
            question = dice.choice(list(self._at_rest))
            try:
                answer = asked(self._server.get, question)
            except httpx2.HTTPError:  # it was killed just now
                time.sleep(0.1)
                continue
            except AssertionError as error:
                self._note(question, str(error))
                continue
            self._note(question, " ".join(differences(self._at_rest[question], answer)))

    def _note(self, question: str, fault: str) -> None:
        with self._lock:
            self.answered[question] += 1
            if fault:
                self.wrong.append(f"{question}: {fault}")


def differences(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """Where two answers differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from differences(one[key], other[key], f"{place}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{place}[{number}]")
    elif one != other:
        yield f"{place}: {one!r} at rest, {other!r} now"


class Keeper:
    """Who does things to a ledger: each a method, chosen by dice."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._expired = 0

    def keep_up(self) -> None:
        """Merge, and roll up what is over."""
        keep_up(self._ledger, "keeper", NOW)

    def drop(self) -> None:
        """Take out all rollups, as before they are made anew."""
        drop_rollups(self._ledger, "keeper")

    def expire(self) -> None:
        """Let the oldest day of flows go."""
        keep_up(self._ledger, "keeper", NOW)
        self._expired = min(self._expired + 1, len(OLD))
        edge = OLD[0] + timedelta(days=self._expired)
        expire(self._ledger, "keeper", edge, lambda table: 0 if table == FLOWS.name else None, None)

    def clean(self) -> None:
        """Shorten the logs."""
        clean(self._ledger)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger of days that are over, each in several files, the old ones rolled up."""
    made = Ledger.open_or_create(tmp_path / "ledger")
    for day in OLD:
        book(made, observed(day, 60))
    keep_up(made, "keeper", NOW)
    for day in ASKED:
        rows = observed(day)
        for part in range(3):
            book(made, rows[part * 200 : (part + 1) * 200], after=part)
    return made


def test_days_that_are_over_are_told_as_at_rest_whatever_is_done_to_the_ledger(
    ledger: Ledger, tmp_path: Path
) -> None:
    dice = random.Random(SEED)
    keeper, server = Keeper(ledger), Server(ledger.storage.path)
    actions = [keeper.keep_up, keeper.drop, keeper.expire, keeper.clean]
    done = [*actions, *(dice.choice(actions) for _ in range(ACTIONS - len(actions)))]
    dice.shuffle(done)
    todo = iter(enumerate(done))
    killed = {*dice.sample(range(len(done)), max(1, len(done) // 5))}
    spool = tmp_path / "s"
    spool.mkdir()
    expected = at_rest(ledger.storage.path)
    assert len(expected[LIST]) == 59  # sources, on three pages
    assert all(row["targets"] for row in expected[QUESTIONS[0]]["rows"])
    askers, captures = Askers(server, expected), 0
    with askers.asking():
        while True:
            with server.up(), following(ledger.storage.path, spool):  # both are killed at its end
                for number, action in todo:
                    day = captures % len(INGESTED)
                    data = many(FRAMES, 200.0 * captures + 86_400.0 * day, seed=captures)
                    (spool / f"{captures:02}.pcap").write_bytes(data)
                    captures += 1
                    action()
                    if number in killed:
                        break
                else:
                    until(lambda: askers.wrong or all(askers.answered[question] for question in expected))
                    break
    assert askers.wrong == []
    assert server.starts == len(killed) + 1
    code, _, errors = run("ingest", spool, "--ledger", ledger.storage.path)
    assert code == 0, errors
    taken = ledger.finish().scan(FLOWS, INGESTED[0], INGESTED[-1])
    assert taken.select(pl.col("packets").sum()).collect().item() == FRAMES * captures
    made_up = {f"captures, {sensor}" for sensor in "abc"}  # whose flows no capture has
    assert {fault.place for fault in verify(ledger).faults} == made_up
    keep_up(ledger, "keeper", NOW)
    assert set(ASKED) <= ledger.snapshot().days(ROLLUPS[0])
    assert at_rest(ledger.storage.path) == expected


@contextmanager
def following(ledger: Path, spool: Path) -> Iterator[None]:
    """A daemon over a folder, killed at the end."""
    with running("ingest", "--follow", spool, "--ledger", ledger) as process:
        for stream in (process.stdout, process.stderr):
            Thread(target=stream.read, daemon=True).start()
        yield
