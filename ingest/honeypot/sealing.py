"""Keeps what connections hold from readers of the tables: it names sensors, and is stored before anything is masked.

Sealed with a key that lies beside the tables and is its owner's alone: a keyed BLAKE3 gives the stream that is added,
and a tag. Who has the tables without the key has nothing; the key's owner goes on where he was.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import Protocol

import numpy as np
from blake3 import blake3

KEY = "unfinished.key"
"""The key's file in the ledger."""

_KEY, _NONCE, _TAG = 32, 16, 16
"""Bytes."""


class Keeper(Protocol):
    """Where the key lies: beside the tables."""

    def exists(self, name: str) -> bool:
        """Whether a file is there."""

    def read(self, name: str) -> bytes:
        """All bytes of a file."""

    def put_new(self, name: str, data: bytes, *, secret: bool = False) -> bool:
        """Put a file there, its owner's alone, if there is none of its name: the first stays."""


class Seal:
    """Seals texts of one ledger. Makes the key where there is none, at the first text."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def close(self, text: str) -> str:
        """Seal a text. Raises OSError where there is no key and none can be made."""
        key, nonce = self._key(), secrets.token_bytes(_NONCE)
        hidden = _added(text.encode(), key, nonce)
        return base64.b64encode(nonce + _tag(hidden, key, nonce) + hidden).decode()

    def open(self, sealed: str) -> str | None:
        """The text; None where it was sealed with another key. Raises OSError."""
        data, key = base64.b64decode(sealed), self._key()
        nonce, tag, hidden = data[:_NONCE], data[_NONCE : _NONCE + _TAG], data[_NONCE + _TAG :]
        if not hmac.compare_digest(tag, _tag(hidden, key, nonce)):
            return None
        return _added(hidden, key, nonce).decode()

    def _key(self) -> bytes:
        if not self._keeper.exists(KEY):
            self._keeper.put_new(KEY, secrets.token_bytes(_KEY), secret=True)
        return self._keeper.read(KEY)


def _added(data: bytes, key: bytes, nonce: bytes) -> bytes:
    """Data with the stream of key and nonce added; twice gives the data again."""
    stream = blake3(b"stream" + nonce, key=key).digest(len(data))
    return (np.frombuffer(data, np.uint8) ^ np.frombuffer(stream, np.uint8)).tobytes()


def _tag(hidden: bytes, key: bytes, nonce: bytes) -> bytes:
    return blake3(b"tag" + nonce + hidden, key=key).digest(_TAG)
