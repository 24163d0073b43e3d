"""Questions of every kind that are read in shares, and their answers made comparable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from darkscope.api.address import SENDER
from darkscope.api.dimension import Dimension
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.periods import Window, cut
from darkscope.api.requests.lens import marked
from darkscope.api.requests.rules import Rules
from darkscope.api.requests.wanted import Wanted
from darkscope.api.store import Filter, Position, Precision

JUNE = Window(datetime(2020, 6, 24, tzinfo=UTC), datetime(2020, 6, 26, tzinfo=UTC))
DAYS = cut(JUNE, "6h", ZoneInfo("UTC"))
FIRST, LAST = date(2020, 6, 24), date(2020, 6, 25)
ALL, TELNET = Filter(), Filter(ports=frozenset({(6, 23)}))
MARK = marked(Rules.none(), Wanted())


def no_device(rows: pl.DataFrame) -> pl.Series:
    """Say that nobody investigated anything."""
    return pl.Series([""] * len(rows), dtype=pl.String)


def _page(store: LedgerStore, where: Filter, after: Position | None = None) -> list[Any]:
    page = store.senders.page(JUNE, where, after, 3)
    return [page.senders.rows(), page.packets, page.addresses, page.has_more]


def _senders(store: LedgerStore) -> pl.DataFrame:
    return store.senders.page(JUNE, ALL, None, 50).senders


def _owners(store: LedgerStore) -> list[Any]:
    owners = store.senders.owners(JUNE, ALL, None, no_device)
    return [owners.owners.rows(), owners.devices.rows()]


def _victims(store: LedgerStore) -> pl.DataFrame:
    return store.echoes.victims(FIRST, LAST, None, 1)


def _visitors(store: LedgerStore) -> pl.DataFrame:
    return store.requests.counted(SENDER, DAYS, ALL, MARK).sort(SENDER)


QUESTIONS: dict[str, Callable[[LedgerStore], Any]] = {
    "totals": lambda store: store.totals(Dimension.PORTS, JUNE, ALL, ("scan",)),
    "narrowed": lambda store: store.totals(Dimension.TOOLS, JUNE, TELNET),
    "cross": lambda store: store.cross(Dimension.COUNTRIES, Dimension.PORTS, JUNE, ALL, [("JP",), ("CN",)]),
    "series": lambda store: store.series(Dimension.PORTS, DAYS, ALL, [(6, 23), (17, 53)]),
    "sources": lambda store: store.sources(Dimension.PORTS, JUNE, ALL, [(6, 23)], Precision.EXACT),
    "targets": lambda store: store.targets(Dimension.COUNTRIES, JUNE, ALL, [("JP",), ("CN",)]),
    "events": lambda store: store.events(JUNE),
    "page": lambda store: _page(store, ALL),
    "page of a port": lambda store: _page(store, TELNET),
    "next page": lambda store: _page(store, ALL, Position(2, (4, 0, 3))),
    "facts": lambda store: store.senders.facts(JUNE, ALL, _senders(store)).rows(),
    "evidence": lambda store: store.senders.evidence(JUNE, None, _senders(store)).rows(),
    "days": lambda store: store.senders.days(JUNE, ALL, _senders(store)).rows(),
    "verdicts": lambda store: store.senders.verdicts(JUNE, None, _senders(store)).rows(),
    "owners": _owners,
    "accounts": lambda store: pl.concat(store.senders.accounts(JUNE, ALL, None)),
    "where scans went": lambda store: store.senders.targets(JUNE, ALL, _senders(store), 2).rows(),
    "samples": lambda store: store.senders.samples(JUNE, ALL, _senders(store), 2).rows(),
    "victims": _victims,
    "echoes": lambda store: store.echoes.rows(FIRST, LAST, None, _victims(store)),
    "watched until": lambda store: store.echoes.until(FIRST, None),
    "requests": lambda store: store.requests.counted(("bucket", "path"), DAYS, ALL, MARK),
    "visitors": _visitors,
    "visits": lambda store: store.requests.seen_by(
        JUNE, None, _visitors(store).select(*SENDER, "first")
    ).rows(),
    "page of requests": lambda store: store.requests.page(JUNE, ALL, MARK, None, 3)[0].rows(),
}
"""By what they ask."""


def answers(store: LedgerStore, asked: Sequence[str] = tuple(QUESTIONS)) -> dict[str, Any]:
    """Answers to questions, rows that come in no order sorted."""
    return {name: _ordered(QUESTIONS[name](store)) for name in asked}


def _ordered(answer: Any) -> Any:
    if not isinstance(answer, pl.DataFrame):
        return answer
    return sorted(map(repr, answer.select(sorted(answer.columns)).iter_rows(named=True)))
