"""Requests of cases that are after known vulnerabilities: what honeypots were asked, by the rules of the lens.

Asks the store, of the sources that are cases already alone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl

from darkscope.api.address import SENDER, SENDER_SCHEMA, Sender
from darkscope.api.ask import Observer, Question
from darkscope.api.cases import Attempt, Cases
from darkscope.api.periods import EPOCH
from darkscope.api.requests import lens
from darkscope.api.requests.rules import Rule
from darkscope.api.requests.wanted import Wanted

ATTEMPTS = 5
"""Requests of a case that are told, at most: the newest."""

_ORDER = ("time", "sensor", "source_port", "number")


def attempted(observer: Observer, question: Question, found: Cases) -> Cases:
    """Add to cases their requests that a rule names. Raises StoreError, RulesError."""
    if not found.cases:
        return found
    scope, rules, store = observer.scope(question), observer.rules(), observer.store.requests
    wanted = pl.DataFrame([case.sender for case in found.cases], schema=SENDER_SCHEMA, orient="row").lazy()
    mark = lens.marked(rules, Wanted())

    def named(rows: pl.LazyFrame) -> pl.LazyFrame:
        return mark(rows.join(wanted, on=SENDER, how="semi")).filter(pl.col("rules").list.len() > 0)

    def newest(rows: pl.LazyFrame) -> pl.LazyFrame:
        in_order = named(rows).sort(_ORDER, descending=True)
        return in_order.group_by(SENDER, maintain_order=True).head(ATTEMPTS)

    counted = store.counted(SENDER, scope.days, scope.where, named)
    if counted.is_empty():
        return found
    requests = {
        (version, high, low): count
        for version, high, low, count in counted.select(*SENDER, "requests").iter_rows()
    }
    rows, _ = store.page(scope.days.window, scope.where, newest, None, ATTEMPTS * len(counted))
    by_id = {rule.id: rule for rule in rules.rules}
    told: dict[Sender, list[Attempt]] = {}
    for row in rows.sort(_ORDER, descending=True).iter_rows(named=True):
        sender = (row["version"], row["source_high"], row["source_low"])
        told.setdefault(sender, []).append(_attempt(row, [by_id[name] for name in row["rules"]]))
    return replace(
        found,
        cases=tuple(
            replace(case, attempts=tuple(told[case.sender]), requests=requests[case.sender])
            if case.sender in told
            else case
            for case in found.cases
        ),
    )


def _attempt(row: dict[str, Any], rules: list[Rule]) -> Attempt:
    return Attempt(
        time=EPOCH + timedelta(microseconds=row["time"] // 1000),
        sensor=row["sensor"],
        source_port=row["source_port"],
        port=row["port"],
        number=row["number"],
        application=row["kind"],
        method=row["method"],
        path=row["path"],
        agent=row["agent"],
        rules=tuple(rule.id for rule in rules),
        cves=tuple(dict.fromkeys(cve for rule in rules for cve in rule.cves)),
        vendor=rules[0].vendor,
        product=rules[0].product,
        title=rules[0].title,
    )
