"""The chart of any answer that has one, and its picture.

Whoever has an answer asks here: the endpoints for `?format=svg`, the commands for `--format svg`.
"""

from __future__ import annotations

from functools import singledispatch

from darkscope.api.breadth import Breadth
from darkscope.api.charts import drawing
from darkscope.api.charts.breadths import breadth_chart
from darkscope.api.charts.coverages import coverage_chart
from darkscope.api.charts.rankings import ranking_chart
from darkscope.api.charts.rhythms import rhythm_chart
from darkscope.api.charts.spreads import spread_chart
from darkscope.api.charts.style import Spec
from darkscope.api.charts.trends import trend_chart
from darkscope.api.charts.vulnerabilities import vulnerability_chart
from darkscope.api.charts.world import world_chart
from darkscope.api.dimension import Dimension
from darkscope.api.formats import Answer, Format, UnwrittenError, rows_of
from darkscope.api.ranking import Ranking
from darkscope.api.requests.vulnerabilities import Vulnerabilities
from darkscope.api.rhythm import Rhythms
from darkscope.api.roster import Coverage
from darkscope.api.spread import Spread
from darkscope.api.trend import Trend
from darkscope.ingest.values import Language

MOST_FIGURES, MOST_ROWS = 20_000, 100
"""In a picture: more take minutes and hundreds of megabytes to draw, and are a grey area then."""


def picture(answer: Answer, output: Format, language: Language, *, is_map: bool = False) -> bytes:
    """Draw an answer as SVG or PNG. Raises UnwrittenError where it has no chart, or one that nobody could read.

    A ranking of countries may be drawn as a map, which has room for all of them.
    """
    if is_map:
        return _drawn(_map(answer, language), output)
    rows = rows_of(answer).rows
    figures = sum(map(len, rows))
    if figures > MOST_FIGURES or (len(rows) > MOST_ROWS and not isinstance(answer, Trend | Coverage)):
        raise UnwrittenError(
            f"a picture has {MOST_FIGURES:,} figures, and {MOST_ROWS} rows of a list, at most; a coarser step, "
            "a shorter period and a lower limit have fewer"
        )
    return _drawn(chart(answer, language), output)


def _drawn(spec: Spec, output: Format) -> bytes:
    return drawing.png(spec) if output is Format.PNG else drawing.svg(spec).encode()


def _map(answer: Answer, language: Language) -> Spec:
    if not isinstance(answer, Ranking) or answer.dimension is not Dimension.COUNTRIES:
        raise UnwrittenError("only a ranking of countries is drawn as a map")
    return world_chart(answer, language)


@singledispatch
def chart(answer: object, _language: Language) -> Spec:
    """Give the chart of an answer. Raises UnwrittenError where it has none."""
    raise UnwrittenError(f"there is no picture of this answer ({type(answer).__name__.lower()})")


chart.register(Trend, trend_chart)
chart.register(Ranking, ranking_chart)
chart.register(Rhythms, rhythm_chart)
chart.register(Breadth, breadth_chart)
chart.register(Coverage, coverage_chart)
chart.register(Spread, spread_chart)
chart.register(Vulnerabilities, vulnerability_chart)
