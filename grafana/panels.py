"""Panels: what is asked, and how the answer is drawn.

A panel says its title, what it means, its unit and where its figures can be had otherwise; a house test
refuses one that does not. Pure: values in, Grafana's JSON model (of 10.4) out.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from darkscope.grafana.influxql import Select
from darkscope.grafana.sources import BY_RANGE, EXPRESSION, GRAFANA, Source

Json = dict[str, Any]

WIDTH = 24
"""Columns of Grafana's grid."""

FIRST = 10_000
"""Panel ids begin here; an id comes from the title, so that a new panel moves no other's."""

POINTS = 300
"""Steps of a line: more cost the database and show noise."""

GREEN, AMBER, RED, GREY, BLUE = "green", "orange", "red", "#8e8e8e", "#5794F2"


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel, under the name by which expressions and transformations call it."""

    name: str
    select: Select | str
    table: bool = False  # rows and columns, else a series per combination of tags
    alias: str = ""  # of a series, like `$tag_port`
    source: Source = BY_RANGE
    hidden: bool = False  # only for expressions

    def target(self) -> Json:
        """The query in Grafana's words."""
        return {
            "refId": self.name,
            "datasource": self.source.reference,
            "query": str(self.select),
            "rawQuery": True,
            "resultFormat": "table" if self.table else "time_series",
            **({"alias": self.alias} if self.alias else {}),
            **({"hide": True} if self.hidden else {}),
        }


@dataclass(frozen=True, slots=True)
class Math:
    """Arithmetic over other queries, done by Grafana's server; series are paired by their tags."""

    name: str
    expression: str

    def target(self) -> Json:
        """The expression in Grafana's words."""
        return {
            "refId": self.name,
            "datasource": EXPRESSION.reference,
            "type": "math",
            "expression": self.expression,
        }


@dataclass(frozen=True, slots=True)
class Reduced:
    """Each series of another query as one number, done by Grafana's server."""

    name: str
    of: str
    how: str = "sum"
    hidden: bool = False

    def target(self) -> Json:
        """The expression in Grafana's words."""
        return {
            "refId": self.name,
            "datasource": EXPRESSION.reference,
            "type": "reduce",
            "expression": self.of,
            "reducer": self.how,
            **({"hide": True} if self.hidden else {}),
        }


Asked = Query | Math | Reduced
"""What stands in a panel's list of queries."""


@dataclass(frozen=True, slots=True)
class Link:
    """A way out of a panel: another dashboard, or the same figures by the API."""

    title: str
    url: str
    new_tab: bool = False

    def model(self) -> Json:
        """The link in Grafana's words."""
        return {"title": self.title, "url": self.url, "targetBlank": self.new_tab}


@dataclass(frozen=True, slots=True)
class Field:
    """How one column of a table, or one series, differs from the panel's defaults."""

    name: str
    unit: str | None = None
    title: str | None = None
    decimals: int | None = None
    width: int | None = None
    links: tuple[Link, ...] = ()
    custom: Json = field(default_factory=dict)
    more: Json = field(default_factory=dict)

    def override(self) -> Json:
        """The difference in Grafana's words."""
        properties: Json = {
            "unit": self.unit,
            "displayName": self.title,
            "decimals": self.decimals,
            "custom.width": self.width,
            "links": [link.model() for link in self.links] or None,
            **{f"custom.{key}": value for key, value in self.custom.items()},
            **self.more,
        }
        return {
            "matcher": {"id": "byName", "options": self.name},
            "properties": [
                {"id": key, "value": value} for key, value in properties.items() if value is not None
            ],
        }


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. Its place in the grid comes from the row it stands in."""

    title: str
    description: str
    kind: str  # Grafana's plugin
    unit: str  # Grafana's id of a unit; `none` is a plain number
    queries: Sequence[Asked]
    links: tuple[Link, ...]
    options: Json
    custom: Json = field(default_factory=dict)
    defaults: Json = field(default_factory=dict)  # further field defaults
    fields: tuple[Field, ...] = ()
    data_links: tuple[Link, ...] = ()
    transformations: tuple[Json, ...] = ()
    width: int = 0  # columns of 24; 0: what the others of the row leave
    more: Json = field(default_factory=dict)

    @property
    def id(self) -> int:
        """Its number, which comes from the title: a new panel moves no other's."""
        return FIRST + zlib.crc32(self.title.encode()) % 1_000_000

    def wide(self, columns: int) -> Panel:
        """Give the panel so many of the 24 columns."""
        return replace(self, width=columns)

    def model(self, place: Json) -> Json:
        """The panel in Grafana's words, at a place in the grid."""
        targets = [query.target() for query in self.queries]
        sources = {target["datasource"]["uid"] for target in targets} - {EXPRESSION.uid}
        defaults: Json = {
            "unit": self.unit,
            "custom": self.custom,
            "links": [link.model() for link in self.data_links],
            **self.defaults,
        }
        return {
            "id": self.id,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "gridPos": place,
            "datasource": _one_or_mixed(targets, len(sources)),
            "targets": targets,
            "links": [link.model() for link in self.links],
            **(
                {"fieldConfig": {"defaults": defaults, "overrides": [one.override() for one in self.fields]}}
                if targets
                else {}
            ),
            "options": self.options,
            **({"transformations": list(self.transformations)} if self.transformations else {}),
            **self.more,
        }


def _one_or_mixed(targets: Sequence[Json], sources: int) -> Json:
    if not targets:
        return GRAFANA.reference
    if sources > 1:
        return {"type": "datasource", "uid": "-- Mixed --"}
    return dict(next(one["datasource"] for one in targets if one["datasource"] != EXPRESSION.reference))


def trend(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Asked],
    links: tuple[Link, ...],
    *,
    name: str | None = None,
    stacked: bool = False,
    bars: bool = False,
    calculations: Sequence[str] = ("mean", "max"),
    fields: tuple[Field, ...] = (),
    data_links: tuple[Link, ...] = (),
    transformations: tuple[Json, ...] = (),
    defaults: Mapping[str, Any] | None = None,
    legend: bool = True,
    least: str | None = None,
) -> Panel:
    """Draw series over time. Where there is no value there is no line: a gap is never bridged or drawn as zero.

    `least` is the shortest step, where a finer one would say nothing.
    """
    custom: Json = {
        "drawStyle": "bars" if bars else "line",
        "lineWidth": 1,
        "fillOpacity": 60 if bars else 25 if stacked else 0 if name else 8,
        "gradientMode": "none",
        "showPoints": "auto",
        "pointSize": 4,
        "spanNulls": False,
        "insertNulls": False,
        "axisSoftMin": 0,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
    }
    if unit == "percentunit":
        custom["axisSoftMax"] = 0.01  # where all is zero, Grafana would draw an axis up to 10,000 %
    more = {"displayName": name} if name else {}
    return Panel(
        title,
        description,
        "timeseries",
        unit,
        queries,
        links,
        {
            "legend": {
                "displayMode": "table" if legend else "hidden",
                "placement": "right",
                "showLegend": legend,
                "calcs": list(calculations),
                "sortBy": {"mean": "Mean", "max": "Max", "sum": "Total"}.get(calculations[0], "Mean")
                if calculations
                else None,
                "sortDesc": True,
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        custom=custom,
        defaults={"color": {"mode": "palette-classic"}, **more, **(defaults or {})},
        fields=fields,
        data_links=data_links,
        transformations=transformations,
        more={"maxDataPoints": POINTS, **({"interval": least} if least else {})},
    )


def table(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Asked],
    links: tuple[Link, ...],
    *,
    fields: tuple[Field, ...] = (),
    transformations: tuple[Json, ...] = (),
    defaults: Mapping[str, Any] | None = None,
    custom: Mapping[str, Any] | None = None,
) -> Panel:
    """Rows and columns."""
    return Panel(
        title,
        description,
        "table",
        unit,
        queries,
        links,
        {"showHeader": True, "cellHeight": "sm", "footer": {"show": False}},
        custom={
            "align": "auto",
            "cellOptions": {"type": "auto"},
            "filterable": False,
            "minWidth": 60,
            **(custom or {}),
        },
        defaults=dict(defaults or {}),
        fields=fields,
        transformations=transformations,
    )


def stat(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Asked],
    links: tuple[Link, ...],
    *,
    calculation: str = "lastNotNull",
    steps: Sequence[tuple[float | None, str]] = ((None, BLUE),),
    sparkline: bool = True,
    decimals: int | None = None,
    text: str = "value",
    field_pattern: str = "",
    defaults: Mapping[str, Any] | None = None,
    transformations: tuple[Json, ...] = (),
    data_links: tuple[Link, ...] = (),
) -> Panel:
    """One large figure; its colour comes from the steps."""
    return Panel(
        title,
        description,
        "stat",
        unit,
        queries,
        links,
        {
            "reduceOptions": {"values": False, "calcs": [calculation], "fields": field_pattern},
            "orientation": "auto",
            "textMode": text,
            "colorMode": "value",
            "graphMode": "area" if sparkline else "none",
            "justifyMode": "auto",
            "wideLayout": True,
        },
        defaults={
            "color": {"mode": "thresholds"},
            "thresholds": thresholds(steps),
            **({"decimals": decimals} if decimals is not None else {}),
            **(defaults or {}),
        },
        transformations=transformations,
        data_links=data_links,
    )


def states(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Asked],
    links: tuple[Link, ...],
    *,
    steps: Sequence[tuple[float | None, str]],
    name: str | None = None,
    data_links: tuple[Link, ...] = (),
) -> Panel:
    """A band per series, coloured by the step its value has reached."""
    return Panel(
        title,
        description,
        "state-timeline",
        unit,
        queries,
        links,
        {
            "mergeValues": True,
            "showValue": "never",
            "alignValue": "center",
            "rowHeight": 0.8,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
            "tooltip": {"mode": "single", "sort": "none"},
        },
        custom={"fillOpacity": 80, "lineWidth": 0, "spanNulls": False},
        defaults={
            "color": {"mode": "thresholds"},
            "thresholds": thresholds(steps),
            "max": 1,
            "min": 0,
            **({"displayName": name} if name else {}),
        },
        data_links=data_links,
    )


def world(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Asked],
    links: tuple[Link, ...],
    *,
    value: str,
    country: str = "country",
    data_links: tuple[Link, ...] = (),
    transformations: tuple[Json, ...] = (),
) -> Panel:
    """A map of the world out of files that Grafana ships: it asks no tile server."""
    dimension = {"field": value, "fixed": 5, "min": 3, "max": 28}
    return Panel(
        title,
        description,
        "geomap",
        unit,
        queries,
        links,
        {
            "view": {"id": "coords", "lat": 22, "lon": 12, "zoom": 1.4, "allLayers": True},
            "controls": {"showZoom": True, "mouseWheelZoom": False, "showAttribution": False},
            "tooltip": {"mode": "details"},
            "basemap": {
                "type": "geojson",
                "name": "countries",
                "config": {
                    "src": "public/maps/countries.geojson",
                    "rules": [],
                    "style": {
                        "color": {"fixed": "#6e7687"},
                        "opacity": 0.35,
                        "rotation": {"fixed": 0, "mode": "mod", "min": -360, "max": 360},
                        "size": {"fixed": 5, "min": 2, "max": 15},
                        "symbol": {"fixed": "img/icons/marker/circle.svg", "mode": "fixed"},
                    },
                },
            },
            "layers": [
                {
                    "type": "markers",
                    "name": title,
                    "tooltip": True,
                    "location": {
                        "mode": "lookup",
                        "lookup": country,
                        "gazetteer": "public/gazetteer/countries.json",
                    },
                    "config": {
                        "showLegend": True,
                        "style": {
                            "color": {"field": value, "fixed": BLUE},
                            "opacity": 0.7,
                            "size": dimension,
                            "symbol": {"fixed": "img/icons/marker/circle.svg", "mode": "fixed"},
                        },
                    },
                }
            ],
        },
        defaults={"color": {"mode": "continuous-YlRd"}},
        data_links=data_links,
        transformations=transformations,
    )


def alerts(title: str, description: str, links: tuple[Link, ...]) -> Panel:
    """Alerts that fire or are about to; Grafana itself answers."""
    return Panel(
        title,
        description,
        "alertlist",
        "none",
        (),
        links,
        {
            "viewMode": "list",
            "groupMode": "default",
            "groupBy": [],
            "maxItems": 20,
            "sortOrder": 1,
            "dashboardAlerts": False,
            "alertName": "",
            "alertInstanceLabelFilter": '{service="darkscope"}',
            "datasource": "-- Grafana --",
            "showInstances": False,
            "stateFilter": {
                "firing": True,
                "pending": True,
                "noData": True,
                "normal": False,
                "error": True,
            },
        },
    )


def prose(title: str, description: str, text: str, links: tuple[Link, ...]) -> Panel:
    """Text in Markdown."""
    return Panel(title, description, "text", "none", (), links, {"mode": "markdown", "content": text})


def thresholds(steps: Sequence[tuple[float | None, str]]) -> Json:
    """Colours by value: each step from its value upwards, the first from minus infinity."""
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}
