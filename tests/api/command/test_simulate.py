from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from darkscope.api.command import simulate as command
from darkscope.ingest.simulate import SETTINGS, Scenario, scenario
from darkscope.ingest.simulate.scenario import Truth

app = typer.Typer()
app.command()(command.simulate)


def one_day(name: str) -> Scenario:
    day = date(2020, 6, 4)
    truth = Truth(period=(day, day), before=(day, day), ports=(), countries=())
    return replace(scenario(name), truth=truth, outages=(), attacks=(), visits=())


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture(autouse=True)
def _brief(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "scenario", one_day)


def test_it_says_that_all_is_simulated_where_it_lies_and_what_comes_next() -> None:
    result = run("2020-q2", "--to", "captures", "--scale", "0.01")
    files = list(Path("captures").glob("*/*"))
    assert result.exit_code == 0
    first, second, third = result.stdout.splitlines()
    assert first.startswith("Simulated April to June 2020, and the quarter before: ")
    assert f"in {len(files)} captures" in first
    assert first.endswith("below captures/")
    assert (
        second
        == f"These captures are simulated: nobody sent these packets. captures/{SETTINGS} names the sensors."
    )
    assert third == f"Next: darkscope ingest --settings captures/{SETTINGS} captures"


def test_all_captures_can_be_compressed_alike() -> None:
    assert run("2014-q4", "--scale", "0.01", "--compress", "zstd", "--seed", "3").exit_code == 0
    assert {path.suffix for path in Path("simulated").glob("*/*")} == {".zst"}


def test_an_unknown_scenario_is_answered_with_those_there_are() -> None:
    result = run("2021-q1")
    assert (result.exit_code, result.stderr) == (
        2,
        "darkscope: no scenario 2021-q1; there are 2014-q4, 2020-q2\n",
    )


def test_a_folder_with_settings_of_its_own_is_left_alone() -> None:
    Path(SETTINGS).write_text("ledger = 'mine'\n")
    result = run("2014-q4", "--to", ".")
    assert result.exit_code == 2
    assert "choose another folder" in result.stderr
    assert [path.name for path in Path().iterdir()] == [SETTINGS]
