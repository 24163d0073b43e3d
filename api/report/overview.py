"""The first section of the report: the leading ports and regions, and what changed among them.

Pure: findings in, blocks out.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from darkscope.api.breadth import Verdict
from darkscope.api.charts.words import called
from darkscope.api.formats import rows_of
from darkscope.api.phenomena.proposal import Kind, Proposal
from darkscope.api.ranking import Ranking
from darkscope.api.report.book import Book, chart
from darkscope.api.report.document import Block, Paragraph
from darkscope.api.report.findings import Findings
from darkscope.api.report.topics import DOWN, UP
from darkscope.api.trend import Trend

IANA = (
    "Service Name and Transport Protocol Port Number Registry",
    "https://www.iana.org/assignments/service-names-port-numbers/service-names-port-numbers.xhtml",
)

BROAD = 0.9
"""Share of a region's scans that go elsewhere than to the leading ports, from which on it scans broadly."""

WHERE = {True: "home", False: "abroad", None: "all"}
"""Where sensors stand, as a selection has it."""

MOST_LOCAL = 3
"""Rises of single sensors that are told."""


def overview(book: Book, findings: Findings, author: str, sections: Mapping[str, str]) -> Iterator[Block]:
    """Write the section; `sections` names the section that a port has of its own."""
    words, period = book.words, findings.question.period
    where = words(f"where.{WHERE[findings.question.selection.home]}")
    this = words("where.this_quarter" if is_quarter(findings) else "where.this_period")
    watch = findings.ports.provenance.now
    yield Paragraph(words("overview.intro", author=author))
    yield Paragraph(
        words(
            "overview.scope",
            where=where,
            this_period=this if period else "",
            sensors=len(watch.sensors) if watch else 0,
            outages=bool(watch and watch.outages),
        )
    )
    if not findings.ports.rows:
        yield Paragraph(words("overview.empty"))
        return
    number = book.table_number()
    places = {"where": where, "this_period": this, "table": book.table_ref(number)}
    yield Paragraph(words("overview.ports", top=len(findings.ports.rows), **places))
    note = words("overview.note", reference=book.reference(*IANA))
    yield _ranked(book, number, findings.ports, "port", findings, note)
    yield from _days(book, findings.port_days, "port_days", "ports", places)
    told = [*_ports(book, findings, sections), *_local(book, findings)]
    yield Paragraph(words.joined(told))

    number = book.table_number()
    places["table"] = book.table_ref(number)
    yield Paragraph(words("overview.countries", top=len(findings.countries.rows), **places))
    yield _ranked(book, number, findings.countries, "region", findings, "")
    yield from _days(book, findings.country_days, "country_days", "countries", places)
    yield Paragraph(
        words.joined([*_regions(book, findings), *_risen(book, findings), *_broad(book, findings)])
    )


def is_quarter(findings: Findings) -> bool:
    """Whether the period is a quarter."""
    return "-Q" in findings.question.period.text.upper()


def _ranked(book: Book, number: int, ranking: Ranking, column: str, findings: Findings, note: str) -> Block:
    before = "previous_quarter" if is_quarter(findings) else "previous"
    text = book.words(f"overview.table_{column}", top=len(ranking.rows))
    rows = [
        (
            str(row.rank),
            called(ranking.dimension, row.value, row.label, book.language),
            "-" if row.previous_rank is None else str(row.previous_rank),
        )
        for row in ranking.rows
    ]
    return book.table(
        number, text, ("rank", column, before), rows, rows_of(ranking), numeric=(0, 2), note=note
    )


def _days(book: Book, trend: Trend, text: str, caption: str, places: Mapping[str, str]) -> Iterator[Block]:
    number = book.figure_number()
    yield Paragraph(book.words(f"overview.{text}", figure=book.figure_ref(number), **places))
    told = book.words(f"overview.{caption}_caption", period=book.of_trend(trend), top=len(trend.lines))
    yield book.figure(number, told, chart(trend, book.language), trend)


def _ports(book: Book, findings: Findings, sections: Mapping[str, str]) -> Iterator[str]:
    """What is said of the leading ports: which leads, and whose level changed."""
    words, first = book.words, findings.ports.rows[0]
    yield words(
        "overview.first_port",
        port=first.label,
        same=first.previous_rank == 1,
        share=words.percent(first.share or 0),
    )
    ranks = {row.value: row.rank for row in findings.ports.rows}
    told: set[str] = set()
    for port, changes in _changes(findings, ranks).items():
        if port in told:
            continue
        for one in changes:
            yield from _change(book, one, ranks[port])
        against = [
            other.subject
            for one in changes
            for other in one.relations
            if other.direction == "against" and other.subject in ranks and one.kind in UP
        ]
        if against:
            yield words("overview.against", subject=words.listed(list(dict.fromkeys(against))))
            told |= set(against)
        if port in sections:
            yield words("overview.described", section=sections[port])


def _changes(findings: Findings, ports: Container[str]) -> dict[str, list[Proposal]]:
    """Changes of some ports as a whole, in the order of time; those that rise come first."""
    found: dict[str, list[Proposal]] = {}
    for one in sorted(findings.phenomena.rows, key=lambda one: (one.kind not in UP, one.start, one.id)):
        is_whole = len(one.ports) == 1 and not one.countries and one.ports[0] in ports
        if is_whole and one.kind in UP | DOWN and one.verdict is not Verdict.LOCAL:
            found.setdefault(one.ports[0], []).append(one)
    return found


def _change(book: Book, one: Proposal, rank: int) -> Iterator[str]:
    words, when = book.words, book.words.third(one.start)
    places = {"subject": one.ports[0], "when": when, "rank": rank if rank > 1 else None}
    if one.kind is Kind.SWINGS:
        yield words("overview.swings", **places)
    elif one.kind is Kind.JUMPED and one.end is not None:
        yield words("overview.jumped", until=words.third(one.end), **places)
    else:
        yield words("overview.rose" if one.kind in UP else "overview.fell", **places)


def _local(book: Book, findings: Findings) -> Iterator[str]:
    """Rises that one sensor explains: no threats, and said to be none."""
    words = book.words
    local = [one for one in findings.phenomena.rows if one.kind in UP and one.verdict is Verdict.LOCAL]
    for one in local[:MOST_LOCAL]:
        ports = words.listed(list(one.ports or (part.value for part in one.services)))
        yield words(
            "overview.local",
            when=words.third(one.start),
            subject=book.countries(one.countries) if one.countries else ports,
            is_country=bool(one.countries),
            ports=ports if one.countries else "",
        )
    if not findings.subjects:
        yield words("overview.rest" if local else "overview.nothing")


def _regions(book: Book, findings: Findings) -> Iterator[str]:
    words, first = book.words, findings.countries.rows[0]
    yield words("overview.first_region", region=book.told(first.value), share=words.percent(first.share or 0))
    moved = [
        words("overview.moved_new", region=book.told(row.value), rank=row.rank)
        if row.previous_rank is None
        else words("overview.moved_one", region=book.told(row.value), before=row.previous_rank, rank=row.rank)
        for row in findings.countries.rows
        if row.previous_rank != row.rank
    ]
    yield words("overview.moved", names=words.listed(moved)) if moved else words("overview.unmoved")


def _risen(book: Book, findings: Findings) -> Iterator[str]:
    """Regions in the table whose packets changed their level, to whichever ports."""
    ranked = {row.value for row in findings.countries.rows}
    for one in findings.phenomena.rows:
        if one.ports or one.verdict is Verdict.LOCAL or not ranked & set(one.countries):
            continue
        if one.kind in UP | DOWN:
            name = "overview.risen" if one.kind in UP else "overview.fallen"
            mostly = book.words.listed([part.value for part in one.services[:1]])
            when, region = book.words.third(one.start), book.countries(one.countries)
            yield book.words(name, region=region, when=when, mostly=mostly)


def _broad(book: Book, findings: Findings) -> Iterator[str]:
    """Regions that scan broadly."""
    spread, words = findings.spread, book.words
    broad = [row for row in spread.rows if row.off_top >= BROAD] if spread else []
    if spread and broad:
        yield words(
            "overview.broad",
            region=book.told(broad[0].value),
            top=len(spread.top),
            share=words.percent(1 - broad[0].off_top),
            ports=words.count(broad[0].ports),
        )
        if broad[1:]:
            yield words("overview.broad_too", regions=book.countries(row.value for row in broad[1:]))
