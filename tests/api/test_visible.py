from __future__ import annotations

from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkscope.api.visible import HIDDEN, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/photo/p/api/album.php", "/photo/p/api/album.php"),
        ("/日本語 ü", "/日本語 ü"),
        ("\x1b[31mred", "\\u001b[31mred"),
        ("a\r\nb\tc\x00", "a\\u000d\\u000ab\\u0009c\\u0000"),
        ("/gpj.\u202eexe", "/gpj.\\u202eexe"),
        ("\u200b\u2028\ufeff", "\\u200b\\u2028\\ufeff"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_is_hidden_is_shown_and_what_is_seen_stays(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters()))
def test_nothing_hidden_is_left_of_any_text(text: str) -> None:
    shown = visible(text)
    assert {category(one) for one in shown} & HIDDEN == set()
    assert visible(shown) == shown
