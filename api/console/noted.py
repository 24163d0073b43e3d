"""Phenomena and recorded events as pages show them: words, the days around them, and the marks that they put on charts.

Pure.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

from darkscope.api.console.bar import days_text, local_days
from darkscope.api.events import Events
from darkscope.api.periods import Period
from darkscope.api.phenomena import wording
from darkscope.api.phenomena.proposal import Phenomena, Proposal
from darkscope.ingest.values import Language

BESIDE = timedelta(days=7)
"""Days before and after, by which a change is seen as one."""

MOST = 8
"""Marks of phenomena on a chart."""

VALUE = r"[0-9]+/[A-Z0-9-]+|[A-Z]{2}"
"""A port or a country as events name it."""


def title(proposal: Proposal, language: Language) -> str:
    """Name a proposal in one line."""
    return wording.title(proposal, language)


def words(proposal: Proposal, language: Language) -> str:
    """Put a proposal into words: the analyst's own where there are any."""
    return wording.words(proposal, language)


def around(proposal: Proposal, period: Period) -> str:
    """Name the days of a proposal and those beside it."""
    _, last = local_days(period)
    end = min((proposal.end or last) + BESIDE, max(last, proposal.start))
    return days_text(proposal.start - BESIDE, end)


def events(phenomena: Phenomena, language: Language) -> list[dict[str, object]]:
    """Give the marks of phenomena: when, what, and the ports and countries that a chart must be about."""
    zone = phenomena.provenance.period.zone
    return [
        {
            "at": round(datetime.combine(row.start, time(), zone).timestamp() * 1000),
            "text": wording.title(row, language),
            "about": [*row.ports, *row.countries],
        }
        for row in phenomena.rows[:MOST]
    ]


def recorded(events: Events) -> list[dict[str, object]]:
    """Give the marks of events of the ledger; what names no port and no country is about every chart."""
    return [
        {
            "at": round(row.start.timestamp() * 1000),
            "text": row.title,
            "about": [one for one in re.split(r", | from ", row.subject) if re.fullmatch(VALUE, one)],
        }
        for row in events.rows
    ]
