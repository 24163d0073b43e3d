"""Write InfluxQL: a query is a value, and its text is made in one place.

Pure: values in, text out. Names are held against the vocabulary where a query is made, so that a misspelt field is an
error and no empty panel. Variables are always written `=~ /^${name:regex}$/`, so that a port or a name with a dot is
no pattern; `All` is `.*`. Only what InfluxDB 1.6 to 2.7 both answer: no query over two databases, no function of the
hour.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from darkscope.ingest.measurements import OTHER, Measurement

INTERVAL = "$__interval"
"""Grafana's step: the range by the panel's width, and never finer than the data source's own."""

INTERVAL_SECONDS = "($__interval_ms / 1000)"


class Window(StrEnum):
    """Which stretch of time a query is about."""

    CHOSEN = "$timeFilter"
    BEFORE = "time >= ${__from}ms - (${__to}ms - ${__from}ms) AND time < ${__from}ms"  # equally long
    WEEK_BEFORE = "time >= ${__from}ms - 7d AND time < ${__to}ms - 7d"
    LISTED = "time >= ${__from}ms - 1d AND time <= ${__to}ms"  # sensors are listed at the midnight before
    KNOWN = "time >= ${__from}ms - 3660d AND time <= ${__to}ms"  # for lists: who was there until now


class Fill(StrEnum):
    """What stands for a step without points."""

    GAP = "null"  # nobody says anything about it
    ZERO = "0"  # of a count: nothing came


class UnknownNameError(ValueError):
    """A query names what the vocabulary has not."""


@dataclass(frozen=True, slots=True)
class Value:
    """What is selected: an expression over fields, and the name of its column."""

    expression: str
    name: str
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f'{self.expression} AS "{self.name}"'


def total(field: str, name: str | None = None) -> Value:
    """Sum of a field."""
    return Value(f'sum("{field}")', name or field, (field,))


def last(field: str, name: str | None = None) -> Value:
    """Newest value of a field."""
    return Value(f'last("{field}")', name or field, (field,))


def highest(field: str, name: str | None = None) -> Value:
    """Largest value of a field."""
    return Value(f'max("{field}")', name or field, (field,))


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; `tag` is what it is about, if it is about a tag."""

    text: str
    tag: str | None = None

    def __str__(self) -> str:
        return self.text


def chosen(tag: str, variable: str | None = None) -> Condition:
    """The tag is what a variable chooses; the variable is called like the tag where none is named."""
    return Condition(f'"{tag}" =~ /^${{{variable or tag}:regex}}$/', tag)


def equal(tag: str, value: str) -> Condition:
    """The tag is this."""
    return Condition(f"\"{tag}\" = '{value}'", tag)


def among(tag: str, *values: str) -> Condition:
    """The tag is one of these."""
    return Condition(f'"{tag}" =~ /^({"|".join(map(re.escape, values))})$/', tag)


def own(tag: str) -> Condition:
    """The tag has a value of its own: what is folded into `other` is no port and no country."""
    return Condition(f"\"{tag}\" != '{OTHER}'", tag)


@dataclass(frozen=True, slots=True)
class Select:
    """One query. `by` are tags; `every` is the step, None for one row per combination of tags."""

    measurement: Measurement
    values: tuple[Value, ...]
    where: tuple[Condition, ...] = ()
    by: tuple[str, ...] = ()
    every: str | None = None
    fill: Fill = Fill.GAP
    window: str = Window.CHOSEN
    zone: str | None = None  # where days begin; None for UTC

    def __post_init__(self) -> None:
        tags = {*self.by, *(one.tag for one in self.where if one.tag)}
        fields = {field for value in self.values for field in value.fields}
        unknown = (tags - set(self.measurement.tag_names)) | (fields - set(self.measurement.field_names))
        if unknown:
            raise UnknownNameError(f"{self.measurement.name} has no {', '.join(sorted(unknown))}")

    def __str__(self) -> str:
        groups = [f"time({self.every})"] if self.every else []
        groups += [f'"{tag}"' for tag in self.by]
        words = (
            f"SELECT {', '.join(map(str, self.values))}",
            f'FROM "{self.measurement.name}"',
            f"WHERE {' AND '.join(map(str, (self.window, *self.where)))}",
            f"GROUP BY {', '.join(groups)}" if groups else "",
            f"fill({self.fill})" if self.every else "",
            f"tz('{self.zone}')" if self.zone else "",
        )
        return " ".join(filter(None, words))

    def over(self, window: str) -> Select:
        """Ask the same about another stretch of time."""
        return replace(self, window=window)


def leading(select: Select, tag: str, count: str = "$top") -> str:
    """Values of a tag with the largest sums of the query's first value."""
    inner = replace(select, by=(tag,), every=None)
    name = select.values[0].name
    return f'SELECT "{tag}" FROM (SELECT top("{name}","{tag}",{count}) FROM ({inner}))'


def smallest_of_leading(select: Select, count: int) -> str:
    """Smallest of the `count` largest sums: what reaches it belongs to them."""
    name = select.values[0].name
    return f'SELECT min("top") AS "{name}" FROM (SELECT top("{name}",{count}) FROM ({replace(select, every=None)}))'


def tag_values(measurement: Measurement, tag: str, where: tuple[Condition, ...] = ()) -> str:
    """Every value that a tag has, as far back as lists go."""
    Select(measurement, (), where, (tag,))
    conditions = " AND ".join(map(str, (Window.KNOWN, *where)))
    return f'SHOW TAG VALUES FROM "{measurement.name}" WITH KEY = "{tag}" WHERE {conditions}'
