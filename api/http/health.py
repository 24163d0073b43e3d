"""Whether it lives (`/healthz`) and whether it can answer (`/readyz`): for supervisors, not for people."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from darkscope.api.http.access import OPEN
from darkscope.api.http.problems import declared
from darkscope.api.http.source import Source


class Health(BaseModel):
    """The process lives."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    status: Literal["ok"] = "ok"
    """Always `ok`."""


class Readiness(BaseModel):
    """Questions can be answered."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    status: Literal["ready"] = "ready"
    """Always `ready`; who is not, answers with a problem."""
    ledger_version: Annotated[int, Field(ge=0, examples=[4711])]
    """Number of the ledger's last complete batch."""
    newest_age_seconds: Annotated[float | None, Field(examples=[12.5])]
    """Seconds since the newest minute that a sensor watched ended; null in a ledger without any."""


def router(source: Source) -> APIRouter:
    """The endpoints of health, over a source."""
    routes = APIRouter(tags=["operation"])
    unready: dict[int | str, dict[str, Any]] = declared(503)

    @routes.get("/healthz", dependencies=[OPEN])
    async def healthz() -> Health:
        """Say that the process lives. Asks neither the ledger nor a thread."""
        return Health()

    @routes.get("/readyz", dependencies=[OPEN], responses=unready)
    def readyz() -> Readiness:
        """Say whether the ledger can be read, its version, and the age of the newest data."""
        reading = source.reading()
        newest = max(reading.watched.values(), default=None)
        age = None if newest is None else source.now().timestamp() - newest
        return Readiness(ledger_version=reading.version, newest_age_seconds=age)

    return routes
