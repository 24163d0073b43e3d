"""What Grafana does with answers before it draws them. Pure: each function gives one step of its JSON model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

TIME = "Time"
"""How Grafana calls the column of InfluxQL's `time`."""

WEEKDAY = "day"
"""Column of the days in a rhythm."""


def rows_by_tags() -> tuple[Json, ...]:
    """Turn one frame per expression and combination of tags into one row per combination."""
    return (
        {"id": "labelsToFields", "options": {"mode": "columns"}},
        {"id": "merge", "options": {}},
    )


def merged() -> tuple[Json, ...]:
    """Put rows of several queries that agree in their tags into one; their times say nothing."""
    return (without(TIME), {"id": "merge", "options": {}})


def without(*names: str) -> Json:
    """Leave columns out."""
    return {"id": "filterFieldsByName", "options": {"exclude": {"names": list(names)}}}


def sorted_by(name: str, *, descending: bool = True) -> Json:
    """Sort rows."""
    return {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": name, "desc": descending}]}}


def first(count: int) -> Json:
    """Keep the first rows."""
    return {"id": "limit", "options": {"limitField": count}}


def only_without(name: str) -> Json:
    """Keep rows that have no value in a column."""
    return {
        "id": "filterByValue",
        "options": {
            "type": "include",
            "match": "all",
            "filters": [{"fieldName": name, "config": {"id": "isNull", "options": {}}}],
        },
    }


def columns(order: Sequence[str], titles: Mapping[str, str] | None = None) -> Json:
    """Put columns in order and give them titles."""
    return {
        "id": "organize",
        "options": {
            "excludeByName": {},
            "indexByName": {name: place for place, name in enumerate(order)},
            "renameByName": dict(titles or {}),
        },
    }


def calculated(name: str, left: str, operator: str, right: str, *, of: str | None = None) -> Json:
    """Add a column out of two others, or of one and a number; `of` names the only query it is about."""
    return {
        "id": "calculateField",
        "options": {
            "mode": "binary",
            "alias": name,
            "binary": {"left": left, "operator": operator, "right": right},
            "replaceFields": False,
        },
        **({"filter": {"id": "byRefId", "options": of}} if of else {}),
    }


def later(of: str, milliseconds: int) -> tuple[Json, ...]:
    """Move one query's series to a later time, so that they lie over those of another stretch."""
    about = {"filter": {"id": "byRefId", "options": of}}
    return (
        calculated("moved", TIME, "+", str(milliseconds), of=of),
        {
            "id": "convertFieldType",
            "options": {"conversions": [{"targetField": "moved", "destinationType": "time"}], "fields": {}},
            **about,
        },
        {"id": "filterFieldsByName", "options": {"exclude": {"names": [TIME]}}, **about},
    )


def rhythm(value: str) -> tuple[Json, ...]:
    """Turn a row per hour into a table of 7 days of the week by 24 hours: means, in the dashboard's time zone."""
    return (
        calculated("weekday", TIME, "+", "0"),
        calculated("hour", TIME, "+", "0"),
        {
            "id": "convertFieldType",
            "options": {
                "conversions": [
                    {"targetField": "weekday", "destinationType": "time"},
                    {"targetField": "hour", "destinationType": "time"},
                ],
                "fields": {},
            },
        },
        {
            "id": "formatTime",
            "options": {"timeField": "weekday", "outputFormat": "E ddd", "useTimezone": True},
        },
        {"id": "formatTime", "options": {"timeField": "hour", "outputFormat": "HH", "useTimezone": True}},
        {
            "id": "groupBy",
            "options": {
                "fields": {
                    "weekday": {"operation": "groupby", "aggregations": []},
                    "hour": {"operation": "groupby", "aggregations": []},
                    value: {"operation": "aggregate", "aggregations": ["mean"]},
                }
            },
        },
        {
            "id": "groupingToMatrix",
            "options": {"columnField": "hour", "rowField": "weekday", "valueField": f"{value} (mean)"},
        },
        sorted_by("weekday\\hour", descending=False),
        columns(["weekday\\hour", *(f"{hour:02}" for hour in range(24))], {"weekday\\hour": WEEKDAY}),
    )
