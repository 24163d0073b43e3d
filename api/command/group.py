"""Several commands as one: started together, started again where one fails, ended together.

Each is a process of its own, so that what fails in one is not in the others. All are in the process group of whoever
started this, and none outlives it. What they write comes out as one log that names them.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Thread
from typing import IO

from darkscope.api.command.exits import FAILED, MISTAKE
from darkscope.ingest.intake.stop import Stop

LOG = logging.getLogger("darkscope.run")

POLL = 0.2
"""Seconds between two looks at the processes."""

STEADY = 30.0
"""Seconds after which a process has got going: many times what a start takes."""

FIRST_DELAY, LONGEST_DELAY = 1.0, 60.0
"""Seconds before a process is started again: doubled each time, until it has got going."""

ENDED = {0, -signal.SIGTERM, -signal.SIGINT}
"""Exit codes of what was told to end: the last two where it had not begun to listen for that."""

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Part:
    """One command of the program."""

    name: str
    arguments: tuple[str, ...]  # of `darkscope`, the subcommand first


@dataclass(slots=True)
class _Child:
    part: Part
    process: subprocess.Popen[bytes] | None = None
    reader: Thread | None = None
    started: float = 0.0  # monotonic, as is the next
    due: float = 0.0  # when it is to be started again
    delay: float = FIRST_DELAY
    has_got_going: bool = False


@dataclass(slots=True)
class Group:
    """The commands that run. `show` takes each line that one of them writes: its name, the line."""

    parts: Sequence[Part]
    show: Callable[[str, bytes], None]
    steady: float = STEADY
    _children: list[_Child] = field(default_factory=list)

    def run(self, stop: Stop) -> int:
        """Run until stopped; the exit code.

        A command that ends is started again, but for two cases that no trying mends: the settings or the command line
        are wrong, or it ends before it has got going for the first time. Then all end, with that exit code.
        """
        self._children = [_Child(part) for part in self.parts]
        try:
            for child in self._children:
                self._start(child)
            code = self._watch(stop)
        finally:
            codes = self._end()
        return code or (0 if set(codes) <= ENDED else FAILED)

    def _watch(self, stop: Stop) -> int:
        while not stop.is_asked:
            now = time.monotonic()
            for child in self._children:
                if child.process is None:
                    if now >= child.due:
                        self._start(child)
                    continue
                code = child.process.poll()
                if code is None:
                    if now - child.started >= self.steady:
                        child.has_got_going, child.delay = True, FIRST_DELAY
                    continue
                if stop.wait(POLL):  # a signal to the whole group ends them before it is seen here
                    break
                self._reap(child)
                if code == MISTAKE or not child.has_got_going:
                    LOG.error("ended", extra={"fields": {"part": child.part.name, "code": code}})
                    return code if code > 0 else FAILED
                fields = {"part": child.part.name, "code": code, "again_in_seconds": child.delay}
                LOG.warning("ended", extra={"fields": fields})
                child.due, child.delay = now + child.delay, min(2 * child.delay, LONGEST_DELAY)
            stop.wait(POLL)
        return 0

    def _start(self, child: _Child) -> None:
        child.process = subprocess.Popen(  # noqa: S603 - an argument list of our own
            [sys.executable, "-m", "darkscope.api.command.main", *child.part.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=_end_with(os.getpid()),  # noqa: PLW1509 - one system call, before exec; nothing here holds a lock
        )
        child.started = time.monotonic()
        child.reader = Thread(target=self._read, args=(child.part.name, child.process.stdout), daemon=True)
        child.reader.start()
        LOG.info("started", extra={"fields": {"part": child.part.name, "pid": child.process.pid}})

    def _read(self, name: str, lines: IO[bytes]) -> None:
        with lines:
            for line in lines:
                self.show(name, line)

    def _end(self) -> list[int]:
        """Tell all to end, and wait for them; their exit codes."""
        running = [child for child in self._children if child.process is not None]
        for child in running:
            if child.process is not None:
                child.process.send_signal(signal.SIGTERM)
        return [self._reap(child) for child in running]

    def _reap(self, child: _Child) -> int:
        """Wait for a process and all that it wrote."""
        process, child.process = child.process, None
        if process is None:
            return 0
        code = process.wait()
        if child.reader is not None:
            child.reader.join()
        return code


def _end_with(parent: int) -> Callable[[], None]:
    """What a child does before it becomes the command: ask the kernel for SIGTERM when its parent dies."""

    def ask() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(0)

    return ask


def event(name: str, line: bytes) -> dict[str, object]:
    """Read a line of a command as an event that names it; what is no event is told as it is."""
    text = line.decode(errors="replace").rstrip("\n")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "event" not in found:
        return {"event": "said", "part": name, "text": text}
    head = {key: found.pop(key) for key in ("time", "level", "event") if key in found}
    return {**head, "part": name, **found}
