"""Keeps what connections hold from readers of the tables: it names sensors, and is stored before anything is masked.

Sealed with a key that lies beside the tables and is its owner's alone: a keyed BLAKE3 gives the stream that is added,
and a tag. Who has the tables without the key has nothing; the key's owner goes on where he was.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import os
import secrets
from pathlib import Path

import numpy as np
from blake3 import blake3

KEY = "unfinished.key"
"""The key's file in the ledger's folder."""

_KEY, _NONCE, _TAG = 32, 16, 16
"""Bytes."""


class Seal:
    """Seals texts of one ledger. Makes the key where there is none, at the first text."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

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
        path = self._folder / KEY
        if not path.exists():
            draft = self._folder / f".{KEY}-{secrets.token_hex(8)}"
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(secrets.token_bytes(_KEY))
                    file.flush()
                    os.fsync(file.fileno())
                with contextlib.suppress(FileExistsError):  # another process made one: the first stays
                    os.link(draft, path)
            finally:
                draft.unlink()
        return path.read_bytes()


def _added(data: bytes, key: bytes, nonce: bytes) -> bytes:
    """Data with the stream of key and nonce added; twice gives the data again."""
    stream = blake3(b"stream" + nonce, key=key).digest(len(data))
    return (np.frombuffer(data, np.uint8) ^ np.frombuffer(stream, np.uint8)).tobytes()


def _tag(hidden: bytes, key: bytes, nonce: bytes) -> bytes:
    return blake3(b"tag" + nonce + hidden, key=key).digest(_TAG)
