"""What is done on Spark is what one machine does: the same tables, whatever their files are."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
from ledgers import Site, merged
from polars.testing import assert_frame_equal
from runs import SETTINGS, assert_same
from sparks import SOCKETS_LEFT_OPEN
from typer.testing import CliRunner, Result

from darkscope.api.command.main import COMMANDS, program
from darkscope.ingest.engine import spark_connect
from darkscope.ingest.engine.engine import Here
from darkscope.ingest.engine.spark import OnSpark
from darkscope.ingest.ledger import upkeep
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.series import COVERAGE, FLOWS, REQUESTS, ROLLUPS, TABLES

pytestmark = [SOCKETS_LEFT_OPEN, pytest.mark.usefixtures("spark")]

NO_SETTING: dict[str, str | None] = {"DARKSCOPE_SPARK": None}
"""Which Spark the tests use says the environment; the command would take it for a setting."""


def run(*words: str | Path) -> Result:
    app = program([command.name for command in COMMANDS])
    return CliRunner().invoke(app, list(map(str, words)), env={**SETTINGS, **NO_SETTING})


@pytest.fixture(scope="module")
def alone(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Result]:
    """What one machine makes of them, and what it says."""
    site = Site(tmp_path_factory.mktemp("alone") / "ledger")
    return site, read(captures, site)


@pytest.fixture(scope="module")
def shared_out(
    captures: Path, tmp_path_factory: pytest.TempPathFactory, spark: OnSpark
) -> tuple[Site, Result]:
    """What Spark makes of them."""
    del spark
    site = Site(tmp_path_factory.mktemp("shared") / "ledger")
    return site, read(captures, site, "--engine", "spark")


def read(captures: Path, site: Site, *words: str) -> Result:
    settings = captures / "darkscope.toml"
    return run("ingest", "--settings", settings, "--ledger", site.folder, *words, captures)


def test_every_table_is_that_of_a_run_on_one_machine(
    alone: tuple[Site, Result], shared_out: tuple[Site, Result]
) -> None:
    (one, _), (other, result) = alone, shared_out
    assert result.exit_code == 0, result.output
    assert_same(one, other)
    snapshots = one.ledger.finish(), other.ledger.finish()
    for table in set(TABLES) - {COVERAGE}:  # whose stretches are joined where they are in several files
        rows = [merged(snapshot, table).drop("taken", strict=False) for snapshot in snapshots]
        plain = [name for name, kind in rows[0].schema.items() if not isinstance(kind, pl.List)]
        assert_frame_equal(*(of_one.sort(plain) for of_one in rows))
    assert one.booked()["overlap"] > 0
    assert [row["path"] for row in one.rows(REQUESTS)] == ["/", "/x"]
    assert snapshots[1].days(ROLLUPS[0]) == snapshots[1].days(FLOWS)
    assert verify(other.opened()).faults == ()


def test_it_says_what_one_machine_says(alone: tuple[Site, Result], shared_out: tuple[Site, Result]) -> None:
    told, told_on_spark = (result.stdout.partition("flows ")[0] for _, result in (alone, shared_out))
    assert told == told_on_spark
    assert "7 read, 1 empty, 2 passed over; 1 damaged" in told
    damage = [line for line in shared_out[1].stderr.splitlines() if '"event": "damage"' in line]
    assert len(damage) == 1
    assert "b/2.pcap" in damage[0]


def test_read_again_nothing_changes(captures: Path, shared_out: tuple[Site, Result]) -> None:
    site, _ = shared_out
    before = site.opened().snapshot().version
    result = read(captures, site, "--engine", "spark", "--strict")
    assert "8 known" in result.stdout
    assert site.opened().snapshot().version == before


def test_a_ledger_that_cannot_be_written_is_an_error_that_names_the_sensor(
    captures: Path, tmp_path: Path
) -> None:
    site = Site(tmp_path / "ledger")
    settings = tmp_path / "darkscope.toml"
    settings.write_text('[retention]\ndisk_reserve = "900TB"\n')
    app = program([command.name for command in COMMANDS])
    words = ["ingest", "--settings", settings, "--ledger", site.folder, "--engine", "spark", captures / "b"]
    result = CliRunner().invoke(
        app, list(map(str, words)), env={"DARKSCOPE_RETENTION__DISK_RESERVE": "900TB", **NO_SETTING}
    )
    assert result.exit_code == 1
    assert "darkscope: b: DiskLow: " in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--follow", "."], "captures that are complete"),
        (["-"], "captures that are complete"),
        (["-i", "eth0"], "captures that are complete"),
        (["--again", "--only", "requests", "."], "leave --engine out"),
    ],
)
def test_what_only_this_machine_can_read_is_refused(words: list[str], said: str) -> None:
    result = run("ingest", "--engine", "spark", *words)
    assert (result.exit_code, said in result.stderr) == (2, True)


def test_days_are_closed_on_spark_as_they_are_here(alone: tuple[Site, Result], tmp_path: Path) -> None:
    here, _ = alone
    there = Site(tmp_path / "ledger")
    shutil.copytree(here.folder, there.folder)
    result = run("ledger", "compact", "--rollups", "--engine", "spark", "--ledger", there.folder)
    assert result.exit_code == 0, result.output
    assert "2 days and 0 months closed" in result.stdout
    snapshots = here.ledger.finish(), there.ledger.finish()
    for table in ROLLUPS:
        assert_frame_equal(*(merged(snapshot, table) for snapshot in snapshots))
    assert verify(there.opened()).faults == ()


def test_a_damaged_day_holds_up_no_other_on_spark_either(alone: tuple[Site, Result], tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    shutil.copytree(alone[0].folder, site.folder)
    upkeep.drop_rollups(site.opened(), "one")
    first = site.ledger.finish().files(FLOWS).sort("day")
    path, day = site.folder / "flows" / first["path"][0], first["day"][0]
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    command = ("ledger", "compact", "--engine", "spark", "--ledger", site.folder)
    result = run(*command)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        f"darkscope: {path}: its bytes are not those that were written; {day} was passed over"
    )
    assert "1 days and 0 months closed" in result.stdout
    path.write_bytes(whole)
    assert run(*command).exit_code == 0
    snapshots = alone[0].ledger.finish(), site.ledger.finish()
    for table in ROLLUPS:
        assert_frame_equal(*(merged(snapshot, table) for snapshot in snapshots))
    assert verify(site.opened()).faults == ()


def test_a_ledger_is_verified_on_spark_as_it_is_here(alone: tuple[Site, Result], tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    shutil.copytree(alone[0].folder, site.folder)
    sound = run("ledger", "verify", "--engine", "spark", "--ledger", site.folder)
    assert sound.stdout == run("ledger", "verify", "--ledger", site.folder).stdout
    assert sound.exit_code == 0
    path = site.folder / "flows" / site.ledger.snapshot().files(FLOWS)["path"][0]
    path.write_bytes(path.read_bytes()[:-1])
    broken = run("ledger", "verify", "--engine", "spark", "--ledger", site.folder)
    assert broken.exit_code == 1
    assert str(path) in broken.stderr
    assert verify(site.opened(), Here()).faults == verify(site.opened()).faults != ()


@pytest.mark.parametrize(
    "words", [["ledger", "verify"], ["ledger", "compact"], ["ingest", "."]], ids=lambda words: words[0]
)
def test_where_no_spark_answers_a_command_ends_with_a_sentence(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyspark.sql.SparkSession.getActiveSession", lambda: None)
    monkeypatch.setattr(spark_connect, "FIRST_ANSWER", 0.1)
    Site(tmp_path / "ledger").opened()
    address = "sc://nobody.invalid/;token=nobody-may-read-this"
    result = run(*words, "--engine", "spark", "--master", address, "--ledger", tmp_path / "ledger")
    assert result.exit_code == 1
    assert result.stderr == "darkscope: Spark cannot be had: nobody.invalid:15002: nothing answers by TLS\n"
    assert "nobody-may" not in result.output
