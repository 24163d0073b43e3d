from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from capture_files import pcap
from ledgers import NOW, Site, at, ramp
from polars.testing import assert_frame_equal

from darkscope.api.dimension import Dimension
from darkscope.api.ledger_store import LedgerStore, plan
from darkscope.api.periods import cut, parse_period
from darkscope.api.store import Filter, Origins, Posting, Precision
from darkscope.api.targets import estimated
from darkscope.ingest import series
from darkscope.ingest.ledger.upkeep import upkeep
from darkscope.ingest.rules import RULES_VERSION

JUNE_24 = parse_period("2020-06-24", ZoneInfo("UTC"), NOW).window
A = frozenset({Posting("a")})


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A ledger of two hours of 23/TCP at one packet a minute, and elsewhere three packets to 445/TCP."""
    site = Site(tmp_path / "ledger")
    site.take(ramp(0, 120, 60.0))
    site.take(pcap([at(30, port=445), at(31, port=445), at(32, port=445)]), "/spool/b/1.pcap")
    return site


def answers(site: Site) -> list[pl.DataFrame]:
    store = LedgerStore(site.ledger.snapshot())
    hours = cut(JUNE_24, "hour", ZoneInfo("Asia/Kathmandu"))
    ports = [(6, 23), (6, 445)]
    return [
        *(store.totals(dimension, JUNE_24, Filter()) for dimension in Dimension),
        store.series(Dimension.PORTS, hours, Filter(), ports),
        store.sources(Dimension.PORTS, JUNE_24, Filter(), ports, Precision.EXACT),
        store.coverage(hours, A),
    ]


def test_what_was_ingested_is_answered(site: Site) -> None:
    store = LedgerStore(site.ledger.snapshot())
    assert sorted(store.totals(Dimension.PORTS, JUNE_24, Filter()).rows()) == [(6, 23, 120), (6, 445, 3)]
    assert store.sensors(JUNE_24) == {"a", "b"}
    noon = cut(JUNE_24, "hour", ZoneInfo("UTC")).starts.index(datetime(2020, 6, 24, 12, tzinfo=UTC))
    assert store.coverage(cut(JUNE_24, "hour", ZoneInfo("UTC")), A).rows() == [
        ("a", noon, 3600),
        ("a", noon + 1, 3600),
    ]


def test_upkeep_changes_no_answer(site: Site) -> None:
    before = answers(site)
    upkeep(site.ledger, site.settings, NOW)
    pieces = plan(site.ledger.snapshot(), {"protocol", "port"}, JUNE_24.minutes)
    assert [piece.table for piece in pieces] == [series.ROLLUP_PORTS_DAY]
    for now, then in zip(answers(site), before, strict=True):
        assert_frame_equal(now, then, check_row_order=False)


def test_what_judged_the_packets_is_told(site: Site) -> None:
    found = LedgerStore(site.ledger.snapshot()).origins(JUNE_24)
    assert found.rules == (RULES_VERSION,)
    (databases,) = found.databases
    assert databases.startswith("country IPFire-Location-Country 20")
    later = parse_period("2020-06-26", ZoneInfo("UTC"), NOW).window
    assert LedgerStore(site.ledger.snapshot()).origins(later) == Origins()


def test_senders_are_told_alike_by_both_tables(site: Site) -> None:
    upkeep(site.ledger, site.settings, NOW)
    senders = LedgerStore(site.ledger.snapshot()).senders
    by_sources, by_flows = Filter(), Filter(protocols=frozenset({6}))  # all that came is TCP
    pages = [senders.page(JUNE_24, where, None, 9) for where in (by_sources, by_flows)]
    assert pages[0].senders.rows() == pages[1].senders.rows() == [(4, 0, 0xC6290004, 123)]
    facts = [senders.facts(JUNE_24, where, pages[0].senders) for where in (by_sources, by_flows)]
    assert_frame_equal(*facts, check_dtypes=False)
    assert facts[0].select("packets", "sensors", "ports", "ports_exact", "classes").rows() == [
        (123, 2, 2, True, ["scan"])
    ]


@pytest.mark.parametrize("addresses", [1, 7, 60])
def test_targets_are_about_as_many_as_addresses_were_sent_to(tmp_path: Path, addresses: int) -> None:
    site = Site(tmp_path / "ledger")
    for part in range(2):  # two captures, whose marks merge
        site.take(
            pcap(at(2 * number + part, target=f"133.8.0.{number + 1}") for number in range(addresses)),
            f"/spool/a/{part}.pcap",
        )
    marks = LedgerStore(site.ledger.snapshot()).targets(Dimension.PORTS, JUNE_24, Filter(), [(6, 23)])
    ((targets, error, is_saturated),) = estimated(Dimension.PORTS, marks, {}).drop("protocol", "port").rows()
    assert not is_saturated
    assert abs(targets - addresses) <= 0.5 + 3 * error * targets
