"""The devices that go with simulated captures, against the packets of the same draw."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC, date, datetime
from ipaddress import IPv4Address
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from observation import observed
from simulated import drawn

from darkscope.ingest.devices import Device, Devices
from darkscope.ingest.settings import load
from darkscope.ingest.simulate import SETTINGS, Scenario, feed, scenario, simulate
from darkscope.ingest.simulate.devices_file import INVESTIGATOR, devices_text
from darkscope.ingest.simulate.scenario import Investigation, Pool, Stream, Truth
from darkscope.ingest.simulate.settings_file import DEVICES
from darkscope.ingest.simulate.traffic import Traffic

AUTUMN = scenario("2014-q4")
DAYS = (date(2014, 12, 1), date(2014, 12, 3))
BRIEF = replace(AUTUMN, truth=Truth(DAYS, DAYS, (), ()), outages=(), attacks=(), visits=())
NAS = {"US", "TW", "JP", "DE", "FR", "KR"}


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def of(shown: Scenario) -> list[dict[str, str]]:
    return lines(devices_text(Traffic(shown, scale=1.0, seed=AUTUMN.seed)))


@pytest.fixture(scope="module")
def autumns() -> list[dict[str, str]]:
    return of(AUTUMN)


def sent(table: pl.DataFrame, row: dict[str, str], *services: str) -> set[str]:
    """Countries from which a line's address sent to these services on the UTC day of its investigation."""
    found = table.filter(
        pl.col("source") == int(IPv4Address(row["prefix"])),
        pl.col("at").dt.date() == date.fromisoformat(row["seen"]),
        pl.col("service").is_in(services),
    )
    return set(found["country"])


def test_a_line_is_a_source_that_sent_on_the_day_it_was_looked_at(
    autumns: list[dict[str, str]], autumn: pl.DataFrame
) -> None:
    of_kind = {"network camera": NAS, "broadband router": {"CN", "BR", "RU"}, "NAS": NAS}
    table = autumn.filter(pl.col("service").is_in(["8080/TCP", "10000/TCP"]))
    for row in autumns:
        (country,) = sent(table, row, "8080/TCP", "10000/TCP")
        assert country in of_kind[row["kind"]]
    assert len({row["prefix"] for row in autumns}) == len(autumns)


def test_cameras_and_routers_are_of_november_and_nas_of_december(
    autumns: list[dict[str, str]], autumn: pl.DataFrame
) -> None:
    assert {(row["vendor"], row["product"], row["kind"], row["seen"][:7], row["by"]) for row in autumns} == {
        ("", "", "network camera", "2014-11", INVESTIGATOR),
        ("", "", "broadband router", "2014-11", INVESTIGATOR),
        ("QNAP", "", "NAS", "2014-12", INVESTIGATOR),
    }
    table = autumn.filter(pl.col("service") == "8080/TCP")
    nas = [row for row in autumns if row["kind"] == "NAS"]
    assert set().union(*(sent(table, row, "8080/TCP") for row in nas)) == NAS
    late = autumn.filter(pl.col("service") == "10000/TCP", pl.col("at").dt.date() >= date(2014, 12, 24))
    assert len({int(IPv4Address(row["prefix"])) for row in nas} & set(late["source"])) > len(nas) / 2


def test_whole_senders_of_a_small_scenario_are_its_devices() -> None:
    (probe, _), *_ = next(one for one in AUTUMN.streams if one.name == "telnet").tools
    stream = Stream("printers", (9100,), ((probe, 1),), Pool("printers", lifetime=400, members=3), {"JP": 90})
    looked = Investigation("printers", DAYS, ("JP",), "printer", "Example", "P1")
    shown = replace(BRIEF, streams=(stream,), investigations=(looked,))
    table = drawn(shown, seed=AUTUMN.seed).filter(pl.col("service") == "9100/TCP")
    first = table.sort("at").group_by("source").agg(pl.col("at").dt.date().min())
    row = {"vendor": "Example", "product": "P1", "kind": "printer", "by": INVESTIGATOR}
    assert of(shown) == [
        {"prefix": str(IPv4Address(source)), **row, "seen": "2014-12-01"}
        for source in sorted(first["source"])
    ]
    assert len(first) == 3
    elsewhere = replace(shown, investigations=(replace(looked, countries=("US",)),))
    assert of(elsewhere) == []


def test_the_settings_name_a_file_that_is_read_and_holds_sources_of_the_captures(tmp_path: Path) -> None:
    simulate(BRIEF, tmp_path, scale=0.3)
    settings = load(tmp_path / SETTINGS, {}, {}).settings
    assert settings.devices == tmp_path / DEVICES
    devices = Devices.read(tmp_path / DEVICES)
    listed = lines((tmp_path / DEVICES).read_text())
    assert len(devices) == len(listed) > 3
    low = np.array([int(IPv4Address(row["prefix"])) for row in listed])
    none = np.zeros(len(low), np.int64)
    assert devices.at(np.full(len(low), 4), none, low) == [
        Device("QNAP", "", "NAS", date.fromisoformat(row["seen"]), INVESTIGATOR) for row in listed
    ]
    packets = observed(tmp_path).filter(pl.col("port") == 8080)
    assert set(low.tolist()) <= set(packets["source_low"].cast(pl.Int64))


def test_the_same_seed_gives_the_same_devices_and_another_seed_others() -> None:
    one, again, other = (devices_text(Traffic(BRIEF, scale=1.0, seed=seed)) for seed in (5, 5, 6))
    assert one == again
    assert not {row["prefix"] for row in lines(one)} & {row["prefix"] for row in lines(other)}


def test_a_scenario_without_investigations_writes_and_names_no_file(tmp_path: Path) -> None:
    simulate(replace(BRIEF, investigations=()), tmp_path, scale=0.01)
    assert load(tmp_path / SETTINGS, {}, {}).settings.devices is None
    assert not (tmp_path / DEVICES).exists()


def test_as_if_it_went_on_the_file_holds_what_was_found_before_the_start(tmp_path: Path) -> None:
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)  # the scenario's 3 December, 625 weeks later
    shown = replace(BRIEF, truth=Truth((date(2014, 12, 1), date(2014, 12, 31)), DAYS, (), ()))
    feed(shown, tmp_path, scale=1.0, seed=AUTUMN.seed, clock=lambda: now, wait=lambda _: True)
    found = lines((tmp_path / DEVICES).read_text())
    assert {row["seen"] for row in found} == {"2026-11-24"}
    assert found == [row | {"seen": "2026-11-24"} for row in of(shown) if row["seen"] == "2014-12-02"]
