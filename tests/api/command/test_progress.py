"""What a run tells: events for people and for programs, with texts of strangers in them."""

from __future__ import annotations

import io
import json
import logging
import sys

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from darkscope.api.command.progress import JsonLines, Lines, json_line
from darkscope.api.visible import visible

HOSTILE = "/\x1b[2J\x9b2J\u202e[red]x"


def fail() -> None:
    raise ValueError("\x1b[2J")


def record(path: str, *, fails: bool = False) -> logging.LogRecord:
    error = None
    if fails:
        try:
            fail()
        except ValueError:
            error = sys.exc_info()
    made = logging.LogRecord("darkscope", logging.INFO, "", 0, "request", (), error)
    made.fields = {"path": path}
    return made


def on_a_terminal(event: logging.LogRecord) -> str:
    screen = io.StringIO()
    Lines(Console(file=screen, width=200, color_system=None)).emit(event)
    return screen.getvalue()


def test_what_a_stranger_asks_for_moves_no_cursor_of_the_terminal() -> None:
    assert on_a_terminal(record(HOSTILE)) == "request  path /\\u001b[2J\\u009b2J\\u202e[red]x\n"


def test_what_failed_is_told_on_a_terminal_too() -> None:
    first, *trace = on_a_terminal(record("/", fails=True)).splitlines()
    assert first == "request  path /"
    assert (trace[0], trace[-1]) == ("Traceback (most recent call last):", "ValueError: \\u001b[2J")


def test_a_line_for_programs_has_nothing_hidden_in_it_either() -> None:
    line = JsonLines().format(record(HOSTILE))
    assert line.isprintable()
    assert json.loads(line)["path"] == HOSTILE


@given(st.dictionaries(st.text(max_size=5), st.text(), max_size=3))
def test_every_text_comes_back_from_a_line_and_none_hides_in_it(fields: dict[str, str]) -> None:
    line = json_line(fields)
    assert json.loads(line) == fields
    assert visible(line) == line
