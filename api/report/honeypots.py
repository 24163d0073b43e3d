"""Sections on what honeypots were asked: each vulnerability with its table, its dates and who asked.

Pure: findings in, blocks out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from darkscope.api.charts.timelines import timeline_chart
from darkscope.api.charts.trends import Event
from darkscope.api.formats import Rows, rows_of
from darkscope.api.periods import midnight
from darkscope.api.report.book import Book
from darkscope.api.report.document import Block, Paragraph
from darkscope.api.report.findings import Findings, Honeypots, Lens, last_day
from darkscope.api.requests.asked import DayRow
from darkscope.api.requests.visitors import Search
from darkscope.api.requests.vulnerabilities import Change, Mark, Vulnerability

LONGEST = 80
"""Characters of a request that a table shows; the data have all of it."""

MOST_ROWS = 20
"""Rows of a table of requests; the data have all."""

UTC = ZoneInfo("UTC")


def lens_title(book: Book, lens: Lens) -> str:
    """Name a vulnerability."""
    one = lens.vulnerability
    return book.words("honeypot.title", vendor=one.vendor, product=one.product)


def lens_blocks(book: Book, findings: Findings, honeypots: Honeypots, lens: Lens) -> Iterator[Block]:
    """Write what was asked of honeypots because of a vulnerability."""
    words, one = book.words, lens.vulnerability
    if one.first_seen is None or one.last_seen is None:
        return
    watch = honeypots.vulnerabilities.provenance.now
    table = book.table_number()
    yield Paragraph(
        words(
            "honeypot.asked",
            sensors=len(watch.sensors) if watch else 0,
            vendor=one.vendor,
            product=one.product,
            cves=words.listed(list(one.cves)),
            first=words.day(one.first_seen.date()),
            last=words.day(one.last_seen.date()),
            requests=words.count(one.requests),
            table=book.table_ref(table),
        )
    )
    yield _table(book, table, lens)
    # What became known after the period is no part of it.
    known = sorted((mark for mark in one.marks if mark.day <= last_day(findings)), key=lambda mark: mark.day)
    dates = [sentence for mark in known for sentence in _mark(book, mark)]
    if dates:
        yield Paragraph(words.joined(dates))
    figure = book.figure_number()
    yield Paragraph(words("honeypot.figure", figure=book.figure_ref(figure)))
    yield _figure(book, findings, honeypots, one, figure)
    yield from _visitors(book, lens)
    if one.references:
        name = f"{one.vendor} {one.product}"
        numbers = [book.reference(f"{name}: {urlsplit(url).hostname}", url) for url in one.references]
        yield Paragraph(words("honeypot.references", numbers=", ".join(f"({number})" for number in numbers)))


def _table(book: Book, number: int, lens: Lens) -> Block:
    """Table 4 of JPCERT/CC's report on April to June 2020, or, where that would be long, without its days."""
    found = lens.days.rows
    rows = _by_day(book, found) if len(found) <= MOST_ROWS else _by_region(book, found)
    columns = ("day", "region", "port", "request", "count")
    return book.table(number, book.words("honeypot.table"), columns, rows, rows_of(lens.days), numeric=(2, 4))


Cells = list[tuple[str, ...]]


def _by_day(book: Book, found: Sequence[DayRow]) -> Cells:
    """A day and its region are written once."""
    rows: Cells = []
    before = None
    for row in found:
        same_day = before is not None and before.day == row.day
        same = same_day and before is not None and before.country == row.country
        rows.append(
            (
                "" if same_day else book.words.day(row.day),
                "" if same else book.country(row.country),
                str(row.port),
                _request(row),
                book.words.count(row.requests),
            )
        )
        before = row
    return rows


def _by_region(book: Book, found: Sequence[DayRow]) -> Cells:
    """Regions, ports and requests, the most first, with the days from the first to the last."""
    alike: dict[tuple[str, int, str], list[DayRow]] = {}
    for row in found:
        alike.setdefault((row.country, row.port, _request(row)), []).append(row)
    counts = {key: sum(row.requests for row in rows) for key, rows in alike.items()}
    return [
        (
            book.days(min(row.day for row in alike[key]), max(row.day for row in alike[key])),
            book.country(key[0]),
            str(key[1]),
            key[2],
            book.words.count(counts[key]),
        )
        for key in sorted(alike, key=lambda key: (-counts[key], key))[:MOST_ROWS]
    ]


def _request(row: DayRow) -> str:
    return row.target if len(row.target) <= LONGEST else f"{row.target[:LONGEST]}…"


def _mark(book: Book, mark: Mark) -> Iterator[str]:
    """Tell a date of the vulnerability, and whether requests came more often from then on."""
    words, lag = book.words, ""
    if mark.lag is not None:
        name = "lag_same" if mark.lag == 0 else "lag_after" if mark.lag > 0 else "lag_before"
        lag = words(f"honeypot.{name}", days=abs(mark.lag))
    yield words(f"honeypot.{mark.name}", day=words.full_day(mark.day), lag=lag)
    if mark.change is Change.ROSE and mark.chance is not None:
        yield words(
            "honeypot.rate",
            day=words.day(mark.day),
            before=words.count(mark.before),
            after=words.count(mark.after),
            chance=words.chance(mark.chance),
        )


def _figure(book: Book, findings: Findings, honeypots: Honeypots, one: Vulnerability, number: int) -> Block:
    words, zone = book.words, findings.question.period.zone
    starts = honeypots.vulnerabilities.starts
    events = [
        Event(midnight(mark.day, zone), words(f"honeypot.mark_{mark.name}"))
        for mark in one.marks
        if starts and starts[0].date() <= mark.day <= starts[-1].date()
    ]
    spec = timeline_chart(
        starts, one.timeline, zone, book.language, unit=words("honeypot.requests"), events=events
    )
    data = Rows(
        ("day", "requests"),
        [(day.date().isoformat(), count) for day, count in zip(starts, one.timeline, strict=True)],
    )
    period = book.days(starts[0].date(), starts[-1].date()) if starts else ""
    return book.figure(
        number, words("honeypot.figure_caption", period=period, product=one.product), spec, data
    )


def _visitors(book: Book, lens: Lens) -> Iterator[Block]:
    found, words = lens.visitors, book.words
    if found.visitors:
        name = "seen" if found.verdict is Search.BROAD else "seen_few"
        yield Paragraph(
            words(f"honeypot.{name}", visitors=words.count(found.visitors), seen=words.count(found.seen))
        )


def missing_blocks(book: Book, honeypots: Honeypots) -> Iterator[Block]:
    """Say of which days that honeypots watched the ledger has no requests, where these are the first or all."""
    found = honeypots.vulnerabilities
    watch, since = found.provenance.now, found.since
    if watch is None or not watch.seconds:
        return
    if not found.requests:
        yield Paragraph(book.words("honeypot.no_requests"))
    elif since is not None and any(
        seconds and start + timedelta(days=1) <= midnight(since, UTC)
        for start, seconds in zip(found.starts, watch.by_bucket(), strict=True)
    ):
        yield Paragraph(book.words("honeypot.none_before", day=book.words.full_day(since)))


def others_blocks(book: Book, honeypots: Honeypots) -> Iterator[Block]:
    """List the other vulnerabilities that requests were after."""
    told = {one.vulnerability.rule for one in honeypots.lenses}
    others = [one for one in honeypots.vulnerabilities.rows if one.requests and one.rule not in told]
    if not others:
        return
    words, number = book.words, book.table_number()
    yield Paragraph(words("honeypot.others", table=book.table_ref(number)))
    rows = [
        (
            f"{one.vendor} {one.product}: {one.title}",
            words.listed(list(one.cves)),
            words.count(one.requests),
            words.count(one.sources),
        )
        for one in others
    ]
    data = Rows(
        ("rule", "vendor", "product", "cves", "requests", "sources"),
        [
            (one.rule, one.vendor, one.product, " ".join(one.cves), one.requests, one.sources)
            for one in others
        ],
    )
    columns = ("vulnerability", "cve", "count", "sources")
    yield book.table(number, words("honeypot.others_caption"), columns, rows, data, numeric=(2, 3))
