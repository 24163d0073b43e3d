from __future__ import annotations

import json
import re
import struct
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import altair
import pytest

from darkscope.api.breadth import Seen, judge
from darkscope.api.charts import drawing, times
from darkscope.api.charts.answers import chart, picture
from darkscope.api.charts.style import COLOURS, DASHES, MARKS, Spec
from darkscope.api.charts.timelines import timeline_chart
from darkscope.api.charts.trends import Band, Event, trend_chart
from darkscope.api.charts.world import world_chart
from darkscope.api.dimension import Dimension
from darkscope.api.formats import Format, UnwrittenError
from darkscope.api.language import country_name
from darkscope.api.periods import Buckets, Window, instant, minute, parse_period
from darkscope.api.ranking import Provenance, Ranking, Row
from darkscope.api.rhythm import Rhythms, Verdict
from darkscope.api.rhythm import Row as RhythmRow
from darkscope.api.roster import Coverage, Strip
from darkscope.api.spread import Row as SpreadRow
from darkscope.api.spread import Spread
from darkscope.api.store import Filter
from darkscope.api.trend import Line, Trend
from darkscope.ingest.values import Language

TOKYO = ZoneInfo("Asia/Tokyo")
START = minute(datetime(2020, 4, 25, 15, tzinfo=UTC))
DAYS = Buckets(TOKYO, "day", tuple(START + 1440 * day for day in range(8)))
PROVENANCE = Provenance(
    7, parse_period("2020-Q2", TOKYO, datetime(2020, 8, 1, tzinfo=UTC)), Filter(), None, None
)
HOSTILE = "'\"<script>]]>&amp;\\ \N{RIGHT-TO-LEFT OVERRIDE}"
TREND = Trend(
    Dimension.COUNTRIES,
    DAYS,
    (
        Line("VN", "VN Vietnam", (4, 0, None, None, 9, 3, 1)),
        Line("ID", "ID Indonesia", (1, 2, None, None, 5, 6, 7)),
    ),
    covered=(1.0, 1.0, 0.0, 0.0, 0.5, 1.0, None),
    folded=0,
    provenance=PROVENANCE,
)


def row(rank: int, value: str, packets: int, previous: int | None = None, label: str = "") -> Row:
    return Row(rank, value, label or value, packets, 0.5, previous, 3, 1.0, None, None)


RANKING = Ranking(
    Dimension.COUNTRIES,
    30,
    3,
    0,
    (row(1, "RU", 20, 1), row(2, "SG", 8, 3), row(3, "ZZ", 2)),
    PROVENANCE,
)
RHYTHM = RhythmRow(
    "VN", "VN Vietnam", 90, "Asia/Ho_Chi_Minh", 1, Verdict.OFFICE, 0.5, 0.5, 0.5, 0.5, "", 5, 2, 0, 1.0, 1.0, None, 1.0,
    (1.0, None, 2.0, 3.0, 4.0, 5.0, 6.0), (None, *map(float, range(23))), (None,) * 24, (None,) * 24, (),
)  # fmt: skip
ANSWERS = {
    "trend": TREND,
    "ranking": RANKING,
    "rhythms": Rhythms((RHYTHM,), PROVENANCE),
    "breadth": judge(
        [Seen(one, 90, 10, 86400, 86400, 86400, 86400) for one in ("a", "b", "c", HOSTILE)],
        label=str,
        provenance=PROVENANCE,
    ),
    "coverage": Coverage(DAYS, (Strip("a", "a", (1.0, 0.5, 0.0, None, 1.0, 1.0, 1.0)),), PROVENANCE),
    "spread": Spread(
        Dimension.COUNTRIES,
        ("23/TCP",),
        0.5,
        9,
        (SpreadRow(1, "RU", "RU Russia", 70, 9, 4.0, 0.9, "23/TCP", 0.1),),
        PROVENANCE,
    ),
    "nothing": Ranking(Dimension.PORTS, 0, 0, 0, (), PROVENANCE),
}


def validate(spec: Spec) -> None:
    kind = (
        altair.LayerChart if "layer" in spec else altair.HConcatChart if "hconcat" in spec else altair.Chart
    )
    kind.from_dict(spec)


def parts(spec: Any, name: str) -> Iterator[Any]:
    """Everything of a name, anywhere in a specification."""
    if isinstance(spec, dict):
        for key, value in spec.items():
            if key == name:
                yield value
            yield from parts(value, name)
    elif isinstance(spec, list):
        for value in spec:
            yield from parts(value, name)


def rows(spec: Spec, *fields: str) -> list[tuple[Any, ...]]:
    """Rows of the data that have all of some fields."""
    found = [one for values in parts(spec, "values") for one in values if isinstance(one, dict)]
    return [tuple(one[name] for name in fields) for one in found if set(fields) <= set(one)]


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("name", ANSWERS)
def test_every_chart_is_valid_vega_lite_and_can_be_drawn(name: str, language: Language) -> None:
    spec = chart(ANSWERS[name], language)
    validate(spec)
    assert picture(ANSWERS[name], Format.PNG, language).startswith(b"\x89PNG")
    ET.fromstring(drawing.svg(spec))


def test_an_answer_without_a_chart_says_so() -> None:
    with pytest.raises(UnwrittenError, match=r"there is no picture of this answer \(str\)"):
        chart("text", Language.EN)


def test_a_gap_has_no_point_a_zero_has_one_and_a_band_says_why() -> None:
    spec = trend_chart(TREND, Language.EN)
    packets = [count for name, count in rows(spec, "name", "packets") if name == "Vietnam"]
    assert packets == [4, 0, None, None, 9, 3, 1]
    assert {mark["invalid"] for mark in parts(spec, "mark") if mark["type"] == "line"} == {
        "break-paths-show-domains"
    }
    half = 720
    assert rows(spec, "text", "start", "end") == [
        ("nobody watched", *(60_000 * (START + 1440 * day - half) for day in (2, 4))),
        ("some sensors out", *(60_000 * (START + 1440 * day - half) for day in (4, 5))),
    ]
    drawn = drawing.svg(spec)
    lines = re.findall(r'aria-roledescription="line mark"[^>]* d="([^"]+)"', drawn)
    assert [path.count("M") for path in lines] == [2, 2]


def test_a_stack_has_its_bands_where_its_buckets_are() -> None:
    spec = trend_chart(TREND, Language.EN, stacked=True)
    validate(spec)
    assert rows(spec, "text", "start", "end")[0] == (
        "nobody watched",
        *(60_000 * (START + 1440 * day) for day in (2, 4)),
    )


def test_a_point_that_stands_alone_has_a_mark() -> None:
    lonely = Trend(
        Dimension.PORTS,
        Buckets(TOKYO, "day", tuple(START + 1440 * day for day in range(101))),
        (Line("23/TCP", "23/TCP", (*(None,) * 50, 8, *(None,) * 49)),),
        (0.0,) * 100,
        0,
        PROVENANCE,
    )
    marked = [
        count for count, is_marked in rows(trend_chart(lonely, Language.EN), "packets", "marked") if is_marked
    ]
    assert marked == [8]


def test_series_differ_in_colour_dash_and_mark_and_are_named_in_the_readers_language() -> None:
    spec = trend_chart(TREND, Language.JA)
    scales = {json.dumps(one["scale"]) for name in ("color", "strokeDash", "shape") for one in parts(spec, name)
              if isinstance(one, dict) and "scale" in one and one["scale"]}  # fmt: skip
    names = ["ベトナム", "インドネシア"]
    assert scales == {
        json.dumps({"domain": names, "range": list(kind[:2])}) for kind in (COLOURS, DASHES, MARKS)
    }


def test_bands_and_events_that_are_given_are_drawn() -> None:
    spec = trend_chart(
        TREND,
        Language.EN,
        bands=[Band(datetime(2020, 4, 26, 15, tzinfo=UTC), datetime(2020, 4, 27, 15, tzinfo=UTC), HOSTILE)],
        events=[Event(datetime(2020, 4, 28, tzinfo=UTC), HOSTILE)],
    )
    validate(spec)
    texts = [
        element.text for element in ET.fromstring(drawing.svg(spec)).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert texts.count(HOSTILE) == 2


def test_marks_of_time_stand_at_the_readers_midnights() -> None:
    def told(period: str, language: Language, zone: ZoneInfo = TOKYO) -> list[tuple[str, ...]]:
        window = parse_period(period, zone, datetime(2021, 8, 1, tzinfo=UTC)).window
        found = times.marks_of(window, zone, language)
        assert all(window.start <= mark.at < window.end for mark in found)
        assert [mark.at.astimezone(zone).minute for mark in found] == [0] * len(found)
        return [mark.words for mark in found]

    assert told("2020-Q2", Language.JA) == [
        (text,) for text in ("4/1", "4/11", "4/21", "5/1", "5/11", "5/21", "6/1", "6/11", "6/21")
    ]
    assert told("2020-06-29/2020-07-02", Language.EN) == [
        ("29 Jun", "Mon"), ("30", "Tue"), ("1 Jul", "Wed"), ("2", "Thu"),
    ]  # fmt: skip
    assert told("2020-06-24", Language.EN)[:2] == [("0:00", "24 Jun"), ("3:00",)]
    assert told("2020", Language.EN)[-1] == ("December 2020",)
    lisbon = ZoneInfo("Europe/Lisbon")  # 2020-03-29 has 23 hours, and no 1:00
    assert [words[0] for words in told("2020-03-29", Language.EN, lisbon)] == [
        "0:00", "3:00", "6:00", "9:00", "12:00", "15:00", "18:00", "21:00",
    ]  # fmt: skip


def test_words_of_time_are_drawn_as_they_were_written() -> None:
    drawn = drawing.svg(trend_chart(TREND, Language.JA))
    assert [word for word in ("4/26", "27", "日", "月", "5/1", "金") if f">{word}<" not in drawn] == []


def test_every_country_is_on_the_map_also_a_small_one_and_an_unknown_place_is_not() -> None:
    spec = world_chart(RANKING, Language.JA)
    validate(spec)
    marks = rows(spec, "name", "longitude", "latitude")
    assert marks == [("シンガポール", 103.85, 1.283)]
    assert rows(spec, "id", "name", "packets") == [("643", "ロシア", 20), ("702", "シンガポール", 8)][:1]
    drawn = drawing.svg(spec)
    assert drawn.count('aria-roledescription="circle"') == 1


def test_countries_are_called_as_reports_call_them() -> None:
    assert [country_name(code, Language.JA) for code in ("US", "RU", "NL", "TW", "GB", "ZZ", "QQ")] == [
        "米国", "ロシア", "オランダ", "台湾", "英国", "不明", "QQ",
    ]  # fmt: skip
    assert [country_name(code, Language.EN) for code in ("US", "HK", "VN")] == [
        "United States", "Hong Kong", "Vietnam",
    ]  # fmt: skip


def test_two_drawings_of_one_answer_are_the_same_bytes() -> None:
    assert {picture(TREND, Format.SVG, Language.JA) for _ in range(3)} == {
        picture(TREND, Format.SVG, Language.JA)
    }
    assert picture(TREND, Format.PNG, Language.JA) == picture(TREND, Format.PNG, Language.JA)


def test_a_specification_that_points_elsewhere_fetches_nothing() -> None:
    spec = {"data": {"url": "http://127.0.0.1:9/data.json"}, "mark": "point", "encoding": {}}
    with pytest.raises(ValueError, match="not allowed"):
        drawing.svg(spec)


def pixels(text: str) -> bytes:
    """A PNG's picture of a text, decompressed."""
    data = drawing.png({"data": {"values": [{}]}, "mark": {"type": "text", "text": text, "fontSize": 40},
                        "width": 60, "height": 60, "config": {"font": "Noto Sans JP"}})  # fmt: skip
    place, chunks = 8, b""
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        chunks += data[place + 8 : place + 8 + length] if kind == b"IDAT" else b""
        place += 12 + length
    return zlib.decompress(chunks)


def test_japanese_letters_are_drawn_and_not_the_box_of_a_missing_one() -> None:
    missing = pixels("\U0010fffd")
    drawn = [pixels(letter) for letter in ("観", "測", "あ", "ン", "米")]
    assert len({*drawn, missing, pixels(" ")}) == 7


def test_a_window_of_half_an_hour_has_an_axis() -> None:
    window = Window(datetime(2020, 6, 1, 0, 10, tzinfo=UTC), datetime(2020, 6, 1, 0, 40, tzinfo=UTC))
    assert times.axis(window, TOKYO, Language.EN)["values"] == []


def test_a_timeline_has_a_bar_a_day_and_shades_a_day_that_nobody_watched() -> None:
    starts = [instant(START + 1440 * day).astimezone(TOKYO) for day in range(3)]
    event = Event(starts[1], HOSTILE)
    spec = timeline_chart(starts, [0, None, 5], TOKYO, Language.JA, unit="件数", events=[event])
    validate(spec)
    assert rows(spec, "when", "count") == [("2020-04-26", 0), ("2020-04-27", None), ("2020-04-28", 5)]
    drawn = ET.fromstring(drawing.svg(spec))
    assert HOSTILE in [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    validate(timeline_chart([], [], TOKYO, Language.EN, unit="requests"))


def test_a_bucket_of_some_hours_is_named_on_its_axis() -> None:
    quarters = replace(DAYS, step="6h", edges=tuple(START + 360 * number for number in range(8)))
    titles = {
        language: [
            axis.get("title")
            for axis in parts(trend_chart(replace(TREND, buckets=quarters), language), "axis")
        ]
        for language in Language
    }
    assert "パケット数（6時間あたり）" in titles[Language.JA]
    assert "packets every 6 hours" in titles[Language.EN]


def test_a_picture_that_nobody_could_read_is_not_drawn() -> None:
    many = tuple(row(rank, f"V{rank}", 1) for rank in range(1, 102))
    with pytest.raises(UnwrittenError, match="a picture has 20,000 figures, and 100 rows of a list, at most"):
        picture(replace(RANKING, rows=many), Format.PNG, Language.EN)
    buckets = replace(DAYS, edges=tuple(START + number for number in range(10_001)))
    long = replace(
        TREND,
        buckets=buckets,
        covered=(1.0,) * 10_000,
        lines=tuple(replace(line, packets=(1,) * 10_000) for line in TREND.lines),
    )
    with pytest.raises(UnwrittenError, match="a coarser step"):
        picture(long, Format.SVG, Language.EN)
