"""What stands above and below an answer on a terminal: what it is about, and where it came from."""

from __future__ import annotations

from rich.console import Group
from rich.text import Text

from darkscope.api.periods import Window
from darkscope.api.ranking import Provenance
from darkscope.api.watch import Watch

NAMED = 5
"""Sensors with outages that are named; of more there is the number."""


def heading(title: str, provenance: Provenance) -> Text:
    """Say what was asked, in one line."""
    period = provenance.period
    narrowed = "".join(f", {name} {' '.join(texts)}" for name, texts in provenance.where.texts().items())
    return Text(f"{title}, {period.text}{narrowed}", style="bold")


def around(provenance: Provenance) -> Group:
    """Say what the figures rest on: time, sensors, coverage, ledger."""
    period = provenance.period
    zone = period.zone.key
    lines = [f"{_span(period.window, provenance)} ({zone}); {_watched(provenance.now)}"]
    if provenance.before is not None:
        lines.append(f"before: {_span(period.previous, provenance)}; {_watched(provenance.before)}")
    lines.append(f"ledger version {provenance.ledger_version}")
    return Group(*(Text(line, style="dim") for line in lines))


def _span(window: Window, provenance: Provenance) -> str:
    start, end = (moment.astimezone(provenance.period.zone) for moment in (window.start, window.end))
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"


def _watched(watch: Watch | None) -> str:
    if watch is None or watch.share is None:
        return "no sensor"
    sensors = f"{len(watch.sensors)} sensor{'s' if len(watch.sensors) != 1 else ''}"
    text = f"{sensors}, {watch.share:.1%} of their time watched"
    if not watch.outages:
        return text
    named = ", ".join(watch.outages[:NAMED])
    more = len(watch.outages) - NAMED
    return f"{text}; outages: {named}{f' and {more} more' if more > 0 else ''}"
