from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import polars as pl

from darkscope.api.periods import Buckets, parse_period
from darkscope.api.ranking import Provenance
from darkscope.api.roster import COUNTS, Coverage, Roster, Row, Strip, coverage, roster
from darkscope.api.store import Filter
from darkscope.api.watch import Watch
from darkscope.ingest.series import COVERAGE, Merge

WATCH = Watch({"a": (1800, 0), "b": (0, 900)}, {"a": (3600, 3600), "b": (0, 900)})
PROVENANCE = Provenance(
    7, parse_period("2020-06", ZoneInfo("UTC"), datetime(2020, 8, 1, tzinfo=UTC)), Filter(), WATCH, None
)
MOVED = date(2020, 6, 1)


def posting(sensor: str, **what: object) -> dict[str, object]:
    row = {"organisation": "", "kind": "telescope", "home": True, "since": None, "until": None}
    return {"id": sensor, **row, **what}


def test_a_sensor_is_what_its_last_posting_says_and_has_its_own_frames() -> None:
    frames = pl.DataFrame(
        [{**dict.fromkeys(COUNTS, 0), "sensor": "a", "frames": 10, "inbound": 4, "own": 1, "stray": 2, "overlap": 1,
          "rejected_not_ip": 1, "rejected_malformed": 1, "dropped": 3}]
    )  # fmt: skip
    known = [
        posting("a", organisation="north", until=MOVED),
        posting("a", organisation="south", home=False, since=MOVED),
        posting("b", kind="honeypot"),
    ]
    found = roster(known, WATCH, frames, label=str.upper, provenance=PROVENANCE)
    assert found == Roster(
        {
            "truncated": 0,
            "not_ip": 1,
            "malformed": 1,
            "link_type": 0,
            "implausible_time": 0,
            "sealed": 0,
        },
        (
            Row("a", "A", "south", "telescope", False, MOVED, None, 7200, 1800, 0.25, 10, 4, 1, 2, 1, 2, 3),
            Row("b", "B", "", "honeypot", True, None, None, 900, 900, 1.0, 0, 0, 0, 0, 0, 0, 0),
        ),
        PROVENANCE,
    )


def test_a_strip_is_null_where_the_sensor_did_not_exist() -> None:
    buckets = Buckets(ZoneInfo("UTC"), "hour", (0, 60, 120))
    assert coverage(WATCH, buckets, label=str.upper, provenance=PROVENANCE) == Coverage(
        buckets, (Strip("a", "A", (0.5, 0.0)), Strip("b", "B", (None, 1.0))), PROVENANCE
    )


def test_every_count_of_the_ledgers_coverage_is_told() -> None:
    assert set(COUNTS) == {column.name for column in COVERAGE.columns if column.merge is Merge.SUM}
