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


def shrink(points: Sequence[int | None], room: int) -> tuple[list[float | None], int]:
    """Fit points into so many columns by the mean of neighbours; also how many points make one column.

    Gaps do not count in a mean; a column is a gap where all its points are.
    """
    width = max(1, -(-len(points) // room))
    columns: list[float | None] = []
    for start in range(0, len(points), width):
        seen = [point for point in points[start : start + width] if point is not None]
        columns.append(sum(seen) / len(seen) if seen else None)
    return columns, width


def widen(columns: Sequence[float | None], room: int) -> list[float | None]:
    """Repeat each column as often as the room allows."""
    times = max(1, room // max(1, len(columns)))
    return [value for value in columns for _ in range(times)]


def axis(names: Sequence[str], room: int) -> str:
    """Write names of points under the bars of these points, as many as there is room for."""
    columns, merged = shrink([0] * len(names), room)
    times = max(1, room // max(1, len(columns)))
    line = ""
    for index in range(0, len(names), merged):
        place = index // merged * times // 2
        if place >= len(line) + 2 or not line:
            end = place + len(names[index])
            if line and end > room // 2:
                break
            line = f"{line:<{place}}{names[index]}"
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
