"""`darkscope coverage`: when each sensor watched."""

from __future__ import annotations

from datetime import time

from rich.console import Group, RenderableType
from rich.text import Text

from darkscope.api import chart
from darkscope.api.command import options
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import Dimension
from darkscope.api.roster import Coverage

MARKS = ((0.999, "█"), (0.5, "▓"), (0.001, "░"), (0.0, "x"))
"""What stands for a bucket of which at least such a share was watched."""


@options.asks(period="24h", what=Dimension.SENSORS)
def coverage(asking: options.Asking, step: options.Step = "hour") -> None:
    """Say how much of each bucket each sensor watched."""
    asking.tell(lambda observer, question: observer.coverage(question, step), drawn)


def drawn(coverage: Coverage, width: int) -> RenderableType:
    """Draw a strip for each sensor, all on one axis of time."""
    margin = max((len(strip.label) for strip in coverage.strips), default=0)
    room = max(10, width - margin - 1)
    parts: list[RenderableType] = [heading("Coverage", coverage.provenance)]
    for strip in coverage.strips:
        shares = chart.fit(strip.covered, room)
        parts.append(
            Text.assemble((f"{strip.label:>{margin}} ", "bold"), ("".join(map(_mark, shares)), "cyan"))
        )
    midnights = all(start.time() == time() for start in coverage.buckets.starts)
    shape = "%Y-%m-%d" if midnights else "%m-%d %H:%M"
    axis = chart.axis([f"{start:{shape}}" for start in coverage.buckets.starts], 2 * room)
    legend = "█ watched  ▓ more than half  ░ less  x not at all  · the sensor did not exist"
    parts += [Text(f"{'':>{margin}} {axis}", style="dim"), Text(legend, style="dim")]
    return Group(*parts, around(coverage.provenance))


def _mark(share: float | None) -> str:
    if share is None:
        return "·"
    return next(mark for least, mark in MARKS if share >= least)
