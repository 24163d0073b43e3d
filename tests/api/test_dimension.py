from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkscope.api.dimension import (
    Dimension,
    Key,
    ValueTextError,
    parse_port,
    parse_protocol,
    parse_value,
    value_text,
)
from darkscope.api.formats import FORMULA
from darkscope.ingest.protocols import WITH_PORTS


@st.composite
def ports(draw: st.DrawFn) -> Key:
    protocol = draw(st.integers(0, 255))
    return protocol, draw(st.integers(-1, 65535) if protocol in WITH_PORTS else st.just(-1))


VALUES: st.SearchStrategy[tuple[Dimension, Key]] = st.one_of(
    st.tuples(st.just(Dimension.PORTS), ports()),
    st.tuples(st.just(Dimension.COUNTRIES), st.sampled_from([("JP",), ("ZZ",)])),
    st.tuples(st.just(Dimension.OWNERS), st.tuples(st.integers(0, 2**32 - 1))),
    st.tuples(st.just(Dimension.TOOLS), st.sampled_from([("",), ("mirai",), ("zmap-like",)])),
    st.tuples(st.just(Dimension.CLASSES), st.sampled_from([("scan",), ("other",)])),
    st.tuples(st.just(Dimension.SENSORS), st.just(("home-1",))),
    st.tuples(st.just(Dimension.ORGANISATIONS), st.sampled_from([("",), ("north",)])),
)


@given(VALUES)
def test_what_is_written_can_be_read_and_is_no_formula(value: tuple[Dimension, Key]) -> None:
    dimension, key = value
    text = value_text(dimension, key)
    assert parse_value(dimension, text) == key
    assert parse_value(dimension, f" {text.lower()} ".strip()) == key
    assert not text.startswith(FORMULA)


@pytest.mark.parametrize(
    ("protocol", "port", "text"),
    [
        (6, 23, "23/TCP"),
        (17, 53, "53/UDP"),
        (6, 0, "0/TCP"),
        (6, -1, "none/TCP"),
        (1, -1, "0/ICMP"),
        (58, -1, "0/ICMPv6"),
        (47, -1, "0/GRE"),
        (254, -1, "0/254"),
    ],
)
def test_ports_are_written_as_in_the_reports(protocol: int, port: int, text: str) -> None:
    assert value_text(Dimension.PORTS, (protocol, port)) == text


@pytest.mark.parametrize(
    ("text", "port"),
    [("445", (None, 445)), ("23/tcp", (6, 23)), ("0/icmp", (1, -1)), ("0/tcp", (6, 0)), ("53/17", (17, 53))],
)
def test_a_port_without_a_protocol_is_that_port_of_any(text: str, port: tuple[int | None, int]) -> None:
    assert parse_port(text) == port


@pytest.mark.parametrize(
    "text",
    ["", "/tcp", "tcp/23", "65536", "-1", "none", "none/icmp", "23/", "23/xyz", "\uff12\uff13", "8/icmp"],
)
def test_what_is_no_port_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueTextError, match=r"is not understood|cannot be"):
        parse_port(text)


@given(st.text(max_size=12), st.sampled_from(Dimension))
def test_any_text_is_a_value_or_a_clear_error(text: str, dimension: Dimension) -> None:
    try:
        key = parse_value(dimension, text)
    except ValueTextError:
        return
    assert len(key) == len(dimension.columns)


def test_a_protocol_goes_by_name_or_number() -> None:
    assert [parse_protocol(text) for text in ("tcp", "ICMPv6", "99")] == [6, 58, 99]
