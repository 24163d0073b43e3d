"""What Grafana reads at its start: put out as it is in the repository, and all of it hangs together."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from darkscope.grafana.sources import PREFIX
from darkscope.ingest.measurements import Resolution
from darkscope.provisioning import SECRETS, export

ROOT = Path(__file__).parents[2] / "provisioning"
GRAFANA = ROOT / "grafana"


def read(path: str) -> Any:
    return yaml.safe_load((GRAFANA / path).read_text(encoding="utf-8"))


def repository() -> dict[Path, str]:
    files = (
        path for path in ROOT.rglob("*") if path.is_file() and path.suffix not in (".py", ".typed", ".pyc")
    )
    return {path.relative_to(ROOT): path.read_text(encoding="utf-8") for path in files}


def test_the_files_come_out_as_they_are_in_the_repository(tmp_path: Path) -> None:
    written = export(tmp_path)
    assert {path.relative_to(tmp_path): path.read_text(encoding="utf-8") for path in written} == repository()
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(written)


def test_secrets_and_runbooks_can_be_elsewhere(tmp_path: Path) -> None:
    export(tmp_path, "/etc/grafana/secrets", "https://grafana.example/watch")
    texts = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(SECRETS in text for text in texts)
    source = (tmp_path / "grafana/datasources/darkscope.yaml").read_text(encoding="utf-8")
    assert source.count("$__file{/etc/grafana/secrets/influxdb_read_token}") == 1
    rules = json.loads((tmp_path / "grafana/alerting/rules.json").read_text(encoding="utf-8"))
    for rule in rules["groups"][0]["rules"]:
        assert rule["annotations"]["runbook_url"].startswith(
            "https://grafana.example/watch/d/darkscope-runbooks?"
        )


@pytest.mark.parametrize("resolution", Resolution)
def test_each_resolution_has_its_data_source(resolution: Resolution) -> None:
    sources = {one["uid"]: one for one in read("datasources/darkscope.yaml")["datasources"]}
    assert len(sources) == len(Resolution)
    source = sources[f"{PREFIX}{resolution.minutes}"]
    step = {Resolution.MINUTE: "1m", Resolution.HOUR: "1h", Resolution.DAY: "1d"}[resolution]
    assert source["jsonData"] == {
        "version": "InfluxQL",
        "dbName": resolution.bucket("darkscope"),
        "httpMode": "POST",
        "timeInterval": step,
        "maxSeries": 2000,
        "httpHeaderName1": "Authorization",
    }
    assert source["secureJsonData"] == {"httpHeaderValue1": f"Token $__file{{{SECRETS}/influxdb_read_token}}"}
    assert (source["editable"], source["access"]) == (False, "proxy")


def test_dashboards_are_not_saved_over_in_the_browser() -> None:
    (provider,) = read("dashboards/darkscope.yaml")["providers"]
    assert (provider["allowUiUpdates"], provider["disableDeletion"]) == (False, True)
    assert (GRAFANA / "dashboards" / Path(provider["options"]["path"]).name).is_dir()


def test_alerts_reach_the_contact_point_that_there_is() -> None:
    (contact,) = read("alerting/contact.yaml")["contactPoints"]
    (policy,) = read("alerting/policy.yaml")["policies"]
    assert policy["receiver"] == contact["name"]
    assert contact["receivers"][0]["settings"]["url"] == f"$__file{{{SECRETS}/alert_webhook}}"


def test_no_secret_is_in_the_repository() -> None:
    named = r"(?:token|password|httpHeaderValue1|webhook): *(\S.*)"
    found = {path: re.findall(named, text, re.IGNORECASE) for path, text in repository().items()}
    assert any(found.values())
    assert {
        path: values for path, values in found.items() if not all("$__file{" in one for one in values)
    } == {}
