"""What people ask about requests to honeypots, answered from a store: for the commands, the endpoints and the report.

Asks the store, and leaves counting and judging to the pure modules beside this one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from darkscope.api.address import SENDER
from darkscope.api.ask import Mark, Observer, Place, Question, Scope
from darkscope.api.dimension import Dimension
from darkscope.api.requests import asked, lens, visitors, vulnerabilities
from darkscope.api.requests.rules import Rules
from darkscope.api.requests.wanted import Wanted
from darkscope.api.store import After
from darkscope.ingest.series import TELESCOPE


def by_day(observer: Observer, question: Question, wanted: Wanted, limit: int) -> asked.RequestDays:
    """Count what honeypots were asked by day, country and port (Table 4)."""
    scope = observer.scope(question)
    mark = lens.marked(observer.rules(), wanted)
    counted = observer.store.requests.counted(asked.BY_DAY, scope.days, scope.where, mark)
    return asked.by_day(counted, scope.days, limit, **_said(observer, wanted, scope))


def by_request(observer: Observer, question: Question, wanted: Wanted, limit: int) -> asked.RequestTotals:
    """Count what honeypots were asked in the whole period, the most frequent first."""
    scope = observer.scope(question)
    mark = lens.marked(observer.rules(), wanted)
    counted = observer.store.requests.counted(asked.BY_REQUEST, scope.days, scope.where, mark)
    return asked.by_request(counted, limit, **_said(observer, wanted, scope))


def singly(
    observer: Observer,
    question: Question,
    wanted: Wanted,
    limit: int,
    after: Place | None = None,
    mark: Mark | None = None,
) -> asked.RequestList:
    """List requests one by one, behind a place (a time, and how many of it); `mark` writes where it goes on."""
    scope = observer.scope(question)
    place = None if after is None else After(*after)
    named = lens.marked(observer.rules(), wanted)
    # Where no rule chooses, only the rows of the page need their names.
    chosen = lens.marked(Rules.none(), wanted) if wanted.is_open else named
    found, has_more = observer.store.requests.page(scope.days.window, scope.where, chosen, place, limit)
    found = named(found.drop("rules").lazy()).collect()
    following = mark(_behind(found, place)) if mark is not None and has_more else None
    return asked.singly(found, following=following, **_said(observer, wanted, scope))


def _behind(found: pl.DataFrame, place: After | None) -> Place:
    """Behind the last of some requests that follow a place."""
    last = int(found["time"][-1])
    count = int((found["time"] == last).sum())
    return last, count + (place.count if place is not None and place.time == last else 0)


def visited(observer: Observer, question: Question, wanted: Wanted, limit: int) -> visitors.Visitors:
    """List who made requests to honeypots, and say which of them telescopes received packets of too.

    These are the telescopes of the same organisations, at home or abroad as was asked.
    """
    scope = observer.scope(question)
    selection = replace(question.selection, kind=TELESCOPE, sensors=())
    others = observer.scope(replace(question, selection=selection))
    mark = lens.marked(observer.rules(), wanted)
    counted = observer.store.requests.counted(SENDER, scope.days, scope.where, mark)
    seen = observer.store.requests.seen_by(scope.days.window, others.where.sensors, counted)
    return visitors.visitors(counted, seen, limit, telescopes=others.watch, **_said(observer, wanted, scope))


def exploited(
    observer: Observer, question: Question, wanted: Wanted, limit: int
) -> vulnerabilities.Vulnerabilities:
    """Tell which known vulnerabilities requests were after, and the leading requests that no rule names."""
    scope = observer.scope(question)
    rules, store = observer.rules(), observer.store.requests
    chosen, mark = rules.named(wanted.rules), lens.marked(rules, wanted)
    # Of rows that no rule names only the totals below tell.
    every = replace(wanted, rules=tuple(rule.id for rule in rules.rules)) if wanted.is_open else wanted
    naming = lens.marked(rules, every)
    counted = store.counted(vulnerabilities.KEYS, scope.days, scope.where, naming, by_rule=True)
    unsure = store.counted((), scope.days, scope.where, lens.undecided(chosen, wanted), by_rule=True)
    found = vulnerabilities.vulnerabilities(
        chosen.rules,
        counted,
        dict(unsure.select("rule", "requests").iter_rows()),
        scope.days,
        scope.watch,
        label=lambda sensor: observer.label(Dimension.SENSORS, (sensor,)),
    )
    totals = store.counted((*asked.BY_REQUEST, "is_named"), scope.days, scope.where, mark)
    told = _said(observer, wanted, scope)
    unnamed = asked.by_request(totals.filter(~pl.col("is_named")), limit, **told)
    requests = int(totals["requests"].sum())
    return vulnerabilities.Vulnerabilities(
        requests=requests,
        named=requests - unnamed.requests,
        unnamed=unnamed.requests,
        rules=len(chosen.rules),
        ruleset=rules.digest,
        starts=tuple(scope.days.starts),
        rows=tuple(one for one in found if one.requests or one.undecided or wanted.names_rules),
        unnamed_rows=unnamed.rows,
        **told,
    )


def _said(observer: Observer, wanted: Wanted, scope: Scope) -> dict[str, Any]:
    """What answers about requests rest on."""
    return {
        "since": observer.store.requests.since if observer.sees_all else None,
        "wanted": wanted.texts(),
        "provenance": scope.provenance,
    }
