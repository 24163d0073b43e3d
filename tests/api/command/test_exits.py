from __future__ import annotations

import pytest

from darkscope.api.command.exits import MISTAKE, stopped


def test_each_sentence_is_a_line_and_none_of_them_moves_a_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    end = stopped(ValueError("one\nanother \x1b[2J東京"), MISTAKE)
    assert end.exit_code == 2
    assert capsys.readouterr().err == "darkscope: one\ndarkscope: another \\u001b[2J東京\n"
