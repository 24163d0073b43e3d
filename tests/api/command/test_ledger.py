"""`darkscope ledger`: what it says; what it does is tested with the ledger."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from ledgers import Site, capture
from typer.testing import CliRunner, Result

from darkscope.api.command.ledger import app
from darkscope.ingest.registry import FILE, Registry, heard
from darkscope.ingest.series import COVERAGE, FLOWS, ROLLUPS


@pytest.fixture
def site(tmp_path: Path) -> Site:
    one = Site(tmp_path / "ledger")
    one.take(capture(1, 2, 3))
    return one


def ledger(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, words)])


def test_a_backup_has_the_ledger_the_registry_and_the_decisions_and_verifies(
    site: Site, tmp_path: Path
) -> None:
    registry = Registry(site.folder)
    registry.say("room", figure=7)  # it is open, and not all of it is in its file
    (site.folder / "decisions.toml").write_text("# of an analyst\n", encoding="utf-8")
    result = ledger("backup", tmp_path / "copy", "--ledger", site.folder)
    registry.close()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{tmp_path / 'copy'}: version 1, ")
    state = heard(tmp_path / "copy", "room")
    assert state is not None
    assert state.values == {"figure": 7}
    assert (tmp_path / "copy" / "decisions.toml").read_text(encoding="utf-8") == "# of an analyst\n"
    assert not (tmp_path / "copy" / "keys.json").exists()
    with closing(sqlite3.connect(tmp_path / "copy" / FILE)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    verified = ledger("verify", "--ledger", tmp_path / "copy")
    assert verified.stdout == "3 frames, 3 packets: every frame is accounted for\n"


def test_a_backup_into_object_storage_is_left_to_its_provider(site: Site) -> None:
    result = ledger("backup", "s3://bucket/copy", "--ledger", site.folder)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "darkscope: a backup goes into a folder; between buckets the provider copies\n"
    assert not Path("s3:").exists()


def test_a_backup_never_overwrites(site: Site, tmp_path: Path) -> None:
    result = ledger("backup", tmp_path, "--ledger", site.folder)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"darkscope: {tmp_path}: is there already\n"


def test_what_is_forgotten_names_the_captures_that_it_came_from(site: Site) -> None:
    told = ["forget", "--sensor", "a", "--period", "2020-06-24", "--yes", "--ledger", site.folder]
    result = ledger(*told)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "1 rows of flows, 1 rows of coverage, 1 rows of sources taken out",
        "their frames came from 1 capture: /spool/a/1.pcap",
    ]
    assert ledger(*told).stderr == "darkscope: a has no rows in 2020-06-24\n"


@pytest.mark.parametrize("command", [("compact",), ("compact", "--rollups"), ("expire",)], ids=" ".join)
def test_a_damaged_day_is_named_once_the_rest_is_done(site: Site, command: tuple[str, ...]) -> None:
    site.take(capture(90_000, 90_001), "/spool/a/next.pcap")
    files = site.ledger.finish().files(FLOWS)
    (path,) = files.filter(pl.col("day") == date(2020, 6, 24))["path"]
    file = site.folder / "flows" / path
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    result = ledger(*command, "--ledger", site.folder)
    assert result.exit_code == 1
    assert result.stderr == (
        f"darkscope: {file}: its bytes are not those that were written; 2020-06-24 was passed over\n"
    )
    assert {day.isoformat() for day in site.ledger.finish().days(ROLLUPS[0])} == {"2020-06-25"}
    done = "0 days expired\n" if command == ("expire",) else "1 days and 0 months closed; "
    assert result.stdout.startswith(done)
    status = "over, and without rollups: 2020-06-24; `darkscope ledger compact` makes them, or says why not\n"
    assert status in ledger("status", "--ledger", site.folder).stdout
    file.write_bytes(whole)
    result = ledger(*command, "--ledger", site.folder)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "over, and" not in ledger("status", "--ledger", site.folder).stdout
    assert ledger("verify", "--ledger", site.folder).exit_code == 0


def test_status_shows_what_it_can_where_a_file_is_damaged(site: Site) -> None:
    (path,) = site.ledger.finish().files(COVERAGE)["path"]
    file = site.folder / "coverage" / path
    file.write_bytes(file.read_bytes()[:-1])
    result = ledger("status", "--ledger", site.folder)
    assert result.exit_code == 1
    assert "over, and without rollups: 2020-06-24; " in result.stdout
    assert result.stderr.startswith(
        f"darkscope: {site.folder}: a data file cannot be read, `darkscope ledger verify` names it: "
    )
