"""Alert rules: each fires on what it is for and stays silent on what it is not, over a real InfluxDB."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_words import Numbers, computed, interpolated, reduced
from influx import InfluxDB
from points import event, itself, packets, watched

from darkscope.grafana import alerts
from darkscope.grafana.dashboards import DASHBOARDS
from darkscope.grafana.dashboards.runbooks import sections
from darkscope.grafana.sources import PREFIX
from darkscope.ingest.measurements import Resolution

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks.md"
HOUR, DAY, WEEK = 3600, 86_400, 7 * 86_400

RULES = {rule["uid"]: rule for rule in alerts.model()["groups"][0]["rules"]}
BUCKETS = [resolution.bucket("darkscope") for resolution in Resolution]

NOW = int(time.time())
THIS_HOUR = NOW // HOUR * HOUR
HOURS = range(THIS_HOUR - 5 * WEEK, THIS_HOUR + 1, HOUR)

Lines = Iterator[str]


@pytest.fixture
def databases(influx: InfluxDB) -> Iterator[InfluxDB]:
    influx.create(*BUCKETS)
    yield influx
    influx.drop(*BUCKETS)


def firing(uid: str, influx: InfluxDB) -> set[str]:
    """What a rule fires for: the labels of each series, a bare word where it has none, `no data` where that fires."""
    rule, numbers, answers = RULES[uid], dict[str, Numbers](), dict[str, Any]()
    for one in rule["data"]:
        name, model = one["refId"], one["model"]
        if one["datasourceUid"] == "__expr__":
            if model["type"] == "reduce":
                numbers[name] = reduced(answers[model["expression"]], model["reducer"])
            else:
                numbers[name] = computed(model["expression"], numbers)
            continue
        bucket = Resolution(int(one["datasourceUid"].removeprefix(PREFIX))).bucket("darkscope")
        start = (NOW - one["relativeTimeRange"]["from"]) * 1000
        answers[name] = influx.query(bucket, interpolated(model["query"], {}, start, NOW * 1000, 60))
    result = numbers[rule["condition"]]
    if not result:
        return {"no data"} if rule["noDataState"] == "Alerting" else set()
    return {" ".join(value for _, value in labels) or "all" for labels, value in result.items() if value}


def usual(time: int) -> Lines:
    """What two sensors get in an hour, by hour of the day and day of the week as machines in offices do."""
    is_working = time // DAY % 7 < 5 and 8 <= time // HOUR % 24 < 18
    length = max(1, min(HOUR, NOW - time))
    for sensor in ("tokyo-1", "lima-1"):
        yield watched(time, sensor, length)
        yield from packets(time, sensor, "tcp", "445", "VN", (300 if is_working else 60) * length // HOUR)
        for rank in range(12):
            yield from packets(time, sensor, "tcp", str(1000 + rank), "US", (50 + rank) * length // HOUR)


def every_hour(lines: Callable[[int], Lines] = usual) -> Lines:
    for hour in HOURS:
        yield from lines(hour)


def test_the_rules_are_those_that_are_documented() -> None:
    assert set(RULES) == set(sections())
    for uid, rule in RULES.items():
        assert rule["title"].split(" the ")[0].split(" is well")[0].split(" is among")[
            0
        ] in RUNBOOKS.read_text(encoding="utf-8"), f"{uid}: its runbook begins with its title"


def test_an_alert_leads_to_its_runbook_and_its_dashboard() -> None:
    uids = {one.uid for one in DASHBOARDS}
    runbooks = next(one for one in DASHBOARDS if one.uid == "darkscope-runbooks")
    titles = {panel.id: panel.title for panel in runbooks.panels()}
    for uid, rule in RULES.items():
        found = re.fullmatch(r"/d/darkscope-runbooks\?viewPanel=(\d+)", rule["annotations"]["runbook_url"])
        assert found
        assert titles[int(found[1])] == uid
        assert rule["annotations"]["dashboard"].removeprefix("/d/") in uids
        assert rule["labels"]["service"] == "darkscope"


def test_no_two_folders_of_grafana_have_one_title() -> None:
    providers = Path(__file__).parents[2] / "provisioning/grafana/dashboards/darkscope.yaml"
    assert f"folder: {alerts.FOLDER}\n" not in providers.read_text(encoding="utf-8")


def test_a_rule_names_each_query_once_and_only_those_before_it() -> None:
    for rule in RULES.values():
        known: list[str] = []
        for one in rule["data"]:
            model = one["model"]
            if one["datasourceUid"] == "__expr__":
                text = model["expression"]
                used = set(re.findall(r"\$(\w+)", text)) if model["type"] == "math" else {text}
                assert used <= set(known)
            known.append(one["refId"])
        assert len(known) == len(set(known))
        assert rule["condition"] == known[-1]


def test_a_usual_month_fires_nothing(databases: InfluxDB) -> None:
    databases.write(BUCKETS[1], every_hour())
    databases.write(BUCKETS[0], (itself(NOW - 60 * n) for n in range(30)))
    databases.write(
        BUCKETS[0],
        (watched(THIS_HOUR - HOUR, one, 60, frames=1000, dropped=1) for one in ("tokyo-1", "lima-1")),
    )
    assert {uid: firing(uid, databases) for uid in RULES} == {uid: set() for uid in RULES}


def test_a_silent_sensor_fires_and_one_that_delivers_by_the_hour_does_not(databases: InfluxDB) -> None:
    def silent(hour: int) -> Lines:
        yield watched(hour, "tokyo-1", HOUR)
        if hour <= THIS_HOUR - HOUR:
            yield watched(hour, "hourly-1", HOUR)
        if hour <= THIS_HOUR - 3 * HOUR:
            yield watched(hour, "lima-1", HOUR)
        if hour <= THIS_HOUR - 8 * DAY:
            yield watched(hour, "retired-1", HOUR)

    databases.write(BUCKETS[1], every_hour(silent))
    assert firing("silent-sensor", databases) == {"lima-1"}


def test_no_sensor_at_all_fires(databases: InfluxDB) -> None:
    assert firing("silent-sensor", databases) == {"no data"}


def test_a_level_that_rises_fires_for_its_port_and_its_region(databases: InfluxDB) -> None:
    def rising(hour: int) -> Lines:
        yield from usual(hour)
        if hour > THIS_HOUR - 6 * HOUR:
            yield from packets(hour, "tokyo-1", "tcp", "1003", "US", 4000)

    databases.write(BUCKETS[1], every_hour(rising))
    assert firing("port-level", databases) == {"1003 tcp"}
    assert firing("region-level", databases) == {"US"}


def test_a_weekly_rhythm_an_odd_week_a_new_sensor_and_an_outage_are_no_rise(databases: InfluxDB) -> None:
    def odd(hour: int) -> Lines:
        if hour <= THIS_HOUR - WEEK and hour > THIS_HOUR - WEEK - 12 * HOUR:
            return  # a week before, nobody watched half a day
        if THIS_HOUR - 2 * WEEK - 12 * HOUR < hour <= THIS_HOUR - 2 * WEEK:
            yield from packets(hour, "tokyo-1", "tcp", "445", "VN", 1)  # an odd week hardly sent
            yield watched(hour, "tokyo-1", HOUR)
            return
        yield from usual(hour)
        if hour > THIS_HOUR - DAY:  # four more sensors, each with as much
            for number in range(4):
                yield from (
                    line.replace("lima-1", f"new-{number}") for line in usual(hour) if "lima-1" in line
                )

    databases.write(BUCKETS[1], every_hour(odd))
    assert firing("port-level", databases) == set()
    assert firing("region-level", databases) == set()


def test_few_packets_are_no_level(databases: InfluxDB) -> None:
    def few(hour: int) -> Lines:
        yield watched(hour, "tokyo-1", HOUR)
        yield from packets(hour, "tokyo-1", "tcp", "81", "US", 10 if hour > THIS_HOUR - 6 * HOUR else 1)

    databases.write(BUCKETS[1], every_hour(few))
    assert firing("port-level", databases) == set()


def test_a_new_port_among_the_top_fires_and_one_that_was_there_does_not(databases: InfluxDB) -> None:
    def new(hour: int) -> Lines:
        yield from usual(hour)
        if hour > THIS_HOUR - 20 * HOUR:
            yield from packets(hour, "tokyo-1", "udp", "12543", "JP", 500)
            yield from packets(hour, "tokyo-1", "tcp", "other", "JP", 5000)
            yield from packets(hour, "tokyo-1", "tcp", "9", "JP", 4)
            yield from packets(hour, "tokyo-1", "tcp", "1011", "US", 500)  # rises, and was the second before

    databases.write(BUCKETS[1], every_hour(new))
    assert firing("new-port", databases) == {"12543 udp"}


def test_an_event_that_began_within_a_week_fires(databases: InfluxDB) -> None:
    databases.write(
        BUCKETS[1],
        [
            event(NOW - 3 * DAY, "rose", "445/tcp", "445/TCP rose"),
            event(NOW - 6 * DAY, "fell", "JP", "JP fell"),
            event(NOW - 8 * DAY, "rose", "23/tcp", "23/TCP rose"),
        ],
    )
    assert firing("phenomenon", databases) == {"rose 445/tcp", "fell JP"}


@pytest.mark.parametrize(("dropped", "fires"), [(9, set()), (11, {"tokyo-1"})])
def test_a_capture_that_loses_more_than_one_percent_fires(
    databases: InfluxDB, dropped: int, fires: set[str]
) -> None:
    databases.write(
        BUCKETS[0],
        [
            watched(NOW - HOUR, "tokyo-1", 60, frames=1000 - dropped, dropped=dropped),
            watched(NOW - HOUR, "lima-1", 60, frames=1000),
            watched(NOW - 3 * HOUR, "lima-1", 60, frames=1, dropped=1000),
        ],
    )
    assert firing("capture-drops", databases) == fires


@pytest.mark.parametrize(("lag", "fires"), [(119, set()), (121, {"all"})])
def test_a_projection_that_lags_fires(databases: InfluxDB, lag: int, fires: set[str]) -> None:
    databases.write(BUCKETS[0], [itself(NOW - 300, 500), itself(NOW - 60, lag)])
    assert firing("projection-lag", databases) == fires


def test_a_projector_that_says_nothing_fires(databases: InfluxDB) -> None:
    databases.write(BUCKETS[0], [itself(NOW - 11 * 60)])
    assert firing("projection-lag", databases) == {"no data"}
    databases.write(BUCKETS[0], [itself(NOW - 9 * 60)])
    assert firing("projection-lag", databases) == set()


@pytest.mark.parametrize(("damaged", "fires"), [(0, set()), (1, {"all"})])
def test_a_damaged_file_of_the_ledger_fires(databases: InfluxDB, damaged: int, fires: set[str]) -> None:
    databases.write(BUCKETS[0], [itself(NOW - 300, damaged=2), itself(NOW - 60, damaged=damaged)])
    assert firing("damaged-files", databases) == fires
