"""The table of requests in the report of 2020 comes out of the simulated captures."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ledgers import PLACES, SECOND, Site
from simulated import written

from darkscope.ingest.sensors import Sensors
from darkscope.ingest.series import REQUESTS
from darkscope.ingest.settings import load
from darkscope.ingest.simulate import SETTINGS, scenario
from darkscope.ingest.worker import Worker

SPRING = scenario("2020-q2")
TOKYO = ZoneInfo("Asia/Tokyo")


def test_honeypots_were_asked_for_the_album_as_the_report_says(tmp_path: Path) -> None:
    written(SPRING, tmp_path, [date(2020, 5, day) for day in range(26, 32)])
    site = Site(tmp_path / "ledger")
    made = load(tmp_path / SETTINGS, {}, {}).settings.model_copy(update={"ledger": site.folder})
    site.opened()
    worker = Worker(site.ledger, made, Sensors(made), PLACES)
    for path in sorted((tmp_path).glob("honeypot-*/*")):
        with path.open("rb") as stream:
            reading = worker.open(stream, str(path))
            while worker.read(reading):
                pass
    worker.commit(is_last=True)
    rows = site.rows(REQUESTS)
    (wanted,) = SPRING.truth.requests
    album = [row for row in rows if row["path"] == wanted.path]
    found = Counter(
        (datetime.fromtimestamp(row["time"] // SECOND, UTC).astimezone(TOKYO).date(), row["port"])
        for row in album
    )
    assert {(day, port): count for (day, port), count in found.items()} == {
        (day, port): count for day, port, count in wanted.counts
    }
    assert {(row["kind"], row["method"], row["country"]) for row in album} == {
        ("http", "GET", wanted.country)
    }
    # Each request names the address that it went to.
    assert {row["host"] for row in rows} == {f"[sensor]:{row['port']}" for row in rows}
