"""Who may ask what: each route says in one line which scopes it needs, and nothing is computed before they are there.

`needs(Scope.READ)` among a route's dependencies is such a line, `OPEN` the one of a route that asks for no key.
"""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Annotated

from fastapi import Depends, Request, Security, params
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from darkscope.api.http import sessions
from darkscope.api.http.rates import Rates
from darkscope.api.keys import ANYBODY, Asker, Key, Scope, find, listed, note_use, place
from darkscope.ingest.registry import RegistryError
from darkscope.ingest.settings import Settings

LOG = logging.getLogger("darkscope.api.http")

FRESH = 1.0
"""Seconds after which the keys are read again: a key that is revoked holds no longer than that."""

FAR = 5.0
"""The same of keys in object storage."""

LAST = 60.0
"""Seconds for which these hold while they cannot be read: then nobody is let in."""

USED = 60.0
"""Seconds between two notes of a key's use."""

FAR_USED = 3600.0
"""The same in object storage, where each is a request that may meet another."""

_IPV6_HOST_BITS = 64

_REASONS = {
    "unknown": "there is no such key",
    "expired": "the key has expired",
    "revoked": "the key has been revoked",
}


class Unknown(Exception):
    """Who asks has no key, or none that holds; the message says which."""

    def __init__(self, message: str, *, was_given: bool) -> None:
        super().__init__(message)
        self.was_given = was_given


class Forbidden(Exception):
    """The key is not for this; the message says what would be."""


class Doors:
    """Where every request comes by. To be used by one thread, the server's loop."""

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` gives seconds since 1970, `ticks` seconds that no clock's change touches."""
        self._place = place(settings)
        self._is_far = not isinstance(self._place, Path)
        self._without_keys = settings.api.without_keys
        self._now = now
        self._ticks = ticks
        self._rates = Rates(settings.api.rate, settings.api.burst)
        self._keys: Mapping[str, Key] = {}
        self._read_at: float | None = None
        self._noted: dict[str, float] = {}
        self._notes = ThreadPoolExecutor(1, thread_name_prefix="keys")  # the registry may be busy for seconds
        self._cannot_note = False
        self._reads: Thread | None = None

    def admit(
        self, presented: str | None, client: str, scopes: frozenset[Scope], session: str | None = None
    ) -> Asker:
        """Find out who asks, with a key or the cookie of a session, and whether he may.

        A session that holds no more is as none. Raises Unknown, Forbidden, TooFast, RegistryError.
        """
        keys = self._fresh_keys()
        key = None if presented is None else find(keys, presented)
        if presented is None and session is not None:
            key = sessions.key_of(keys, session, self._now())
        state = "unknown" if key is None else key.state(self._now())
        who = key.id if key and state == "valid" else _network(client)
        self._rates.take(who, self._ticks())
        if presented is None and key is None:
            if not self._without_keys and keys:
                raise Unknown("a key is needed, as `Authorization: Bearer` or `X-API-Key`", was_given=False)
            return replace(ANYBODY, who=who)
        if key is None or state != "valid":
            raise Unknown(_REASONS[state], was_given=True)
        self._note(key)
        missing = scopes - key.asker.scopes
        if missing:
            raise Forbidden(f"this needs a key with the scope {', '.join(sorted(missing))}")
        return key.asker

    def session(self, presented: str, client: str, scopes: frozenset[Scope]) -> str:
        """Begin a session with a key: give the cookie's value. Raises as `admit`."""
        asker = self.admit(presented, client, scopes)
        return sessions.begun(self._keys[asker.key], self._now())

    def renewed(self, asker: Asker, session: str | None) -> str | None:
        """Give the value that a session's cookie should have from now on; None where it may stay."""
        key = self._keys.get(asker.key)
        if key is None or session is None or not sessions.is_old(session, self._now()):
            return None
        return sessions.begun(key, self._now()) if sessions.key_of(self._keys, session, self._now()) else None

    @property
    def asks_for_keys(self) -> bool:
        """Whether nobody is answered without a key. Raises RegistryError."""
        return bool(self._fresh_keys()) and not self._without_keys

    def _fresh_keys(self) -> Mapping[str, Key]:
        ticks = self._ticks()
        if self._read_at is None or (not self._is_far and ticks - self._read_at >= FRESH):
            self._read()
        if self._is_far:
            if self._reads is None:
                self._reads = Thread(target=self._read_on, name="keys", daemon=True)
                self._reads.start()
            if ticks - (self._read_at or ticks) >= LAST:
                raise RegistryError(f"{self._place}: not read for {LAST:.0f} s")
        return self._keys

    def _read(self) -> None:
        ticks = self._ticks()
        keys = {key.id: key for key in listed(self._place)}
        if self._is_far and self._keys and not keys:
            raise RegistryError(f"{self._place}: the keys are gone")
        self._keys, self._read_at = keys, ticks

    def _read_on(self) -> None:
        """Read keys that lie far away again and again, beside the requests, which do not wait for them."""
        while True:
            time.sleep(FAR)
            try:
                self._read()
            except RegistryError as error:
                LOG.warning("keys", extra={"fields": {"reason": str(error)}})

    def _note(self, key: Key) -> None:
        """Remember the key's use, once a minute at most."""
        now = self._now()
        if now - max(self._noted.get(key.id, 0.0), key.used or 0.0) >= (FAR_USED if self._is_far else USED):
            self._noted[key.id] = now
            self._notes.submit(self._write, key.id, now)

    def _write(self, identifier: str, now: float) -> None:
        try:
            note_use(self._place, identifier, now)
        except RegistryError as error:
            if not self._cannot_note:
                self._cannot_note = True
                LOG.warning("uses of keys are not kept", extra={"fields": {"reason": str(error)}})


def _network(client: str) -> str:
    """Who an address stands for: itself, or the /64 of IPv6, of which everybody has all addresses."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if address.version == 6:
        return str(ipaddress.ip_network((int(address) >> _IPV6_HOST_BITS << _IPV6_HOST_BITS, 64)))
    return str(address)


_BEARER = HTTPBearer(
    scheme_name="bearer",
    bearerFormat="darkscope_...",
    description="A key, as `darkscope keys create` shows it once.",
    auto_error=False,
)
_HEADER = APIKeyHeader(
    name="X-API-Key", scheme_name="header", description="The same, for programs that send no bearer tokens.",
    auto_error=False,
)  # fmt: skip


async def admitted(
    request: Request,
    needed: SecurityScopes,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    header: Annotated[str | None, Security(_HEADER)],
) -> Asker:
    """Let a request in. Asynchronous: it needs no thread, and so none can be missing."""
    doors: Doors = request.app.state.doors
    client = request.client.host if request.client else ""
    scopes = frozenset(map(Scope, needed.scopes))
    session = request.cookies.get(sessions.COOKIE)
    asker = doors.admit(bearer.credentials if bearer else header, client, scopes, session)
    request.state.asker = asker
    return asker


async def admitted_to_all_sensors(asker: Annotated[Asker, Depends(admitted)]) -> None:
    """Let a request in that is answered with every sensor's figures."""
    if asker.organisations is not None:
        raise Forbidden("this tells of all sensors, and the key is limited to organisations")


def asker_of(request: Request) -> Asker:
    """Who asks. A route that declares no scopes has nobody, and fails."""
    asker: Asker = request.state.asker
    return asker


async def not_asked() -> None:
    """Let everybody in."""


def needs(*scopes: Scope, all_sensors: bool = False) -> params.Security:
    """A dependency that a route declares: which scopes it takes, all of them.

    `all_sensors`: it tells of every sensor and cannot be narrowed, so that keys limited to organisations are refused.
    """
    door = admitted_to_all_sensors if all_sensors else admitted
    return params.Security(door, scopes=[scope.value for scope in scopes])


OPEN = params.Depends(not_asked)
"""What a route declares that is for everybody."""
