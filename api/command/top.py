"""`darkscope top`: the leading values of a period, with their ranks in the period before."""

from __future__ import annotations

from typing import Annotated

import typer
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from darkscope.api.command import options
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import Dimension
from darkscope.api.ranking import CLASSES, Ranking, Row
from darkscope.api.watch import Watch

NOTABLE = 0.001
"""Share of packets from which on it is said that they say less of their source than others."""


@options.asks(period="24h")
def top(
    asking: options.Asking,
    limit: options.Limit = 10,
    sources: options.Sources = None,
    targets: Annotated[
        bool, typer.Option("--targets", help="Estimate how many addresses of the sensors packets went to.")
    ] = False,
) -> None:
    """Rank ports, countries, owners, tools, sensors, classes or organisations by packets."""
    asking.tell(
        lambda observer, question: observer.top(question, limit, sources, with_targets=targets), drawn
    )


TITLES = {
    Dimension.PORTS: "Destination ports",
    Dimension.COUNTRIES: "Source countries",
    Dimension.OWNERS: "Source networks",
    Dimension.TOOLS: "Tools",
    Dimension.SENSORS: "Sensors",
    Dimension.CLASSES: "Classes",
    Dimension.ORGANISATIONS: "Organisations",
}


def drawn(ranking: Ranking, _width: int) -> RenderableType:
    """Draw a ranking as a table for people."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("#", "before"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(ranking.dimension.value)
    for name in ("packets", "share", "per sensor\nand day"):
        table.add_column(name, justify="right", no_wrap=True)
    with_sources = any(row.sources is not None for row in ranking.rows)
    if with_sources:
        table.add_column("sources", justify="right", no_wrap=True)
    with_targets = any(row.targets is not None for row in ranking.rows)
    if with_targets:
        table.add_column("targets", justify="right", no_wrap=True)
    for row in ranking.rows:
        cells: list[str | Text] = [
            str(row.rank),
            _before(row, ranking.provenance.before),
            Text(row.label),
            f"{row.packets:,}",
            f"{row.share:.1%}",
            "" if row.per_sensor_day is None else f"{row.per_sensor_day:,.1f}",
        ]
        table.add_row(
            *cells, *([_sources(row)] if with_sources else []), *([_targets(row)] if with_targets else [])
        )
    shown = sum(row.packets for row in ranking.rows)
    total = f"{ranking.packets:,} packets, {ranking.values:,} {ranking.dimension.value} in all"
    if shown < ranking.packets:
        total += f"; {shown / ranking.packets:.1%} of the packets shown"
    doubtful = {
        name: sum(row.packets * (getattr(row, name) or 0) for row in ranking.rows) / shown if shown else 0
        for name in CLASSES
    }
    total += "".join(f"; {share:.1%} of those {name}" for name, share in doubtful.items() if share >= NOTABLE)
    if ranking.folded:
        total += f"; {ranking.folded:,} packets are of others, which InfluxDB does not know apart"
    return Group(
        heading(TITLES[ranking.dimension], ranking.provenance), table, Text(total), around(ranking.provenance)
    )


def _before(row: Row, watch: Watch | None) -> str:
    if row.previous_rank is None:
        return "new" if watch and watch.seconds else "-"  # nobody watched: nothing is known about before
    arrow = "↑" if row.rank < row.previous_rank else "↓" if row.rank > row.previous_rank else "="
    return f"{row.previous_rank} {arrow}"


def _sources(row: Row) -> str:
    if row.sources is None:
        return ""
    return _about(row.sources, row.sources_error)


def _targets(row: Row) -> str:
    if row.targets is None:
        return ""
    return f"≥{row.targets:,}" if row.targets_saturated else _about(row.targets, row.targets_error)


def _about(count: int, error: float | None) -> str:
    return f"≈{count:,} ±{error:.1%}" if error else f"{count:,}"
