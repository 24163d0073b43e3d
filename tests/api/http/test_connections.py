"""The server among clients that are slow, greedy or many: whoever asks properly is answered. All on loopback."""

from __future__ import annotations

import os
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import httpx2
import pytest
from ledgers import Site, ramp
from runs import running, until

from darkscope.api import keys
from darkscope.api.http.connections import LARGEST_HEAD
from darkscope.api.keys import Scope

ASK = "/v1/rankings/ports?period=2020-06-24"
SOON = 60.0
"""Seconds within which an answer is here also on a busy machine: who is kept out waits for ever."""


@dataclass
class Server:
    """A server in a process of its own."""

    port: int
    ledger: Path
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str = ASK, **headers: str) -> httpx2.Response:
        return httpx2.get(f"{self.url}{path}", headers=headers, timeout=SOON)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=SOON)

    def is_up(self) -> bool:
        try:
            return self.get("/readyz").status_code == 200
        except httpx2.HTTPError:
            return False


@contextmanager
def serving(folder: Path, *, code: str = "", **settings: str) -> Iterator[Server]:
    site = Site(folder / "ledger")
    site.take(ramp(0, 60, 60.0))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])
    with running("serve", "--ledger", site.folder, "--port", str(port), code=code, **settings) as process:
        log: list[bytes] = []  # read all along: who cannot write its log stands still
        reader = Thread(target=lambda: log.extend(process.stderr or ()))
        reader.start()
        server = Server(port, site.folder, process.pid)
        until(server.is_up)
        yield server
        process.terminate()
        ended = process.wait(SOON)
        reader.join()
    errors = b"".join(log).decode()
    assert (ended, "Traceback" in errors) == (0, False), errors[-2000:]


def hurried(whole: float, stalled: float) -> str:
    """Code that makes the server wait for shorter than it does."""
    return (
        "from darkscope.api.http import connections\n"
        f"connections.WHOLE, connections.STALLED = {whole}, {stalled}"
    )


def is_closed(client: socket.socket) -> bool:
    """Whether the server has ended a connection."""
    client.settimeout(0.01)
    try:
        return client.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that waits as long as it does for everybody."""
    with serving(tmp_path_factory.mktemp("server"), DARKSCOPE_API__RATE="0") as found:
        yield found


def test_among_500_slow_clients_others_are_answered(server: Server) -> None:
    chance = random.Random(0)
    asking = f"POST {ASK} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nbody".encode()
    with ExitStack() as stack:
        slow = [stack.enter_context(server.connect()) for _ in range(500)]
        for client in slow:  # some say nothing, some a part of a head, some a part of a body
            client.sendall(asking[: chance.choice([0, 3, 30, 70, len(asking)])])
        for _ in range(20):
            assert server.get().status_code == 200
            for client in chance.sample(slow, 50):
                with if_it_listens():
                    client.sendall(b"x")
        kept = sum(not is_closed(client) for client in slow)
    assert kept <= 256


@contextmanager
def if_it_listens() -> Iterator[None]:
    """Speak to a server that may have ended the connection."""
    try:
        yield
    except OSError:
        return


def test_a_request_that_does_not_arrive_whole_is_not_waited_for(tmp_path: Path) -> None:
    head = f"POST {ASK} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n".encode()
    with serving(tmp_path, code=hurried(1.0, 60.0)) as server, ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(3)]
        for client, part in zip(clients, (b"", b"GET / HT", head), strict=True):
            client.sendall(part)
        begun = time.monotonic()
        dripping = stack.enter_context(server.connect())
        for byte in head:
            if is_closed(dripping):
                break
            with if_it_listens():
                dripping.sendall(bytes([byte]))
            time.sleep(0.1)
        assert time.monotonic() - begun < SOON
        until(lambda: all(map(is_closed, clients[:2])), SOON)
        clients[2].settimeout(SOON)
        with if_it_listens():
            while clients[2].recv(4096):  # an answer, for the method is not allowed; then the end
                pass
        assert server.get().status_code == 200


def test_a_reader_that_takes_nothing_is_not_waited_for(tmp_path: Path) -> None:
    path, times = "/docs/files/swagger-ui-bundle.js", 16  # more than what the kernel takes off the server
    with serving(tmp_path, code=hurried(60.0, 1.0)) as server, server.connect() as client:
        for _ in range(times):
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        time.sleep(3)
        taken = 0
        with if_it_listens():
            while piece := client.recv(1 << 20):
                taken += len(piece)
        assert 0 < taken < times / 2 * len(server.get(path).content)


def test_what_is_no_request_is_a_problem(server: Server) -> None:
    long = "x" * LARGEST_HEAD
    for sent in (
        b"\x16\x03\x01\r\n\r\n",
        f"GET /{long} HTTP/1.1\r\n\r\n".encode(),
        b"GET / HTTP/1.1\r\n\r\n",
    ):
        with server.connect() as client:
            client.sendall(sent)
            received = b""
            with if_it_listens():
                while piece := client.recv(4096):
                    received += piece
        assert received.startswith(b"HTTP/1.1 400 ")
        assert b"content-type: application/problem+json\r\n" in received.lower()


def test_connections_that_are_used_again_and_pipelined_ones_are_answered(server: Server) -> None:
    request = f"GET {ASK} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    with server.connect() as client:
        for parts in (
            [request],
            [request[:20], request[20:]],
            [request + request[:9], request[9:] + request],
        ):
            for part in parts:
                client.sendall(part)
                time.sleep(0.05)
            wanted = b"".join(parts).count(b"GET ")
            received = b""
            while received.count(b"HTTP/1.1 200") < wanted:
                received += client.recv(1 << 16)
    with httpx2.Client(base_url=server.url) as again:
        assert {again.get(ASK).status_code for _ in range(20)} == {200}


def test_a_flood_by_one_key_leaves_the_others_their_answers(tmp_path: Path) -> None:
    limits = {"DARKSCOPE_API__RATE": "4", "DARKSCOPE_API__BURST": "8"}
    with serving(tmp_path, **limits) as server:
        noisy, quiet = (
            {"X-API-Key": keys.create(server.ledger, name, (Scope.READ,), time.time())}
            for name in ("noisy", "quiet")
        )
        until(lambda: server.get().status_code == 401, SOON)
        over = Event()

        def flood(number: int) -> Counter[int]:
            seen: Counter[int] = Counter()
            with httpx2.Client(base_url=server.url, headers=noisy, timeout=SOON) as client:
                while not over.is_set():
                    days = (
                        f"/v1/rankings/ports?period=2020-06-{1 + number:02}/2020-06-24&limit={1 + len(seen)}"
                    )
                    answer = client.get(days)
                    seen[answer.status_code] += 1
                    if answer.status_code == 429:
                        assert int(answer.headers["retry-after"]) >= 1
            return seen

        with ThreadPoolExecutor(8) as pool:
            floods = [pool.submit(flood, number) for number in range(8)]
            begun = time.monotonic()
            answers = []
            for _ in range(20):
                answers.append((server.get(ASK, **quiet).status_code, server.get("/readyz").status_code))
                time.sleep(0.1)
            seconds = time.monotonic() - begun
            over.set()
        seen = sum((one.result() for one in floods), Counter())
    assert answers == [(200, 200)] * 20
    assert seen[429] > seen[200] > 0
    assert seen[200] <= 8 + 4 * (seconds + SOON)
    assert set(seen) <= {200, 429, 503}


def test_behind_a_proxy_that_takes_its_path_off_everything_is_found(tmp_path: Path) -> None:
    with serving(tmp_path, DARKSCOPE_API__PATH="/darkscope") as server:
        document, page = server.get("/openapi.json").json(), server.get("/docs").text
        assert server.get().status_code == 200
        assert document["servers"] == [{"url": "/darkscope"}]
        assert "/v1/rankings/{dimension}" in document["paths"]
        assert "/darkscope/openapi.json" in page
        assert "/darkscope/docs/files/swagger-ui-bundle.js" in page
        assert server.get("/docs/files/swagger-ui-bundle.js").status_code == 200


def test_only_a_trusted_proxy_says_who_asks(tmp_path: Path) -> None:
    limits = {"DARKSCOPE_API__RATE": "0.001", "DARKSCOPE_API__BURST": "1"}
    statuses = {}
    for proxies in ("[]", '["127.0.0.0/8"]'):
        folder = tmp_path / str(len(proxies))
        with serving(folder, DARKSCOPE_API__PROXIES=proxies, **limits) as server:
            statuses[proxies] = [
                server.get(ASK, **{"X-Forwarded-For": f"198.51.100.{host}"}).status_code for host in (1, 2, 2)
            ]
    assert statuses == {"[]": [200, 429, 429], '["127.0.0.0/8"]': [200, 200, 429]}


ENDLESS = """\
import polars as pl
from polars.io.plugins import register_io_source
from darkscope.api import deadline
from darkscope.ingest.ledger.ledger import Snapshot

deadline.UNWATCHED = -1
scan = Snapshot.scan

def endless(snapshot, table, *days, **how):
    rows = scan(snapshot, table, *days, **how)
    if table.name != "flows" or "2020-06-24" not in map(str, days):
        return rows
    piece = pl.DataFrame(schema=rows.collect_schema()).clear(100_000)
    def again(columns, predicate, *_):
        while True:
            found = piece if predicate is None else piece.filter(predicate)
            yield found if columns is None else found.select(columns)
    return register_io_source(again, schema=rows.collect_schema())

Snapshot.scan = endless
"""
"""Code that gives a day's question rows without an end."""


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_question_without_an_end_is_given_up_while_others_are_answered_and_frees_the_processors(
    tmp_path: Path,
) -> None:
    limits = {"DARKSCOPE_API__TIME_LIMIT": "3s", "DARKSCOPE_API__RATE": "0"}
    with serving(tmp_path, code=ENDLESS, **limits) as server, ThreadPoolExecutor(3) as pool:
        url = "/v1/rankings/tools?period=2020-06-24&limit="
        endless = [pool.submit(server.get, f"{url}{limit}") for limit in (1, 2)]
        answers = []
        while not all(one.done() for one in endless):
            answers.append(server.get("/v1/rankings/tools?period=2020-06-23").status_code)
            time.sleep(0.1)
        given_up = [one.result() for one in endless]
        used = processor_seconds(server.pid)
        time.sleep(1)
        used = processor_seconds(server.pid) - used
    assert [(one.status_code, one.json()["type"]) for one in given_up] == [
        (503, "urn:darkscope:problem:long")
    ] * 2
    assert len(answers) > 1
    assert set(answers) == {200}
    assert used < 0.5
