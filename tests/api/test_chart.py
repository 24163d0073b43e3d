from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from darkscope.api.chart import axis, bars, fit

POINTS = st.lists(st.none() | st.integers(0, 10**12), min_size=1, max_size=300)


def test_bars_stand_side_by_side_two_a_character() -> None:
    assert bars([8, 4, 1, 0, 8], 2, 8) == ["⡇ ⡇", "⣿⡀⡇", "───"]


def test_a_gap_is_marked_and_a_zero_is_not() -> None:
    assert bars([4, None, 0, 0], 1, 4) == ["⡇", "x─"]


def test_something_is_never_drawn_as_nothing() -> None:
    assert bars([1, 10**9], 1, 10**9) == ["⣸", "─"]


def test_points_fill_the_room() -> None:
    assert fit([1, None, 3], 7) == [1, 1, 1, None, None, 3, 3]


def test_neighbours_share_a_column_by_their_mean_and_gaps_do_not_count() -> None:
    assert fit([2, 4, None, 6, None, None, 8], 4) == [2, 4, 6, 8]
    assert fit([2, 4, None, None, 6, None], 3) == [3, None, 6]


def test_the_axis_names_points_under_their_bars() -> None:
    assert axis(["06-24", "06-25", "06-26", "06-27"], 64) == "06-24   06-25   06-26   06-27"
    assert axis(["06-24", "06-25", "06-26", "06-27"], 30) == "06-24  06-26"


@given(POINTS, st.integers(20, 200), st.integers(1, 6))
def test_a_chart_keeps_to_its_room(points: list[int | None], room: int, height: int) -> None:
    columns = fit(points, room)
    assert len(columns) == room
    lines = bars(columns, height, max((point for point in points if point), default=0))
    assert len(lines) == height + 1
    assert max(map(len, lines)) <= (room + 1) // 2
    assert len(axis(["2020-06-24"] * len(points), room)) <= max(10, room // 2)
    if len(points) >= room:
        assert (None in columns) <= (None in points)
    else:
        assert set(points) == set(columns)
