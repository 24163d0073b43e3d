"""The console: what each page of darkscope is about, what it needs, and how people come in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import Field

from darkscope.api.address import address_text, parse_address
from darkscope.api.asked import Kind
from darkscope.api.charts import browser
from darkscope.api.console import render, search
from darkscope.api.dimension import Dimension, parse_value, value_text
from darkscope.api.http import sections, sessions
from darkscope.api.http.access import OPEN, Doors, asker_of, needs
from darkscope.api.http.pages import (
    FILES,
    Frame,
    ListView,
    ListViewed,
    PageRoute,
    Pages,
    View,
    Viewed,
    keep,
    names,
    page,
    problem_of,
)
from darkscope.api.http.phenomena import decisions
from darkscope.api.http.problems import Unusable
from darkscope.api.http.questions import Narrowed, Words
from darkscope.api.http.sections import Section
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope
from darkscope.api.periods import Period
from darkscope.api.phenomena.decisions import Decision

KEPT_FOR = "private, max-age=31536000, immutable"
"""Files are named with what is in them, so they may be kept for ever."""

MOST_FIELDS = 10
"""Of a form."""


class SearchView(View):
    """The parameters of a search."""

    q: Annotated[str, Field(max_length=200)] = ""
    """What is looked for."""


class SourceView(View):
    """The parameters of the page of one source."""

    kind: Kind = Kind.ALL
    """Whoever saw it: honeypots alone know who is real."""


class RequestsView(ListView):
    """The parameters of the page of requests."""

    kind: Kind = Kind.HONEYPOT
    """Only honeypots are asked anything."""
    rule: Words = ()
    """Only requests that these rules name, by id or CVE."""
    path: Words = ()
    """Only these request targets, `*` for any characters."""


def router(source: Source) -> APIRouter:
    """The pages, over a source."""
    routes = APIRouter(route_class=PageRoute, include_in_schema=False)
    pages = Pages(source)
    read, with_sources = [needs(Scope.READ)], [needs(Scope.SOURCES)]

    @routes.get("/", dependencies=read)
    def overview(request: Request, view: Viewed) -> Response:
        """What is rising now, from where, and who watched."""

        def parts(asked: Narrowed, period: Period) -> Mapping[str, Section]:
            return {
                "now": sections.now(asked, period),
                "ports": sections.leading(asked, period, Dimension.PORTS),
                "countries": sections.leading(asked, period, Dimension.COUNTRIES),
                "map": sections.map_of(asked),
                "tools": sections.short(asked, Dimension.TOOLS),
                "owners": sections.short(asked, Dimension.OWNERS),
                "coverage": sections.coverage(asked, period),
                "phenomena": sections.phenomena(asked, {}),  # which the page asks for when it is there
            }

        return pages.shown(request, view, "overview.html", parts)

    @routes.get("/ports", dependencies=read)
    def ports(request: Request, view: ListViewed) -> Response:
        """More ports than the overview has, and which of them moved together."""

        def parts(asked: Narrowed, period: Period) -> Mapping[str, Section]:
            return {
                "ports": sections.leading(asked, period, Dimension.PORTS, limit=view.rows),
                "movements": sections.movements(asked, Dimension.PORTS),
            }

        return pages.shown(request, view, "ports.html", parts)

    @routes.get("/regions", dependencies=read)
    def regions(request: Request, view: ListViewed) -> Response:
        """More source countries than the overview has, who of them scans broadly, and which moved together."""

        def parts(asked: Narrowed, period: Period) -> Mapping[str, Section]:
            return {
                "countries": sections.leading(asked, period, Dimension.COUNTRIES, limit=view.rows),
                "spread": sections.spread(asked),
                "movements": sections.movements(asked, Dimension.COUNTRIES),
            }

        return pages.shown(request, view, "regions.html", parts)

    def one(request: Request, view: View, dimension: Dimension, text: str) -> Response:
        """A port or a region: how it stands, how it goes, who sends what of it, on which sensors and when."""
        key = parse_value(dimension, text)
        name, is_port = value_text(dimension, key), dimension is Dimension.PORTS
        other, itself = (Dimension.COUNTRIES, "port") if is_port else (Dimension.PORTS, "country")

        def parts(asked: Narrowed, period: Period) -> Mapping[str, Section]:
            every = asked.model_copy(update={itself: ()})
            its = asked.model_copy(update={itself: (name,)})
            return {
                "itself": sections.port(every, key) if is_port else sections.region(every, name),
                "trend": sections.trend(every, period, dimension, [key], other),
                "others": sections.leading(its, period, other, has_chart=False),
                "owners": sections.short(its, Dimension.OWNERS, limit=8),
                "tools": sections.short(its, Dimension.TOOLS),
                "breadth": sections.breadth(its),
                "rhythm": sections.rhythm(its) if is_port else sections.rhythm(every, [key]),
                "sources": sections.sources(its),
            }

        of_page = {f"{itself}_of_page": name}
        return pages.shown(request, view, "one.html", parts, (itself,), name=name, other=other, **of_page)

    @routes.get("/ports/{protocol}/{port}", dependencies=read)
    def port(request: Request, protocol: str, port: str, view: Viewed) -> Response:
        """One port."""
        return one(request, view, Dimension.PORTS, f"{port}/{protocol}")

    @routes.get("/regions/{country}", dependencies=read)
    def region(request: Request, country: str, view: Viewed) -> Response:
        """One source country."""
        return one(request, view, Dimension.COUNTRIES, country)

    @routes.get("/sources", dependencies=with_sources)
    def sources(request: Request, view: ListViewed) -> Response:
        """Who sends, address by address."""

        def parts(asked: Narrowed, _: Period) -> Mapping[str, Section]:
            return {
                "sources": sections.sources(asked, sections.MANY, view.after),
                "owners": sections.owners(asked, view.owners_after),
            }

        return pages.shown(request, view, "sources.html", parts)

    @routes.get("/sources/{address}", dependencies=with_sources)
    def source_page(request: Request, address: str, view: Annotated[SourceView, Query()]) -> Response:
        """One source address."""
        name = address_text(*parse_address(address))

        def parts(asked: Narrowed, _: Period) -> Mapping[str, Section]:
            return {"life": sections.life(asked, name)}

        return pages.shown(request, view, "source.html", parts, name=name)

    @routes.get("/sensors", dependencies=read)
    def sensors(request: Request, view: Viewed) -> Response:
        """Who observes."""

        def parts(asked: Narrowed, period: Period) -> Mapping[str, Section]:
            return {"roster": sections.roster(asked, period)}

        return pages.shown(request, view, "sensors.html", parts)

    @routes.get("/sensors/{sensor}", dependencies=read)
    def sensor(request: Request, sensor: str, view: Viewed) -> Response:
        """One sensor, and its own leading ports and regions."""

        def parts(asked: Narrowed, period: Period) -> Mapping[str, Section]:
            its = asked.model_copy(update={"sensor": (sensor,), "organisation": (), "home": None})
            return {
                "sensor": sections.sensor(its, period),
                "ports": sections.leading(its, period, Dimension.PORTS),
                "countries": sections.leading(its, period, Dimension.COUNTRIES),
            }

        return pages.shown(request, view, "sensor.html", parts, name=sensor, sensor_of_page=sensor)

    @routes.get("/phenomena", dependencies=read)
    def phenomena(request: Request, view: Viewed) -> Response:
        """What is worth a paragraph."""

        def parts(asked: Narrowed, _: Period) -> Mapping[str, Section]:
            return {"phenomena": sections.phenomena(asked, _decided(request, source))}

        return pages.shown(request, view, "phenomena.html", parts)

    @routes.get("/requests", dependencies=read)
    def requests(request: Request, view: Annotated[RequestsView, Query()]) -> Response:
        """What honeypots were asked, by whom, and what for."""
        wanted = {"rule": view.rule, "path": view.path}

        def parts(asked: Narrowed, _: Period) -> Mapping[str, Section]:
            return {
                "vulnerabilities": sections.vulnerabilities(asked, wanted),
                "requests": sections.requests(asked, wanted, view.rows),
                "visitors": sections.visitors(asked, wanted, view.rows),
                "single": sections.single_requests(asked, wanted, view.after),
            }

        return pages.shown(request, view, "requests.html", parts, wanted=wanted)

    @routes.get("/attacks", dependencies=with_sources)
    def attacks(request: Request, view: ListViewed) -> Response:
        """Attacks on others, told by their echo."""

        def parts(asked: Narrowed, _: Period) -> Mapping[str, Section]:
            return {"attacks": sections.attacks(asked, view.after)}

        return pages.shown(request, view, "attacks.html", parts)

    @routes.get("/search", dependencies=read)
    def found(request: Request, view: Annotated[SearchView, Query()]) -> Response:
        """Find a port, service, country, owner or address; what is meant by it alone is shown at once."""
        around = Frame.of(request)
        hits = search.find(view.q, around.say)
        if len(hits) == 1:
            (hit,) = hits
            return RedirectResponse(around.bar.link(hit.path, *hit.parts, **hit.changes), 303)
        return page(request, "search.html", hits=hits, q=view.q)

    @routes.get("/login", dependencies=[OPEN])
    def login(request: Request, to: str = "/") -> Response:
        """Ask for a key."""
        return page(request, "login.html", to=_local(to), wrong="")

    @routes.post("/login", dependencies=[OPEN])
    async def logged_in(request: Request) -> Response:
        """Begin a session with a key."""
        doors: Doors = request.app.state.doors
        try:
            form = parse_qs((await request.body()).decode(errors="replace"), max_num_fields=MOST_FIELDS)
        except ValueError:
            raise Unusable(f"a form has {MOST_FIELDS} fields at most") from None
        key, to = (next(iter(form.get(name, ())), "") for name in ("key", "to"))
        if _is_from_elsewhere(request):
            return page(request, "login.html", 403, to="/", wrong="login_elsewhere")
        client = request.client.host if request.client else ""
        try:
            session = doors.session(key.strip(), client, frozenset({Scope.READ}))
        except Exception as error:
            found = problem_of(request, error)
            if found is None:
                raise
            problem, headers = found
            wrong = f"login_{problem.status}"
            refusal = page(request, "login.html", problem.status, to=_local(to), wrong=wrong, problem=problem)
            refusal.headers.update(headers)
            return refusal
        response = RedirectResponse(f"{request.scope.get('root_path', '')}{_local(to)}", 303)
        keep(request, response, session)
        return response

    @routes.post("/logout", dependencies=[OPEN])
    async def logged_out(request: Request) -> Response:
        """End the session of this browser."""
        base = request.scope.get("root_path", "")
        response = RedirectResponse(f"{base}/login", 303)
        if _is_from_elsewhere(request):
            return response
        response.delete_cookie(sessions.COOKIE, path=base or "/")
        return response

    @routes.get("/console/{digest}/{name}", dependencies=[OPEN])
    def file(digest: str, name: str) -> Response:
        """A style, a script, a picture."""
        if f"{digest}/{name}" == names()["vega.js"]:
            headers = {"Cache-Control": KEPT_FOR, "Content-Encoding": "gzip"}
            return Response(browser.script(), media_type=FILES["chart.js"], headers=headers)
        if name not in FILES or names()[name] != f"{digest}/{name}":
            return Response(status_code=404)
        return Response(render.file(name), media_type=FILES[name], headers={"Cache-Control": KEPT_FOR})

    return routes


def _decided(request: Request, source: Source) -> dict[str, Decision]:
    """What analysts decided; their words are about all sensors, and not for who sees some."""
    return {} if asker_of(request).organisations is not None else decisions(source)


def _is_from_elsewhere(request: Request) -> bool:
    """Whether a browser says that another site's page sends this."""
    return request.headers.get("sec-fetch-site", "same-origin") != "same-origin"


def _local(address: str) -> str:
    """An address of this site, without its name; the first page where it is another's."""
    return address if re.fullmatch(r"/(?![/\\])[^\s\\]*", address) else "/"
