from __future__ import annotations

import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkscope.api.cursor import Cursor, CursorError

NUMBERS = st.integers(-(1 << 63), (1 << 63) - 1)


@given(NUMBERS, st.integers(0, (1 << 63) - 1), st.text(max_size=16), st.lists(NUMBERS, max_size=6))
def test_a_cursor_is_read_as_it_was_handed_out(
    version: int, minute: int, question: str, after: list[int]
) -> None:
    cursor = Cursor(version, minute, question, tuple(after))
    assert Cursor.parse(cursor.text) == cursor


@given(st.text(max_size=40))
def test_any_other_text_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(CursorError, match="is not understood; an answer's `next` is one"):
        Cursor.parse(text)


@pytest.mark.parametrize(
    "fields",
    [
        5,
        [],
        [1, 2],
        [1, 2, 3],
        ["1", 2, "q"],
        [1, 2, "q", 1.5],
        [1, 2, "q", True],
        [1, -2, "q"],
        [1 << 63, 2, "q"],
        [1, 2, "q", *range(7)],
    ],
)
def test_fields_of_another_kind_are_refused(fields: object) -> None:
    with pytest.raises(CursorError):
        Cursor.parse(urlsafe_b64encode(json.dumps(fields).encode()).decode())
