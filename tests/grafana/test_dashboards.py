"""Dashboards: each panel says what it is, nothing is left over, and every query is answered by a real InfluxDB."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_words import Values, chosen_values, database, interpolated
from influx import InfluxDB
from points import event, itself, listed, packets, watched

from darkscope.grafana.dashboard import Dashboard
from darkscope.grafana.dashboards import DASHBOARDS
from darkscope.grafana.provisioned import files
from darkscope.ingest.measurements import Resolution

Json = dict[str, Any]

PROVISIONED = Path(__file__).parents[2] / "provisioning" / "grafana"

MODELS = {one.uid: one.model() for one in DASHBOARDS}
BUILT_IN = {
    "__from",
    "__to",
    "__interval",
    "__interval_ms",
    "__url_time_range",
    "__data",
    "__field",
    "__all",
    "timeFilter",
}
ASKING = [one for one in DASHBOARDS if any(panel.queries for panel in one.panels())]
OWN_SOURCES = {"__expr__", "grafana", "-- Mixed --", "-- Grafana --"}

START, END = 1_592_956_800, 1_593_043_200
"""2020-06-24, UTC."""


def panels(model: Json) -> Iterator[Json]:
    yield from (panel for panel in model["panels"] if panel["type"] != "row")


PANELS = {f"{uid}: {panel['title']}": panel for uid, model in MODELS.items() for panel in panels(model)}
each_panel = pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)
each_dashboard = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def variables_in(text: str) -> set[str]:
    return {one or two for one, two in re.findall(r"\$\{(\w+)[^}]*\}|\$(\w+)", text)} - BUILT_IN


def names(model: Json) -> set[str]:
    return {variable["name"] for variable in model["templating"]["list"]}


def test_the_committed_files_are_what_the_source_makes() -> None:
    made = files()
    assert {path: (PROVISIONED / path).read_text(encoding="utf-8") for path in made} == made, (
        "run `darkscope dashboards build`"
    )
    assert {path.name for path in (PROVISIONED / "dashboards/darkscope").iterdir()} == {
        f"{one.uid}.json" for one in DASHBOARDS
    }


@each_panel
def test_a_panel_has_title_description_unit_and_a_way_out(panel: Json) -> None:
    assert panel["title"]
    assert len(panel["description"]) > 30
    assert not panel["targets"] or panel["fieldConfig"]["defaults"]["unit"]
    assert panel["links"]
    assert all(link["title"] and link["url"] for link in panel["links"])


@each_dashboard
def test_every_variable_is_used_and_none_is_missing(model: Json) -> None:
    without = {**model, "templating": {}}
    asked = {one["name"]: json.dumps(one) for one in model["templating"]["list"]}
    used = variables_in(json.dumps(without)).union(
        *(variables_in(text) - {name} for name, text in asked.items())
    )
    # columns and series of Grafana's own, and InfluxDB's names of tags in aliases
    used = {one for one in used if not one.startswith("tag_")} - expressions(model)
    assert used == names(model)
    assert not expressions(model) & names(model), "Grafana would put the variable into the expression"


def expressions(model: Json) -> set[str]:
    return {target["refId"] for panel in panels(model) for target in panel["targets"]}


@each_dashboard
def test_a_variable_asks_only_by_those_before_it(model: Json) -> None:
    before: set[str] = set()
    for variable in model["templating"]["list"]:
        assert variables_in(str(variable["query"])) <= before, variable["name"]
        before.add(variable["name"])


@each_panel
def test_expressions_name_queries_of_their_panel(panel: Json) -> None:
    known = [target["refId"] for target in panel["targets"]]
    assert len(known) == len(set(known))
    for number, target in enumerate(panel["targets"]):
        if target["datasource"]["uid"] == "__expr__":
            text = target["expression"]
            used = set(re.findall(r"\$(\w+)", text)) if target["type"] == "math" else {text}
            assert used <= set(known[:number])


@each_panel
def test_no_data_source_is_named_but_by_a_variable(panel: Json) -> None:
    found = {target["datasource"]["uid"] for target in panel["targets"]} | {panel["datasource"]["uid"]}
    assert all(one in OWN_SOURCES or one.startswith("${source}") for one in found)


def test_uids_titles_and_panel_ids_are_not_used_twice() -> None:
    for values in ([one.uid for one in DASHBOARDS], [one.title for one in DASHBOARDS]):
        assert len(values) == len(set(values))
    for model in MODELS.values():
        for key in ("id", "title"):
            found = [panel[key] for panel in model["panels"]]
            assert len(found) == len(set(found))


@each_dashboard
def test_panels_do_not_overlap_and_leave_no_hole_in_a_row(model: Json) -> None:
    cells: dict[tuple[int, int], str] = {}
    for panel in model["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in cells, f"{panel['title']} lies over {cells[x, y]}"
                cells[x, y] = panel["title"]
    height = max(y for _, y in cells) + 1
    assert set(cells) == {(x, y) for x in range(24) for y in range(height)}


@each_dashboard
def test_links_lead_to_dashboards_that_have_the_variables_they_set(model: Json) -> None:
    urls = re.findall(r'"(/d/[^"]+)"', json.dumps(model))
    assert urls
    for url in urls:
        uid = url.removeprefix("/d/").partition("?")[0]
        set_there = set(re.findall(r"var-(\w+)=", url)) | set(re.findall(r"\$\{(\w+):queryparam\}", url))
        assert set_there <= names(MODELS[uid]), url
        assert set(re.findall(r"\$\{(\w+):queryparam\}", url)) <= names(model), url
        assert "${__url_time_range}" in url


def test_every_dashboard_shows_events_and_leads_to_all_others_with_filters_and_time() -> None:
    for model in MODELS.values():
        assert "Events" in [one["name"] for one in model["annotations"]["list"]]
        (link,) = model["links"]
        assert (link["tags"], link["includeVars"], link["keepTime"]) == (model["tags"], True, True)


def test_the_filters_of_the_wall_are_all_there() -> None:
    together = set().union(*(names(model) for model in MODELS.values()))
    wanted = {"sensor", "organisation", "home", "kind", "port", "country", "protocol", "class", "top"}
    assert wanted <= together
    many = {
        one["name"]
        for model in MODELS.values()
        for one in model["templating"]["list"]
        if one.get("multi") and one["includeAll"]
    }
    assert wanted - {"top"} <= many


def test_dashboards_cannot_be_saved_over_in_the_browser() -> None:
    assert {model["editable"] for model in MODELS.values()} == {False}


@pytest.fixture(scope="module")
def observed(influx: InfluxDB) -> Iterator[InfluxDB]:
    """A day and what came before it: two sensors, two ports, two countries, at each resolution."""
    buckets = [resolution.bucket("darkscope") for resolution in Resolution]
    influx.create(*buckets)
    for resolution, bucket in zip(Resolution, buckets, strict=True):
        influx.write(bucket, lines(resolution))
    yield influx
    influx.drop(*buckets)


def lines(resolution: Resolution) -> Iterator[str]:
    step = max(resolution.minutes, 60) * 60
    for time in range(START - 8 * 86_400, END, step):
        for sensor in ("tokyo-1", "lima.2"):
            counts = {"frames": 30, "inbound": 25, "rejected_not_ip": 2, "dropped": 1}
            yield watched(time, sensor, min(step, 60 * resolution.minutes), **counts)
            yield from packets(time, sensor, "tcp", "23", "CN", 20)
            yield from packets(time, sensor, "udp", "53", "JP", 5, "backscatter")
        if time >= START:
            yield from packets(time, "tokyo-1", "tcp", "8080", "RU", 3)
        yield itself(time)
    for day in range(START - 8 * 86_400, END, 86_400):
        yield listed(day, "tokyo-1")
        yield listed(day, "lima.2", organisation="Partner", home="abroad", country="PE")
    yield event(START + 3600, "rise", "8080/tcp", "8080/TCP rises")


@pytest.mark.parametrize("days", [1, 7, 90])
@pytest.mark.parametrize("dashboard", ASKING, ids=lambda one: one.uid)
def test_every_query_of_every_panel_gives_data(observed: InfluxDB, dashboard: Dashboard, days: int) -> None:
    model = dashboard.model()
    start = END - days * 86_400

    def ask(text: str, uid: str, values: Values, step: int = 3600) -> list[Json]:
        query = interpolated(text, values, start * 1000, END * 1000, step)
        return observed.query(database(uid, "darkscope", values), query)

    values = chosen_values(model, ask)
    assert values["step"] == {1: "1", 7: "60", 90: "1440"}[days]
    for panel in panels(model):
        for target in panel["targets"]:
            if target["datasource"]["uid"] == "__expr__":
                continue
            interval = max(int(str(values["step"])) * 60, days * 86_400 // 1000)
            series = ask(target["query"], target["datasource"]["uid"], values, interval)
            if days == 90 and re.search(r"then|past|before", target["refId"]):
                continue  # nobody watched a quarter earlier
            assert series, f"{panel['title']}, {target['refId']}: {target['query']}"
            assert any(row[1] is not None for one in series for row in one["values"])


def test_annotations_find_events(observed: InfluxDB) -> None:
    for model in MODELS.values():
        (annotation,) = [one for one in model["annotations"]["list"] if one["name"] == "Events"]
        events = annotation["target"]  # 10.4 asks nothing without it; older ones read the annotation itself
        named = ("query", "titleColumn", "textColumn", "tagsColumn")
        assert [annotation[name] for name in named] == [events[name] for name in named]
        query = interpolated(events["query"], {}, START * 1000, END * 1000, 60)
        (found,) = observed.query(database(annotation["datasource"]["uid"], "darkscope", {}), query)
        assert found["columns"] == ["time", events["titleColumn"], events["textColumn"], events["tagsColumn"]]
        assert found["values"] == [
            [(START + 3600) * 1000, "8080/TCP rises", "8080/TCP rises", "rise,8080/tcp"]
        ]
