"""Parts that run together, as processes: started again, ended together, one log."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest
from ledgers import ramp
from objects import Bucket
from runs import running, until

from darkscope.api.command.group import Group, Part, event
from darkscope.api.command.run import parts
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.settings import Influx, Ingest, Settings, Spool

SETTINGS = """\
ledger = "ledger"
[ingest]
batch_seconds = 0.2
[spool]
folders = ["spool"]
settle = "1s"
[retention]
disk_reserve = 0
[api]
port = {port}
"""


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture
def file(tmp_path: Path, port: int) -> Path:
    (tmp_path / "spool" / "a").mkdir(parents=True)
    file = tmp_path / "darkscope.toml"
    file.write_text(SETTINGS.format(port=port))
    return file


class Log:
    """What a process writes to its standard error, as events; read as it comes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.events: list[dict[str, Any]] = []
        self._lines: Iterator[bytes] = iter(process.stderr or ())
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._lines:
            self.events.append(json.loads(line))

    def pids(self, part: str) -> list[int]:
        return [one["pid"] for one in self.events if one["event"] == "started" and one["part"] == part]


def packets(port: int) -> int:
    """Packets that the interface knows of; -1 while it does not answer."""
    try:
        answer = httpx2.get(f"http://127.0.0.1:{port}/v1/rankings/ports?period=2020-06-24")
    except httpx2.HTTPError:
        return -1
    return int(answer.json().get("packets", -1))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_what_falls_into_the_spool_is_answered_and_all_ends_together(
    file: Path, port: int, tmp_path: Path
) -> None:
    """Also at the first start of all: there is no ledger yet, nor an InfluxDB that answers."""
    file.write_text(file.read_text() + '[influx]\nurl = "http://127.0.0.1:1"\n')
    with running("run", "--settings", file) as process:
        log = Log(process)
        (tmp_path / "spool" / "a" / "1.pcap").write_bytes(ramp(0, 30))
        until(lambda: packets(port) == 30)
        pids = [*log.pids("ingest"), *log.pids("project"), *log.pids("serve")]
        assert {os.getpgid(pid) for pid in pids} == {os.getpgid(process.pid)}
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert len(pids) == 3
    assert not any(map(is_alive, pids))
    assert {one["part"] for one in log.events if one["event"] == "committed"} == {"ingest"}
    assert {one["part"] for one in log.events if one["event"] == "listening"} == {"serve"}


def test_a_prefix_of_a_bucket_is_watched_like_a_folder(file: Path, port: int, bucket: Bucket) -> None:
    file.write_text(file.read_text().replace('"spool"', f'"{bucket.uri}/spool"'))
    with running("run", "--settings", file, **bucket.environment) as process:
        bucket.put("spool/a/1.pcap", ramp(0, 30))
        until(lambda: packets(port) == 30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_none_outlives_the_one_that_started_them(file: Path, port: int) -> None:
    with running("run", "--settings", file) as process:
        log = Log(process)
        until(lambda: packets(port) != -1 or any(one["event"] == "listening" for one in log.events))
        pids = [*log.pids("ingest"), *log.pids("serve")]
        process.kill()
        until(lambda: not any(map(is_alive, pids)))
    assert len(pids) == 2


def test_a_part_that_cannot_get_going_ends_all_with_its_exit_code(file: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)), running("run", "--settings", file) as process:
        _, errors = process.communicate(timeout=60)
    events = [json.loads(line) for line in errors.splitlines()]
    assert process.returncode == 1
    assert [one["text"] for one in events if one["event"] == "said" and one["part"] == "serve"] == [
        f"darkscope: http://127.0.0.1:{port}/: Address already in use"
    ]
    assert {(one["part"], one["code"]) for one in events if one["event"] == "ended"} == {("serve", 1)}


def test_wrong_settings_and_nothing_to_read_are_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    for text, message in [
        ("nonsense = 1\n", f"darkscope: {file} line 1: nonsense: no such setting\n"),
        ("", "darkscope: nothing to read: set spool.folders or ingest.interfaces\n"),
    ]:
        file.write_text(text)
        with running("run", "--settings", file) as process:
            output, errors = process.communicate(timeout=60)
        assert (process.returncode, output, errors.decode()) == (2, b"", message)


def test_a_folder_that_is_not_there_ends_all(file: Path, tmp_path: Path) -> None:
    (tmp_path / "spool" / "a").rmdir()
    (tmp_path / "spool").rmdir()
    with running("run", "--settings", file) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"{tmp_path}/spool: no folder; --follow watches folders" in errors.decode()


def test_a_part_that_fails_later_is_started_again_and_the_others_go_on(file: Path, port: int) -> None:
    heard: list[tuple[str, dict[str, Any]]] = []
    codes: list[int] = []
    stop = Stop()
    where = ["--settings", str(file)]
    group = Group(
        [
            Part("other", ("ingest", "--follow", *where, str(file.parent / "spool"))),
            Part("serve", ("serve", *where)),
        ],
        lambda name, line: heard.append((name, event(name, line))),
        steady=0.0,
    )
    thread = Thread(target=lambda: codes.append(group.run(stop)))
    thread.start()
    until(lambda: packets(port) != -1 or any(one["event"] == "listening" for _, one in heard))
    before = running_of(group)
    os.kill(before["serve"], signal.SIGKILL)
    until(lambda: running_of(group).get("serve") not in (None, before["serve"]))
    until(lambda: sum(one["event"] == "listening" for _, one in heard) == 2)
    assert running_of(group)["other"] == before["other"]
    stop.ask()
    thread.join(60)
    assert codes == [0]


def running_of(group: Group) -> dict[str, int]:
    return {child.part.name: child.process.pid for child in group._children if child.process is not None}


def test_a_mistake_is_not_tried_again(tmp_path: Path) -> None:
    codes: list[int] = []
    stop = Stop()
    group = Group([Part("bad", ("check", "--settings", str(tmp_path / "none.toml")))], lambda *_: None)
    thread = Thread(target=lambda: codes.append(group.run(stop)))
    thread.start()
    thread.join(60)
    assert codes == [2]


def test_the_settings_say_which_parts_there_are() -> None:
    settings = Settings(
        ingest=Ingest(interfaces=("eth0", "eth1")),
        spool=Spool(folders=(Path("/spool"), Path("-x"), "s3://bucket/spool")),
        influx=Influx(url="http://127.0.0.1:8086"),
    )
    where = ["--settings", "d.toml"]
    assert parts(settings, where) == [
        Part(
            "ingest",
            (
                *("ingest", "--interface", "eth0", "--interface", "eth1", "--follow", *where),
                *("/spool", str(Path.cwd() / "-x"), "s3://bucket/spool"),
            ),
        ),
        Part("project", ("project", "--follow", *where)),
        Part("watch", ("watch", *where)),
        Part("serve", ("serve", *where)),
    ]
    assert [part.name for part in parts(Settings(), [])] == ["watch", "serve"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            b'{"time": "t", "level": "info", "event": "committed", "frames": 3}\n',
            {"time": "t", "level": "info", "event": "committed", "part": "x", "frames": 3},
        ),
        (b"First start\n", {"event": "said", "part": "x", "text": "First start"}),
        (b'{"no": "event"}\n', {"event": "said", "part": "x", "text": '{"no": "event"}'}),
        (b"[1]\n", {"event": "said", "part": "x", "text": "[1]"}),
        (b"\xff\n", {"event": "said", "part": "x", "text": "\ufffd"}),
    ],
)
def test_a_line_of_a_part_is_an_event_that_names_it(line: bytes, told: dict[str, Any]) -> None:
    assert event("x", line) == told
    assert list(event("x", line))[: list(told).index("part")] == list(told)[: list(told).index("part")]
