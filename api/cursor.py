"""Places in a list that is read page by page: opaque texts that keep all pages to one state and one present time.

Pure. Nothing in a cursor is secret, and nothing in it is believed: a place that nobody gave is a place like others.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

FIELDS = 8
"""Numbers of a place, at most."""

LARGEST = 1 << 63


class CursorError(ValueError):
    """A text that is no cursor, or one of another list."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list."""

    version: int  # of the ledger, when the list was begun
    minute: int  # present time then, minutes since 1970
    question: str  # digest of what was asked
    after: tuple[int, ...]  # packets and key of the last row that was given

    @property
    def text(self) -> str:
        """As it is handed out."""
        fields = [self.version, self.minute, self.question, *self.after]
        return urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).rstrip(b"=").decode()

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read a cursor. Raises CursorError."""
        try:
            fields = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            version, minute, question, *after = fields
        except (ValueError, TypeError, RecursionError):
            raise _unknown(text) from None
        numbers = [version, minute, *after]
        is_number = [type(one) is int and -LARGEST <= one < LARGEST for one in numbers]
        if not isinstance(question, str) or not all(is_number) or len(numbers) > FIELDS or minute < 0:
            raise _unknown(text)
        return cls(version, minute, question, tuple(after))


def _unknown(text: str) -> CursorError:
    return CursorError(f"the cursor {text!r} is not understood; an answer's `next` is one")
