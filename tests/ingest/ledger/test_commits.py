"""A commit that we write says what the Delta library's own would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ledgers import NOW, Site, ramp

from darkscope.ingest.ledger import commits
from darkscope.ingest.ledger.plan import Plan
from darkscope.ingest.ledger.upkeep import keep_up
from darkscope.ingest.series import FLOWS

CLOCKS = {"timestamp", "modificationTime", "deletionTimestamp"}
WHOSE = {"engineInfo", "clientVersion"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "ledger")


def said(line: bytes) -> dict[str, Any]:
    """One action without when it was written, by whom, and what is not set."""
    ((kind, action),) = json.loads(line).items()
    left_out = CLOCKS | WHOSE
    kept = {name: value for name, value in action.items() if name not in left_out and value is not None}
    return {kind: kept}


def test_it_is_the_librarys_but_for_clocks_and_names(site: Site) -> None:
    site.take(ramp(0, 30))
    site.take(ramp(100, 30), "/spool/a/2.pcap")
    keep_up(site.ledger, "w", NOW)
    for number in (1, 2, 3):
        plan = Plan.read(site.ledger.storage, number)
        assert plan is not None
        assert plan.changes
        for name, change in plan.changes.items():
            log = (site.folder / name / "_delta_log").glob("*.json")
            (theirs,) = (
                data
                for data in map(Path.read_bytes, log)
                if commits.numbers(data) == (plan.number, plan.version)
            )
            ours = commits.commit(plan, change)
            assert [said(line) for line in ours.splitlines()] == [said(line) for line in theirs.splitlines()]


def test_whoever_completes_a_plan_writes_the_same_bytes(site: Site) -> None:
    site.take(ramp(0, 30))
    one, other = (Plan.read(site.ledger.storage, 1) for _ in range(2))
    assert one is not None
    assert other is not None
    found = {commits.commit(plan, plan.changes[FLOWS.name]) for plan in (one, other)}
    assert len(found) == 1
    assert commits.numbers(found.pop()) == (1, 1)


@pytest.mark.parametrize(
    "data",
    [b"", b'{"commitInfo":{"operation":"VACUUM END"}}', b'{"txn":{"appId":"darkscope-plan","version":3}}'],
)
def test_a_commit_of_another_kind_has_no_plan(data: bytes) -> None:
    assert commits.numbers(data) is None
