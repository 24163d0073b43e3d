"""Pages of a list: one state of the ledger, a cursor behind the last row, a link to what follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self

from fastapi import Request, Response

from darkscope.api.ask import Mark, Observer, Place, Question
from darkscope.api.cursor import Cursor, CursorError
from darkscope.api.dimension import Dimension
from darkscope.api.formats import Answer
from darkscope.api.http import questions
from darkscope.api.http.questions import Observed, Posed
from darkscope.api.http.remembered import Kept
from darkscope.api.http.source import Source
from darkscope.api.periods import instant, minute
from darkscope.api.store import NO_SENDERS
from darkscope.ingest.ledger.ledger import Snapshot
from darkscope.ingest.values import Language


class Page(Answer, Protocol):
    """A page of a list."""

    @property
    def next(self) -> str | None:
        """Where the list goes on."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A list where it is read: one state of the ledger, one present time, and what the rows are behind."""

    posed: Posed
    state: Snapshot
    asked: str  # digest of what is asked, however many rows and in whatever format
    after: Place | None

    @classmethod
    def of(
        cls,
        request: Request,
        source: Source,
        dimension: Dimension,
        query: Observed,
        cursor: str | None,
        *,
        digest: Callable[[Question], str],
        is_place: Callable[[Place], bool],
        lacking: str = NO_SENDERS,
        at: datetime | None = None,
    ) -> Self:
        """Open a list from the beginning, or behind a cursor. Raises CursorError, Moved, and what `Posed.of` does."""
        begun = None if cursor is None else Cursor.parse(cursor)
        state = source.state(None if begun is None else begun.version, lacking)
        now = at if begun is None else instant(min(begun.minute, minute(at or source.now())))
        posed = Posed.of(request, source, dimension, query, state, now)
        asked = digest(posed.question)
        if begun is not None and (begun.question != asked or not is_place(begun.after)):
            raise CursorError("the cursor is of another list: send the parameters that it was given for")
        return cls(posed, state, asked, None if begun is None else begun.after)

    def mark(self, place: Place) -> str:
        """Write where the list goes on."""
        return Cursor(self.state.version, minute(self.posed.observer.now), self.asked, place).text


Listed = Callable[[Observer, Question, Place | None, Mark], Page]


def page(request: Request, source: Source, opened: Opened, language: Language, listed: Listed) -> Response:
    """Answer with a page of a list, and keep the state where another follows."""
    posed = opened.posed
    unchanged = posed.unchanged(request, posed.tag)
    if unchanged is not None:
        return unchanged

    def compute() -> Kept:
        answer = listed(posed.observer, posed.question, opened.after, opened.mark)
        return Kept(questions.drawn_or_written(answer, posed.shape, language), answer.next)

    found = questions.in_turn(request, source, posed, compute)
    response = posed.sent(request, found.data)
    if found.following is not None:
        source.keep(opened.state)
        following = request.url.include_query_params(cursor=found.following).query
        response.headers["Link"] = f'<?{following}>; rel="next"'
    return response
