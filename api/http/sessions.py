"""Sessions of people in a browser: what a cookie holds instead of their key, and whose it is.

Pure. A cookie names the key and the time it holds until, signed with the key's digest: nothing is kept here, it
outlives a restart, and it holds no longer than the key. The key itself is not in it. Whoever can read the digests could
sign one, and has the ledger beside them anyway.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping

from darkscope.api.keys import Key

COOKIE = "darkscope_session"

LASTS = 30 * 86_400
"""Seconds that a session lasts after the last renewal: a wall is not logged in every morning."""

RENEWED = 86_400
"""Seconds after which a session that is used is renewed."""

_VALUE = re.compile(r"([0-9a-f]{8})\.([0-9]{1,12})\.([0-9a-f]{64})")


def begun(key: Key, now: float) -> str:
    """Give the cookie's value for a key that holds."""
    until = int(now) + LASTS
    return f"{key.id}.{until}.{_signature(key, until)}"


def key_of(keys: Mapping[str, Key], value: str, now: float) -> Key | None:
    """Find the key of a session; None where the session or the key does not hold."""
    parts = _VALUE.fullmatch(value)
    key = keys.get(parts[1]) if parts else None
    if parts is None or key is None or key.state(now) != "valid" or int(parts[2]) <= now:
        return None
    return key if hmac.compare_digest(_signature(key, int(parts[2])), parts[3]) else None


def is_old(value: str, now: float) -> bool:
    """Whether a session that holds should be renewed."""
    parts = _VALUE.fullmatch(value)
    return parts is not None and int(parts[2]) - now < LASTS - RENEWED


def _signature(key: Key, until: int) -> str:
    """What only who knows the digest can write."""
    return hmac.new(key.digest.encode(), f"session {key.id} {until}".encode(), "sha256").hexdigest()
