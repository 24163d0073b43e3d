"""Trends as lines, or stacked: a gap stays a gap, a zero a zero, and bands say who did not watch.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from darkscope.api.charts import style, times
from darkscope.api.charts.style import Size, Spec
from darkscope.api.charts.words import called, listed, word
from darkscope.api.periods import minute
from darkscope.api.trend import Line, Trend
from darkscope.api.watch import NOTABLE
from darkscope.ingest.values import Language

MARKS = 12
"""Marks on a line, so that it is known without its colour."""


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time that is shaded, as holidays are."""

    start: datetime
    end: datetime
    text: str
    colour: str = style.REST


@dataclass(frozen=True, slots=True)
class Event:
    """A moment with a line and a text."""

    at: datetime
    text: str


def trend_chart(
    trend: Trend,
    language: Language,
    *,
    title: str | None = None,
    stacked: bool = False,
    bands: Sequence[Band] = (),
    events: Sequence[Event] = (),
    size: Size = Size(),
) -> Spec:
    """Draw a trend. A point stands where its bucket begins, and a band around the points that it is about."""
    names = [_name(trend, line, language) for line in trend.lines]
    buckets = trend.buckets
    reach = _reach(trend, stacked=stacked)
    x: Spec = {
        "field": "at",
        "type": "temporal",
        "scale": {"type": "utc", "domain": [times.minutes(edge) for edge in reach], "nice": False},
        "axis": times.axis(buckets.window, buckets.zone, language),
    }
    shades = [*_shades(trend, reach, language), *(_shade(trend, reach, band) for band in bands)]
    layers = [
        *_bands(shades, x),
        *_lines(trend, names, language, x, stacked=stacked),
        *event_layers(events, x),
    ]
    return style.whole(
        {"width": size.width, "height": size.height, "layer": layers},
        title=title,
        description=word("trend_of", language, names=listed(names, language)),
    )


def _name(trend: Trend, line: Line, language: Language) -> str:
    label = called(trend.dimension, line.value, line.label, language)
    if line.part is None or trend.by is None:
        return label
    part = called(trend.by, line.part, line.part_label or line.part, language)
    return part if len({one.value for one in trend.lines}) == 1 else f"{label}, {part}"


def _reach(trend: Trend, *, stacked: bool) -> tuple[int, int]:
    """Ends of the axis, minutes since 1970: lines end at their last point, stacks with their last bucket."""
    edges = trend.buckets.edges
    return edges[0], edges[-1] if stacked or len(trend.buckets) == 1 else edges[-2]


def _lines(trend: Trend, names: Sequence[str], language: Language, x: Spec, *, stacked: bool) -> list[Spec]:
    scales = style.scales(names)
    values = [
        {
            "at": times.minutes(minute),
            "when": times.written_moment(minute, trend.buckets.zone),
            "packets": packets,
            "name": name,
            "place": number,
            "marked": marked,
        }
        for number, (line, name) in enumerate(zip(trend.lines, names, strict=True))
        for minute, packets, marked in zip(
            trend.buckets.edges[:-1], line.packets, _marked(line.packets, number), strict=True
        )
    ]
    title = _unit(trend.buckets.step, language)
    y: Spec = {
        "field": "packets",
        "type": "quantitative",
        "axis": {"title": title, "format": ",d", "tickMinStep": 1},
        "scale": {"zero": True},
    }
    tooltip = [
        {"field": "name", "title": " "},
        {"field": "when", "title": word("when", language)},
        {"field": "packets", "type": "quantitative", "format": ",d", "title": title},
    ]
    legend: Spec = {"orient": "bottom", "columns": 3, "symbolSize": 80, "symbolOpacity": 1}

    def by_name(channel: str) -> Spec:
        told = None if channel == "strokeDash" else legend
        return {"field": "name", "type": "nominal", "scale": scales[channel], "legend": told, "sort": None}

    if stacked:
        area: Spec = {
            "mark": {"type": "area", "invalid": "break-paths-show-domains", "interpolate": "step-after"},
            "encoding": {
                "x": x,
                "y": y | {"stack": "zero"},
                "color": by_name("color"),
                "order": {"field": "place", "sort": "descending"},
                "tooltip": tooltip,
            },
        }
        return [{"data": {"values": values}, **area}]
    color = by_name("color")
    line: Spec = {
        "mark": {"type": "line", "strokeWidth": 1.6, "invalid": "break-paths-show-domains"},
        "encoding": {"x": x, "y": y, "color": color, "strokeDash": by_name("strokeDash")},
    }
    point: Spec = {
        "transform": [{"filter": "datum.marked"}],
        "mark": {"type": "point", "filled": True, "size": 34, "opacity": 1},
        "encoding": {"x": x, "y": y, "color": color, "shape": by_name("shape"), "tooltip": tooltip},
    }
    return [{"data": {"values": values}, "layer": [point, line]}]


def _marked(packets: Sequence[int | None], number: int) -> Iterator[bool]:
    """Say which points of a line have a mark: a few, at other places on each line, and those that stand alone."""
    step = max(1, len(packets) // MARKS)
    for place, count in enumerate(packets):
        around = (
            packets[place - 1] if place else None,
            packets[place + 1] if place + 1 < len(packets) else None,
        )
        alone = around == (None, None)
        yield count is not None and (alone or place % step == (number * 2 + 1) % step)


def _unit(step: str, language: Language) -> str:
    name = {"1d": "day", "60m": "hour", "1h": "hour", "1m": "minute"}.get(step, step)
    if name in ("minute", "hour", "day", "week", "month", "quarter"):
        return word(f"packets_{name}", language)
    return word("packets_hours" if step.endswith("h") else "packets_minutes", language, number=step[:-1])


def _shades(trend: Trend, reach: tuple[int, int], language: Language) -> Iterator[Spec]:
    """Give bands of buckets that nobody watched, or not everybody: neighbours in one."""
    kinds = [_kind(trend, place) for place in range(len(trend.buckets))]
    starts = [place for place, kind in enumerate(kinds) if place == 0 or kinds[place - 1] != kind]
    for start, end in pairwise([*starts, len(kinds)]):
        if kind := kinds[start]:
            edges = trend.buckets.edges[start], trend.buckets.edges[end]
            yield _stretch(trend, reach, edges, word(kind, language), _COLOURS[kind])


_COLOURS = {"outage": style.OUTAGE, "partial": style.PARTIAL}


def _kind(trend: Trend, place: int) -> str:
    """Say whether a bucket is an outage, partial, or whole (empty)."""
    share = trend.covered[place]
    if share == 0 or (trend.lines and all(line.packets[place] is None for line in trend.lines)):
        return "outage"
    return "partial" if share is not None and share < 1 - NOTABLE else ""


def _shade(trend: Trend, reach: tuple[int, int], band: Band) -> Spec:
    edges = minute(band.start), minute(band.end)
    return _stretch(trend, reach, edges, band.text, band.colour)


def _stretch(trend: Trend, reach: tuple[int, int], edges: tuple[int, int], text: str, colour: str) -> Spec:
    """Shade around points, each of which stands for its bucket; of a stack, the buckets themselves."""
    low, high = reach
    half = 0 if high == trend.buckets.edges[-1] else (trend.buckets.edges[1] - trend.buckets.edges[0]) / 2
    first, last = (times.minutes(min(max(edge - half, low), high)) for edge in edges)
    return {"start": first, "end": last, "middle": (first + last) // 2, "text": text, "colour": colour}


def _bands(shades: Sequence[Spec], x: Spec) -> list[Spec]:
    if not shades:
        return []
    place: Spec = {
        "color": {"field": "colour", "type": "nominal", "scale": None},
        "tooltip": {"field": "text", "title": " "},
    }
    rect: Spec = {
        "mark": {"type": "rect", "opacity": 0.8},
        "encoding": {"x": x | {"field": "start"}, "x2": {"field": "end"}, **place},
    }
    text: Spec = {
        "transform": [{"filter": "datum.labelled"}],
        "mark": _above(style.FAINT),
        "encoding": {"x": x | {"field": "middle"}, "text": {"field": "text", "type": "nominal"}},
    }
    told: set[str] = set()
    values = []
    for shade in shades:  # the same text once: it says what the colour means
        values.append(shade | {"labelled": shade["text"] not in told})
        told.add(shade["text"])
    return [{"data": {"values": values}, "layer": [rect, text]}]


def _above(colour: str) -> Spec:
    """Text above the drawing."""
    return {"type": "text", "y": -2, "baseline": "bottom", "fontSize": 10, "color": colour}


def event_layers(events: Sequence[Event], x: Spec) -> list[Spec]:
    """Draw events on an axis of time, as layers."""
    if not events:
        return []
    rule: Spec = {
        "mark": {"type": "rule", "color": style.EVENT, "strokeDash": [3, 2]},
        "encoding": {"x": x | {"field": "at"}, "tooltip": {"field": "text", "title": " "}},
    }
    text: Spec = {
        "mark": _above(style.EVENT) | {"align": "left", "dx": 2},
        "encoding": {"x": x | {"field": "at"}, "text": {"field": "text", "type": "nominal"}},
    }
    values = [{"at": times.milliseconds(one.at), "text": one.text} for one in events]
    return [{"data": {"values": values}, "layer": [rule, text]}]
