"""A ledger in a bucket, and a cluster of processes of its own: what tasks do there is what one machine does."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import polars as pl
import pytest
from cluster import Cluster, standalone
from ledgers import Place, Site, merged
from objects import SECRET, Bucket
from polars.testing import assert_frame_equal
from runs import assert_same, run
from sparks import need_spark

from darkscope.ingest.ledger.ledger import Snapshot
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.series import COVERAGE, TABLES, Table

pytestmark = pytest.mark.soak

IN_SHARES = "from darkscope.api import ledger_shares as s; s.LEAST, s.AT_MOST, s.PART = 0, 500, 200"
"""Every question is large, and has several shares."""

QUESTIONS = (
    "top ports --sources exact --targets",
    "top countries --port 23/tcp --sources exact",
    "top tools",
    "trend ports --step hour",
    "sources --limit 20",
    "requests --kind all",
)


@pytest.fixture
def place(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("DARKSCOPE_STORAGE__CACHE", str(tmp_path / "cache"))
    return Place(tmp_path / "ledger", address=f"{bucket.uri}/ledger")


def files(snapshot: Snapshot, table: Table) -> pl.DataFrame:
    """Rows and files of each day of a table."""
    return snapshot.files(table).group_by("day").agg(pl.len(), pl.col("rows").sum()).sort("day")


def test_rows_files_and_answers_are_those_of_one_machine(
    captures: Path, place: Place, cluster: Cluster, tmp_path: Path
) -> None:
    alone = Site(tmp_path / "alone")
    settings = ["--settings", captures / "darkscope.toml"]
    there = [*settings, "--ledger", place.address]
    here = [*settings, "--ledger", alone.folder]
    spark = ["--engine", "spark", "--master", cluster.master]
    cache = {"DARKSCOPE_STORAGE__CACHE": str(tmp_path / "near")}

    def both(*words: str | Path) -> tuple[str, str]:
        one, other = run(*words, *here), run(*words, *there, *spark, **cache)
        assert (one[0], other[0]) == (0, 0), (one[2], other[2])
        return one[1], other[1]

    read, read_on_spark = both("ingest", captures)
    assert read.partition("flows ")[0] == read_on_spark.partition("flows ")[0]
    assert_same(alone, place)
    closed, closed_on_spark = both("ledger", "compact", "--rollups")
    assert closed.partition(";")[0] == closed_on_spark.partition(";")[0] == "2 days and 0 months closed"
    sound, sound_on_spark = both("ledger", "verify")
    assert sound == sound_on_spark
    snapshots = alone.ledger.finish(), place.ledger.finish()
    for table in set(TABLES) - {COVERAGE}:  # whose stretches are joined where they are in several files
        rows = [merged(snapshot, table).drop("taken", strict=False) for snapshot in snapshots]
        plain = [name for name, kind in rows[0].schema.items() if not isinstance(kind, pl.List)]
        assert_frame_equal(*(of_one.sort(plain) for of_one in rows))
        assert_frame_equal(*(files(snapshot, table) for snapshot in snapshots))
    assert verify(place.opened()).faults == ()
    for question in QUESTIONS:
        words = [*question.split(), "--period", "2020-06-24/2020-06-25", "--format", "csv"]
        code, expected, errors = run(*words, *here)
        assert (code, errors) == (0, "")
        asked = {"DARKSCOPE_API__STORE": "spark", "DARKSCOPE_SPARK__MASTER": cluster.master, **cache}
        code, answer, errors = run(*words, *there, code=IN_SHARES, **asked)
        assert (code, answer) == (0, expected), errors
        assert len(expected.splitlines()) > 1


def test_tasks_without_credentials_fail_with_a_sentence_and_tell_no_secret(
    captures: Path, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_spark()
    place = [f"{bucket.uri}/ledger", "--settings", captures / "darkscope.toml"]
    known = {
        "DARKSCOPE_STORAGE__ENDPOINT": bucket.endpoint,
        "DARKSCOPE_STORAGE__CACHE": str(tmp_path / "near"),
        "DARKSCOPE_SPARK__CONF": '["spark.task.maxFailures=1"]',
    }
    assert run("ingest", captures, "--ledger", *place, **known)[0] == 0
    with ExitStack() as lasting:
        with monkeypatch.context() as without:
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
                without.delenv(name)
            without.setenv("AWS_METADATA_ENDPOINT", "http://metadata.invalid")  # nor has a cloud any
            without.setenv("HOME", str(tmp_path))
            cluster = lasting.enter_context(standalone(tmp_path))
        spark = ["--engine", "spark", "--master", cluster.master]
        for words in (
            ["ingest", "--again", captures],
            ["ledger", "verify"],
            ["ledger", "compact", "--rollups"],
        ):
            code, _, errors = run(*words, *spark, "--ledger", *place, **known)
            assert code == 1
            assert "no credentials in the environment, and none from the machine's cloud" in errors
            assert SECRET not in errors
            assert "Traceback" not in errors
