"""Answers that were given before: equal tags mean equal figures, so that what many ask is computed once.

Bounded by bytes; what was not asked for the longest goes first.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

MOST_BYTES = 64 * 1024 * 1024
"""Answers that are kept, all together."""

Name = tuple[str, str]
"""The path that was asked, and the answer's tag."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it was written."""

    data: bytes
    following: str | None = None  # cursor of the next page


_NOTHING = Kept(b"")


class Remembered:
    """Answers by what they are called. May be used by several threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._answers: OrderedDict[Name, Kept] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()
        self.found = 0
        self.missed = 0

    def get(self, name: Name) -> Kept | None:
        """Give an answer; None where it is not known."""
        with self._lock:
            answer = self._answers.get(name)
            if answer is None:
                self.missed += 1
                return None
            self.found += 1
            self._answers.move_to_end(name)
            return answer

    def put(self, name: Name, answer: Kept) -> None:
        """Keep an answer, where it leaves room for others: no single one takes more than an eighth."""
        if len(answer.data) > self._most // 8:
            return
        with self._lock:
            self._bytes += len(answer.data) - len(self._answers.pop(name, _NOTHING).data)
            self._answers[name] = answer
            while self._bytes > self._most:
                self._bytes -= len(self._answers.popitem(last=False)[1].data)
