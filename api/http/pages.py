"""Pages for people over the same source, doors, turns and memory as the interface.

A page comes piece by piece: its frame at once, each section when its figures are there; what goes wrong with one is
said in its place. Nothing on a page was written by a stranger without being escaped, and a strict policy forbids the
rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from hashlib import blake2s
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from fastapi.routing import APIRoute
from pydantic import Field

from darkscope.api.asked import Kind
from darkscope.api.charts import browser
from darkscope.api.console import noted, render
from darkscope.api.console.bar import Bar, days_text, quarter_of, stepped
from darkscope.api.console.render import Drawn
from darkscope.api.console.words import Words, preferred, words
from darkscope.api.dimension import Dimension
from darkscope.api.http import questions, sections, sessions
from darkscope.api.http.access import Doors, asker_of
from darkscope.api.http.problems import Problem
from darkscope.api.http.questions import Narrowed, Posed
from darkscope.api.http.remembered import Kept
from darkscope.api.http.sections import Section, stream
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope
from darkscope.api.periods import Period
from darkscope.api.store import StoreError
from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.values import Language

HTML = "text/html; charset=utf-8"

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""What a page may load and do: its own files alone, nothing inline, no evaluation of text."""

FILES = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "taken.js": "text/javascript; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
    "chart.js": "text/javascript; charset=utf-8",
    "mark.svg": "image/svg+xml",
}
"""What pages refer to."""

RECENT = timedelta(days=2)
"""Age of the newest data up to which a page is about the last 24 hours where its address does not say."""

MINUTE = timedelta(minutes=1)
"""By which what ended at a midnight belongs to the day before."""

MONTH = timedelta(days=29)
"""Between the first and the last of thirty days."""

ROLLING = re.compile(r"[1-9][0-9]*[mhd]")
"""A period up to now."""


Cursor = Annotated[str | None, Field(max_length=300)]


class View(Narrowed):
    """The parameters of every page: those of a question, and how it is shown."""

    theme: Literal["light", "dark"] | None = None
    """Colours; as the reader's system has them where left out."""
    drawn: Annotated[Literal["lines", "stacked"] | None, Field(alias="as")] = None
    """How trends are drawn."""
    live: bool = False
    """Follow the ledger."""


class ListView(View):
    """The parameters of a page of lists."""

    rows: Annotated[int, Field(ge=1, le=sections.MOST)] = sections.MANY
    """Rows of lists that have no pages."""
    after: Cursor = None
    """Where the page's list goes on."""
    owners_after: Cursor = None
    """Where the list of owners goes on."""


Viewed = Annotated[View, Query()]
ListViewed = Annotated[ListView, Query()]

Parts = Callable[[Narrowed, Period], Mapping[str, Section]]
"""The sections of a page, by the names that its template has for them."""


class PageRoute(APIRoute):
    """A route whose errors are pages, and whose empty parameters are as if they were not there."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        inner = super().get_route_handler()

        async def handled(request: Request) -> Response:
            response = _without_empty(request)
            if response is None:
                try:
                    response = await inner(request)
                except Exception as error:
                    problem = problem_of(request, error)
                    if problem is None:
                        raise
                    response = _refusal(request, *problem)
            response.headers["Content-Security-Policy"] = POLICY
            return response

        return handled


def _without_empty(request: Request) -> Response | None:
    """Lead to the address without the fields of a form that nobody filled in; None where there are none."""
    pairs = request.query_params.multi_items()
    if request.method != "GET" or all(value for _, value in pairs):
        return None
    filled = urlencode([(name, value) for name, value in pairs if value])
    return RedirectResponse(f"{request.url.path}{'?' if filled else ''}{filled}", 303)


def problem_of(request: Request, error: Exception) -> tuple[Problem, Mapping[str, str]] | None:
    """What the interface says of an error, and when to come again; None where it knows none such."""
    handlers = request.app.exception_handlers
    known = (handlers[kind] for kind in type(error).__mro__ if kind in handlers and kind is not Exception)
    handler = next(known, None)
    if handler is None:
        return None
    answer = handler(request, error)
    kept = {name: answer.headers[name] for name in ("retry-after",) if name in answer.headers}
    return Problem.model_validate(json.loads(bytes(answer.body))), kept


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page has around its content."""

    bar: Bar
    say: Words
    theme: str  # as the address has it; empty: as the reader's system
    has_key: bool  # whether there is a session that can be ended

    @classmethod
    def of(cls, request: Request) -> Frame:
        """Read the address and what the browser says."""
        base = request.scope.get("root_path", "")
        bar = Bar.of(base, request.url.path.removeprefix(base), request.query_params.multi_items())
        asked, accepted = bar.value("lang"), request.headers.get("accept-language", "")
        theme = bar.value("theme")
        return cls(
            bar,
            words(Language(asked) if asked in list(Language) else preferred(accepted)),
            theme if theme in ("light", "dark") else "",
            sessions.COOKIE in request.cookies,
        )

    @property
    def values(self) -> dict[str, object]:
        """For a template."""
        return {
            "bar": self.bar,
            "say": self.say,
            "theme": self.theme,
            "has_key": self.has_key,
            "files": names(),
        }


def page(request: Request, template: str, status: int = 200, **also: object) -> Response:
    """Answer with a page that asks nothing."""
    text = render.whole(template, {**Frame.of(request).values, **also})
    return Response(text, status, {"Cache-Control": "no-store"}, HTML)


def _refusal(request: Request, problem: Problem, headers: Mapping[str, str]) -> Response:
    """Say what went wrong; who needs a key is asked for it."""
    if problem.status == 401:
        around = Frame.of(request)
        back = {"to": around.bar.link().removeprefix(around.bar.base), "lang": around.say.language}
        return RedirectResponse(f"{around.bar.base}/login?{urlencode(back)}", 303)
    response = page(request, "refused.html", problem.status, problem=problem)
    response.headers.update(headers)
    return response


@cache
def names() -> dict[str, str]:
    """Files by name, with what is in all of them in their address: scripts refer to each other."""
    digest = blake2s(b"".join(map(render.file, FILES)), digest_size=6).hexdigest()
    return {name: f"{digest}/{name}" for name in FILES} | {"vega.js": f"vega/{browser.CALLED}"}


class Pages:
    """Draws pages over a source. May be used by several threads."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def shown(
        self,
        request: Request,
        view: View,
        template: str,
        parts: Parts,
        own: tuple[str, ...] = (),
        **also: object,
    ) -> Response:
        """Answer with a page. What is wrong with its question is said before it begins. Raises as `Posed.of`.

        `own` are the filters that the page itself stands for.
        """
        at, around = self._source.now(), Frame.of(request)
        newest = self._newest(request)
        asked = self._asked(view, newest, at, around.say.language)
        posed = Posed.of(request, self._source, Dimension.PORTS, asked, at=at)
        period = posed.question.period
        asks = parts(asked, period)
        quarter = quarter_of((newest or at) - MINUTE)
        shown = {
            **around.values,
            "parts": asks,
            "view": view,
            "asked": asked,
            "period": period,
            "now": at,
            "newest": newest,
            "newest_period": _last_month(newest or at),
            "ends": min(period.window.end, at).astimezone(period.zone),
            "choices": (("24h", "day"), ("7d", "week"), ("30d", "month"), (quarter, "quarter")),
            "earlier": stepped(period, -1),
            "later": None if period.window.end >= at else stepped(period, 1),
            "sensors": posed.observer.known,
            "chips": [(name, value) for name, value in around.bar.narrowed if name not in own],
            "stacked": view.drawn == "stacked",
            "stream": stream(asked),
            "is_rolling": bool(ROLLING.fullmatch(asked.period)),
            "country_of_page": "",
            "port_of_page": "",
            "sensor_of_page": "",
            "recorded": partial(_recorded, request, posed),
            **also,
        }

        def section(name: str) -> Drawn:
            return self._part(request, asks[name], shown, at)

        headers = {"Cache-Control": "private, no-cache", "Vary": "Cookie, Accept-Language"}
        response = StreamingResponse(render.piecewise(template, section, shown), 200, headers, HTML)
        doors: Doors = request.app.state.doors
        renewed = doors.renewed(asker_of(request), request.cookies.get(sessions.COOKIE))
        if renewed is not None:
            keep(request, response, renewed)
        return response

    def _asked(self, view: View, newest: datetime | None, at: datetime, language: Language) -> Narrowed:
        """Ask what a page's address asks, in words that say all of it."""
        fields = set(Narrowed.model_fields)
        given = view.model_dump(include=fields, by_alias=True, exclude_unset=True)
        given["lang"] = language
        if view.kind is not Kind.TELESCOPE:  # a page about honeypots
            given["kind"] = view.kind
        given.setdefault("period", _usual(newest, at))
        given.setdefault("time_zone", self._source.settings.time_zone.key)
        return Narrowed.model_validate(given)

    def _newest(self, request: Request) -> datetime | None:
        """End of the newest minute that a sensor watched which the asker may see; None where that is not known."""
        source, asker = self._source, asker_of(request)
        try:
            remote = source.remote()
            if remote is not None:
                seconds = remote.newest if asker.organisations is None else None
            else:
                watched = source.reading().watched
                seen = watched if asker.organisations is None else watched.keys() & source.sensors_of(asker)
                seconds = max((watched[sensor] for sensor in seen), default=None)
        except (LedgerError, StoreError):  # the page's question says what is wrong
            return None
        return None if seconds is None else datetime.fromtimestamp(seconds, source.settings.time_zone)

    def _part(self, request: Request, part: Section, shown: Mapping[str, object], at: datetime) -> Drawn:
        """Draw a section when its turn has come, from memory where it was drawn before; or say what is wrong."""
        source, language = self._source, Frame.of(request).say.language
        values = {**shown, "part": part}
        if part.scope not in asker_of(request).scopes:
            return render.whole("part_locked.html", values)
        try:
            opened = part.opened and part.opened(request, source, at)
            counts = part.scope is Scope.READ  # evidence of addresses goes beyond a period
            posed = (
                opened.posed
                if opened
                else Posed.of(request, source, part.dimension, part.query, at=at, is_of_period=counts)
            )

            def compute() -> Kept:
                place = (opened.after, opened.mark) if opened else ()
                figures = part.ask(posed.observer, posed.question, *place)
                text = render.whole(f"part_{part.name}.html", {**values, **figures})
                return Kept(text.encode(), figures.get("following"))

            name = f"{part.name} {request.url} {language} {part.rests_on}"
            found = questions.in_turn(request, source, posed, compute, name)
            if opened and found.following is not None:
                source.keep(opened.state)
            return Drawn(found.data.decode())
        except Exception as error:
            problem = problem_of(request, error)
            if problem is None:
                raise
            return render.whole("part_problem.html", {**values, "problem": problem[0]})


def _recorded(request: Request, posed: Posed) -> list[dict[str, object]]:
    """Marks of the events of a period, for who sees all sensors: their words are about all."""
    if asker_of(request).organisations is not None:
        return []
    try:
        return noted.recorded(posed.observer.events(posed.question))
    except (LedgerError, StoreError):  # sections say what is wrong
        return []


def _usual(newest: datetime | None, at: datetime) -> str:
    """The period where an address names none: the last day, or where data are old the last month of them."""
    if newest is None or at - newest < RECENT:
        return "24h"
    return _last_month(newest)


def _last_month(newest: datetime) -> str:
    last = (newest - MINUTE).date()
    return days_text(last - MONTH, last)


def keep(request: Request, response: Response, session: str) -> None:
    """Let the browser keep a session where no script reads it and no other site sends it."""
    response.set_cookie(
        sessions.COOKIE,
        session,
        max_age=sessions.LASTS,
        path=request.scope.get("root_path", "") or "/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
