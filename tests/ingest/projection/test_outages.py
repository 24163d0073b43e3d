"""What InfluxDB and the way to it can do to the projector: in the end nothing is missing, and it says what happens."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flows import book, minute, some
from influx import InfluxDB
from influx_proxy import Proxy, passes
from runs import environment, until
from walls import Wall, Watch, close, follow, trouble, wall_of

from darkscope.ingest.projection.server import Server, Unavailable
from darkscope.ingest.registry import PROJECTION, heard

DAY = date(2020, 6, 24)
KILLS = int(os.environ.get("DARKSCOPE_PROJECTION_KILLS", "2"))
"""How often all is killed again and again, each time otherwise; `make soak` does so far more often."""


def writes(fault: Any) -> Any:
    """A fault of requests that write."""
    return lambda _method, path: fault if "write" in path else None


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ((500, '{"error":"no space left on device"}'), "500 no space left on device"),
        ((503, '{"message":"too busy"}'), "503 too busy"),
        ((429, "slow down"), "429 slow down"),
        (
            (401, '{"code":"unauthorized","message":"unauthorized access"}'),
            "the token may not use the bucket",
        ),
        ((404, '{"message":"bucket not found"}'), "`darkscope project init` makes it"),
        ("drop", "closed connection without response"),
        ("cut", "closed connection without response"),
        ("hang", "timed out"),
    ],
)
def test_it_waits_says_why_and_goes_on(wall: Wall, caplog: Any, fault: Any, said: str) -> None:
    caplog.set_level(logging.INFO)
    one = wall.projector()
    follow(wall, one, 3)
    wall.proxy.fault = writes(fault)
    book(wall.ledger, some(0, 200, DAY))
    follow(wall, one, 5)
    told = [record.fields["reason"] for record in caplog.records if record.message == "the projection waits"]
    assert len(told) == 1, "it is said once"
    assert said in told[0]
    assert said in trouble(wall)
    assert one.owes(1e12) > 0
    wall.proxy.fault = passes
    follow(wall, one, 200)
    assert "the projection goes on" in caplog.messages
    assert wall.differences() == []


def test_it_tries_less_and_less_often(wall: Wall) -> None:
    book(wall.ledger, some(0, 10, DAY))
    wall.proxy.fault = lambda _method, _path: (503, "")
    began = wall.clock.now
    follow(wall, wall.projector(), 2 * 121)  # each round looks twice
    assert wall.clock.now - began > 100
    # 2 looks at the start, then after 1, 2, 4, 8, 16, 30, 30, 30 s
    assert 6 <= len(wall.proxy.requests) <= 14


def test_changes_are_taken_while_nothing_can_be_written_and_what_waits_does_not_grow(wall: Wall) -> None:
    one = wall.projector()
    wall.proxy.fault = lambda _method, _path: (503, "")
    counts = []
    for batch in range(8):
        book(wall.ledger, some(batch * 20, 20, DAY))
        follow(wall, one, 2)
        counts.append(one.owes(1e12))
    assert len(set(counts[1:])) == 1
    wall.proxy.fault = passes
    wall.project()
    assert wall.differences() == []


def test_a_refused_point_is_told_in_influxdbs_words_and_the_rest_is_there(wall: Wall, caplog: Any) -> None:
    name = wall.settings.influx.bucket
    wall.influx.write(name, [f'packets,sensor=zz packets="text" {minute(DAY, 9) * 60}'])
    book(wall.ledger, some(0, 200, DAY))
    one = wall.project()
    (record,) = [record for record in caplog.records if record.message == "InfluxDB refused points"]
    assert "field type conflict" in record.fields["reason"]
    assert one.counts.rejected == record.fields["points"] > 0
    assert wall.packets("_day") == 200


def test_where_nothing_of_a_refused_request_was_stored_it_is_halved(wall: Wall) -> None:
    """The second version stores nothing of a request with a line that it cannot read."""
    seen = []

    def fault(_method: str, path: str) -> tuple[int, str] | None:
        if "write" in path and len(seen) < 5:
            seen.append(path)
            return 400, '{"code":"invalid","message":"unable to parse line"}'
        return None

    book(wall.ledger, some(0, 300, DAY))
    wall.proxy.only = b"packets,country="  # many points: one alone would be given up
    wall.proxy.fault = fault
    one = wall.project()
    assert len(seen) == 5
    assert one.counts.rejected == 0
    assert wall.differences() == []


def test_a_request_that_is_always_refused_is_given_up_in_the_end(wall: Wall, caplog: Any) -> None:
    book(wall.ledger, some(0, 300, DAY))
    wall.proxy.fault = lambda _method, path: (400, "no") if "write" in path and "_day" in path else None
    one = wall.project()
    assert one.counts.rejected > 0
    assert "InfluxDB refused points" in caplog.messages
    assert wall.packets("") == wall.packets("_hour") == 300


def test_points_outside_the_retention_are_counted_at_once_and_told_once(wall: Wall, caplog: Any) -> None:
    """In the words of 2.7.12, which name points and the instant: each time others."""
    words = (
        "failure writing points to database: partial write: dropped 1 points outside retention policy of duration "
        "720h0m0s - oldest point packets,sensor=a at 2020-06-24T09:00:{0}Z dropped because it violates a Retention "
        "Policy Lower Bound at 2026-10-26T14:20:47.{0}Z, newest point packets,sensor=b at 2020-06-24T09:01:00Z dropped "
        f"because it violates {'a Retention Policy Lower Bound ' * 20} dropped=1 for database: 3f64"
    )
    numbers = iter(range(100))

    def fault(_method: str, path: str) -> tuple[int, str] | None:
        if "write" not in path or "_day" not in path:
            return None
        return 422, json.dumps({"message": words.format(next(numbers))})

    book(wall.ledger, some(0, 300, DAY))
    wall.proxy.fault = fault
    wall.proxy.only = b"sensor="
    one = wall.project()
    assert one.counts.rejected == next(numbers) == 6, "one a request, and a request a measurement"
    assert caplog.messages.count("InfluxDB refused points") == 1


def test_a_question_that_is_refused_is_waited_out(wall: Wall) -> None:
    book(wall.ledger, some(0, 20, DAY))
    one = wall.project()
    one.rebuild([DAY])
    wall.proxy.fault = lambda _method, path: (400, '{"error":"too many series"}') if "query" in path else None
    follow(wall, one, 20)
    assert trouble(wall) == "400 too many series"
    wall.proxy.fault = passes
    follow(wall, one, 200)
    assert (trouble(wall), wall.differences()) == ("", [])


def test_a_bucket_that_goes_away_is_waited_for_also_where_it_is_to_be_read(wall: Wall) -> None:
    book(wall.ledger, some(0, 20, DAY))
    one = wall.project()
    one.rebuild([DAY])
    name = wall.settings.influx.bucket
    wall.influx.drop(name)
    follow(wall, one, 20)
    assert trouble(wall) == (
        f"{wall.proxy.url}: has no bucket {name}, or the token may not read it: database not found: {name}"
    )
    wall.influx.create(name)
    follow(wall, one, 200)
    assert (trouble(wall), wall.differences()) == ("", [])


def test_where_the_projectors_own_point_is_refused_nothing_looks_lost(wall: Wall, caplog: Any) -> None:
    name = wall.settings.influx.bucket
    wall.influx.write(name, [f'darkscope plan="text" {int(wall.clock.now) // 86_400 * 86_400}'])
    book(wall.ledger, some(0, 20, DAY))
    follow(wall, wall.projector(), 300)
    assert "InfluxDB refused points" in caplog.messages
    assert "InfluxDB lost what it had; it is projected again" not in caplog.messages
    assert wall.differences() == []


def test_text_where_a_count_should_be_is_no_count(wall: Wall) -> None:
    book(wall.ledger, some(0, 20, DAY))
    one = wall.project()
    name = wall.settings.influx.bucket
    wall.influx.write(
        name, [f'packets,sensor=z,protocol=tcp,port=1,country=JP other="text" {minute(DAY, 9) * 60}']
    )
    one.rebuild([DAY])
    follow(wall, one, 200)
    assert (trouble(wall), wall.differences()) == ("", [])


def test_an_answer_that_cannot_be_read_is_an_outage(wall: Wall) -> None:
    wall.proxy.fault = lambda _method, path: (200, '{"results":[{"se') if "query" in path else None
    server = Server(wall.settings.influx)
    wall.opened.append(server)
    with pytest.raises(Unavailable, match="an answer that cannot be read"):
        server.ask("x", "SHOW DATABASES")


def test_a_token_is_in_no_message(wall: Wall, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("very-secret-token\n")
    server = Server(wall.settings.influx.model_copy(update={"token_file": token}))
    wall.opened.append(server)
    wall.proxy.fault = lambda _method, _path: (401, "unauthorized")
    for do in (
        lambda: server.write("b", b"a b=1i 1\n"),
        lambda: server.ask("b", "SHOW DATABASES"),
        server.version,
    ):
        with pytest.raises(Unavailable) as caught:
            do()
        assert "very-secret" not in f"{caught.value!r} {caught.value} {vars(server)}"


def test_a_token_file_that_cannot_be_read_is_named(wall: Wall, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"influx.token_file: .*missing: No such file"):
        Server(wall.settings.influx.model_copy(update={"token_file": tmp_path / "missing"}))


# With a server of its own, which may die


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Wall]:
    folder = tmp_path / "influxdb"
    folder.mkdir()
    with InfluxDB(folder) as influx, Proxy(influx.port) as proxy:
        wall = wall_of(tmp_path, influx, proxy)
        yield wall
        close(wall)


def test_a_lost_disk_is_noticed_and_everything_is_there_again(mortal: Wall, caplog: Any) -> None:
    one = mortal.projector()
    book(mortal.ledger, some(0, 300, DAY))
    follow(mortal, one, 100)
    mortal.influx.kill()
    mortal.influx.lose_disk()
    mortal.influx.start()
    name = mortal.settings.influx.bucket
    mortal.influx.create(name, f"{name}_hour", f"{name}_day")
    assert mortal.packets() == 0
    follow(mortal, one, 300)
    assert "InfluxDB lost what it had; it is projected again" in caplog.messages
    assert mortal.differences() == []


def test_a_server_that_is_killed_loses_nothing(mortal: Wall) -> None:
    one = mortal.projector()
    for batch in range(3):
        book(mortal.ledger, some(batch * 100, 100, DAY))
        follow(mortal, one, 2)
        mortal.influx.kill()
        book(mortal.ledger, some(5000 + batch * 100, 100, DAY))
        follow(mortal, one, 3)
        mortal.influx.start()
    mortal.clock.looks = 10**9
    mortal.project()
    assert mortal.packets() == mortal.packets("_day") == 600
    assert mortal.differences() == []


def start(wall: Wall) -> subprocess.Popen[bytes]:
    """A projector in a process of its own, going on."""
    influx = wall.settings.influx
    keep = {f"DARKSCOPE_INFLUX__RETENTION_{name}": "keep" for name in ("MINUTE", "HOUR", "DAY")}
    also = {"DARKSCOPE_INFLUX__URL": str(influx.url), "DARKSCOPE_INFLUX__BUCKET": influx.bucket, **keep}
    code = "from darkscope.api.command.main import main; main()"
    arguments = ["project", "--follow", "--quiet", "--ledger", str(wall.ledger.storage.path)]
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(**also),
    )


def is_at_work(wall: Wall, since: float) -> bool:
    """Whether a projector that was started since then has begun to project."""
    state = heard(wall.ledger.storage.path, PROJECTION)
    return state is not None and state.at > since


@pytest.mark.parametrize("seed", range(KILLS))
def test_whoever_is_killed_when_all_sums_are_right(mortal: Wall, seed: int) -> None:
    """One dies in the midst of its work, or both do together; the projector now and then as it starts."""
    chance = random.Random(seed)
    began = 0.0
    projector = start(mortal)
    try:
        for batch in range(8):
            if chance.random() < 0.8:
                until(partial(is_at_work, mortal, began))
            book(mortal.ledger, some(batch * 2000, 2000, DAY))
            time.sleep(chance.random() * 1.5)
            victims = chance.choice(["influx", "projector", "both"])
            if victims != "projector":
                mortal.influx.kill()
                time.sleep(chance.random() * 0.2)
            if victims != "influx":
                projector.send_signal(signal.SIGKILL)
                projector.wait()
                began = time.time()
                projector = start(mortal)
            if victims != "projector":
                mortal.influx.start()
    finally:
        projector.kill()
        projector.wait()
    mortal.clock = Watch(time.time())
    mortal.project()
    assert mortal.differences() == []
    assert [mortal.packets(bucket) for bucket in ("", "_hour", "_day")] == [16_000] * 3
