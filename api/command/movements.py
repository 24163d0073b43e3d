"""`darkscope movements`: which values changed together, or against each other, and when."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from darkscope.api.ask import Observer, Question
from darkscope.api.command import options
from darkscope.api.command.top import TITLES
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import parse_value
from darkscope.api.movements import FEWEST_DAYS, Movements


@options.asks(period="90d")
def movements(asking: options.Asking, value: options.Values = None, limit: options.Limit = 30) -> None:
    """Find which values' levels shifted at the same time, together or against each other."""

    def ask(observer: Observer, question: Question) -> Movements:
        values = [parse_value(question.dimension, text) for text in value or ()]
        return observer.movements(question, values, limit)

    asking.tell(ask, drawn)


def drawn(movements: Movements, _width: int) -> RenderableType:
    """Draw the pairs as a table, then the shifts that stand alone."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("day", "first"):
        table.add_column(name)
    table.add_column("change", justify="right")
    table.add_column("and")
    for name in ("change", "days later", "by chance"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in movements.rows:
        table.add_row(
            f"{row.day}", Text(row.label), _times(row.factor), Text(row.other_label), _times(row.other_factor),
            str(row.lag), f"{row.coincidence:.0%}",
        )  # fmt: skip
    paired = {name for row in movements.rows for name in (row.value, row.other)}
    alone = [
        Text(
            f"alone: {level.label} {', '.join(f'{_times(one.factor)} on {one.day}' for one in level.shifts)}"
        )
        for level in movements.levels
        if level.shifts and level.value not in paired
    ]
    still = sum(not level.shifts for level in movements.levels)
    said = f"{len(movements.levels)} compared, {still} without a shift"
    if movements.days < FEWEST_DAYS:
        said = f"{movements.days} days are too few: each week is compared with the one before"
    title = f"{TITLES[movements.dimension]} that moved together"
    parts: list[RenderableType] = [
        heading(title, movements.provenance),
        *([table] if movements.rows else []),
        *alone,
        Text(said),
    ]
    return Group(*parts, around(movements.provenance))


def _times(factor: float) -> str:
    return f"x{factor:.2f}"
