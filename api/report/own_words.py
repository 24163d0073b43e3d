"""An analyst's own words for a report: a Markdown file beside the generated ones.

A heading of the second level names the place: `overview`, `phenomena`, `honeypots`, the ports of a section (`23/TCP,
8080/TCP`; ports named together are told of together), the id of a rule, `references`. Its paragraphs stand behind
the generated ones. Figures are filled in: `{{ packets("23/TCP") }}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from darkscope.api.report.book import Book
from darkscope.api.report.findings import Findings
from darkscope.api.report.words import render

PLACES = ("overview", "phenomena", "honeypots")
REFERENCES = "references"

PORTS = re.compile(r"[0-9]{1,5}/[A-Za-z]+(?:\s*,\s*[0-9]{1,5}/[A-Za-z]+)*")
RULE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")
LINK = re.compile(r"[-*]\s*\[(?P<title>[^\]]+)\]\((?P<url>https?://[^\s)]+)\)")

LARGEST = 1_000_000
"""Bytes of the file, at most."""


class OwnWordsError(ValueError):
    """Words that cannot be used; the message names the file and the place."""


@dataclass(frozen=True, slots=True)
class OwnWords:
    """Paragraphs by the place where they stand."""

    places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: tuple[tuple[str, ...], ...] = ()  # ports that are told of together
    references: tuple[tuple[str, str], ...] = ()  # title, URL
    file: str = ""  # for messages

    @classmethod
    def read(cls, file: Path) -> OwnWords:
        """Read a file. Raises OwnWordsError."""
        try:
            if file.stat().st_size > LARGEST:
                raise OwnWordsError(f"{file}: is larger than {LARGEST:,} bytes")
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise OwnWordsError(f"{file}: cannot be read: {error}") from None
        return cls.parse(text, str(file))

    @classmethod
    def parse(cls, text: str, file: str = "words") -> OwnWords:
        """Read the text of a file. Raises OwnWordsError."""
        places: dict[str, tuple[str, ...]] = {}
        groups: list[tuple[str, ...]] = []
        references: list[tuple[str, str]] = []
        heading, number = "", 0
        blocks: list[tuple[str, int, list[str]]] = []
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith("## "):
                heading = line[3:].strip()
                blocks.append((heading, number, []))
            elif line.startswith("# ") and not blocks:
                continue  # the file's own title
            elif blocks:
                blocks[-1][2].append(line)
            elif line.strip():
                raise OwnWordsError(f"{file} line {number}: stands before any heading (`## overview`)")
        for heading, number, lines in blocks:
            if heading == REFERENCES:
                references += _links(lines, file, number)
                continue
            place = _place(heading, file, number)
            if isinstance(place, tuple):
                groups.append(place)
                place = place[0]
            places[place] = (*places.get(place, ()), *_paragraphs(lines))
        return cls(places, tuple(groups), tuple(references), file)

    def texts(self, place: str) -> tuple[str, ...]:
        """Paragraphs of a place."""
        return self.places.get(place, ())

    def about(self, ports: tuple[str, ...]) -> tuple[str, ...]:
        """Paragraphs about any of some ports."""
        return tuple(text for port in ports for text in self.texts(port))

    def filled(self, findings: Findings, book: Book) -> OwnWords:
        """Fill in the figures. Raises OwnWordsError."""
        places = _figures(findings, book)

        def fill(place: str, text: str) -> str:
            try:
                return render(text, places)
            except (TemplateError, KeyError, TypeError) as error:
                raise OwnWordsError(f"{self.file}: under `## {place}`: {error}") from None

        filled = {place: tuple(fill(place, text) for text in texts) for place, texts in self.places.items()}
        return replace(self, places=filled)


def _place(heading: str, file: str, line: int) -> str | tuple[str, ...]:
    if PORTS.fullmatch(heading):
        return tuple(port.strip().upper() for port in heading.split(","))
    if heading in PLACES or RULE.fullmatch(heading):
        return heading
    raise OwnWordsError(
        f"{file} line {line}: no place is called {heading!r}; there are {', '.join(PLACES)}, {REFERENCES}, "
        "ports like `23/TCP, 8080/TCP`, and ids of rules"
    )


def _paragraphs(lines: list[str]) -> tuple[str, ...]:
    """Split at empty lines; lines of a paragraph are joined, without a space between Japanese ones."""
    texts = re.split(r"\n\s*\n", "\n".join(lines).strip())
    joined = (re.sub(r"(?<=[^\x00-\x7f])\n(?=[^\x00-\x7f])", "", text.strip()) for text in texts)
    return tuple(re.sub(r"\s*\n\s*", " ", text) for text in joined if text)


def _links(lines: list[str], file: str, number: int) -> list[tuple[str, str]]:
    found = []
    for place, line in enumerate(lines, number + 1):
        if not line.strip():
            continue
        match = LINK.fullmatch(line.strip())
        if match is None:
            raise OwnWordsError(f"{file} line {place}: a reference is written `- [title](https://...)`")
        found.append((match["title"], match["url"]))
    return found


def _figures(findings: Findings, book: Book) -> dict[str, Any]:
    """What texts may fill in."""
    rows = {row.value: row for ranking in (findings.ports, findings.countries) for row in ranking.rows}

    def of(how: Callable[[Any], str]) -> Callable[[str], str]:
        def told(value: str) -> str:
            if value not in rows:
                raise TemplateError(f"{value!r} is not in the tables; there are {', '.join(rows)}")
            return how(rows[value])

        return told

    return {
        "packets": of(lambda row: book.words.count(row.packets)),
        "share": of(lambda row: book.words.percent(row.share or 0)),
        "rank": of(lambda row: str(row.rank)),
        "previous_rank": of(lambda row: "-" if row.previous_rank is None else str(row.previous_rank)),
        "country": book.country,
        "total": book.words.count(findings.ports.packets),
    }
