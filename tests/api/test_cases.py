from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from told import CASE, PERIOD, PROVENANCE, SAMPLE

from darkscope.api.address import SENDER_SCHEMA, address_text
from darkscope.api.cases import Case, Sample, Target, build, sift
from darkscope.api.grades import Grade, Reason
from darkscope.api.names import Told
from darkscope.ingest.devices import Device

MINUTE = 60_000_000_000
NOON = int(datetime(2020, 6, 24, 12, tzinfo=UTC).timestamp()) // 60
COUNTS = ("scan", "backscatter", "spoofable", "other")
SCHEMA = {
    **SENDER_SCHEMA,
    "country": pl.String,
    "asn": pl.Int64,
    **dict.fromkeys(("packets", *COUNTS, "first", "last", "sensors"), pl.Int64),
    "is_spoofable": pl.Boolean,
    **dict.fromkeys(("seen_by", "seen_from", "seen_until", "ttl_least", "ttl_most"), pl.Int64),
    "is_confirmed": pl.Boolean,
}


def accounts(*rows: dict[str, Any]) -> pl.DataFrame:
    """Accounts of likely sources, but for what is said."""
    common = {"version": 4, "source_high": 0, "country": "VN", "asn": 64500, **dict.fromkeys(COUNTS, 0)}
    likely = {"seen_by": 2, "seen_from": 0, "seen_until": 5 * MINUTE, "ttl_least": 50, "ttl_most": 50}
    flags = {"is_spoofable": False, "is_confirmed": False}
    times = {"first": NOON, "last": NOON, "sensors": 2, "packets": 1, "scan": 1}
    return pl.DataFrame([common | likely | flags | times | row for row in rows], schema=SCHEMA, orient="row")


def nobody(account: pl.DataFrame) -> pl.Series:
    return pl.Series([""] * len(account), dtype=pl.String)


def test_the_surest_come_first_then_those_of_most_packets_then_by_address() -> None:
    first = accounts(
        {"source_low": 5, "scan": 9},
        {"source_low": 4, "is_confirmed": True},
        {"version": 6, "source_high": -1, "source_low": 1, "scan": 9},
    )
    second = accounts(
        {"version": 6, "source_high": 1, "source_low": -1, "scan": 9}, {"source_low": 3, "scan": 9}
    )
    sifted = sift([first, second], nobody, 9)
    assert sifted.kept.select("version", "source_high", "source_low", "grade").rows() == [
        (4, 0, 4, "confirmed"),
        (4, 0, 3, "likely"),
        (4, 0, 5, "likely"),
        (6, 1, -1, "likely"),
        (6, -1, 1, "likely"),
    ]
    assert (sifted.sources, sifted.left_out) == (5, Counter())


def test_what_is_left_out_is_counted_by_its_reason() -> None:
    def research(account: pl.DataFrame) -> pl.Series:
        return pl.Series(["one" if low == 1 else "" for low in account["source_low"]], dtype=pl.String)

    frames = [
        accounts(
            {"source_low": 1}, {"source_low": 2, "seen_by": 1}, {"source_low": 3, "scan": 0, "other": 4}
        ),
        accounts({"source_low": 4, "scan": 0, "backscatter": 1}, {"source_low": 5}, {"source_low": 6}),
        accounts({"source_low": 7, "scan": 0, "spoofable": 1}, {"source_low": 8}),
    ]
    sifted = sift(frames, research, 1)
    assert sifted.kept["source_low"].to_list() == [5]
    assert sifted.left_out == {
        Reason.RESEARCH: 1,
        Reason.FORGEABLE: 1,
        Reason.OTHER: 1,
        Reason.BACKSCATTER: 1,
        Reason.SPOOFABLE: 1,
        Reason.BEYOND: 2,
    }
    assert sifted.sources == 8


rows = st.fixed_dictionaries(
    {
        "source_low": st.integers(1, 1 << 31),
        **{name: st.integers(0, 2) for name in COUNTS},
        "seen_by": st.none() | st.integers(0, 3),
        "is_confirmed": st.booleans(),
        "is_spoofable": st.none() | st.booleans(),
        "ttl_most": st.integers(40, 90),
    }
)


@given(st.lists(st.lists(rows, max_size=4), max_size=4), st.integers(1, 5))
def test_every_source_is_a_case_or_left_out_for_one_reason(
    shares: list[list[dict[str, Any]]], most: int
) -> None:
    sifted = sift([accounts(*share) for share in shares], nobody, most)
    assert sifted.sources == sum(map(len, shares)) == len(sifted.kept) + sifted.left_out.total()
    assert len(sifted.kept) <= most
    if len(sifted.kept):
        assert sifted.kept["scan"].min() > 0
        assert set(sifted.kept["grade"]) <= {"confirmed", "likely"}


def frame(schema: str, *rows: tuple[Any, ...]) -> pl.DataFrame:
    kinds = {"time": pl.Int64, "sensor": pl.String, "tools": pl.List(pl.String)}
    return pl.DataFrame(rows, {name: kinds.get(name, pl.Int32) for name in schema.split()}, orient="row")


def test_cases_are_put_together_from_what_the_store_says() -> None:
    low = 198 << 24 | 41 << 16 | 4
    sifted = sift(
        [accounts({"source_low": low, "scan": 3}, {"source_low": 7, "is_confirmed": True})], nobody, 9
    )
    time = NOON * MINUTE + 5_250_000_000
    found = build(
        sifted,
        frame("row protocol port packets ports", (0, 1, -1, 1, 1), (1, 6, 445, 2, 20), (1, 6, 23, 1, 20)),
        frame(
            "row time sensor source_port protocol port",
            (0, time, "b", -1, 1, -1),
            (1, time + 1999, "tokyo-1", 40_000, None, None),
            (1, time, "tokyo-1", 40_000, 6, 445),
        ),
        frame("tools", ([],), (["mirai", "zmap"],)),
        Told([None, Device("QNAP", "TS-419", "NAS", None, "us")], ["", ""]),
        until=PERIOD.window.end,
        provenance=PROVENANCE,
    )
    noon = datetime(2020, 6, 24, 12, tzinfo=UTC)
    ping = Sample(SAMPLE.time, "b", None, 1, None)
    vague = Sample(SAMPLE.time.replace(microsecond=250_001), "tokyo-1", 40_000, None, None)
    assert found.cases == (
        Case(
            (4, 0, 7), "VN", 64500, Grade.CONFIRMED, 1, noon, noon, 2, 1,
            (Target(1, -1, 1),), (), (ping,),
        ),
        Case(
            CASE.sender, "VN", 64500, Grade.LIKELY, 3, noon, noon, 2, 20,
            (Target(6, 445, 2), Target(6, 23, 1)), ("mirai", "zmap"), (vague, SAMPLE), "QNAP TS-419 NAS",
        ),
    )  # fmt: skip
    assert (found.sources, found.left_out, found.until) == (2, {}, PERIOD.window.end)
    assert [address_text(*case.sender) for case in found.cases] == ["0.0.0.7", "198.41.0.4"]
    assert [case.is_infected for case in found.cases] == [False, True]
    assert [case.sample for case in found.cases] == [ping, SAMPLE]


def test_nothing_at_all_is_no_case() -> None:
    sifted = sift([], nobody, 5)
    assert (len(sifted.kept), sifted.sources, sifted.left_out) == (0, 0, Counter())
