"""What is asked of a ledger's echoes, and the attacks that an observer tells of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from backscatter import answers
from capture_files import pcap
from ledgers import DAY, NOW, Site, ramp, read
from simulated import written

from darkscope.api import ledger_echoes
from darkscope.api.ask import Observer
from darkscope.api.asked import Asked, Kind
from darkscope.api.attacks import VICTIM, AttackList
from darkscope.api.dimension import Dimension, value_text
from darkscope.api.ledger_echoes import LedgerEchoes
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.selection import known, organisations
from darkscope.api.store import Posting
from darkscope.ingest import series
from darkscope.ingest.ledger.expiry import expire
from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.ledger.upkeep import keep_up
from darkscope.ingest.series import ECHOES
from darkscope.ingest.settings import SensorEntry, Settings, load
from darkscope.ingest.simulate import scenario

UTC_ZONE = ZoneInfo("UTC")
WEDNESDAY, THURSDAY, FRIDAY = (date(2020, 6, day) for day in (24, 25, 26))
EIGHTS = 0x08080404


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Two sensors that see one attack of two minutes, and another half a day later that one of them sees."""
    sensors = [SensorEntry(id="a", networks=("133.8.0.0/24",)), SensorEntry(id="b")]
    site = Site(tmp_path / "ledger", sensors=sensors)
    site.take(pcap(answers(61, 2.0)), "/spool/a/1.pcap")
    site.take(pcap(answers(60, 2.0, 1.0)), "/spool/b/1.pcap")
    site.take(pcap(answers(121, 1.0, DAY / 2 - 60, victim="8.8.8.8", port=443)), "/spool/a/2.pcap")
    site.take(ramp(1000, 30), "/spool/a/3.pcap")
    return site


def asked_of(site: Site, now: datetime = NOW, sees_all: bool = True, **how: Any) -> AttackList:
    limit = how.pop("limit", 10)
    question = Asked(Dimension.OWNERS, how.pop("period", "2020-06"), **how).question(UTC_ZONE, now)
    sensors = known(site.sensors)
    store = LedgerStore(site.ledger.snapshot(), organisations(sensors))
    observer = Observer(store, sensors, value_text, now, sees_all=sees_all)
    return observer.attacks(question, limit)


def told(answer: AttackList) -> list[tuple[str, int, int, int]]:
    return [(row.victim, row.packets, row.peak, row.sensors) for row in answer.rows]


BOTH = [("8.8.4.4", 121, 60, 2), ("8.8.8.8", 121, 60, 1)]


def test_what_was_ingested_is_told(site: Site) -> None:
    answer = asked_of(site)
    assert told(answer) == BOTH
    assert (answer.attacks, answer.victims, answer.packets) == (2, 2, 242)
    assert answer.known_since == WEDNESDAY
    first, second = answer.rows
    assert (first.start, first.seconds) == (datetime(2020, 6, 24, 12, tzinfo=UTC), 120)
    assert second.start == datetime(2020, 6, 24, 23, 59, tzinfo=UTC)
    assert (first.syn_acks, first.resets, first.icmp) == (73, 24, 24)
    assert (first.ports, second.ports) == (("80/TCP",), ("443/TCP",))
    assert second.targets == 3
    assert not first.ongoing
    assert second.ongoing  # nobody watched longer


def test_a_minute_more_of_watching_and_it_is_over(site: Site) -> None:
    site.take(ramp(DAY // 2 + 361, 30), "/spool/a/4.pcap")
    assert [row.ongoing for row in asked_of(site).rows] == [False, False]


def test_upkeep_and_another_cut_into_batches_change_no_attack(site: Site, tmp_path: Path) -> None:
    before = asked_of(site)
    keep_up(site.ledger, "w", NOW)
    assert asked_of(site).rows == before.rows
    other = Site(tmp_path / "other", sensors=site.sensors)
    records = answers(61, 2.0)
    worker = other.worker()
    for cut in (40, 41):
        read(worker, pcap(records[:cut]), following=True)
        worker.commit()
    worker = other.worker()  # a restart in the middle of the attack
    read(worker, pcap(records))
    worker.commit()
    (row,) = asked_of(other).rows
    assert (row.packets, row.peak, row.seconds) == (61, 30, 120)


def test_only_the_sensors_asked_about_count(site: Site) -> None:
    assert told(asked_of(site, sensors=["a"])) == [("8.8.8.8", 121, 60, 1), ("8.8.4.4", 61, 30, 1)]
    assert told(asked_of(site, sensors=["b"])) == [("8.8.4.4", 60, 30, 1)]
    assert told(asked_of(site, kind=Kind.HONEYPOT)) == []


def test_an_organisation_sees_its_own_sensors_and_not_since_when_others_have_echoes(site: Site) -> None:
    site.sensors = [SensorEntry(id="b")]
    answer = asked_of(site, sees_all=False)
    assert told(answer) == [("8.8.4.4", 60, 30, 1)]
    assert answer.known_since is None


@pytest.mark.parametrize(
    ("how", "victims"),
    [
        ({"ports": ["80"]}, ["8.8.4.4"]),
        ({"ports": ["443/tcp"]}, ["8.8.8.8"]),
        ({"countries": ["JP"]}, []),
        ({"countries": ["US"]}, ["8.8.4.4", "8.8.8.8"]),
        ({"protocols": ["udp"]}, []),
        ({"owners": ["unknown"]}, ["8.8.4.4", "8.8.8.8"]),
        ({"period": "2020-06-24"}, ["8.8.4.4", "8.8.8.8"]),
        ({"period": "2020-06-25"}, ["8.8.8.8"]),
        ({"period": "2020-06-26"}, []),
    ],
    ids=str,
)
def test_attacks_are_narrowed_by_time_and_victim(site: Site, how: dict[str, Any], victims: list[str]) -> None:
    assert [row.victim for row in asked_of(site, **how).rows] == victims


def test_without_a_network_nobody_knows_how_many_addresses_are_watched(site: Site) -> None:
    assert asked_of(site).rows[0].answers_per_second is None
    (rate, _) = [row.answers_per_second for row in asked_of(site, sensors=["a"]).rows]
    assert rate == 17_000_000  # 60 / 60 * 2^32 / 256


def victims(found: pl.DataFrame) -> list[int]:
    return sorted(found["victim_low"])


@pytest.mark.usefixtures("reading")
def test_victims_are_those_with_enough_packets_on_one_day(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at_once in (8_000_000, 1):
        monkeypatch.setattr(ledger_echoes, "AT_ONCE", at_once)
        echoes = LedgerEchoes(site.ledger.snapshot())
        assert victims(echoes.victims(WEDNESDAY, FRIDAY, None, 62)) == [EIGHTS]
        assert victims(echoes.victims(WEDNESDAY, FRIDAY, None, 61)) == [EIGHTS, EIGHTS + 0x404]
        assert victims(echoes.victims(WEDNESDAY, FRIDAY, frozenset({Posting("b")}), 61)) == []
        assert victims(echoes.victims(THURSDAY, FRIDAY, None, 61)) == [EIGHTS + 0x404]
        assert echoes.victims(FRIDAY, FRIDAY, None, 1).is_empty()


@pytest.mark.usefixtures("reading")
def test_rows_are_those_of_the_victims_days_and_postings(site: Site) -> None:
    echoes = LedgerEchoes(site.ledger.snapshot())
    wanted = echoes.victims(WEDNESDAY, FRIDAY, None, 62)
    rows = echoes.rows(WEDNESDAY, FRIDAY, None, wanted)
    assert rows.schema == ECHOES.schema
    assert set(rows.select(VICTIM).unique().rows()) == {(4, 0, EIGHTS, 6)}
    assert int(rows["packets"].sum()) == 121
    until = frozenset({Posting("a", until=WEDNESDAY)})
    assert echoes.rows(WEDNESDAY, FRIDAY, until, wanted).is_empty()


def test_a_ledger_without_echoes_has_no_attacks_and_says_so(tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    site.take(ramp(0, 30))
    answer = asked_of(site)
    assert (answer.rows, answer.attacks, answer.known_since) == ((), 0, None)


def test_since_when_echoes_are_known_follows_expiry(site: Site) -> None:
    expire(site.ledger, "w", THURSDAY, {"echoes": 0}.get, None)
    answer = asked_of(site)
    assert answer.known_since == THURSDAY
    assert told(answer) == [("8.8.8.8", 61, 60, 1)]  # of what is left


@pytest.mark.parametrize(
    ("name", "day", "attack"),
    [
        ("2020-q2", date(2020, 5, 14), ("US", 80, 1100, 15, datetime(2020, 5, 14, 8, 20, tzinfo=UTC))),
        ("2014-q4", date(2014, 11, 18), ("CN", 80, 900, 12, datetime(2014, 11, 18, 13, 0, tzinfo=UTC))),
        ("2020-q2", date(2020, 5, 15), None),
    ],
    ids=["spring", "autumn", "noise"],
)
def test_of_a_simulated_day_just_the_attack_is_found(
    tmp_path: Path, name: str, day: date, attack: tuple[str, int, int, int, datetime] | None
) -> None:
    written(scenario(name), tmp_path / "captures", [day])
    settings = load(tmp_path / "captures" / "darkscope.toml", {}, {"ledger": tmp_path / "ledger"}).settings
    site = Site(tmp_path / "ledger", sensors=settings.sensors, now=datetime(2020, 8, 1, tzinfo=UTC))
    worker = site.worker()
    for path in sorted((tmp_path / "captures").rglob("*.pcap*")):
        read(worker, path.read_bytes(), str(path))
    worker.commit()
    assert Ledger(tmp_path / "ledger").snapshot().rows(series.ECHOES, day, day) > 10
    answer = asked_of(site, now=site.now, period=day.isoformat(), kind=Kind.ALL)
    if attack is None:
        assert answer.rows == ()
        return
    country, port, packets, minutes, start = attack
    (row,) = answer.rows
    assert (row.country, row.ports, row.packets) == (country, (f"{port}/TCP",), packets)
    assert 0 <= (row.start - start).total_seconds() < 5
    assert 0 <= minutes * 60 - row.seconds < 10
    assert row.syn_acks + row.resets == packets
    assert 0.65 < row.syn_acks / packets < 0.75
    assert not row.ongoing


def test_the_settings_of_a_scenario_keep_its_echoes(tmp_path: Path) -> None:
    written(scenario("2020-q2"), tmp_path, [])
    settings: Settings = load(tmp_path / "darkscope.toml", {}, {}).settings
    assert settings.retention.days("echoes") is None
