"""API keys: who may ask what. Made, listed and revoked in the registry, or beside a ledger in object storage.

There they are one small document, which all machines that answer questions read. A key is shown once, when it is made;
what is kept is its digest. It is 192 random bits, which nobody can guess, so one round of SHA-256 is enough: slow
digests are for what people choose.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pydantic import TypeAdapter

from darkscope.api.beside import beside
from darkscope.ingest.registry import Registry, RegistryError, read
from darkscope.ingest.settings import Settings

if TYPE_CHECKING:
    from darkscope.ingest.document import Document

PREFIX = "darkscope"
"""What every key begins with, so that programs that look for secrets in texts find it."""

FILE = "keys.json"
"""Beside the tables of a ledger in object storage."""

Place: TypeAlias = "Path | Document"

_TABLE = """CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL, scopes TEXT NOT NULL, organisations TEXT,
    created REAL NOT NULL, expires REAL, revoked REAL, used REAL)"""
_ADD = "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_LIST = """SELECT id, name, digest, scopes, organisations, created, expires, revoked, used
    FROM keys ORDER BY created, id"""
_NOBODYS = sha256(b"").hexdigest()


class Scope(StrEnum):
    """What a key may be used for."""

    PUBLIC = "public"  # whole days that are over for some time, without sensors
    READ = "read"  # every count
    SOURCES = "sources"  # source addresses
    EXPORT = "export"  # more rows at once than a person reads
    ADMIN = "admin"  # everything


IMPLIED: Mapping[Scope, frozenset[Scope]] = {
    Scope.PUBLIC: frozenset({Scope.PUBLIC}),
    Scope.READ: frozenset({Scope.READ, Scope.PUBLIC}),
    Scope.SOURCES: frozenset({Scope.SOURCES, Scope.READ, Scope.PUBLIC}),
    Scope.EXPORT: frozenset({Scope.EXPORT, Scope.READ, Scope.PUBLIC}),
    Scope.ADMIN: frozenset(Scope),
}
"""What each scope is good for. Addresses in bulk need both `sources` and `export`."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, as far as it matters: nothing here is secret."""

    key: str = ""  # the key's id; empty: without one
    scopes: frozenset[Scope] = frozenset(Scope)  # with all that they imply
    organisations: frozenset[str] | None = None  # whose sensors alone it sees; None: all sensors
    who: str = ""  # by whom limits count: the key's id, else where the request came from

    @property
    def is_public(self) -> bool:
        """Whether only what is public may be told."""
        return Scope.READ not in self.scopes


ANYBODY = Asker()
"""Who asks where no key is asked for."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept. Times are seconds since 1970."""

    id: str
    name: str
    digest: str  # SHA-256 of the key, hexadecimal
    scopes: frozenset[Scope]
    organisations: frozenset[str] | None
    created: float
    expires: float | None
    revoked: float | None
    used: float | None  # when last, to the minute

    def state(self, now: float) -> str:
        """Give `valid`, `expired` or `revoked`."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "valid"

    @property
    def asker(self) -> Asker:
        """Who asks with it."""
        implied = frozenset().union(*(IMPLIED[scope] for scope in self.scopes))
        return Asker(self.id, implied, self.organisations, self.id)


_KEYS = TypeAdapter(list[Key])


class UnknownKeyError(ValueError):
    """No key, or more than one, is called so; the message says which there are."""


def place(settings: Settings) -> Place:
    """Where the keys are: in the registry of a folder, or one document of a bucket. Raises RegistryError."""
    return beside(settings, FILE, RegistryError) or settings.state_folder


def create(
    where: Place,
    name: str,
    scopes: Iterable[Scope],
    now: float,
    *,
    organisations: Iterable[str] = (),
    expires: float | None = None,
) -> str:
    """Make a key, and give it: it cannot be had again. Raises RegistryError."""
    identifier, secret = secrets.token_hex(4), secrets.token_hex(24)
    key = f"{PREFIX}_{identifier}_{secret}"
    limits = frozenset(organisations) or None
    made = Key(identifier, name, _digest(key), frozenset(scopes), limits, now, expires, None, None)
    if isinstance(where, Path):
        row = (
            *(identifier, name, made.digest, " ".join(sorted(made.scopes))),
            *(json.dumps(sorted(limits)) if limits else None, now, expires, None, None),
        )
        _change(where, _ADD, *row)
    else:
        _write(where, lambda known: {identifier: made} | known)
    return key


def listed(where: Place) -> tuple[Key, ...]:
    """All keys, the oldest first, also those that hold no more. Raises RegistryError."""
    if not isinstance(where, Path):
        with _named(where):
            return tuple(sorted(_read(where.read()).values(), key=lambda key: (key.created, key.id)))
    rows = read(where, "keys", _LIST)
    return tuple(
        Key(
            id=identifier,
            name=name,
            digest=digest,
            scopes=frozenset(map(Scope, scopes.split())),
            organisations=None if organisations is None else frozenset(json.loads(organisations)),
            created=created,
            expires=expires,
            revoked=revoked,
            used=used,
        )
        for identifier, name, digest, scopes, organisations, created, expires, revoked, used in rows
    )


def revoke(where: Place, called: str, now: float) -> Key:
    """Let the key of an id or a name hold no more, and give it. Raises UnknownKeyError, RegistryError."""
    valid = [key for key in listed(where) if key.revoked is None]
    found = [key for key in valid if key.id == called] or [key for key in valid if key.name == called]
    if not found:
        there_are = ", ".join(sorted({key.name for key in valid})) or "none"
        raise UnknownKeyError(f"no key that holds is called {called!r}; there are {there_are}")
    if len(found) > 1:
        raise UnknownKeyError(f"several keys are called {called!r}: {', '.join(key.id for key in found)}")
    if isinstance(where, Path):
        _change(where, "UPDATE keys SET revoked = ? WHERE id = ?", now, found[0].id)
    else:
        _write(
            where,
            lambda known: _with(known, found[0].id, lambda key: replace(key, revoked=key.revoked or now)),
        )
    return found[0]


def note_use(where: Place, identifier: str, now: float) -> None:
    """Remember when a key was last used. Raises RegistryError."""
    if isinstance(where, Path):
        _change(where, "UPDATE keys SET used = ? WHERE id = ?", now, identifier)
    else:
        _write(
            where,
            lambda known: _with(known, identifier, lambda key: replace(key, used=max(key.used or 0, now))),
        )


def find(keys: Mapping[str, Key], text: str) -> Key | None:
    """Find the key that a text is, by its id; None where it is none of them.

    It takes as long for a wrong one as for a right one.
    """
    parts = re.fullmatch(rf"{PREFIX}_([0-9a-f]{{8}})_[0-9a-f]{{48}}", text)
    key = keys.get(parts[1]) if parts else None
    is_right = hmac.compare_digest(_digest(text), key.digest if key else _NOBODYS)
    return key if is_right else None


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _change(folder: Path, change: str, *values: object) -> None:
    registry = Registry(folder, _TABLE)
    try:
        with registry.change() as cursor:
            cursor.execute(change, values)
    finally:
        registry.close()


def _with(known: Mapping[str, Key], identifier: str, change: Callable[[Key], Key]) -> dict[str, Key]:
    return {id_: change(key) if id_ == identifier else key for id_, key in known.items()}


def _write(where: Document, change: Callable[[dict[str, Key]], dict[str, Key]]) -> None:
    with _named(where):
        where.change(lambda text: _written(change(_read(text))))


def _read(text: str) -> dict[str, Key]:
    """Keys of a document, by id. Raises ValueError."""
    return {key.id: key for key in _KEYS.validate_json(text or "[]")}


def _written(known: Mapping[str, Key]) -> str:
    rows = sorted(known.values(), key=lambda key: (key.created, key.id))
    return _KEYS.dump_json(rows, indent=1).decode() + "\n"


@contextmanager
def _named(where: Document) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) else "it holds no keys as they are written here"
        raise RegistryError(f"{where}: {told}") from error
