"""Pages of a list: one state of the ledger, a cursor behind the last row, a link to what follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from fastapi import Request, Response

from darkscope.api.ask import Mark, Place
from darkscope.api.cursor import Cursor
from darkscope.api.formats import Answer
from darkscope.api.http import questions
from darkscope.api.http.questions import Posed
from darkscope.api.http.remembered import Kept
from darkscope.api.http.source import Source
from darkscope.api.periods import minute
from darkscope.ingest.ledger.ledger import Snapshot
from darkscope.ingest.values import Language


class Page(Answer, Protocol):
    """A page of a list."""

    @property
    def next(self) -> str | None:
        """Where the list goes on."""


def page(
    request: Request,
    source: Source,
    posed: Posed,
    language: Language,
    state: Snapshot,
    asked: str,
    begun: Cursor | None,
    listed: Callable[[Place | None, Mark], Page],
) -> Response:
    """Answer with the page behind a cursor, and keep the state where another follows."""
    unchanged = posed.unchanged(request, posed.tag)
    if unchanged is not None:
        return unchanged

    def mark(place: Place) -> str:
        return Cursor(state.version, minute(posed.observer.now), asked, place).text

    def compute() -> Kept:
        answer = listed(None if begun is None else begun.after, mark)
        return Kept(questions.drawn_or_written(answer, posed.shape, language), answer.next)

    found = questions.in_turn(request, source, posed, compute)
    response = posed.sent(request, found.data)
    if found.following is not None:
        source.keep(state)
        following = request.url.include_query_params(cursor=found.following).query
        response.headers["Link"] = f'<?{following}>; rel="next"'
    return response
