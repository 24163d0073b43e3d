"""A live interface: a capturing program writes a private spool, which is read like any other.

The program runs with its own privileges and in its own session. Killed ourselves, we lose nothing: it goes on writing
for a day at most, and the next start ends it, takes what it left, and begins anew. Its drop counters go into coverage,
and while it listens the point counts as watched though nothing may come.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from darkscope.ingest.intake.clock import Clock
from darkscope.ingest.intake.session import Session
from darkscope.ingest.intake.spool import Policy, Spool
from darkscope.ingest.intake.stop import Stop

LOG = logging.getLogger("darkscope.ingest.intake")

BEAT = 30.0
"""Seconds between two heartbeats, so that each minute has one."""

FILE_SECONDS = 60
"""Seconds of one file of the private spool."""

MOST_FILES = 1440
"""Files after which a program ends by itself: one that nobody ends fills a disk for a day, not for ever."""

START, END = 10.0, 10.0
"""Seconds a program has to begin, and to end."""

RESTART = 5.0
"""Seconds after which a program that ended is started again."""


class LiveError(Exception):
    """An interface cannot be captured; the message has the capturing program's own words."""


@dataclass(frozen=True, slots=True)
class Program:
    """A capturing program: how it is called and what it says."""

    name: str
    arguments: tuple[str, ...]  # {interface}, {start} and {folder} are filled in
    listens: re.Pattern[str]  # what it says once it has begun
    dropped: tuple[re.Pattern[str], ...]  # what it says it has lost, in all
    tells: bool  # whether SIGUSR1 makes it say so

    def command(self, interface: str, folder: Path) -> list[str]:
        """Its command line for files in a folder, whose names no earlier run has used."""
        filled = [
            part.format(interface=interface, start=time.time_ns(), folder=folder) for part in self.arguments
        ]
        if self.name == "tcpdump" and os.geteuid() == 0:
            filled += ["-Z", "root"]  # its own user could not write here
        return [self.name, *filled]

    def lost(self, said: str) -> int | None:
        """Packets that it says it lost since it began; None where it does not say."""
        found = [pattern.findall(said) for pattern in self.dropped]
        return sum(int(counts[-1]) for counts in found if counts) if any(found) else None


TCPDUMP = Program(
    "tcpdump",
    (
        "-i",
        "{interface}",
        "-n",
        "-U",
        "-G",
        f"{FILE_SECONDS}",
        "-W",
        f"{MOST_FILES}",
        "-w",
        "{folder}/{start}-%s.pcap",
    ),
    re.compile(r"listening on"),
    (re.compile(r"(\d+) packets? dropped by kernel"), re.compile(r"(\d+) packets? dropped by interface")),
    tells=True,
)
DUMPCAP = Program(
    "dumpcap",
    (
        "-i", "{interface}", "-q", "-b", f"duration:{FILE_SECONDS}", "-a", f"files:{MOST_FILES}",
        "-w", "{folder}/{start}.pcapng",
    ),
    re.compile(r"^File: ", re.MULTILINE),
    (re.compile(r"Packets received/dropped on interface .*: \d+/(\d+)"),),
    tells=False,
)  # fmt: skip
PROGRAMS = (TCPDUMP, DUMPCAP)
"""In the order of preference. tcpdump says at any time what it lost; dumpcap (4.0) writes no statistics into files that
it rotates, and says it only at its end."""


class Live:
    """The feed of one interface; see `daemon.Feed`. To be used in a `with`, which starts and ends the program."""

    is_over = False
    descriptors: Sequence[int] = ()

    def __init__(self, folder: Path, interface: str, sensor: str, stop: Stop) -> None:
        if not re.fullmatch(r"[\w.@:-]*\w[\w.@:-]*", interface) or interface.startswith((".", "-")):
            raise LiveError(f"{interface}: no name of an interface")
        self._interface = interface
        self._sensor = sensor
        self._stop = stop
        self._folder = folder.absolute() / "spool" / interface
        self._spool = Spool(self._folder, Policy(settle=0.0, done="delete"), interface=interface)
        self._program = _installed()
        self._process: subprocess.Popen[bytes] | None = None
        self._next_beat = self._next_start = 0.0
        self._lost = 0  # of the running program, as booked
        self._clock = Clock()

    @contextlib.contextmanager
    def listening(self) -> Iterator[Live]:
        """Start the program, and end it whatever happens. Raises LiveError."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            lock = (self._folder / ".lock").open("w")
        except OSError as error:
            raise LiveError(f"{self._folder}: cannot be used as a private spool: {error.strerror}") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise LiveError(f"{self._interface}: another process captures it into this ledger") from None
            self._end_orphan()
            self._start()
            try:
                yield self
            finally:
                self._end()

    def turn(self, session: Session) -> bool:
        """See that the program is alive, and read what it wrote."""
        now = time.monotonic()
        if self._process is not None and self._process.poll() is not None:
            self._note_end(session)
            self._next_start = now + RESTART
        if self._process is None and now >= self._next_start:
            try:
                self._start()
            except LiveError as error:
                LOG.warning("not listening", extra={"fields": {"reason": str(error)}})
                self._next_start = time.monotonic() + RESTART
        if self._process is not None and now >= self._next_beat:
            self._beat(session)
            self._next_beat = now + BEAT
        return self._spool.turn(session)

    def end(self, session: Session) -> None:
        """End the program and read all that it wrote."""
        if self._process is not None:
            self._end()
            self._note_end(session)
        self._spool.finish(session)

    def _start(self) -> None:
        said = self._folder / ".said"
        command = self._program.command(self._interface, self._folder)
        with said.open("wb") as errors:
            process = subprocess.Popen(  # noqa: S603 - an argument list, the interface's name was checked
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=self._folder,
                start_new_session=True,
            )
        (self._folder / ".pid").write_text(str(process.pid))
        self._process, self._lost = process, 0
        until = time.monotonic() + START
        while not self._program.listens.search(self._said()):
            if process.poll() is not None or time.monotonic() > until:
                self._end()
                self._process = None
                words = " ".join(self._said().split()) or f"{self._program.name} did not begin"
                raise LiveError(f"{self._interface}: {words}")
            if self._stop.wait(0.05):
                break
        LOG.info("listening", extra={"fields": {"interface": self._interface, "program": self._program.name}})

    def _beat(self, session: Session) -> None:
        """Book that the point is watched, and what the program lost by now; not at a time that just jumped."""
        if not self._clock.look():
            return
        lost = self._program.lost(self._said()) or self._lost
        session.heartbeat(self._sensor, self._interface, max(0, lost - self._lost))
        self._lost = max(self._lost, lost)
        if self._program.tells and self._process is not None:
            with contextlib.suppress(OSError):
                os.truncate(self._folder / ".said", 0)
            self._process.send_signal(signal.SIGUSR1)  # the answer is read at the next beat

    def _note_end(self, session: Session) -> None:
        """Book what the program said at its end."""
        code = self._process.poll() if self._process is not None else None
        self._process = None
        lost = self._program.lost(self._said()) or self._lost
        if self._clock.look() or lost > self._lost:
            session.heartbeat(self._sensor, self._interface, max(0, lost - self._lost))
        self._lost = 0
        if code:
            fields = {"interface": self._interface, "code": code, "reason": " ".join(self._said().split())}
            LOG.warning("no longer listening", extra={"fields": fields})

    def _said(self) -> str:
        try:
            return (self._folder / ".said").read_text(errors="replace").replace("\0", "")
        except OSError:
            return ""

    def _end(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _end_orphan(self) -> None:
        """End the program of a process of ours that was killed; only one that writes to this very folder."""
        try:
            number = int((self._folder / ".pid").read_text())
        except (OSError, ValueError):
            return
        if os.fsencode(self._folder) + b"/" not in _command_line(number):
            return
        LOG.info("ending orphan", extra={"fields": {"interface": self._interface, "pid": number}})
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGINT)
            until = time.monotonic() + END
            while time.monotonic() < until:
                if not _command_line(number):
                    break
                time.sleep(0.05)
            else:
                os.kill(number, signal.SIGKILL)


def _command_line(number: int) -> bytes:
    """The words of a process; nothing of one that has ended, waited for or not."""
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return b""


def _installed() -> Program:
    for program in PROGRAMS:
        if shutil.which(program.name):
            return program
    raise LiveError(
        f"a live interface needs {' or '.join(one.name for one in PROGRAMS)}: neither is installed"
    )
