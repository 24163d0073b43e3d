"""Sections on what was noted: each topic with its figures, its rhythm, and what comes from home.

Pure: findings in, blocks out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from darkscope.api.charts.trends import Band
from darkscope.api.dimension import NO_OWNER
from darkscope.api.formats import Rows, rows_of
from darkscope.api.periods import midnight
from darkscope.api.phenomena.wording import words as told
from darkscope.api.report.book import Book, chart
from darkscope.api.report.document import Block, Paragraph
from darkscope.api.report.findings import TOP, Findings, Holiday, Office, Subject
from darkscope.api.report.topics import Topic
from darkscope.api.rhythm import Row, Verdict
from darkscope.api.sources import OwnerList
from darkscope.api.trend import Trend

REST = 0.8
"""Share of a working day's packets that a day off has at least where days off make no difference."""

LEADERS = 3
"""Regions that are named after the first."""


def subject_title(book: Book, topic: Topic) -> str:
    """Name a topic."""
    if topic.countries:
        ports, countries = book.words.listed(list(topic.ports)), book.countries(topic.countries)
        return book.words("topic.title_from", ports=ports, countries=countries)
    return book.words("topic.title", ports=book.words.listed(list(topic.ports)))


def subject_blocks(book: Book, findings: Findings, subject: Subject) -> Iterator[Block]:
    """Write a topic."""
    words, topic = book.words, subject.topic
    for proposal in sorted(topic.proposals, key=lambda one: (one.start, one.id)):
        yield Paragraph(told(proposal, book.language))
    ties = [
        words("topic.shared", port=tie.port, other=tie.other, share=words.percent(tie.share))
        for tie in topic.ties
    ]
    if ties:
        yield Paragraph(words.joined(ties))
    yield from _together(book, subject)
    for port, trend in subject.by_region:
        yield from _by_region(book, findings, port, trend)
    if subject.office is not None:
        yield from _office(book, findings, subject, subject.office)
    if subject.home is not None:
        yield from _home(book, findings, subject, subject.home)
    if subject.senders is not None:
        yield from _senders(book, subject, subject.senders)


def _together(book: Book, subject: Subject) -> Iterator[Block]:
    if subject.together is None:
        return
    number, ports = book.figure_number(), book.words.listed(list(subject.topic.main_ports))
    told = {"ports": ports, "countries": book.countries(subject.topic.countries)}
    yield Paragraph(book.words("topic.ports_figure", figure=book.figure_ref(number), **told))
    caption = book.words("topic.ports_caption", period=book.of_trend(subject.together), **told)
    yield book.figure(number, caption, chart(subject.together, book.language), subject.together)


def _by_region(book: Book, findings: Findings, port: str, trend: Trend) -> Iterator[Block]:
    words, number = book.words, book.figure_number()
    added = len(trend.lines) > TOP and trend.lines[-1].value == findings.home
    text = words(
        "topic.regions_figure",
        port=port,
        top=len(trend.lines) - added,
        home=book.told(findings.home) if added else "",
        figure=book.figure_ref(number),
    )
    order = ""
    if len(trend.lines) > 1:
        first, *others = [line.value for line in trend.lines]
        order = words("topic.regions_order", first=book.told(first), others=book.countries(others[:LEADERS]))
    yield Paragraph(words.joined([text, order]))
    caption = words("topic.regions_caption", period=book.of_trend(trend), port=port)
    yield book.figure(number, caption, chart(trend, book.language), trend)


def _office(book: Book, findings: Findings, subject: Subject, office: Office) -> Iterator[Block]:
    """The week, the holidays and the hours of countries that keep office hours."""
    words, ports = book.words, book.words.listed(list(subject.topic.main_ports[:1]))
    rows = {row.value: row for row in office.rhythms.rows}
    numbers = [book.figure_number() for _ in office.stretches]
    table = book.table_number() if office.holidays else None
    ratios = [
        words("topic.ratio", country=book.told(code), ratio=words.percent(rows[code].rest_ratio or 0))
        for code in office.countries
        if code in rows and rows[code].rest_ratio is not None
    ]
    if numbers and table is not None:
        figures = "".join if book.language.value == "ja" else ", ".join
        yield Paragraph(
            words(
                "topic.week",
                countries=book.countries(office.countries),
                figures=figures([book.figure_ref(number) for number in numbers]),
                table=book.table_ref(table),
                ratios=words.listed(ratios),
            )
        )
    for number, trend in zip(numbers, office.stretches, strict=True):
        caption = words(
            "topic.stretch_caption",
            period=book.of_trend(trend),
            countries=book.countries(office.countries),
            ports=ports,
        )
        bands = list(_rest(book, trend, office.holidays))
        yield book.figure(number, caption, chart(trend, book.language, bands=bands), trend)
    if table is not None:
        yield _holidays(book, table, office)
    if office.hours is not None and office.countries[0] in rows:
        yield from _hours(book, findings, office.hours, rows[office.countries[0]], ports)


def _rest(book: Book, trend: Trend, holidays: Sequence[Holiday]) -> Iterator[Band]:
    """Shade Saturdays, Sundays and holidays, neighbours in one."""
    zone = trend.buckets.zone
    off = {one.day for one in holidays}
    text = book.words("topic.day_off")
    begun: date | None = None
    days = [start.date() for start in trend.buckets.starts]
    for day in [*days, days[-1] + timedelta(days=1)]:
        rests = day in days and (day.weekday() >= 5 or day in off)
        if rests and begun is None:
            begun = day
        if not rests and begun is not None:
            yield Band(midnight(begun, zone), midnight(day, zone), text)
            begun = None


def _holidays(book: Book, number: int, office: Office) -> Block:
    words = book.words
    rows = [
        (words.day(one.day), book.countries(one.countries), words.holiday(one.name))
        for one in office.holidays
    ]
    data = Rows(
        ("day", "countries", "name"),
        [(one.day.isoformat(), " ".join(one.countries), one.name) for one in office.holidays],
    )
    caption = words("topic.holidays_caption", countries=book.countries(office.countries))
    return book.table(number, caption, ("day", "region", "holiday"), rows, data)


def _hours(book: Book, findings: Findings, trend: Trend, row: Row, ports: str) -> Iterator[Block]:
    words, number = book.words, book.figure_number()
    zone, start = findings.question.period.zone, trend.buckets.starts[0]
    source = ZoneInfo(row.zone) if row.zone else zone
    if row.verdict is Verdict.OFFICE:
        yield Paragraph(
            words(
                "topic.hours",
                period=book.of_trend(trend),
                country=book.told(row.value),
                figure=book.figure_ref(number),
                zone=zone.key,
                offset=f"{start:%z}"[:3] if start.strftime("%z").endswith("00") else f"{start:%z}",
                source_zone=source.key,
                shift=_shift(book, start, source),
                rise=words.percent(row.rise or 0),
                dip=words.percent(row.dip or 0),
                end=words.percent(row.end or 0),
            )
        )
    caption = words(
        "topic.hours_caption", period=book.of_trend(trend), country=book.told(row.value), ports=ports
    )
    yield book.figure(number, caption, chart(trend, book.language), trend)


def _shift(book: Book, start: datetime, source: ZoneInfo) -> str:
    """Say what the source's clocks show."""
    there, here = start.astimezone(source).utcoffset(), start.utcoffset()
    hours = ((there or timedelta()) - (here or timedelta())) / timedelta(hours=1)
    if not hours:
        return book.words("topic.same_clock")
    return book.words("topic.later" if hours > 0 else "topic.earlier", hours=f"{abs(hours):g}")


def _home(book: Book, findings: Findings, subject: Subject, trend: Trend) -> Iterator[Block]:
    words, number, home = book.words, book.figure_number(), book.told(findings.home)
    ports = words.listed([line.value for line in trend.lines])
    text = [words("topic.home_figure", figure=book.figure_ref(number), home=home, ports=ports)]
    if subject.office is not None:
        rows = {row.value: row for row in subject.office.rhythms.rows}
        if findings.home in rows:
            text += _contrast(book, rows[findings.home], home)
    yield Paragraph(words.joined(text))
    caption = words("topic.home_caption", period=book.of_trend(trend), ports=ports, home=home)
    yield book.figure(number, caption, chart(trend, book.language), trend)


def _contrast(book: Book, row: Row, home: str) -> Iterator[str]:
    """Say that home differs, where it does."""
    words = book.words
    if row.verdict is Verdict.NONE:
        yield words("topic.no_hours", home=home)
        if row.rest_ratio is not None and row.rest_ratio >= REST:
            yield words("topic.no_rest", ratio=words.percent(row.rest_ratio))
    elif row.verdict is Verdict.UNCLEAR:
        yield words("topic.unclear_hours", home=home)


def _senders(book: Book, subject: Subject, senders: OwnerList) -> Iterator[Block]:
    """Who sent it: networks, and devices that somebody investigated."""
    words, number = book.words, book.table_number()
    ports = words.listed(list(subject.topic.main_ports))
    investigated = sum(row.investigated for row in senders.rows)
    yield Paragraph(
        words(
            "topic.senders",
            table=book.table_ref(number),
            ports=ports,
            sources=words.count(senders.sources),
            investigated=words.count(investigated) if investigated else "",
        )
    )
    rows = [
        (
            words("topic.no_network") if row.owner == NO_OWNER else row.owner,
            words.count(row.sources),
            words.percent(row.share),
            ", ".join(row.devices),
        )
        for row in senders.rows
    ]
    caption = words("topic.senders_caption", ports=ports)
    columns = ("network", "sources", "share", "devices")
    yield book.table(number, caption, columns, rows, rows_of(senders), numeric=(1, 2))


def sections_of(subjects: Sequence[Subject], first: str) -> Mapping[str, str]:
    """Number of the section that tells of a port."""
    return {
        port: f"{first}.{number}" for number, one in enumerate(subjects, 1) for port in one.topic.main_ports
    }
