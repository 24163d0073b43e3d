from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkscope.api.http import rates
from darkscope.api.http.access import _network
from darkscope.api.http.rates import Rates, TooFast


def passed(limits: Rates, who: str, *times: float) -> list[int]:
    """For each time 0 where a request passes, else the seconds to wait."""
    found = []
    for now in times:
        try:
            limits.take(who, now)
        except TooFast as error:
            found.append(error.seconds)
        else:
            found.append(0)
    return found


def test_so_many_pass_at_once_and_then_so_many_a_second() -> None:
    limits = Rates(2, 3)
    assert passed(limits, "a", 0, 0, 0, 0, 0.4, 0.5, 0.5, 1.0, 9, 9, 9, 9) == [
        0,
        0,
        0,
        1,
        1,
        0,
        1,
        0,
        0,
        0,
        0,
        1,
    ]


def test_each_has_a_bucket_of_its_own() -> None:
    limits = Rates(0.1, 1)
    assert [passed(limits, who, 0, 0) for who in "ab"] == [[0, 10], [0, 10]]


def test_a_rate_of_0_is_no_limit() -> None:
    assert sum(passed(Rates(0, 1), "a", *[0.0] * 1000)) == 0


@given(st.lists(st.floats(0, 100), max_size=300), st.integers(1, 20), st.floats(0.1, 50))
def test_never_more_than_burst_and_rate_allow(times: list[float], burst: int, rate: float) -> None:
    ordered = sorted(times)
    through = [
        now for now, wait in zip(ordered, passed(Rates(rate, burst), "a", *ordered), strict=True) if not wait
    ]
    for first, start in enumerate(through):
        for last in range(first, len(through)):
            assert last - first + 1 <= burst + rate * (through[last] - start) + 1e-6


@given(st.floats(0.01, 50), st.floats(0, 10))
def test_who_waits_as_long_as_he_was_told_passes(rate: float, begun: float) -> None:
    limits = Rates(rate, 1)
    limits.take("a", begun)
    with pytest.raises(TooFast) as caught:
        limits.take("a", begun)
    limits.take("a", begun + caught.value.seconds + 1e-6)


def test_there_are_only_so_many_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_BUCKETS", 3)
    limits = Rates(0.1, 1)
    for who in "abcabcd":
        passed(limits, who, 0)
    assert list(limits._buckets) == ["b", "c", "d"]


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_an_ipv6_address_stands_for_its_64(client: str, network: str) -> None:
    assert _network(client) == network
