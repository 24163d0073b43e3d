"""`darkscope report`, over a ledger of captures."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from simulated import written

from darkscope.api.command.main import program
from darkscope.ingest.simulate import SETTINGS, scenario

Called = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with captures of three days, their settings and their ledger."""
    folder = tmp_path_factory.mktemp("observed")
    written(scenario("2020-q2"), folder, [date(2020, 6, day) for day in (23, 24, 25)], scale=0.1)
    words = ["ingest", "--quiet", "--settings", str(folder / SETTINGS), str(folder)]
    program(words)(args=words, standalone_mode=False)
    return folder


@pytest.fixture
def report(observed: Path, capsys: pytest.CaptureFixture[str]) -> Called:
    def called(*words: str) -> tuple[int, str, str]:
        line = ("report", *words, "--settings", str(observed / SETTINGS))
        try:
            code = program(line)(args=line, standalone_mode=False)
        except SystemExit as stopped:
            code = stopped.code
        told = capsys.readouterr()
        return code or 0, told.out, told.err

    return called


def test_a_report_is_a_folder_of_pages_and_data(report: Called, tmp_path: Path) -> None:
    code, out, err = report("2020-06-24", "--lang", "ja", "--out", str(tmp_path / "made"))
    assert (code, out.split()) == (
        0,
        [str(tmp_path / "made" / f"report.{kind}") for kind in ("html", "md", "pdf")],
    )
    assert "files more in data/ and figures/" in err
    page = (tmp_path / "made" / "report.html").read_text(encoding="utf-8")
    for text in ("2020年6月24日", "Example CSIRT", "模擬データ", "darkscope report 2020-06-24 --lang ja"):
        assert text in page
    assert str(tmp_path) not in page
    networks = ("192.0.2.", "203.0.113.", "198.51.100.", "198.18.")  # which the sensors watch
    files = [
        path for path in (tmp_path / "made").rglob("*") if path.suffix in (".html", ".md", ".csv", ".svg")
    ]
    assert [
        path.name for path in files if any(one in path.read_text(encoding="utf-8") for one in networks)
    ] == []


def test_captures_are_those_with_packets_of_the_period(report: Called, tmp_path: Path) -> None:
    report("2020-06-24", "--out", str(tmp_path))
    with (tmp_path / "data" / "captures.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    sensors = {row["sensor"] for row in rows}
    assert sensors == {one.id for one in scenario("2020-q2").sensors}
    digests = [row["digest"] for row in rows if row["sensor"] == "tokyo-1"]
    assert len(digests) == 2  # 24 June in Tokyo begins on 23 June in UTC; nobody asks for 25 June
    assert {len(digest) for digest in digests} == {64}


def test_a_report_of_fewer_figures_leaves_none_of_the_one_before(report: Called, tmp_path: Path) -> None:
    report("2020-06-24", "--out", str(tmp_path))
    (tmp_path / "data" / "figure-99.csv").write_text("old")
    (tmp_path / "data" / "mine.csv").write_text("mine")
    report("2020-06-24", "--out", str(tmp_path))
    names = {path.name for path in (tmp_path / "data").iterdir()}
    assert ("figure-99.csv" in names, "mine.csv" in names) == (False, True)


def test_a_time_without_packets_has_a_report_that_says_so(report: Called, tmp_path: Path) -> None:
    code, _, _ = report("2019-Q1", "--out", str(tmp_path))
    assert code == 0
    assert "No packets were observed in this period." in (tmp_path / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("2020-Q9",), "darkscope: the period '2020-Q9' is not understood"),
        (("2020-06-24", "--time-zone", "Mars/North"), "darkscope: the time zone 'Mars/North' does not exist"),
        (("2020-06-24", "--words", "nowhere.md"), "darkscope: nowhere.md: cannot be read"),
    ],
)
def test_a_mistake_ends_with_a_sentence(
    report: Called, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    code, out, err = report(*words, "--out", str(tmp_path / "none"))
    assert (code, out, (tmp_path / "none").exists()) == (2, "", False)
    assert err.startswith(message)


def test_a_folder_that_cannot_be_written_is_named(report: Called, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = report("2020-06-24", "--out", str(tmp_path / "file"))
    assert (code, str(tmp_path / "file") in err) == (1, True)
