"""Reports on the simulated quarters, over ledgers in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import observed
import polars as pl
import pytest
from memory_ledger import MemorySnapshot, asked, watched
from simulated import drawn

from darkscope.api.ask import Observer
from darkscope.api.asked import Asked
from darkscope.api.calendars import Calendars
from darkscope.api.dimension import Dimension
from darkscope.api.labels import labels
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.names import Names
from darkscope.api.report.captures import SCHEMA
from darkscope.api.report.compose import Imprint, compose
from darkscope.api.report.document import Document
from darkscope.api.report.findings import Findings, Inquiry, gather
from darkscope.api.report.own_words import OwnWords
from darkscope.api.requests.rules import Rules
from darkscope.api.selection import KNOWN
from darkscope.ingest.devices import Devices
from darkscope.ingest.research import Research
from darkscope.ingest.settings import HolidayEntry
from darkscope.ingest.simulate import Scenario, scenario
from darkscope.ingest.simulate.devices_file import devices_text
from darkscope.ingest.simulate.settings_file import DEVICES
from darkscope.ingest.simulate.traffic import Traffic
from darkscope.ingest.values import Language

TOKYO = ZoneInfo("Asia/Tokyo")
PERIODS = {"2014-q4": "2014-Q4", "2020-q2": "2020-Q2"}
CAPTURES = pl.DataFrame(
    [("tokyo-1", "0f" * 32, 100, 7), ("tokyo-1", "aa" * 32, 90, 5)], schema=SCHEMA, orient="row"
)
COMMAND = "darkscope report PERIOD"


def requests(shown: Scenario, table: pl.DataFrame) -> list[dict[str, Any]]:
    """What honeypots were asked, as the scenario's truth has it, from an address that sensors saw."""
    rows: list[dict[str, Any]] = []
    for one in shown.truth.requests:
        seen = table.filter(pl.col("country") == one.country, pl.col("port") == 8080, pl.col("version") == 4)
        source = int(seen["source"][0])
        for day, port, count in one.counts:
            noon = datetime.combine(day, time(12), ZoneInfo(shown.zone)).astimezone(UTC)
            row = {
                "sensor": "honeypot-1",
                "country": one.country,
                "version": 4,
                "source_low": source,
                "kind": "http",
            }
            told = {"method": "GET", "path": one.path, "port": port, "time": f"{noon:%Y-%m-%dT%H:%M:%S}"}
            rows += [row | told] * count
    return rows


def _devices(shown: Scenario) -> Devices:
    return Devices.parse(devices_text(Traffic(shown, scale=1.0, seed=shown.seed)), DEVICES)


@cache
def findings_of(name: str) -> Findings:
    shown = scenario(name)
    table = drawn(shown)
    tables = MemorySnapshot(
        observed.flows(table), watched(observed.coverage(shown)), requests=asked(requests(shown, table))
    )
    rows = [
        (
            one.id,
            one.id,
            one.organisation,
            "honeypot" if one.honeypot else "telescope",
            one.home,
            None,
            None,
            None,
        )
        for one in shown.sensors
    ]
    known = pl.DataFrame(rows, schema=KNOWN, orient="row")
    further = [HolidayEntry(country=country, date=day, name=text) for country, day, text in shown.announced]
    observer = Observer(
        LedgerStore(tables),
        known,
        labels(known),
        datetime(2021, 1, 1, tzinfo=UTC),
        calendars=Calendars(further),
        rules=lambda: Rules.read(None),
        names=Names(_devices(shown), Research.none(), ""),
    )
    about = Asked(Dimension.PORTS, PERIODS[name], home=True)
    return gather(Inquiry(observer, about, TOKYO, "JP", {}), CAPTURES, (), lambda _: None)


@pytest.fixture(scope="session")
def report() -> Callable[..., Document]:
    """Put the report on a scenario together."""

    def made(name: str, language: Language, words: str = "", *, simulated: bool = True) -> Document:
        imprint = Imprint("Example CSIRT", "office@csirt.example", simulated, COMMAND)
        return compose(findings_of(name), OwnWords.parse(words), imprint, language)

    return made


@pytest.fixture(scope="session")
def found() -> Callable[[str], Findings]:
    return findings_of
