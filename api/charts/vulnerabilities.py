"""The leading vulnerability as bars: requests day by day, with its dates.

Pure.
"""

from __future__ import annotations

from darkscope.api.charts.style import Spec
from darkscope.api.charts.timelines import timeline_chart
from darkscope.api.charts.trends import Event
from darkscope.api.charts.words import word
from darkscope.api.formats import UnwrittenError
from darkscope.api.periods import midnight
from darkscope.api.requests.vulnerabilities import Vulnerabilities
from darkscope.ingest.values import Language


def vulnerability_chart(answer: Vulnerabilities, language: Language, *, title: str | None = None) -> Spec:
    """Draw the first rule of an answer, with its dates that lie within. Raises UnwrittenError where there is none."""
    if not answer.rows:
        raise UnwrittenError("no rule names any of these requests, so there is no picture of them")
    one, zone = answer.rows[0], answer.provenance.period.zone
    events = [
        Event(midnight(mark.day, zone), word(mark.name, language))
        for mark in one.marks
        if answer.starts[0].date() <= mark.day <= answer.starts[-1].date()
    ]
    named = " ".join((*one.cves[:1], one.vendor, one.product))
    return timeline_chart(
        answer.starts,
        one.timeline,
        zone,
        language,
        unit=word("requests_day", language),
        title=named if title is None else title,
        events=events,
    )
