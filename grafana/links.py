"""Ways from panel to panel, and from a panel to the API: filters and time go along.

Pure. Paths are relative to Grafana's root, so that a path prefix does no harm.
"""

from __future__ import annotations

from collections.abc import Iterable

from darkscope.grafana.panels import Link

NOW, PORTS, REGIONS = "darkscope-now", "darkscope-ports", "darkscope-regions"
PORT, COUNTRY, SENSOR = "darkscope-port", "darkscope-country", "darkscope-sensor"
COVERAGE, ITSELF, RUNBOOKS = "darkscope-coverage", "darkscope-itself", "darkscope-runbooks"
"""The dashboards' uids."""

OBSERVERS = ("organisation", "home", "kind", "sensor")
"""Variables that every dashboard about observations has."""

FILTERS = (*OBSERVERS, "class", "top")
"""Variables that those about ports and countries have."""

DAYS = "${__from:date:YYYY-MM-DD}/${__to:date:YYYY-MM-DD}"
"""The range as the API's period: whole days, both included."""


def to(uid: str, title: str, keep: Iterable[str] = FILTERS, **values: str) -> Link:
    """Lead to a dashboard. `keep` are variables that it has as well; `values` are set there."""
    words = [f"var-{name}={value}" for name, value in values.items()]
    words += [f"${{{name}:queryparam}}" for name in keep]
    return Link(title, f"/d/{uid}?{'&'.join([*words, '${__url_time_range}'])}")


def api(what: str, title: str, **words: str) -> Link:
    """Lead to the same by the API: a ranking of the whole days shown, by the ledger instead of InfluxDB."""
    query = "&".join(f"{name}={value}" for name, value in {"period": DAYS, **words}.items())
    return Link(title, f"${{api}}/v1/rankings/{what}?{query}", new_tab=True)


def _cell(column: str) -> str:
    return f"${{__data.fields.{column}}}"


def _label(tag: str) -> str:
    return f"${{__field.labels.{tag}}}"


PORT_OF_ROW = to(PORT, "This port alone", protocol=_cell("protocol"), port=_cell("port"))
PORT_OF_SERIES = to(PORT, "This port alone", protocol=_label("protocol"), port=_label("port"))
COUNTRY_OF_ROW = to(COUNTRY, "This country alone", country=_cell("country"))
COUNTRY_OF_SERIES = to(COUNTRY, "This country alone", country=_label("country"))
SENSOR_OF_ROW = to(SENSOR, "This sensor alone", (), sensor=_cell("sensor"))
SENSOR_OF_SERIES = to(SENSOR, "This sensor alone", (), sensor=_label("sensor"))
"""Drill-downs from the row of a table, and from a line."""

TO_PORTS = to(PORTS, "Ports")
TO_REGIONS = to(REGIONS, "Regions")
TO_COVERAGE = to(COVERAGE, "Sensors and coverage", OBSERVERS)
TO_ITSELF = to(ITSELF, "darkscope itself", ())

PORTS_BY_API = api("ports", "The ranking of ports by the API", limit="$top")
COUNTRIES_BY_API = api("countries", "The ranking of countries by the API", limit="$top")
SENSORS_BY_API = api("sensors", "The ranking of sensors by the API", limit="100", kind="all")
