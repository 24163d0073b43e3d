"""An analyst's own words: where they stand, what they fill in, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from darkscope.api.report.document import Document, Paragraph, Section
from darkscope.api.report.own_words import OwnWords, OwnWordsError
from darkscope.ingest.values import Language

WORDS = """\
# Spring 2020

## overview
Of {{ total }} packets {{ packets("23/TCP") }} went to 23/TCP,
and {{ country("RU") }} is number {{ rank("RU") }} (before: {{ previous_rank("RU") }}).

A second paragraph.

## 445/tcp
この段落は
続きます。

## qnap-photo-station-album
Look at your logs.

## references
- [An advisory](https://csirt.example/advisory)
"""


def last(section: Section) -> str:
    block = section.blocks[-1]
    assert isinstance(block, Paragraph)
    return block.text


def test_words_stand_behind_the_generated_ones_with_their_figures(report: Callable[..., Document]) -> None:
    document = report("2020-q2", Language.EN, WORDS)
    table = document.tables[0].data
    first = dict(zip(table.columns, table.rows[0], strict=True))
    overview, _, smb, album, _ = document.sections
    told = [block.text for block in overview.blocks[-2:] if isinstance(block, Paragraph)]
    assert told[0].endswith(f" {first['packets']:,} went to 23/TCP, and Russia is number 1 (before: 1).")
    assert told[1] == "A second paragraph."
    assert (last(smb), last(album)) == ("この段落は続きます。", "Look at your logs.")
    assert document.references[-1].title == "An advisory"


def test_ports_that_are_named_together_are_told_of_together() -> None:
    assert OwnWords.parse("## 23/tcp, 8080/TCP\ntext\n").groups == (("23/TCP", "8080/TCP"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text", "words line 1: stands before any heading (`## overview`)"),
        (
            "## Overview\n",
            "words line 1: no place is called 'Overview'; there are overview, phenomena, honeypots, ",
        ),
        (
            "\n## references\n\nhttps://x.example\n",
            "words line 4: a reference is written `- [title](https://...)`",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(OwnWordsError) as raised:
        OwnWords.parse(text)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{{ packets("99/TCP") }}',
            "words: under `## overview`: '99/TCP' is not in the tables; there are 23/TCP, ",
        ),
        ("{{ unknown }}", "words: under `## overview`: 'unknown' is undefined"),
        ("{{ ''.__class__ }}", "words: under `## overview`: access to attribute '__class__'"),
        ("{% for", "words: under `## overview`: "),
    ],
)
def test_a_figure_that_is_not_there_is_named(
    report: Callable[..., Document], text: str, message: str
) -> None:
    with pytest.raises(OwnWordsError) as raised:
        report("2020-q2", Language.EN, f"## overview\n{text}\n")
    assert str(raised.value).startswith(message)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "words.md").write_bytes(b"## overview\n\xff")
    for name in ("words.md", "none.md"):
        with pytest.raises(OwnWordsError, match=f"{name}: cannot be read"):
            OwnWords.read(tmp_path / name)
