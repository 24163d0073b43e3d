"""Numbers of tables, figures and references while a report is put together, and what stands under them.

Holds what was numbered so far; a number is given before what has it is made, so that the text before can refer to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from darkscope.api.charts.style import Size, Spec
from darkscope.api.charts.trends import Band, trend_chart
from darkscope.api.charts.words import called
from darkscope.api.formats import Rows, rows_of
from darkscope.api.language import MONTH, country_name, written_day
from darkscope.api.report.document import Figure, Reference, Table
from darkscope.api.report.words import Words
from darkscope.api.trend import Trend
from darkscope.ingest.values import Language

WITH_ARTICLE = frozenset({"AE", "BS", "CG", "DO", "GB", "GM", "MV", "NL", "PH", "US"})
"""Countries that English names with an article."""

SIZE = Size(height=200)
"""Of figures: two of them and their text fit on a page."""


def chart(trend: Trend, language: Language, bands: Sequence[Band] = ()) -> Spec:
    """Draw a trend as the report has it."""
    return trend_chart(trend, language, bands=bands, size=SIZE)


class Book:
    """A report in the making."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self._tables = self._figures = 0
        self._references: dict[str, Reference] = {}

    @property
    def language(self) -> Language:
        """The language of the report."""
        return self.words.language

    @property
    def references(self) -> tuple[Reference, ...]:
        """What was referred to, in the order of its numbers."""
        return tuple(self._references.values())

    def table_number(self) -> int:
        """Give the next table its number."""
        self._tables += 1
        return self._tables

    def figure_number(self) -> int:
        """Give the next figure its number."""
        self._figures += 1
        return self._figures

    def table_ref(self, number: int) -> str:
        """Refer to a table."""
        return self.words("head.table_ref", number=number)

    def figure_ref(self, number: int) -> str:
        """Refer to a figure."""
        return self.words("head.figure_ref", number=number)

    def reference(self, title: str, url: str) -> int:
        """Refer to a page, and give its number."""
        known = self._references.setdefault(url, Reference(len(self._references) + 1, title, url))
        return known.number

    def table(
        self,
        number: int,
        text: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[str]],
        data: Rows,
        *,
        numeric: Iterable[int] = (),
        note: str = "",
    ) -> Table:
        """Make a table; columns are names of words."""
        return Table(
            f"table-{number}",
            self.words("head.table", number=number, text=text),
            tuple(self.words(f"column.{name}") for name in columns),
            frozenset(numeric),
            tuple(tuple(row) for row in rows),
            data,
            note,
        )

    def figure(self, number: int, text: str, spec: Spec, shown: Trend | Rows) -> Figure:
        """Make a figure of what it shows."""
        data = shown if isinstance(shown, Rows) else rows_of(shown)
        return Figure(f"figure-{number}", self.words("head.figure", number=number, text=text), spec, data)

    def country(self, code: str) -> str:
        """Name a country."""
        return country_name(code, self.language)

    def told(self, code: str) -> str:
        """Name a country within a sentence."""
        name = self.country(code)
        return f"the {name}" if self.language is Language.EN and code in WITH_ARTICLE else name

    def countries(self, codes: Iterable[str]) -> str:
        """Name countries within a sentence."""
        return self.words.listed([self.told(code) for code in codes])

    def names(self, trend: Trend) -> list[str]:
        """Name the values of a trend."""
        return [called(trend.dimension, line.value, line.label, self.language) for line in trend.lines]

    def days(self, first: date, last: date) -> str:
        """Write days, both included: a quarter, a month or a year by its name."""
        after = last + timedelta(days=1)
        months = (after.year - first.year) * 12 + after.month - first.month
        if first.day == after.day == 1 and months == 1:
            return written_day(first, MONTH, self.language)
        if first.day == after.day == 1 and first.year == last.year:
            if months == 12:
                return f"{first.year}年" if self.language is Language.JA else str(first.year)
            return self.words(
                "period.quarter", year=first.year, first=self._month(first), last=self._month(last)
            )
        end = self.words.full_day(last) if self.language is Language.EN else self.words.day(last)
        start = self.words.day(first) if self.language is Language.EN else self.words.full_day(first)
        return start if first == last else self.words("period.days", first=start, last=end)

    def of_trend(self, trend: Trend) -> str:
        """Write the days of a trend."""
        starts = trend.buckets.starts
        return self.days(starts[0].date(), starts[-1].date())

    def _month(self, day: date) -> str:
        return (
            str(day.month)
            if self.language is Language.JA
            else written_day(day, {Language.EN: "MMMM"}, Language.EN)
        )
