"""The store over InfluxDB, opened for each question over connections that stay open.

A module of its own, because InfluxDB's client takes long to load: `stores.py` loads it where InfluxDB is asked.
"""

from __future__ import annotations

from datetime import datetime

from darkscope.api.deadline import Deadline
from darkscope.api.influx_store import InfluxStore
from darkscope.api.selection import known, organisations
from darkscope.api.store import UnreachableError
from darkscope.ingest.projection.server import Server, Unavailable
from darkscope.ingest.settings import Settings


class Opener:
    """Opens stores over the InfluxDB of the settings."""

    def __init__(self, settings: Settings) -> None:
        influx = settings.influx
        self._settings = influx
        self._reading = influx.model_copy(update={"token_file": influx.read_token_file or influx.token_file})
        self._organisations = organisations(known(settings.sensors))
        self._server: Server | None = None

    def __call__(self, now: datetime, deadline: Deadline | None) -> InfluxStore:
        """Open a store at a time, for a question that has a deadline. Raises StoreError."""
        if self._server is None:
            try:
                self._server = Server(self._reading)
            except Unavailable as error:
                raise UnreachableError(f"InfluxDB cannot be asked: {error}") from error
        return InfluxStore(self._server, self._settings, now, self._organisations, deadline)
