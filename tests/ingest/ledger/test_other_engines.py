"""The tables as others read them: types, statistics and sums without a line of darkscope's code."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable
from killing import Killed
from ledgers import DAY, Site, ramp, read

from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.ledger.plan import Change, Plan
from darkscope.ingest.ledger.upkeep import clean, keep_up
from darkscope.ingest.series import COVERAGE, FLOWS, MONTH_ROLLUPS, ROLLUPS, SOURCES, TABLES, Table


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Five days of several ports, compacted but for the last one, and four days of a month that is over."""
    site = Site(tmp_path_factory.mktemp("other") / "ledger")
    worker = site.worker()
    for number in range(4):
        read(worker, ramp((number - 40) * DAY, 10, port=23), f"/spool/a/may-{number}.pcap")
    worker.commit()
    for number in range(5):
        for part in range(3):
            data = ramp(number * DAY + part * 1000, 20, port=(23, 445, 1000 + number)[part], source="2.3.4.5")
            read(worker, data, f"/spool/a/{number}-{part}.pcap")
            worker.commit()
        if number == 3:
            keep_up(site.ledger, "w", datetime(2020, 7, 2, tzinfo=UTC))
            clean(site.ledger)
    return site


def named(site: Site, table: Table) -> list[str]:
    """Files that the Delta log names, as absolute paths, by the Delta library alone."""
    return [
        str(site.folder / table.name / path)
        for path in pl.DataFrame(DeltaTable(site.folder / table.name).get_add_actions(flatten=True))["path"]
    ]


def test_duckdb_reads_the_same_sums(site: Site) -> None:
    for table in (FLOWS, SOURCES, *ROLLUPS, *MONTH_ROLLUPS):
        found = duckdb.sql(
            f"select sum(packets), sum(bytes) from read_parquet({named(site, table)})"
        ).fetchall()[0]
        ours = site.ledger.snapshot().scan(table).select(pl.col("packets", "bytes").sum()).collect().row(0)
        assert found == ours, table.name
    found = duckdb.sql(
        f"select sum(frames), sum(inbound) from read_parquet({named(site, COVERAGE)})"
    ).fetchall()[0]
    assert found == (340, 340)


def test_duckdb_finds_days_by_the_partition(site: Site) -> None:
    rows = duckdb.sql(
        f"select day::varchar, sum(packets) from read_parquet({named(site, FLOWS)}, hive_partitioning=true) "
        "group by day order by day"
    ).fetchall()
    may = [(f"2020-05-{number}", 10) for number in range(15, 19)]
    assert rows == [*may, *((f"2020-06-{number}", 60) for number in range(24, 29))]


def test_columns_are_signed_integers_text_and_lists_of_them(site: Site) -> None:
    for table in (FLOWS, SOURCES, COVERAGE, *ROLLUPS, *MONTH_ROLLUPS):
        described = duckdb.sql(
            f"describe select * from read_parquet({named(site, table)}, hive_partitioning=false)"
        )
        types = {name: kind for name, kind, *_ in described.fetchall()}
        assert list(types) == list(table.schema)
        assert set(types.values()) <= {"SMALLINT", "INTEGER", "BIGINT", "VARCHAR", "BIGINT[]"}


def test_the_schema_that_delta_tells_is_that_of_the_files(site: Site) -> None:
    kinds = {"short": pl.Int16(), "integer": pl.Int32(), "long": pl.Int64(), "string": pl.String()}
    for table in TABLES:
        schema = DeltaTable(site.folder / table.name).schema()
        told = {
            field.name: getattr(field.type, "type", None) for field in schema.fields if field.name != "day"
        }
        assert list(told) == list(table.schema)
        for name, kind in table.schema.items():
            assert isinstance(kind, pl.List) or kinds[str(told[name])] == kind


def test_the_statistics_of_each_file_are_true(site: Site) -> None:
    for table in (FLOWS, SOURCES, COVERAGE, *ROLLUPS, *MONTH_ROLLUPS):
        actions = pl.DataFrame(DeltaTable(site.folder / table.name).get_add_actions(flatten=True))
        assert actions.height
        for action in actions.iter_rows(named=True):
            rows = pl.read_parquet(site.folder / table.name / action["path"], hive_partitioning=False)
            assert action["num_records"] == rows.height
            for name, kind in table.schema.items():
                if isinstance(kind, pl.List):
                    assert f"min.{name}" not in action
                    continue
                assert action[f"min.{name}"] == rows[name].min()
                assert action[f"max.{name}"] == rows[name].max()
                assert action[f"null_count.{name}"] == rows[name].null_count() == 0


def test_a_question_for_one_port_skips_the_files_that_cannot_have_it(site: Site) -> None:
    snapshot = site.ledger.snapshot()
    port = 1004  # of the last day alone
    narrow = (pl.col("min.port") <= port) & (pl.col("max.port") >= port)
    hit = snapshot.files(FLOWS).filter(narrow)
    assert (snapshot.files(FLOWS).height, hit.height) == (11, 1)
    rows = snapshot.scan(FLOWS, where=narrow).filter(pl.col("port") == port)
    assert rows.select(pl.col("packets").sum()).collect().item() == 20


def test_the_delta_librarys_own_reader_skips_the_same_files(site: Site) -> None:
    scanned = pl.scan_delta(str(site.folder / "flows"))
    assert scanned.filter(pl.col("port") == 1004).select(pl.col("packets").sum()).collect().item() == 20
    assert scanned.select(pl.col("packets").sum()).collect().item() == 340


DOCS = Path(__file__).parents[3] / "docs" / "scale.md"
HERE = {"deltalake", "duckdb", "polars"}
"""What is installed wherever the tests run: what the docs tell of other engines was run by hand."""


def told() -> dict[str, str]:
    """Programs of the docs that need nothing else, by the first thing they import."""
    blocks = re.findall(r"^```python\n(.*?)^```$", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    imported = {block: re.findall(r"^(?:import|from) (\w+)", block, re.MULTILINE) for block in blocks}
    return {names[0]: block for block, names in imported.items() if set(names) <= HERE}


def run(program: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    exec(compile(program, str(DOCS), "exec"), found)
    return found


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_what_the_docs_tell_an_engine_to_do_gives_what_the_ledger_has(
    site: Site, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site.folder.parent)
    rows = site.ledger.snapshot().scan(FLOWS).filter(pl.col("port") == 445)
    expected = rows.group_by("day", "country").agg(pl.col("packets").sum()).sort("day").collect().rows()
    assert len(expected) == 5
    assert sorted(run(told()[engine])["found"]) == expected


def test_the_docs_way_to_read_all_tables_at_one_moment_leaves_out_what_is_half_done(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(site.folder, tmp_path / "ledger")
    half = Site(tmp_path / "ledger")
    before = {name: DeltaTable(half.folder / name).version() for name in ("flows", "sources", "coverage")}
    commit = Ledger._commit

    def killed_before_coverage(self: Ledger, plan: Plan, table: Table, change: Change) -> None:
        if table is COVERAGE:
            raise Killed
        commit(self, plan, table, change)

    monkeypatch.setattr(Ledger, "_commit", killed_before_coverage)
    worker = half.worker()
    read(worker, ramp(6 * DAY, 20, port=23), "/spool/a/late.pcap")
    with pytest.raises(Killed):
        worker.commit()
    assert DeltaTable(half.folder / "flows").version() == before["flows"] + 1
    monkeypatch.chdir(tmp_path)
    assert run(told()["deltalake"])["versions"] == before
