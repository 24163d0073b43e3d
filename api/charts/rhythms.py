"""Rhythms as lines: the hours of a working day by the source's clock, and the days of the week, each over its mean.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from darkscope.api.charts import style
from darkscope.api.charts.style import Spec
from darkscope.api.charts.words import called, listed, word
from darkscope.api.dimension import Dimension
from darkscope.api.language import WEEKDAY, written_day
from darkscope.api.rhythm import Rhythms
from darkscope.ingest.values import Language

MONDAY = date(2020, 6, 29)


def rhythm_chart(
    rhythms: Rhythms, language: Language, *, title: str | None = None, height: int = 220
) -> Spec:
    """Draw the rhythms of some countries beside each other."""
    names = [called(Dimension.COUNTRIES, row.value, row.label, language) for row in rhythms.rows]
    weekdays = [written_day(MONDAY + timedelta(days=number), WEEKDAY, language) for number in range(7)]
    hours = [(name, _over_mean(row.work_hours)) for name, row in zip(names, rhythms.rows, strict=True)]
    days = [(name, _over_mean(row.weekdays)) for name, row in zip(names, rhythms.rows, strict=True)]
    panels = [
        _panel(
            hours, [str(hour) for hour in range(24)], names, word("hour", language), language, 400, height
        ),
        _panel(days, weekdays, names, word("weekday", language), language, 170, height),
    ]
    return style.whole(
        {"hconcat": panels, "spacing": 24},
        title=title,
        description=word("rhythm_of", language, names=listed(names, language)),
    )


def _over_mean(rates: Sequence[float | None]) -> list[float | None]:
    """Give rates over their mean; None where they are not known, or where there are none."""
    known = [rate for rate in rates if rate is not None]
    mean = sum(known) / len(known) if known else 0
    return [rate / mean if rate is not None and mean else None for rate in rates]


def _panel(
    lines: Sequence[tuple[str, Sequence[float | None]]],
    places: Sequence[str],
    names: Sequence[str],
    title: str,
    language: Language,
    width: int,
    height: int,
) -> Spec:
    scales = style.scales(names)
    values = [
        {"place": place, "rate": rate, "name": name}
        for name, rates in lines
        for place, rate in zip(places, rates, strict=True)
    ]
    legend: Spec = {"orient": "bottom", "symbolOpacity": 1}

    def by_name(channel: str) -> Spec:
        told = None if channel == "strokeDash" else legend
        return {"field": "name", "type": "nominal", "scale": scales[channel], "legend": told, "sort": None}

    x: Spec = {
        "field": "place",
        "type": "ordinal",
        "scale": {"domain": list(places)},
        "axis": {"title": title, "labelAngle": 0},
    }
    y: Spec = {
        "field": "rate",
        "type": "quantitative",
        "axis": {"title": word("usual", language), "format": ".1~f"},
    }
    line: Spec = {
        "mark": {"type": "line", "strokeWidth": 1.6, "invalid": "break-paths-show-domains"},
        "encoding": {"x": x, "y": y, "color": by_name("color"), "strokeDash": by_name("strokeDash")},
    }
    point: Spec = {
        "mark": {"type": "point", "filled": True, "size": 34, "opacity": 1},
        "encoding": {
            "x": x,
            "y": y,
            "color": by_name("color"),
            "shape": by_name("shape"),
            "tooltip": [
                {"field": "name", "title": " "},
                {"field": "place", "title": title},
                {"field": "rate", "type": "quantitative", "format": ".2f", "title": word("usual", language)},
            ],
        },
    }
    return {"width": width, "height": height, "data": {"values": values}, "layer": [point, line]}
