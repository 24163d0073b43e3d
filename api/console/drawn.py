"""Small pictures in a line of text or a table: sparklines, bars, strips of coverage. SVG without styles or scripts.

Pure. Colours come from the style sheet by class, so a picture follows the theme; what is not known is a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from markupsafe import Markup

from darkscope.api.watch import NOTABLE

SPARK_WIDTH, SPARK_HEIGHT = 96, 22
BAR_WIDTH = 60
STRIP_HEIGHT = 12
HOURS_HEIGHT = 44

ABSENT = "absent"
"""What a sensor is where it did not exist."""


def spark(values: Sequence[float | None]) -> Markup:
    """Draw a line over time, with the area below it; a gap where a value is not known."""
    most = max((value for value in values if value is not None), default=0) or 1
    step = SPARK_WIDTH / max(1, len(values) - 1)
    line, area = [], []
    for known, group in groupby(enumerate(values), key=lambda one: one[1] is not None):
        if not known:
            continue
        run = [
            (place * step, SPARK_HEIGHT - 1.5 - (value or 0) / most * (SPARK_HEIGHT - 3))
            for place, value in group
        ]
        (first, height), (last, _) = run[0], run[-1]
        if len(run) == 1:  # one value between gaps: a short stroke
            line.append(f"M{first - 0.7:.1f} {height:.1f}h1.4")
            continue
        points = "L".join(f"{x:.1f} {y:.1f}" for x, y in run)
        line.append(f"M{points}")
        area.append(f"M{first:.1f} {SPARK_HEIGHT}L{points}L{last:.1f} {SPARK_HEIGHT}Z")
    return Markup(
        '<svg class="spark" viewBox="0 0 {0} {1}" width="{0}" height="{1}" preserveAspectRatio="none" '
        'aria-hidden="true"><path class="area" d="{2}"/><path class="line" d="{3}"/></svg>'
    ).format(SPARK_WIDTH, SPARK_HEIGHT, "".join(area), "".join(line))


def bar(part: float | None) -> Markup:
    """Draw a share as a bar of a fixed length."""
    width = round(max(0.0, min(1.0, part or 0.0)) * BAR_WIDTH, 1)
    return Markup(
        '<svg class="share" viewBox="0 0 {0} 6" width="{0}" height="6" aria-hidden="true">'
        '<rect class="rest" width="{0}" height="6"/><rect class="part" width="{1}" height="6"/></svg>'
    ).format(BAR_WIDTH, width)


def strip(covered: Sequence[float | None]) -> Markup:
    """Draw when a sensor watched: whole, in part, not at all, or did not exist. Equal neighbours are one piece."""
    piece = Markup('<rect class="{}" x="{}" width="{}" height="{}"/>')
    pieces, place = [], 0
    for kind, group in groupby(map(_kind, covered)):
        length = len(list(group))
        if kind != ABSENT:
            pieces.append(piece.format(kind, place, length, STRIP_HEIGHT))
        place += length
    return Markup(
        '<svg class="strip" viewBox="0 0 {} {}" height="{}" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(max(1, place), STRIP_HEIGHT, STRIP_HEIGHT, Markup("").join(pieces))


def _kind(share: float | None) -> str:
    if share is None:
        return ABSENT
    if share >= 1 - NOTABLE:
        return "whole"
    return "partly" if share > 0 else "outage"


def hours(rates: Sequence[float | None], marked: range = range(0)) -> Markup:
    """Draw a bar for each hour of the day, or each day of the week; marked ones in another colour."""
    most = max((rate for rate in rates if rate is not None), default=0) or 1
    piece = Markup('<rect class="{}" x="{}" y="{:.1f}" width="6" height="{:.1f}"/>')
    bars = []
    for place, rate in enumerate(rates):
        height = (rate or 0) / most * (HOURS_HEIGHT - 2)
        kind = "part" if place in marked else "rest"
        bars.append(piece.format(kind, place * 8 + 1, HOURS_HEIGHT - height, height))
    return Markup(
        '<svg class="hours" viewBox="0 0 {0} {1}" width="{0}" height="{1}" aria-hidden="true">{2}</svg>'
    ).format(8 * len(rates), HOURS_HEIGHT, Markup("").join(bars))
