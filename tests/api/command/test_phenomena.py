from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., tuple[int, str, str]]

SENSORS = ("home-1", "home-2", "abroad-1")
FIRST, DAYS = date(2020, 5, 1), 60
PERIOD = "--period 2020-06-01/2020-06-29"
ID = "445-tcp-up-2020-06-01"


def days() -> list[date]:
    return [FIRST + timedelta(days=number) for number in range(DAYS)]


COVERAGE = [
    {"minute": f"{day}T{hour:02}:00", "sensor": sensor}
    for sensor in SENSORS
    for day in days()
    for hour in range(24)
]


def flows() -> list[dict[str, Any]]:
    """445/TCP from Vietnam rises on 10 June, at all sensors."""
    chance = random.Random(1)
    rows = []
    for sensor in SENSORS:
        for day in days():
            rises = day >= date(2020, 6, 10)
            for port, country, mean in (
                (23, "CN", 300), (445, "VN", 150 if rises else 40), (445, "ID", 30), (22, "US", 100),
            ):  # fmt: skip
                packets = max(0, round(chance.gauss(mean, mean**0.5)))
                rows.append(
                    {"minute": f"{day}T10:00", "sensor": sensor, "port": port, "country": country,
                     "packets": packets}
                )  # fmt: skip
    return rows


Ask = Callable[[str], tuple[int, str, str]]

SEEN = flows()


@pytest.fixture
def ask(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    monkeypatch.setenv("DARKSCOPE_DECISIONS", str(tmp_path / "decisions.toml"))
    return lambda words: run(words, SEEN, COVERAGE)


def test_a_rise_is_proposed_shown_and_decided(ask: Ask) -> None:
    code, output, errors = ask(f"phenomena list {PERIOD} --format json")
    assert (code, errors) == (0, "")
    (row,) = json.loads(output)["rows"]
    assert (row["id"], row["kind"], row["start"], row["end"], row["verdict"]) == (
        ID, "rose", "2020-06-10", None, "wide",
    )  # fmt: skip
    assert row["state"] == "open"

    code, output, _ = ask(f"phenomena confirm {ID}")
    assert (code, output.partition(",")[0]) == (0, f"{ID}: confirmed")
    ask(f"phenomena word {ID} --lang ja 増加しました。")
    code, output, _ = ask(f"phenomena show {ID} {PERIOD} --lang ja")
    title, own, generated = output.splitlines()[:3]
    assert (code, title, own) == (0, "445/TCP宛のパケットの増加", "増加しました。")
    assert generated.startswith("445/TCP宛のパケットは6月10日から増加し、")

    ask(f"phenomena dismiss {ID}")
    _, output, _ = ask(f"phenomena list {PERIOD}")
    assert "0 proposed of" in output
    assert "; 1 dismissed" in output
    assert ID in ask(f"phenomena list {PERIOD} --dismissed")[1]
    ask(f"phenomena reopen {ID}")
    assert "1 proposed of" in ask(f"phenomena list {PERIOD}")[1]


def test_with_a_period_only_what_is_proposed_for_it_can_be_decided(ask: Ask, tmp_path: Path) -> None:
    wrong = ID.replace("445", "45")
    for words in (f"confirm {wrong}", f"dismiss {wrong}", f"reopen {wrong}", f"word {wrong} text"):
        code, output, errors = ask(f"phenomena {words} {PERIOD}")
        told = f"darkscope: nothing is proposed as {wrong!r} for 2020-06-01/2020-06-29\n"
        assert (code, output, errors) == (2, "", told)
    assert not (tmp_path / "decisions.toml").exists()
    assert ask(f"phenomena confirm {ID} {PERIOD}")[2] == ""
    code, output, errors = ask(f"phenomena confirm {wrong}")
    assert (code, output.partition(",")[0]) == (0, f"{wrong}: confirmed")
    assert (
        errors == "whether it is proposed was not looked up: say --period, and what else `list` was asked\n"
    )


def test_what_is_decided_and_proposed_no_more_is_named(ask: Ask) -> None:
    ask("phenomena confirm 80-tcp-up-2020-06-01")
    _, output, _ = ask(f"phenomena list {PERIOD}")
    assert "decided, and proposed no more: 80-tcp-up-2020-06-01" in output.splitlines()


def test_mistakes_are_said(ask: Ask) -> None:
    code, _, errors = ask(f"phenomena show nothing {PERIOD}")
    assert (code, errors) == (2, "darkscope: nothing is proposed as 'nothing' for 2020-06-01/2020-06-29\n")
    for name in ("../x", "nonsense-id", "445-tcp-up-2020", "445-tcp-upwards-2020-04-01"):
        code, _, errors = ask(f"phenomena confirm {name}")
        assert (code, errors) == (
            1, f"darkscope: {name!r} is no id of a proposal; `darkscope phenomena list` shows them\n",
        )  # fmt: skip
