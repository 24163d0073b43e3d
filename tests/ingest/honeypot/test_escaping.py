"""A stranger's bytes become text that no terminal and no log trips over."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from darkscope.ingest.honeypot.escaping import escaped


def test_printable_ascii_stays_and_the_rest_is_written_out() -> None:
    assert escaped(b'<b>"\\x\x1b[2J\r\n\x00\x7f\xe3', 99) == '<b>"\\\\x\\x1b[2J\\x0d\\x0a\\x00\\x7f\\xe3'


@given(st.binary(), st.integers(0, 60))
def test_text_is_printable_short_and_can_be_undone(data: bytes, most: int) -> None:
    text = escaped(data, most)
    assert re.fullmatch(r"(?:[ -\[\]-~]|\\\\|\\x[0-9a-f]{2})*", text)
    assert len(text) <= most
    undone = text.encode().decode("unicode_escape").encode("latin-1")
    assert data.startswith(undone)
    assert undone == data or len(escaped(data[: len(undone) + 1], 999)) > most
