"""The application: every endpoint over one source, with its description.

`/docs` shows the description in a browser, from files that come with the program: no page here fetches from elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline

from darkscope.api.http import (
    attacks,
    breadths,
    console,
    events,
    health,
    honeypots,
    live,
    lives,
    metrics,
    movements,
    notices,
    phenomena,
    ports,
    problems,
    rankings,
    rhythms,
    sensors,
    sources,
    spreads,
    trends,
)
from darkscope.api.http.access import Doors
from darkscope.api.http.problems import Problem, declared
from darkscope.api.http.requests import Watched
from darkscope.api.http.source import Remote, Source
from darkscope.api.ledger_reader import MakeReader
from darkscope.ingest.settings import Settings

DESCRIPTION = """\
What was sent to the sensors, asked of the ledger: the same questions, words and figures as the command `darkscope`.

Times are ISO 8601, counts whole numbers, shares and errors from 0 to 1. Every answer names the state of the ledger that
it is about, its window, filters and sensors. Its `ETag` holds as long as the ledger would answer the same: send it as
`If-None-Match`. Errors are problem documents (RFC 9457). Nothing here changes anything.
"""

TAGS = [
    {"name": "questions", "description": "What the sensors received."},
    {"name": "operation", "description": "For supervisors and for Prometheus."},
]


READ_BY_PAGES = (
    *("ETag", "Retry-After", "WWW-Authenticate", "X-Request-Id"),
    *("Darkscope-Ledger-Version", "Darkscope-Window"),
)
"""Headers that pages of other sites may read, where the settings let them read answers."""


def _now() -> datetime:
    return datetime.now(UTC)


def create(
    settings: Settings,
    clock: Callable[[], datetime] = _now,
    remote: Remote | None = None,
    reader: MakeReader | None = None,
) -> FastAPI:
    """Put the application together. It opens the ledger when it is asked, so it may start before there is one.

    Where there is a `remote` store, questions go there instead; where there is a `reader`, it reads the ledger.
    """
    source = Source(settings, clock, remote, reader)
    app = FastAPIOffline(
        title="darkscope",
        version=version("darkscope"),
        summary="Internet-threat observation",
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=TAGS,
        redoc_url=None,
        static_url="/docs/files",
        swagger_ui_oauth2_redirect_url="/docs/signed-in",
        generate_unique_id_function=lambda route: str(route.name),
    )
    registry = metrics.registry(source)
    for questions in (
        rankings,
        trends,
        breadths,
        spreads,
        movements,
        events,
        phenomena,
        attacks,
        sources,
        lives,
        honeypots,
        rhythms,
        sensors,
        live,
        ports,
        notices,
    ):
        app.include_router(questions.router(source))
    app.include_router(console.router(source))
    app.include_router(health.router(source))
    app.include_router(metrics.router(registry, is_open=settings.api.open_metrics))
    problems.install(app)
    app.state.is_ending = lambda: False  # whoever runs it knows better
    app.state.doors = Doors(settings, lambda: clock().timestamp())
    if settings.api.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.api.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "X-API-Key", "If-None-Match"],
            expose_headers=READ_BY_PAGES,
        )
    app.add_middleware(Watched, requests=metrics.Requests(registry), names=settings.api.names)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the one shape of errors in place of FastAPI's own."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
            license_info=app.license_info,
        )
        schemas = document["components"]["schemas"]
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        described = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= described.pop("$defs")
        schemas["Problem"] = described
        for operation in (one for item in document["paths"].values() for one in item.values()):
            if "security" in operation:
                refusals = declared(401, 403, 429, 503)
                operation["responses"] |= {str(status): refusals[status] for status in refusals}
        app.openapi_schema = _told_apart(document)
    return app.openapi_schema


def _told_apart(document: dict[str, Any]) -> dict[str, Any]:
    """Name shapes of one name by their modules as well: whoever generates a client of them needs two names."""
    text = json.dumps(document)
    names = {name: _own_name(name) for name in document["components"]["schemas"] if "__" in name}
    for name, own in names.items():
        text = text.replace(f'"#/components/schemas/{name}"', f'"#/components/schemas/{own}"')
    told: dict[str, Any] = json.loads(text)
    schemas = told["components"]["schemas"]
    for name, own in names.items():
        schemas[own] = {**schemas.pop(name), "title": own}
    return told


def _own_name(name: str) -> str:
    """`BreadthVerdict` of `darkscope__api__breadth__Verdict`."""
    *_, module, shape = name.split("__")
    return module.title().replace("_", "") + shape
