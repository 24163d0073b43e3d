"""A document as Markdown (CommonMark with GitHub's tables), its figures as files beside it.

Pure. What would be markup in a text is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from darkscope.api.report.document import Block, Document, Paragraph, Section, Table

MARKUP = re.compile(r"([\\`*_{}\[\]<>|~&#!$])")
"""Characters that may begin markup anywhere in a line."""

AT_START = re.compile(r"^(\s*)([-+](?=\s)|=|[0-9]+[.)](?=\s|$))")
"""What begins a list, a quotation or a heading at the start of a line."""


def markdown(document: Document) -> str:
    """Write the document; figures are `figures/NAME.svg`."""
    *sections, page = document.sections
    return (
        "\n\n".join(
            [*_head(document), *_all(sections), *_references(document), *_section(page), *_foot(document)]
        )
        + "\n"
    )


def escaped(text: str) -> str:
    """Write a text so that it is read as text, on one line."""
    told = MARKUP.sub(r"\\\1", " ".join(text.split()))
    return AT_START.sub(lambda match: f"{match[1]}\\{match[2]}" if not match[2][0].isdigit() else
                        f"{match[1]}{match[2][:-1]}\\{match[2][-1]}", told)  # fmt: skip


def _head(document: Document) -> Iterator[str]:
    yield f"# {escaped(document.title)}"
    yield escaped(" · ".join(filter(None, [document.subtitle, document.author])))
    if document.notice:
        yield f"> **{escaped(document.notice)}**"


def _all(sections: list[Section]) -> Iterator[str]:
    for section in sections:
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    yield f"{'#' * (section.level + 1)} {escaped(section.title)}"
    for block in section.blocks:
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield escaped(block.text)
    elif isinstance(block, Table):
        yield escaped(block.caption)
        yield "\n".join(_table(block))
        if block.note:
            yield escaped(block.note)
    else:
        yield f"![{escaped(block.caption)}](figures/{block.name}.svg)"
        yield escaped(block.caption)


def _table(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(map(escaped, table.columns))} |"
    yield f"|{'|'.join('-:' if place in table.numeric else '-' for place in range(len(table.columns)))}|"
    for row in table.rows:
        yield f"| {' | '.join(map(escaped, row))} |"


def _references(document: Document) -> Iterator[str]:
    if document.references:
        yield f"## {escaped(document.references_title)}"
    for one in document.references:
        yield f"({one.number}) {escaped(one.title)}  \n<{one.url}>"


def _foot(document: Document) -> Iterator[str]:
    if document.closing:
        yield escaped(document.closing)
