"""A report put together: findings and words in, a document out.

Pure: the same findings and words make the same document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from darkscope.api.report.book import Book
from darkscope.api.report.document import Block, Document, Paragraph, Section
from darkscope.api.report.findings import Findings, Lens, Subject, last_day
from darkscope.api.report.honeypots import lens_blocks, lens_title, missing_blocks, others_blocks
from darkscope.api.report.overview import overview
from darkscope.api.report.own_words import OwnWords
from darkscope.api.report.provenance import provenance
from darkscope.api.report.subjects import sections_of, subject_blocks, subject_title
from darkscope.api.report.words import Words
from darkscope.ingest.values import Language

NEAR = timedelta(days=7)
"""Between what sensors saw and what honeypots were asked, where both are one search."""


@dataclass(frozen=True, slots=True)
class Imprint:
    """What a report says beside its findings."""

    author: str  # empty: nobody is named
    closing: str  # last line, as an address for questions; empty: none
    simulated: bool  # whether nobody sent these packets
    command: str  # that made it


def compose(findings: Findings, own: OwnWords, imprint: Imprint, language: Language) -> Document:
    """Put a report together. Raises OwnWordsError where an analyst's words cannot be filled in."""
    book = Book(Words(language))
    words = book.words
    own = own.filled(findings, book)
    sections = [
        Section(
            1,
            words("head.overview", number=1),
            (
                *overview(book, findings, imprint.author, sections_of(findings.subjects, "2")),
                *_paragraphs(own.texts("overview")),
            ),
        ),
        *_phenomena(book, findings, own),
    ]
    for title, url in own.references:
        book.reference(title, url)
    number = 3 + bool(book.references)
    page = Section(
        1,
        words("head.provenance", number=number),
        tuple(provenance(book, findings, imprint.command)),
    )
    return Document(
        language=language,
        title=words("head.title"),
        subtitle=words("head.subtitle", period=_period(book, findings)),
        author=imprint.author,
        until=last_day(findings),
        notice=words("head.simulated") if imprint.simulated else "",
        sections=(*sections, page),
        references_title=words("head.references", number=3),
        references=book.references,
        closing=imprint.closing,
    )


def _phenomena(book: Book, findings: Findings, own: OwnWords) -> Iterator[Section]:
    words, honeypots = book.words, findings.honeypots
    told = findings.subjects
    lenses = () if honeypots is None else honeypots.lenses
    parts = [
        (subject_title(book, subject.topic), _subject(book, findings, subject, own))
        for subject in told
        if not any(_is_behind(subject, lens) for lens in lenses)
    ]
    if honeypots is not None:
        for lens in lenses:
            its = [subject for subject in told if _is_behind(subject, lens)]
            before = [block for subject in its for block in _subject(book, findings, subject, own)]
            blocks = tuple(lens_blocks(book, findings, honeypots, lens))
            after = _paragraphs(own.texts(lens.vulnerability.rule))
            parts.append((lens_title(book, lens), (*before, *blocks, *after)))
        others = (*others_blocks(book, honeypots), *_paragraphs(own.texts("honeypots")))
        if others:
            parts.append((words("honeypot.others_title"), others))
    first = () if parts else (Paragraph(words("topic.nothing")),)
    missing = () if honeypots is None else missing_blocks(book, honeypots)
    opening = (*first, *_paragraphs(own.texts("phenomena")), *missing)
    yield Section(1, words("head.phenomena", number=2), opening)
    for number, (title, blocks) in enumerate(parts, 1):
        yield Section(2, f"2.{number} {title}", blocks)


def _subject(book: Book, findings: Findings, subject: Subject, own: OwnWords) -> tuple[Block, ...]:
    return *subject_blocks(book, findings, subject), *_paragraphs(own.about(subject.topic.ports))


def _is_behind(subject: Subject, lens: Lens) -> bool:
    """Whether what sensors saw is the same search that honeypots were asked by: one country, its ports, its time."""
    one, topic = lens.vulnerability, subject.topic
    ports = {f"{port}/TCP" for port in one.ports}
    near = one.first_seen is not None and abs(one.first_seen.date() - topic.start) <= NEAR
    return (
        near
        and bool(topic.countries)
        and set(topic.countries) <= set(one.countries)
        and bool(ports & set(topic.ports))
    )


def _paragraphs(texts: Iterable[str]) -> Iterator[Block]:
    for text in texts:
        yield Paragraph(text)


def _period(book: Book, findings: Findings) -> str:
    period = findings.question.period
    return book.days(period.window.start.astimezone(period.zone).date(), last_day(findings))
