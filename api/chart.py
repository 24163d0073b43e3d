"""Charts for a terminal: bars of Braille dots, two points a character, where a gap can be seen.

Pure: numbers in, lines of text out.
"""

from __future__ import annotations

from collections.abc import Sequence

GAP = "x"
"""Stands under a point that nobody watched."""

_LEFT = (0x40, 0x44, 0x46, 0x47)
_RIGHT = (0x80, 0xA0, 0xB0, 0xB8)
"""Dots of a Braille character (Unicode block 2800) filled from below to height 1, 2, 3, 4, left and right."""


def fit(points: Sequence[float | None], room: int) -> list[float | None]:
    """Spread points over so many columns: a point has one or several, or neighbours share one by their mean.

    Gaps do not count in a mean; a column is a gap where all its points are.
    """
    columns: list[float | None] = []
    for column in range(room if points else 0):
        start, end = column * len(points) // room, (column + 1) * len(points) // room
        seen = [point for point in points[start : max(end, start + 1)] if point is not None]
        columns.append(sum(seen) / len(seen) if seen else None)
    return columns


def axis(names: Sequence[str], room: int) -> str:
    """Write names of points under the bars of these points, as many as there is room for."""
    line = ""
    for index, name in enumerate(names):
        place = -(-index * room // len(names)) // 2
        if line and (place < len(line) + 2 or place + len(name) > room // 2):
            continue
        line = f"{line:<{place}}{name}"
    return line


def bars(columns: Sequence[float | None], height: int, top: float) -> list[str]:
    """Draw columns as bars, highest line first, and under them a line that marks the gaps.

    A column above zero has at least one dot. `top` is the value of a full bar.
    """
    dots = [
        0 if not value or top <= 0 else max(1, min(height * 4, round(value * height * 4 / top)))
        for value in columns
    ]
    dots += [0] * (len(dots) % 2)
    lines = []
    for row in reversed(range(height)):
        line = ""
        for left, right in zip(dots[::2], dots[1::2], strict=True):
            mark = _filled(_LEFT, left - 4 * row) | _filled(_RIGHT, right - 4 * row)
            line += chr(0x2800 + mark) if mark else " "
        lines.append(line.rstrip())
    gaps = [value is None for value in columns] + [False] * (len(columns) % 2)
    under = "".join(GAP if left or right else "─" for left, right in zip(gaps[::2], gaps[1::2], strict=True))
    return [*lines, under]


def _filled(marks: tuple[int, ...], height: int) -> int:
    return marks[min(height, 4) - 1] if height > 0 else 0
