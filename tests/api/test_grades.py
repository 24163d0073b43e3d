from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from darkscope.api.grades import Grade, Reason, grade, reason

MINUTE = 60_000_000_000
LIKELY: dict[str, Any] = {
    "is_confirmed": False,
    "is_spoofable": False,
    "seen_by": 2,
    "seen_from": 0,
    "seen_until": 3 * MINUTE,
    "ttl_least": 47,
    "ttl_most": 63,
}
NOTHING = dict.fromkeys(LIKELY) | {"is_confirmed": False}


def graded(**known: Any) -> str:
    schema = {name: pl.Boolean if name.startswith("is_") else pl.Int64 for name in LIKELY}
    return str(pl.DataFrame([LIKELY | known], schema=schema).select(grade()).item())


@pytest.mark.parametrize(
    ("known", "found"),
    [
        ({}, Grade.LIKELY),
        ({"seen_by": 1}, Grade.FORGEABLE),
        ({"seen_until": 3 * MINUTE - 1}, Grade.FORGEABLE),
        ({"ttl_most": 64}, Grade.FORGEABLE),
        ({"is_spoofable": True}, Grade.FORGEABLE),
        (NOTHING, Grade.FORGEABLE),
        ({"is_confirmed": True}, Grade.CONFIRMED),
        (NOTHING | {"is_confirmed": True}, Grade.CONFIRMED),
        ({"is_confirmed": True, "is_spoofable": True, "seen_by": 1}, Grade.CONFIRMED),
    ],
)
def test_a_source_is_graded_by_what_is_known_of_it(known: dict[str, Any], found: Grade) -> None:
    assert graded(**known) == found


@pytest.mark.parametrize(
    ("known", "found"),
    [
        ({}, None),
        ({"grade": "confirmed", "backscatter": 9}, None),
        ({"grade": "forgeable"}, Reason.FORGEABLE),
        ({"research": "Example Measurement Project", "grade": "confirmed"}, Reason.RESEARCH),
        ({"scan": 0, "grade": "confirmed"}, Reason.OTHER),
        ({"scan": 0, "spoofable": 1}, Reason.SPOOFABLE),
        ({"scan": 0, "spoofable": 1, "backscatter": 1}, Reason.BACKSCATTER),
    ],
)
def test_why_nobody_is_told_is_said(known: dict[str, Any], found: Reason | None) -> None:
    row = {"research": "", "scan": 1, "backscatter": 0, "spoofable": 0, "grade": "likely"} | known
    assert pl.DataFrame([row]).select(reason()).item() == found
