from __future__ import annotations

import re

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from darkscope.ingest.measurements import COVERAGE, EVENTS, PACKETS, SENSORS
from darkscope.ingest.projection.lines import chunks

LINE = re.compile(rb"^sensors(?:,[a-z]+=(?:[^,= \\\n]|\\.)+){5} listed=1i 60$")


def point(**how: object) -> pl.DataFrame:
    given = {
        "sensor": "a",
        "protocol": "tcp",
        "port": "23",
        "country": "JP",
        "packets": 2,
        "bytes": 120,
        **how,
    }
    return pl.DataFrame({"seconds": [60], **{name: [value] for name, value in given.items()}})


def text(points: pl.DataFrame, measurement: object = PACKETS) -> bytes:
    return b"".join(chunk.data for chunk in chunks(points, measurement))


def test_a_point_is_a_line_of_integers_with_sorted_tags() -> None:
    assert text(point()) == b"packets,country=JP,port=23,protocol=tcp,sensor=a packets=2i,bytes=120i 60\n"


def test_what_would_end_a_tag_is_escaped_and_a_backslash_at_its_end_goes() -> None:
    assert b",sensor=a\\ b\\,c\\=d packets" in text(point(sensor="a b,c=d\\"))
    assert b",sensor=x\\ y packets" in text(point(sensor="x\ny"))
    assert b",sensor=none packets" in text(point(sensor=" \\"))
    assert b",sensor=a packets" in text(point(sensor="a \\ \\\u2028"))
    assert b",sensor=a\\b\\ c packets" in text(point(sensor="a\\b\\\\ c"))


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=20))
def test_no_name_of_an_organisation_breaks_its_line(name: str) -> None:
    tags = {"sensor": "a", "organisation": name, "home": "home", "kind": "telescope", "country": "JP"}
    points = pl.DataFrame([{"seconds": 60, **tags, "listed": 1}])
    written = text(points, SENSORS)
    assert written.count(b"\n") == 1
    assert LINE.match(written.rstrip(b"\n"))


def test_a_string_keeps_its_quotes_and_loses_its_line_breaks() -> None:
    given = {
        "seconds": 1,
        "kind": "level",
        "subject": "other",
        "title": 'a "b" \\',
        "text": "c\nd",
        "tags": "e",
    }
    points = pl.DataFrame({name: [value] for name, value in given.items()})
    assert (
        text(points, EVENTS)
        == b'events,kind=level,subject=other title="a \\"b\\" \\\\",text="c d",tags="e" 1\n'
    )


def test_a_field_without_a_value_is_left_out() -> None:
    fields = dict.fromkeys(COVERAGE.field_names, None) | {"watched": 60}
    points = pl.DataFrame(
        {"seconds": [60], "sensor": ["a"], **{name: [value] for name, value in fields.items()}}
    )
    assert text(points, COVERAGE) == b"coverage,sensor=a watched=60i 60\n"


def test_requests_have_as_many_points_as_was_asked_for() -> None:
    many = pl.concat([point(packets=number) for number in range(7)])
    found = list(chunks(many, PACKETS, 3))
    assert [chunk.points for chunk in found] == [3, 3, 1]
    assert [chunk.data.count(b"\n") for chunk in found] == [3, 3, 1]
    assert sum(b"packets=6i" in chunk.data for chunk in found) == 1


def test_nothing_is_no_request() -> None:
    assert list(chunks(point().clear(), PACKETS)) == []
