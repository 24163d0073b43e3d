"""Which ports have a section of their own, and which share one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from darkscope.api.breadth import Verdict
from darkscope.api.phenomena.proposal import Kind, Office, Proposal
from darkscope.api.report.topics import Tie, month_of, stretches, topics

UNRELATED = None
OCTOBER = (date(2020, 10, 1), date(2020, 10, 31))


def proposal(port: str, excess: int = 100, **changes: Any) -> Proposal:
    told: dict[str, Any] = {
        "id": f"{port}-{changes.get('countries', '')}-{changes.get('start', '')}",
        "kind": Kind.ROSE,
        "subject": port,
        "ports": (port,) if port else (),
        "countries": (),
        "start": date(2020, 10, 5),
        "end": None,
        "excess": excess,
        "verdict": Verdict.WIDE,
        "reason": "",
        "spoofable": None,
        "backscatter": None,
        "growth": 2.0,
        **dict.fromkeys(("base", "level", "peak", "factor", "share", "score"), 1.0),
        **dict.fromkeys(("peaks", "compared_sensors", "sharing_sensors"), 8),
        **dict.fromkeys(
            ("regions", "services", "sensors", "tools", "ranks", "relations", "office_hours", "includes"), ()
        ),
    }
    return Proposal(**{**told, **changes})


def nothing_shared(_port: str, _other: str, _since: date) -> float | None:
    return UNRELATED


def ports(proposals: Sequence[Proposal], **how: Any) -> list[tuple[str, ...]]:
    return [topic.ports for topic in topics(proposals, how.pop("overlap", nothing_shared), **how)]


def test_what_rises_widely_at_a_port_has_a_section() -> None:
    told = [
        proposal("23/TCP"),
        proposal("445/TCP", kind=Kind.FELL),
        proposal("80/TCP", verdict=Verdict.LOCAL),
        proposal("22/TCP", verdict=Verdict.UNCLEAR),
        proposal("443/TCP", kind=Kind.ENTERED),
        proposal("", countries=("TW",)),
    ]
    assert ports(told) == [("23/TCP",), ("22/TCP",)]


def test_all_that_is_proposed_of_a_port_is_one_section() -> None:
    (topic,) = topics([proposal("23/TCP"), proposal("23/TCP", 9, countries=("JP",))], nothing_shared)
    assert (len(topic.proposals), topic.countries) == (2, ())
    assert [one.countries for one in topic.leads] == [()]


def test_what_comes_from_one_country_alone_says_so() -> None:
    (topic,) = topics([proposal("5060/UDP", countries=("FR",))], nothing_shared)
    assert topic.countries == ("FR",)


def test_ports_with_the_same_addresses_share_a_section_with_a_third_as_well() -> None:
    shares = {("10000/TCP", "23/TCP"): 0.25, ("10000/TCP", "8080/TCP"): 0.9, ("8080/TCP", "23/TCP"): 0.2}
    told = [
        proposal("23/TCP", 900),
        proposal("8080/TCP", 300),
        proposal("10000/TCP", 20),
        proposal("22/TCP", 10),
    ]
    first, second = topics(told, lambda port, other, _: shares.get((port, other), 0.0))
    assert first.ports == ("23/TCP", "8080/TCP", "10000/TCP")
    assert first.ties == (Tie("10000/TCP", "23/TCP", 0.25), Tie("10000/TCP", "8080/TCP", 0.9))
    assert first.main_ports == ("23/TCP", "8080/TCP")
    assert second.ports == ("22/TCP",)


def test_ports_that_an_analyst_names_together_share_a_section() -> None:
    told = [proposal("23/TCP", 900), proposal("22/TCP", 300), proposal("8080/TCP", 20)]
    assert ports(told, groups=(("23/TCP", "8080/TCP"),)) == [("23/TCP", "8080/TCP"), ("22/TCP",)]


def test_few_questions_are_asked_however_much_is_proposed() -> None:
    asked: list[tuple[str, str]] = []

    def overlap(port: str, other: str, _since: date) -> float | None:
        asked.append((port, other))
        return 0.0

    assert len(ports([proposal(f"{number}/TCP") for number in range(1, 60)], overlap=overlap)) == 5
    assert len(asked) == 8 * 7 / 2


def test_office_hours_are_those_of_all_proposals() -> None:
    hours = (Office("VN", "VN", 0.5, ""), Office("ID", "ID", 0.5, ""))
    (topic,) = topics(
        [proposal("445/TCP", office_hours=hours), proposal("445/TCP", 1, office_hours=hours[:1])],
        nothing_shared,
    )
    assert topic.office == ("VN", "ID")


@pytest.mark.parametrize(
    ("days", "weeks"),
    [
        ([], []),
        ([7], [(4, 10)]),
        ([4, 10, 11], [(4, 17)]),  # Sunday, Saturday, and the Sunday after
        ([7, 21], [(4, 10), (18, 24)]),
        ([1, 31], [(1, 3), (25, 31)]),  # cut to the period
    ],
)
def test_stretches_are_weeks_from_sunday_to_saturday(days: list[int], weeks: list[tuple[int, int]]) -> None:
    found = stretches([date(2020, 10, day) for day in days], *OCTOBER)
    assert [(first.day, last.day) for first, last in found] == weeks


def test_holidays_outside_the_period_have_no_week() -> None:
    assert stretches([date(2020, 9, 30), date(2020, 11, 1)], *OCTOBER) == []


def test_a_month_has_its_first_and_last_day() -> None:
    assert month_of(date(2020, 2, 17)) == (date(2020, 2, 1), date(2020, 2, 29))
    assert month_of(date(2020, 12, 31)) == (date(2020, 12, 1), date(2020, 12, 31))
