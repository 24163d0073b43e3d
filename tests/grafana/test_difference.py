"""Differences: what people changed shows, what Grafana adds by itself does not."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from darkscope.grafana import overlays
from darkscope.grafana.dashboards import DASHBOARDS
from darkscope.grafana.difference import difference, readable
from darkscope.grafana.overlays import OverlayError, applied, overlay

Json = dict[str, Any]

EXAMPLE = next(one for one in DASHBOARDS if one.uid == "darkscope-example").model()


def saved(model: Json) -> Json:
    """What a browser makes of a model that nobody changed: as Grafana 10.4 was seen to save it."""
    there = copy.deepcopy(model)
    there |= {"id": 7, "version": 3, "gnetId": None}
    del there["weekStart"], there["liveNow"]
    for variable in there["templating"]["list"]:
        variable["current"] = {"text": "All", "value": ["$__all"]}
    for panel in there["panels"]:
        if panel["type"] == "timeseries":
            panel["pluginVersion"] = "10.4.3"
            panel["fieldConfig"]["defaults"]["custom"] |= {
                "barAlignment": 0,
                "lineInterpolation": "linear",
                "hideFrom": {"legend": False, "tooltip": False, "viz": False},
            }
            panel["fieldConfig"]["defaults"]["mappings"] = []
    return there


def panel(model: Json) -> Json:
    return next(one for one in model["panels"] if one["type"] == "timeseries")


def changed() -> Json:
    there = saved(EXAMPLE)
    panel(there)["title"] = "Logins"
    panel(there)["fieldConfig"]["defaults"]["max"] = 900
    del panel(there)["maxDataPoints"]
    there["refresh"] = "5m"
    there["templating"]["list"][-1]["label"] = "Which sensor"
    there["panels"].append({"id": 9, "type": "text", "title": "A note", "options": {"content": "look"}})
    return there


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.uid)
def test_saving_changes_nothing(dashboard: Any) -> None:
    model = dashboard.model()
    assert readable(difference(model, saved(model))) == ""


def test_a_difference_reads_as_what_was_changed() -> None:
    assert readable(difference(EXAMPLE, changed())).splitlines() == [
        "  dashboard",
        "    refresh",
        '      - ""',
        '      + "5m"',
        "    variables.sensor.label",
        '      - "Sensor"',
        '      + "Which sensor"',
        "  panel 'Remote logins'",
        "    title",
        '      - "Remote logins"',
        '      + "Logins"',
        "    fieldConfig.defaults.max",
        "      + 900",
        "    maxDataPoints",
        "      - 300",
        "  + panel 'A note', only in Grafana",
    ]


def test_a_panel_that_went_is_named() -> None:
    there = saved(EXAMPLE)
    there["panels"].remove(panel(there))
    assert readable(difference(EXAMPLE, there)) == "  - panel 'Remote logins', only in the source"
    assert [one["title"] for one in applied(EXAMPLE, overlay(difference(EXAMPLE, there)))["panels"]] == [
        "Who tries to log in from afar?"
    ]


def test_an_overlay_brings_the_source_to_what_grafana_has() -> None:
    there = changed()
    made = applied(EXAMPLE, overlay(difference(EXAMPLE, there)))
    assert not difference(made, there)
    assert panel(made)["title"] == "Logins"
    assert "maxDataPoints" not in panel(made)
    assert made["templating"]["list"][-1]["label"] == "Which sensor"
    assert "variables" not in made
    assert panel(EXAMPLE)["title"] == "Remote logins", "the source stays as it was"


def test_variables_that_came_or_went_in_the_browser_come_and_go_by_the_overlay() -> None:
    there = saved(EXAMPLE)
    there["templating"]["list"].pop(0)
    there["templating"]["list"].append({"name": "mine", "type": "textbox", "query": "x"})
    found = difference(EXAMPLE, there)
    assert found
    made = applied(EXAMPLE, overlay(found))
    names = [one["name"] for one in made["templating"]["list"]]
    assert names == [one["name"] for one in there["templating"]["list"]]
    assert not difference(made, there)


@pytest.mark.parametrize("pointer", ["/targets/7/query", "/targets/x", "/title/x/y", "/targets/9"])
def test_an_overlay_of_what_a_panel_no_longer_has_is_refused(pointer: str) -> None:
    with pytest.raises(OverlayError, match=f"nothing is at {pointer}"):
        applied(EXAMPLE, {"panels": {"Remote logins": {"set": {pointer: "x"}}}})


def test_an_overlay_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlays, "files", lambda _: tmp_path)
    (tmp_path / "overlays").mkdir()
    file = tmp_path / "overlays" / f"{EXAMPLE['uid']}.json"
    for text, said in (
        ("{", "line 1 column 2"),
        ('{"removed": ["Gone"]}', "panels that are not there: ['Gone']"),
    ):
        file.write_text(text)
        with pytest.raises(OverlayError) as refused:
            overlays.overlaid(EXAMPLE)
        assert str(file) in str(refused.value)
        assert said in str(refused.value)


def test_an_overlay_of_a_panel_that_is_no_longer_there_is_refused() -> None:
    with pytest.raises(OverlayError, match="Gone"):
        applied(EXAMPLE, {"panels": {"Gone": {"set": {"/title": "x"}}}})


def test_names_with_slashes_keep_their_place() -> None:
    here = {"uid": "a", "panels": [{"id": 1, "type": "table", "title": "T", "options": {"by": {}}}]}
    there = copy.deepcopy(here)
    there["panels"][0]["options"]["by"] = {"a/b~c": 1}
    found = overlay(difference(here, there))
    assert found == {"panels": {"T": {"set": {"/options/by/a~1b~0c": 1}}}}
    assert applied(here, found) == there
