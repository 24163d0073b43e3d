"""`/v1/live/{dimension}`: the trend of the last minutes, again whenever the ledger has more (server-sent events).

A stream ends after some minutes, and the client comes back by itself: so a key that was revoked is noticed, and no
stream holds up the server's end.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from darkscope.api.dimension import Dimension
from darkscope.api.formats import plain
from darkscope.api.http.access import asker_of, needs
from darkscope.api.http.problems import declared
from darkscope.api.http.questions import Narrowed, Posed
from darkscope.api.http.source import Source
from darkscope.api.http.turns import Busy, count_down
from darkscope.api.keys import Scope
from darkscope.api.store import StoreError
from darkscope.ingest.ledger.errors import LedgerError

PAUSE = 2.0
"""Seconds between two looks at the ledger: a daemon commits about as often."""

BREATH = 15.0
"""Seconds after which a comment is sent where there is nothing to tell, so that proxies keep the connection."""

LONGEST = 300.0
"""Seconds that a stream lasts."""

MOST_STREAMS = 100
"""Streams at the same time: each asks the ledger anew."""

MOST_OF_ONE = MOST_STREAMS // 2
"""Of one asker: the others are left as many."""

MEDIA_TYPE = "text/event-stream"

EXAMPLE = """\
retry: 3000

id: 4711
event: trend
data: {"dimension": "ports", "step": "1m", "starts": ["..."], "covered": [1.0], "lines": [], "provenance": {}}

"""


class LiveQuery(Narrowed):
    """The parameters of a stream."""

    period: Annotated[str, Field(pattern="^([1-9][0-9]{0,2}m|1?[1-9]h|10h|2[0-4]h)$", examples=["60m"])] = (
        "60m"
    )
    """How far it looks back: minutes or hours up to now, a day at most."""
    step: Annotated[str, Field(max_length=10, examples=["1m"])] = "1m"
    """Length of a bucket."""
    limit: Annotated[int, Field(ge=1, le=20)] = 5
    """How many of the leading values."""


def router(source: Source) -> APIRouter:
    """The endpoint of the stream, over a source."""
    routes = APIRouter(prefix="/v1", tags=["questions"])
    streams: Counter[str] = Counter()  # by asker
    answered: dict[int | str, dict[str, Any]] = {
        200: {
            "description": "Events `trend`, whose data are those of `/v1/trends/{dimension}` and whose id is the "
            "ledger's version; `Last-Event-ID` is respected.",
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": EXAMPLE}},
        },
        **declared(404, 410, 422, 503),
    }

    @routes.get(
        "/live/{dimension}",
        dependencies=[needs(Scope.READ)],
        responses=answered,
        response_class=StreamingResponse,
    )
    async def live(
        request: Request,
        dimension: Annotated[Dimension, Path(description="What is followed.")],
        query: Annotated[LiveQuery, Query()],
    ) -> StreamingResponse:
        """Follow the leading values of the last minutes as they come in."""
        who = asker_of(request).who
        if streams.total() >= MOST_STREAMS or streams[who] >= MOST_OF_ONE:
            raise Busy
        first = await run_in_threadpool(_event, request, source, dimension, query)

        async def events() -> AsyncIterator[str]:
            streams[who] += 1
            try:
                async for text in _events(request, source, dimension, query, first):
                    yield text
            finally:
                count_down(streams, who)

        return StreamingResponse(
            events(), media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )

    return routes


Event = tuple[str, str]
"""What is told: the state's name, and the trend as JSON."""


async def _events(
    request: Request, source: Source, dimension: Dimension, query: LiveQuery, first: Event
) -> AsyncIterator[str]:
    """Tell the state, then each other one, until the time is over or the server ends."""
    loop = asyncio.get_running_loop()
    ends, said = loop.time() + LONGEST, loop.time()
    told = request.headers.get("last-event-id", "")
    state: Event | None = first
    yield "retry: 3000\n\n"
    while loop.time() < ends and not request.app.state.is_ending():
        if state is not None and state[0] != told:
            told, said = state[0], loop.time()
            yield f"id: {told}\nevent: trend\ndata: {state[1]}\n\n"
        elif loop.time() - said >= BREATH:
            said = loop.time()
            yield ": nothing new\n\n"
        await asyncio.sleep(PAUSE)
        try:
            state = await run_in_threadpool(_event, request, source, dimension, query, told)
        except (LedgerError, StoreError, Busy):  # said in the log where it matters; the next look may do
            state = None


def _event(request: Request, source: Source, dimension: Dimension, query: LiveQuery, told: str = "") -> Event:
    """The trend of the newest state; without data where it was told already."""
    posed = Posed.of(request, source, dimension, query)
    version = str(posed.observer.store.version)
    if version == told:
        return version, ""
    with source.turns.turn(asker_of(request).who):
        trend = posed.observer.trend(posed.question, query.step, [], query.limit)
    return version, json.dumps(plain(trend), ensure_ascii=False, allow_nan=False)
