"""A proxy before object storage that counts, takes its time, and fails as real ones do; in a process of its own.

What goes wrong, and how often, is drawn from a seed: an error, a request to slow down, an answer that is cut or never
comes, and requests that were heeded though their answer was lost.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What becomes of a request."""

    ERROR = "500"
    SLOW_DOWN = "503"
    REFUSED = "refused"  # the connection ends before anything is heeded
    HANGS = "hangs"  # nothing comes for some seconds, then the connection ends
    CUT = "cut"  # half of the answer's body
    LOST = "lost"  # heeded, but the connection ends before the answer
    DENIED = "denied"  # heeded, but the answer says 500


@dataclass(frozen=True, slots=True)
class How:
    """How a proxy behaves."""

    upstream: int  # port on loopback
    rate: float = 0.0  # part of the requests that something becomes of
    delay: float = 0.0  # seconds that each takes longer
    hang: float = 2.0  # seconds
    seed: int = 0

    @staticmethod
    def faults() -> list[Fault]:
        """All that may become of a request."""
        return list(Fault)


class Proxy:
    """A proxy that runs. `with` it."""

    def __init__(self, how: How) -> None:
        self._how = how
        self._process: subprocess.Popen[str] | None = None
        self.endpoint = ""

    def __enter__(self) -> Proxy:
        command = [sys.executable, __file__, json.dumps(asdict(self._how))]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        self.endpoint = f"http://127.0.0.1:{int(self._said())}"
        return self

    def __exit__(self, *_: object) -> None:
        """End it; should this never be called, it ends as its standard input does."""
        assert self._process
        self._process.kill()
        self._process.communicate()

    def counts(self) -> Counter[str]:
        """Requests by method and faults by name since the last time."""
        assert self._process
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Counter(json.loads(self._said()))

    def _said(self) -> str:
        assert self._process
        assert self._process.stdout
        return self._process.stdout.readline()


class _Server:
    def __init__(self, how: How) -> None:
        self.how = how
        self.chance = random.Random(how.seed)
        self.counts: Counter[str] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests until one goes wrong."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self._answer(reader, writer):
                await writer.drain()
        with suppress(ConnectionError):
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        fields = _fields(head)
        body = await reader.readexactly(int(fields.get("content-length", 0)))
        method = head.split(b" ", 1)[0].decode()
        self.counts[method] += 1
        fault = self._drawn(method)
        if fault is not None:
            self.counts[fault] += 1
        await asyncio.sleep(self.how.delay)
        match fault:
            case Fault.REFUSED:
                return False
            case Fault.HANGS:
                await asyncio.sleep(self.how.hang)
                return False
            case Fault.ERROR | Fault.SLOW_DOWN:
                writer.write(_error(fault, method))
                return True
        status, told, answer = await self._upstream(head, body, method)
        match fault:
            case Fault.LOST:
                return False
            case Fault.DENIED:
                writer.write(_error(Fault.ERROR, method))
            case Fault.CUT:
                writer.write(_head(status, told, len(answer)) + answer[: len(answer) // 2])
                await writer.drain()
                return False
            case _:
                size = int(_fields(told).get("content-length", 0)) if method == "HEAD" else len(answer)
                writer.write(_head(status, told, size) + answer)
        return True

    def _drawn(self, method: str) -> Fault | None:
        if self.chance.random() >= self.how.rate:
            return None
        faults = list(Fault) if method in {"PUT", "POST", "DELETE"} else list(Fault)[:-2]
        if method != "GET":
            faults.remove(Fault.CUT)
        return self.chance.choice(faults)

    async def _upstream(self, head: bytes, body: bytes, method: str) -> tuple[bytes, bytes, bytes]:
        """Have a request answered: status line, fields, body."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.how.upstream)
        request, fields = head.split(b"\r\n", 1)
        kept = [
            line
            for line in fields.split(b"\r\n")
            if line and not line.lower().startswith((b"connection:", b"expect:"))
        ]
        plain = request.replace(b"HTTP/1.1", b"HTTP/1.0")  # then no answer comes in chunks
        writer.write(b"\r\n".join([plain, *kept, b"Connection: close", b"", b""]) + body)
        answer = await reader.read()
        writer.close()
        told, _, rest = answer.partition(b"\r\n\r\n")
        status, _, fields = told.partition(b"\r\n")
        return status, fields, b"" if method == "HEAD" else rest


def _fields(head: bytes) -> dict[str, str]:
    lines = (line.decode("latin-1").partition(":") for line in head.split(b"\r\n"))
    return {name.strip().lower(): value.strip() for name, colon, value in lines if colon}


def _head(status: bytes, fields: bytes, size: int) -> bytes:
    dropped = (b"connection:", b"content-length:", b"transfer-encoding:")
    kept = [line for line in fields.split(b"\r\n") if line and not line.lower().startswith(dropped)]
    status = status.replace(b"HTTP/1.0", b"HTTP/1.1")
    return b"\r\n".join([status, *kept, b"Content-Length: %d" % size, b"", b""])


def _error(fault: Fault, method: str) -> bytes:
    status, code = {
        Fault.ERROR: (b"500 Internal Server Error", b"InternalError"),
        Fault.SLOW_DOWN: (b"503 Slow Down", b"SlowDown"),
    }[fault]
    body = b"<Error><Code>%s</Code><Message>Please try again.</Message></Error>" % code
    head = b"HTTP/1.1 %s\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
    return head + (b"" if method == "HEAD" else body)


async def main(how: How) -> None:
    """Serve until standard input ends; a line asks for the counts."""
    made = _Server(how)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, limit=1 << 20)
    _say(str(server.sockets[0].getsockname()[1]))
    while await asyncio.to_thread(sys.stdin.readline):
        _say(json.dumps(made.counts))
        made.counts.clear()
    os._exit(0)  # connections that wait are nobody's any more


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(How(**json.loads(sys.argv[1]))))
