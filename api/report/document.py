"""A report as a document: sections of paragraphs, tables and figures, in one language, before anything is set.

Pure values. Every text is plain: whoever sets it escapes it for where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from darkscope.api.charts.style import Spec
from darkscope.api.formats import Rows
from darkscope.ingest.values import Language


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Text without markup."""

    text: str
    is_note: bool = False  # set smaller


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `data` has at least what it shows, for scripts."""

    name: str  # of its file: `table-1`
    caption: str  # with its number
    columns: tuple[str, ...]
    numeric: frozenset[int]  # columns of numbers, set to the right
    rows: tuple[tuple[str, ...], ...]
    data: Rows
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart; `data` has what it shows."""

    name: str  # of its file: `figure-1`
    caption: str  # with its number
    spec: Spec
    data: Rows


Block = Paragraph | Table | Figure


@dataclass(frozen=True, slots=True)
class Section:
    """A section, or a part of one."""

    level: int  # 1 or 2
    title: str  # with its number
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """What the text refers to."""

    number: int
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Document:
    """A report."""

    language: Language
    title: str
    subtitle: str
    author: str  # empty: nobody says
    until: date  # last day that it tells of
    notice: str  # stands on every page; empty where there is nothing to say
    sections: tuple[Section, ...]
    references_title: str
    references: tuple[Reference, ...]
    closing: str  # the last line; empty: none

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables, in their order."""
        return tuple(block for one in self.sections for block in one.blocks if isinstance(block, Table))

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All figures, in their order."""
        return tuple(block for one in self.sections for block in one.blocks if isinstance(block, Figure))
