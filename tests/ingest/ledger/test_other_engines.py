"""The tables as others read them: types, statistics and sums without a line of darkscope's code."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable
from ledgers import DAY, Site, ramp, read

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
