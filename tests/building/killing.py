"""A process that ends at a step of a change: the ways to die between any two of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest


class Killed(BaseException):
    """The process is no more."""


class Killer:
    """Ends the process before or after the k-th step that changes a ledger: its plan, then table by table."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, *, after: bool = True) -> None:
        self.steps = 0
        self._at = at
        self._after = after
        monkeypatch.setattr(os, "link", self._deadly(os.link))

    def _deadly(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any) -> Any:
            self.steps += 1
            if self.steps == self._at and not self._after:
                raise Killed
            done = step(*args)
            if self.steps == self._at:
                raise Killed
            return done

        return stepped
