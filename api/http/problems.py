"""Errors in one shape: RFC 9457 problem documents, whatever went wrong.

What is told is what the asker can act on; what happened inside stays in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from darkscope.api.address import AddressError
from darkscope.api.cursor import CursorError
from darkscope.api.deadline import TooLong
from darkscope.api.dimension import ValueTextError
from darkscope.api.http.access import Forbidden, Unknown
from darkscope.api.http.kept import Moved
from darkscope.api.http.rates import TooFast
from darkscope.api.http.turns import PATIENCE, Busy
from darkscope.api.periods import PeriodError
from darkscope.api.public import NotPublic
from darkscope.api.selection import UnknownSensorError
from darkscope.api.store import ExpiredError, NotHeldError, StoreError, TooMuch, UnreachableError
from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.registry import RegistryError

LOG = logging.getLogger("darkscope.api.http")

MEDIA_TYPE = "application/problem+json"

KIND = "urn:darkscope:problem:"
"""What the types of the problems begin with that are darkscope's own; others are `about:blank`."""


class Fault(BaseModel):
    """One thing that is wrong in a request."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    where: Annotated[str, Field(examples=["query.limit"])]
    """The part of the request, and the parameter in it."""
    what: Annotated[str, Field(examples=["Input should be less than or equal to 1000"])]
    """What is wrong with it, or what would be right."""


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    type: Annotated[str, Field(examples=[f"{KIND}question"])]
    """Which kind of problem: `urn:darkscope:problem:` and `question`, `key`, `scope`, `rate`, `expired`, `moved`,
    `not-held`, `busy`, `long`, `influxdb` or `ledger`; else `about:blank`, and the status says all."""
    title: Annotated[str, Field(examples=["The question cannot be asked"])]
    """The kind in words; the same for each problem of a kind."""
    status: Annotated[int, Field(ge=400, le=599, examples=[422])]
    """The HTTP status."""
    detail: Annotated[str | None, Field(examples=["the port '70000' is not understood; ..."])] = None
    """What is wrong this time."""
    faults: list[Fault] | None = None
    """Each parameter that is wrong, where parameters are."""


class Unusable(Exception):
    """A question that would cost too much, or whose parts do not fit together; the message says why."""


def problem(
    status: int,
    *,
    kind: str = "",
    title: str = "",
    detail: str | None = None,
    faults: Sequence[Fault] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Write a problem document."""
    document = Problem(
        type=f"{KIND}{kind}" if kind else "about:blank",
        title=title or HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        faults=list(faults) if faults else None,
    )
    return JSONResponse(
        document.model_dump(exclude_none=True), status, dict(headers or {}), media_type=MEDIA_TYPE
    )


def _question(_: Request, error: Exception) -> JSONResponse:
    return problem(422, kind="question", title="The question cannot be asked", detail=str(error))


def _parameters(_: Request, error: RequestValidationError) -> JSONResponse:
    faults = [Fault(where=".".join(map(str, one["loc"])), what=str(one["msg"])) for one in error.errors()]
    if any(fault.where.startswith("path.") for fault in faults):
        return problem(404, faults=faults)
    return problem(422, kind="question", title="The question cannot be asked", faults=faults)


def _unknown(_: Request, error: Unknown) -> JSONResponse:
    why = ', error="invalid_token"' if error.was_given else ""
    return problem(
        401,
        kind="key",
        title="A key is needed",
        detail=str(error),
        headers={"WWW-Authenticate": f'Bearer realm="darkscope"{why}'},
    )


def _forbidden(_: Request, error: Exception) -> JSONResponse:
    return problem(403, kind="scope", title="The key is not for this", detail=str(error))


def _too_fast(_: Request, error: TooFast) -> JSONResponse:
    return problem(
        429,
        kind="rate",
        title="Too many requests",
        detail=str(error),
        headers={"Retry-After": str(error.seconds)},
    )


def _registry(_: Request, error: Exception) -> JSONResponse:
    LOG.warning("keys", extra={"fields": {"reason": str(error)}})
    return problem(
        503,
        kind="ledger",
        title="The ledger cannot be read",
        detail="the keys are not to be had; the log says why",
        headers={"Retry-After": "10"},
    )


def _expired(_: Request, error: Exception) -> JSONResponse:
    return problem(410, kind="expired", title="What the question needs has expired", detail=str(error))


def _not_held(_: Request, error: Exception) -> JSONResponse:
    return problem(422, kind="not-held", title="What the question needs is not held here", detail=str(error))


def _unreachable(_: Request, error: Exception) -> JSONResponse:
    LOG.warning("InfluxDB", extra={"fields": {"reason": str(error)}})
    return problem(
        503,
        kind="influxdb",
        title="InfluxDB cannot be asked",
        detail="it does not answer, or not as it should; the log says which",
        headers={"Retry-After": "10"},
    )


def _moved(_: Request, __: Exception) -> JSONResponse:
    detail = (
        "the ledger has moved on since the list was begun, and its state of then is not kept; begin again"
    )
    return problem(410, kind="moved", title="The list cannot be gone on with", detail=detail)


def _ledger(_: Request, error: Exception) -> JSONResponse:
    LOG.warning("ledger", extra={"fields": {"reason": str(error)}})
    return problem(
        503,
        kind="ledger",
        title="The ledger cannot be read",
        detail="there is none yet, or it is damaged; the log says which",
        headers={"Retry-After": "10"},
    )


def busy(detail: str = "") -> JSONResponse:
    """Say that there is too much to do."""
    return problem(
        503,
        kind="busy",
        title="Too many questions at once",
        detail=detail or "ask again",
        headers={"Retry-After": "5"},
    )


def _busy(_: Request, __: Exception) -> JSONResponse:
    return busy(f"this one would have waited for more than {PATIENCE:g} s; ask again")


def _too_long(_: Request, error: Exception) -> JSONResponse:
    return problem(
        503,
        kind="long",
        title="The question takes too long",
        detail=f"{error}; a shorter period, fewer filters and no exact sources are quicker",
    )


def _status(_: Request, error: HTTPException) -> JSONResponse:
    phrase = HTTPStatus(error.status_code).phrase
    detail = None if error.detail == phrase else error.detail
    return problem(error.status_code, detail=detail, headers=error.headers)


def install(app: FastAPI) -> None:
    """Let every error that an application knows become a problem document; `requests.py` does so for the others."""
    for kind in (
        AddressError,
        CursorError,
        PeriodError,
        ValueTextError,
        UnknownSensorError,
        Unusable,
        TooMuch,
    ):
        app.exception_handler(kind)(_question)
    app.exception_handler(RequestValidationError)(_parameters)
    app.exception_handler(Unknown)(_unknown)
    app.exception_handler(Forbidden)(_forbidden)
    app.exception_handler(NotPublic)(_forbidden)
    app.exception_handler(TooFast)(_too_fast)
    app.exception_handler(RegistryError)(_registry)
    app.exception_handler(ExpiredError)(_expired)
    app.exception_handler(NotHeldError)(_not_held)
    app.exception_handler(UnreachableError)(_unreachable)
    app.exception_handler(Moved)(_moved)
    app.exception_handler(StoreError)(_ledger)
    app.exception_handler(LedgerError)(_ledger)
    app.exception_handler(Busy)(_busy)
    app.exception_handler(TooLong)(_too_long)
    app.exception_handler(HTTPException)(_status)


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Responses of an endpoint, for its description: problems of these statuses."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }
