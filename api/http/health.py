"""Whether it lives (`/healthz`) and whether it can answer (`/readyz`): for supervisors, not for people."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from darkscope.api.http.access import OPEN
from darkscope.api.http.problems import declared
from darkscope.api.http.source import Source
from darkscope.ingest.settings import StoreName


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
    store: StoreName
    """Where questions are answered from."""
    ledger_version: Annotated[int, Field(ge=0, examples=[4711])]
    """Number of the ledger's last complete batch; of InfluxDB, of the last one that it has all of."""
    newest_age_seconds: Annotated[float | None, Field(examples=[12.5])]
    """Seconds since the newest minute there that a sensor watched ended; null where there is none."""


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
        """Say whether the ledger can be read, or InfluxDB reached where it is asked; and how new its data are."""
        remote = source.remote()
        if remote is None:
            reading = source.reading()
            version, newest = reading.version, max(reading.watched.values(), default=None)
        else:
            version, newest = remote.version, remote.newest
        age = None if newest is None else source.now().timestamp() - newest
        return Readiness(store=source.settings.api.store, ledger_version=version, newest_age_seconds=age)

    return routes
