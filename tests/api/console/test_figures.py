from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from darkscope.api.console import figures

MINUS, DASH, TIMES = "\N{MINUS SIGN}", "\N{EN DASH}", "\N{MULTIPLICATION SIGN}"


@pytest.mark.parametrize(
    ("number", "written"),
    [
        *((None, DASH), (0, "0"), (7, "7"), (7.25, "7.25"), (41.6, "41.6"), (999, "999")),
        *(
            (9.994, "9.99"),
            (9.996, "10.0"),
            (99.96, "100"),
            (99_960, "100 k"),
            (-9.996, "-10.0"),
            (999.6, "1.00 k"),
        ),
        *((1000, "1.00 k"), (12_345, "12.3 k"), (999_900, "1.00 M"), (4.5e9, "4.50 G"), (2e13, "20.0 T")),
    ],
)
def test_a_short_number_has_three_digits_and_a_unit(number: float | None, written: str) -> None:
    assert figures.short(number) == written


@pytest.mark.parametrize(
    ("part", "written"),
    [
        *((None, DASH), (0.0, "±0 %"), (0.004, "±0 %"), (0.384, "+38 %"), (-0.5, f"{MINUS}50 %")),
        *((8.9, "+890 %"), (11.0, f"{TIMES}12"), (-1.0, f"{MINUS}100 %")),
    ],
)
def test_a_change_has_its_sign_and_many_times_as_much_is_a_multiple(part: float | None, written: str) -> None:
    assert figures.change(part) == written


def test_shares_counts_and_times_say_what_is_not_known() -> None:
    assert [figures.share(part) for part in (None, 0.0, 0.0001, 0.123, 1.0)] == [
        *(DASH, "0.0 %", "<0.1 %", "12.3 %", "100.0 %")
    ]
    assert [figures.count(number) for number in (None, 0, 1234567)] == [DASH, "0", "1,234,567"]
    moment = datetime(2020, 6, 24, 7, 5, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert (figures.moment(None), figures.moment(moment)) == (DASH, "2020-06-24 07:05")


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (-5, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (172_800, "2 d"),
        (1e9, "11,574 d"),
    ],
)
def test_a_stretch_of_time_is_told_in_its_largest_unit(seconds: float, written: str) -> None:
    assert figures.stretch(timedelta(seconds=seconds)) == written


def test_a_stretch_of_time_has_the_units_of_a_language() -> None:
    assert figures.stretch(timedelta(minutes=3), "日 時間 分 秒") == "3 分"
