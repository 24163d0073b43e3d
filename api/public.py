"""What can be shown to anyone without giving sensors away: which questions, and what of their answers.

Pure. Who sends packets of a kind of his own to address after address, and may look which of them were counted, finds
the sensors (Bethencourt, Franklin, Vernon: Mapping Internet Sensors with Probe Response Attacks, 2005). What is told
here is late, by the day, and of many packets, so that this takes long and much; docs/privacy.md says what is left.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from darkscope.api.ask import Question
from darkscope.api.dimension import Dimension
from darkscope.api.formats import Answer
from darkscope.api.periods import DAY, Window
from darkscope.api.ranking import Provenance, Ranking
from darkscope.api.selection import Selection
from darkscope.api.trend import Trend

DIMENSIONS = (
    Dimension.PORTS,
    Dimension.COUNTRIES,
    Dimension.OWNERS,
    Dimension.TOOLS,
    Dimension.CLASSES,
)
"""What may be ranked and followed: nothing of sensors."""

STEPS = ("day", "week", "month", "quarter")
"""Lengths of buckets: no finer ones."""


class NotPublic(Exception):
    """The question is not for everybody; the message says what would be."""


def check(question: Question, step: str, now: datetime, delay: timedelta) -> None:
    """Refuse a question whose answer could give sensors away. `step` is its finest bucket. Raises NotPublic."""
    if question.dimension not in DIMENSIONS:
        raise NotPublic(f"public are {', '.join(DIMENSIONS)}")
    if question.selection != Selection():
        raise NotPublic("public answers are of all telescopes: no sensors can be chosen")
    if question.where.owners is not None:
        raise NotPublic(
            "public answers are not narrowed to owners: whoever is one could watch his own packets"
        )
    if step not in STEPS:
        raise NotPublic(f"public steps are {', '.join(STEPS)}")
    for window in (question.period.window, question.period.previous):
        _check_window(window, now - delay)


def _check_window(window: Window, last: datetime) -> None:
    if any(minute % DAY for minute in window.minutes):
        raise NotPublic("public periods are whole UTC days, like 2020-06-24 or 2020-Q2")
    if window.end > last:
        raise NotPublic(f"public are periods that ended by {last:%Y-%m-%dT%H:%MZ}")


def published(answer: Answer, least: int) -> Answer:
    """Give of an answer what is public: values of at least so many packets, and nothing of sensors.

    Raises NotPublic where that is nothing.
    """
    match answer:
        case Ranking():
            return _ranking(answer, least)
        case Trend():
            return _trend(answer, least)
    raise NotPublic(f"a {type(answer).__name__.lower()} is not public")


def _ranking(ranking: Ranking, least: int) -> Ranking:
    if ranking.packets < least:
        raise NotPublic(f"fewer than {least} packets are not public")
    rows = tuple(
        replace(
            row,
            per_sensor_day=None,
            change=None,
            per_address_day=None,
            targets=None,
            targets_error=None,
            targets_saturated=None,
            previous_rank=row.previous_rank if row.previous_packets >= least else None,
            previous_packets=row.previous_packets if row.previous_packets >= least else 0,
        )
        for row in ranking.rows
        if row.packets >= least
    )
    return replace(ranking, rows=rows, provenance=_unnamed(ranking.provenance))


def _trend(trend: Trend, least: int) -> Trend:
    if trend.by in (Dimension.SENSORS, Dimension.ORGANISATIONS):
        raise NotPublic(f"what is split by {trend.by} is not public")
    lines = tuple(line for line in trend.lines if sum(count or 0 for count in line.packets) >= least)
    if not lines:
        raise NotPublic(f"fewer than {least} packets are not public")
    return replace(
        trend, lines=lines, covered=(None,) * len(trend.covered), provenance=_unnamed(trend.provenance)
    )


def _unnamed(provenance: Provenance) -> Provenance:
    """Without who observed: an outage that is known from elsewhere would tell where a sensor is."""
    return replace(provenance, now=None, before=None)
