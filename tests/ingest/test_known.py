"""What the ledger knows of captures: time that is taken, narrowed where rotation overlaps, free where forgotten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgers import DAY, NOON, NOW, SECOND, Site, day, ramp, read

from darkscope.ingest.capture.frames import NO_TIME
from darkscope.ingest.known import BRANCH, MANY, SILENCE, TOLERANCE, Known, Span, capture_day
from darkscope.ingest.ledger.expiry import forget
from darkscope.ingest.ledger.upkeep import keep_up
from darkscope.ingest.series import CAPTURES

BEGIN = NOON * SECOND


@pytest.fixture
def known(tmp_path: Path) -> Known:
    return asked(Site(tmp_path / "ledger"))


def asked(site: Site) -> Known:
    """What an empty ledger knows, asked once: what is added before is looked for in the ledger as well."""
    known = Known(site.ledger.snapshot())
    known.taken("a", "", "me", BEGIN, BEGIN + DAY * SECOND)
    return known


def span(first: float, last: float, capture: str = "x", *, taken: int = 0, point: str = "") -> Span:
    """Time of a capture in seconds after noon."""
    return Span("a", point, capture, BEGIN + int(first * SECOND), BEGIN + int(last * SECOND), taken)


def taken(
    known: Known, low: float, high: float, capture: str = "me", *also: Span
) -> list[tuple[float, float]]:
    """Seconds after noon that other captures have."""
    spans = known.taken("a", "", capture, BEGIN + int(low * SECOND), BEGIN + int(high * SECOND), also)
    return [((first - BEGIN) / SECOND, (last - BEGIN) / SECOND) for first, last in spans.tolist()]


def test_nothing_is_taken_in_an_empty_ledger(known: Known) -> None:
    assert taken(known, 0, 100) == []


def test_a_span_is_narrowed_by_the_tolerance_on_both_sides(known: Known) -> None:
    known.add([span(0, 60)])
    assert taken(known, 0, 100) == [(5, 55)]


def test_a_span_as_short_as_twice_the_tolerance_takes_one_moment_and_a_shorter_one_none(known: Known) -> None:
    known.add([span(0, 10), span(20, 29.9, "y")])
    assert taken(known, 0, 100) == [(5, 5)]


def test_a_capture_does_not_overlap_itself(known: Known) -> None:
    known.add([span(0, 60)])
    assert taken(known, 0, 100, "x") == []


def test_readings_of_one_capture_are_one_span(known: Known) -> None:
    known.add(span(second, second + 1) for second in range(0, 60, 2))
    assert taken(known, 0, 100) == [(5, 54)]


def test_captures_that_meet_are_narrowed_at_their_outer_ends_alone(known: Known) -> None:
    known.add([span(0, 60), span(58, 120, "y"), span(121, 180, "z")])
    assert taken(known, 0, 200) == [(5, 115), (126, 175)]


def test_what_meets_just_outside_the_question_counts_for_its_edge(known: Known) -> None:
    known.add([span(0, 60), span(60, 120, "y")])
    assert taken(known, 61, 70) == [(5, 115)]


def test_a_silence_of_more_than_an_hour_parts_the_readings_of_a_capture(known: Known) -> None:
    hour = 3600
    known.add([span(0, hour), span(hour + SILENCE / SECOND + 1, 30 * hour)])
    assert taken(known, 0, 20 * hour) == [(5, hour - 5), (hour + SILENCE / SECOND + 6, 30 * hour - 5)]


def test_a_capture_that_begins_like_another_is_no_rotation(known: Known) -> None:
    known.add([span(0, 60)])
    assert taken(known, 0, 100, "x" + BRANCH, span(0, 60)) == [(0, 60)]


def test_other_points_and_sensors_are_free(known: Known) -> None:
    known.add([span(0, 60, point="eth1")])
    assert taken(known, 0, 100) == []
    assert known.taken("b", "eth1", "me", BEGIN, BEGIN + 100 * SECOND).tolist() == []


def test_captures_of_the_same_batch_count(known: Known) -> None:
    assert taken(known, 0, 100, "me", span(0, 60)) == [(5, 55)]


def test_a_capture_that_goes_on_in_the_batch_is_not_narrowed_where_the_batch_begins(known: Known) -> None:
    known.add([span(0, 60)])
    assert taken(known, 0, 200, "me", span(60.01, 100), span(60.01, 100, point="other")) == [(5, 95)]
    assert taken(known, 0, 200, "me") == [(5, 55)]


def test_what_the_ledger_holds_is_found_whatever_was_asked_before(tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    worker = site.worker()
    for number in range(4):
        read(worker, ramp(number * DAY, 61), f"/spool/a/{number}.pcap")
        worker.commit()
    known = Known(site.ledger.snapshot())
    for number in (2, 0, 3, 1):
        low = number * DAY
        assert taken(known, low, low + 100) == [(low + 5, low + 55)]


CHANGES: dict[str, Callable[[Site], object]] = {
    "a capture": lambda site: site.take(ramp(2 * DAY, 61), "/spool/a/4.pcap"),
    "a capture of another sensor": lambda site: site.take(ramp(3, 61), "/spool/b/1.pcap"),
    "a capture that grew": lambda site: site.take(ramp(0, 90), "/spool/a/0.pcap"),
    "upkeep": lambda site: keep_up(site.ledger, "two", NOW),
    "a day forgotten": lambda site: forget(site.ledger, "w", "a", day("2020-06-24"), day("2020-06-24"), NOW),
}


@pytest.mark.parametrize("many", [0, MANY])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_came_to_a_newer_state_is_known_as_if_it_was_looked_at_afresh(
    tmp_path: Path, change: Callable[[Site], object], many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkscope.ingest.known.MANY", many)
    site = Site(tmp_path / "ledger")
    for number in range(3):
        site.take(ramp(number * DAY // 2, 61), f"/spool/a/{number}.pcap")
    before = site.ledger.snapshot()
    known = Known(before)

    def said(known: Known) -> list[object]:
        times = [taken(known, low, low + 100) for low in range(0, 3 * DAY, DAY // 2)]
        rows = [known.readings(head, BEGIN + half * DAY // 2 * SECOND) for half in range(5) for head in heads]
        return [known.latest, times, rows, known.holes("a")]

    heads = sorted({row["head"] for row in site.rows(CAPTURES)})
    first = said(known)
    change(site)
    now = site.ledger.snapshot()
    plans = site.ledger.plans_since(before, now)
    assert plans
    assert said(known.moved_on(now, plans)) == said(Known(now)) == said(known.moved_on(now, None))
    assert said(known) == first  # what it was copied from is as it was


def test_a_forgotten_day_is_free_until_it_is_read_again(tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    site.take(ramp(-DAY, 73, 3600), "/spool/a/1.pcap")
    forget(site.ledger, "w", "a", day("2020-06-24"), day("2020-06-24"), NOW + timedelta(minutes=1))
    half = DAY // 2
    known = Known(site.ledger.snapshot())
    free = taken(known, -DAY, 2 * DAY)
    assert [(round(first), round(last)) for first, last in free] == [
        (-DAY + 5, -half - 5),
        (half + 5, 2 * DAY - 5),
    ]


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 60), st.sampled_from("uvwxyz")), max_size=12),
    st.integers(0, 300),
    st.integers(0, 100),
)
def test_taken_time_is_sorted_apart_and_within_the_spans(
    tmp_path_factory: pytest.TempPathFactory, spans: list[tuple[int, int, str]], low: int, length: int
) -> None:
    if not KNOWN:
        KNOWN.append(Site(tmp_path_factory.mktemp("known") / "ledger"))
    known = asked(KNOWN[0])
    known.add(span(first, first + size, capture) for first, size, capture in spans)
    found = taken(known, low, low + length)
    assert all(first <= last for first, last in found)
    assert all(one[1] < other[0] for one, other in pairwise(found))
    if spans:
        lowest = min(first for first, _, _ in spans)
        highest = max(first + size for first, size, _ in spans)
        margin = TOLERANCE // SECOND
        assert all(lowest + margin <= first and last <= highest - margin for first, last in found)


KNOWN: list[Site] = []


@pytest.mark.parametrize("time", [NO_TIME, 0, -1, (1 << 63) - 1])
def test_a_capture_whose_first_time_nobody_believes_is_of_the_first_day(time: int) -> None:
    assert capture_day(time) == date(1970, 1, 1)


def test_a_capture_is_of_the_utc_day_of_its_first_frame() -> None:
    midnight = (NOON - DAY // 2) * SECOND
    assert (capture_day(midnight), capture_day(midnight - 1)) == (day("2020-06-24"), day("2020-06-23"))
