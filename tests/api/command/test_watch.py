from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flows import book, flow, minute
from typer.testing import CliRunner

from darkscope.api.asked import Asked
from darkscope.api.command import watch
from darkscope.api.command.main import program
from darkscope.api.dimension import Dimension
from darkscope.ingest import events
from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.settings import Settings

FIRST, DAYS = date(2020, 4, 20), 60
SENSORS = ("a", "b", "c", "d")
RISE = date(2020, 6, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger in which 445/TCP rises on 1 June at all sensors, of which one is silent for a week in May."""
    folder: Path = tmp_path_factory.mktemp("watch") / "ledger"
    ledger = Ledger.open_or_create(folder)
    chance = random.Random(1)
    rows: list[dict[str, Any]] = []
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        for sensor in SENSORS:
            if sensor == "d" and date(2020, 5, 10) <= day < date(2020, 5, 14):
                continue
            for port, mean in ((23, 300), (445, 240 if day >= RISE else 60)):
                rate = mean / 24
                rows += [
                    flow(
                        minute(day, hour),
                        sensor=sensor,
                        port=port,
                        packets=max(0, round(chance.gauss(rate, rate**0.5))),
                    )
                    for hour in range(24)
                ]
    book(ledger, [row for row in rows if row["packets"]])
    return folder


def looked(folder: Path, now: datetime) -> list[tuple[str, bool]]:
    """What one look writes: ids, and whether they are over."""
    settings = Settings(ledger=folder, worker="watch")
    return [(one.id, bool(one.end)) for one in watch.look(settings, Asked(Dimension.PORTS, "28d"), now)]


def test_a_rise_is_written_once_as_the_days_go_by_and_an_outage_never(folder: Path) -> None:
    found = []
    for number in range(20, DAYS, 3):
        found += looked(
            folder, datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(days=number, hours=6)
        )
    assert found == [("445-tcp-up-2020-06-01", False)]
    (event,) = events.read(Ledger(folder).snapshot())
    assert (event.subject, event.kind, event.end, event.numbers["verdict"]) == ("445/TCP", "rose", 0, "wide")


def test_the_command_fills_in_a_period_and_the_events_can_be_listed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    where = ["--ledger", str(folder)]

    def run(*words: str) -> Any:
        return CliRunner().invoke(program(words), [*words, *where])

    assert run("watch", "--once", "--quiet", "--period", "2020-05-20/2020-06-18").exit_code == 0
    answer = run("events", "--period", "2020-06", "--time-zone", "UTC")
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert [line.split()[:4] for line in answer.stdout.splitlines() if "445/TCP" in line] == [
        ["2020-06-01", "00:00", "445/TCP", "rose"]
    ]
    assert "0 events;" in run("events", "--period", "2020-05").stdout


def test_mistakes_end_it_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(program(["watch"]), ["watch", *words])
        return result.exit_code, result.stderr

    code, errors = run("--period", "yesterday")
    assert (code, errors.startswith("darkscope: the period 'yesterday' is not understood")) == (2, True)
    code, errors = run("--once", "--ledger", "nowhere")
    assert (code, errors) == (1, "darkscope: nowhere: no ledger here; `darkscope ingest` makes one\n")
