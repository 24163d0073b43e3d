"""Rows of requests do not depend on how frames were cut into runs, batches, files and starts of the program."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from capture_files import pcap
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from killing import Killed, Killer
from ledgers import NOON, SECOND, Site, read
from talks import ACK, CLIENT, FIN, GET, HONEYPOT, POST, RST, SENSOR, SYN, Talk, several
from tries import TRIES

from darkscope.ingest.honeypot import listener
from darkscope.ingest.honeypot.connections import IDLE, JUMP
from darkscope.ingest.honeypot.sealing import KEY
from darkscope.ingest.honeypot.streams import LIMIT
from darkscope.ingest.ledger.expiry import forget
from darkscope.ingest.ledger.upkeep import keep_up
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.series import REQUESTS, UNFINISHED
from darkscope.ingest.settings import Kind


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "ledger", sensors=[SENSOR])


def take(
    site: Site, records: Iterable[bytes], name: str = "/spool/a/1.pcap", *, is_last: bool = True
) -> None:
    """Read a capture with a worker of its own, the last of a run unless more is to come."""
    worker = site.worker()
    read(worker, pcap(records), name)
    worker.commit(is_last=is_last)


def found(site: Site, *columns: str) -> list[Any]:
    """Columns of the rows in order of time."""
    rows = sorted(site.rows(REQUESTS), key=lambda row: (row["time"], row["source_port"], row["number"]))
    return [tuple(row[name] for name in columns) if len(columns) > 1 else row[columns[0]] for row in rows]


def test_a_request_is_one_row(site: Site) -> None:
    data = b"POST /a?b=c HTTP/1.1\r\nHost: 133.8.0.9:8080\r\nUser-Agent: x\r\nContent-Length: 3\r\n\r\nabc"
    take(site, Talk(port=8080).whole(data))
    rows = site.rows(REQUESTS)
    assert len(rows) == 1
    body = rows[0].pop("body")
    assert len(body) == 64
    assert rows[0] == {
        "day": rows[0]["day"],
        "time": NOON * SECOND + 10_000_000,
        "sensor": "a",
        "version": 4,
        "source_high": 0,
        "source_low": 198 << 24 | 41 << 16 | 4,
        "country": "US",
        "asn": 0,
        "source_port": 4000,
        "port": 8080,
        "number": 0,
        "kind": "http",
        "method": "POST",
        "path": "/a?b=c",
        "host": "[sensor]:8080",
        "agent": "x",
        "headers": "Host: [sensor]:8080\nUser-Agent: x\nContent-Length: 3",
        "fingerprint": "",
        "size": len(data),
        "preview": "abc",
    }
    assert rows[0]["day"].isoformat() == "2020-06-24"
    assert verify(site.ledger).faults == ()


def test_a_telescope_is_asked_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger", sensors=[SENSOR.model_copy(update={"kind": Kind.TELESCOPE})])
    take(site, Talk().whole(GET))
    assert site.rows(REQUESTS) == []


def test_pipelined_requests_are_rows_of_one_time(site: Site) -> None:
    take(site, Talk().whole(GET + POST + GET))
    assert found(site, "number", "method", "preview") == [
        (0, "GET", ""),
        (1, "POST", "hello!"),
        (2, "GET", ""),
    ]
    assert len(set(found(site, "time"))) == 1


def test_what_follows_the_sensors_answer_is_no_first_data(site: Site) -> None:
    talk = Talk()
    first = [*talk.opening(), talk.theirs(1, 0, GET), talk.ours(2, len(GET), b"200")]
    take(site, [*first, talk.theirs(3, len(GET), POST), talk.ours(4, len(GET + POST), b"200")])
    assert found(site, "method") == ["GET"]


def test_a_sensor_that_speaks_first_ends_nothing(site: Site) -> None:
    talk = Talk(port=22)
    records = [*talk.opening(), talk.ours(1, 0, b"SSH-2.0-x\r\n"), talk.theirs(2, 0, b"SSH-2.0-Go\r\n")]
    take(site, [*records, talk.ours(3, 12, b"...", offset=11)])
    assert found(site, "kind", "preview", "size") == [("ssh", "SSH-2.0-Go\\x0d\\x0a", 12)]


def test_an_answer_that_asks_for_the_rest_ends_nothing(site: Site) -> None:
    talk = Talk()
    head = len(POST) - 6
    records = [
        *talk.opening(),
        talk.theirs(1, 0, POST[:head]),
        talk.ours(2, head, b"HTTP/1.1 100 Continue\r\n\r\n"),
    ]
    take(site, [*records, talk.theirs(3, head, b"hello!"), talk.ours(4, len(POST), b"200")])
    assert found(site, "preview") == ["hello!"]


def test_an_answer_captured_before_the_last_segment_waits_for_it(site: Site) -> None:
    talk = Talk()
    records = [*talk.opening(), talk.theirs(1, 0, GET[:9]), talk.ours(2, len(GET), b"200")]
    take(site, [*records, talk.theirs(3, 9, GET[9:])])
    assert found(site, "host", "size") == [("example.org", len(GET))]


@pytest.mark.parametrize(
    "end",
    [
        lambda talk: [talk.theirs(2, len(GET), flags=FIN | ACK)],
        lambda talk: [talk.theirs(2, len(GET), flags=RST)],
        lambda talk: [talk.ours(2, len(GET), flags=RST)],
        lambda talk: [talk.ours(2, len(GET), flags=FIN | ACK)],
        lambda _: Talk(source_port=9, port=9).opening(2 + IDLE / SECOND)[:1],
        lambda _: Talk(source_port=9, port=9).opening(-2 - JUMP / SECOND)[:1],
        lambda talk: talk.opening(2)[:1] + Talk(start=5).opening(3)[:1],
    ],
    ids=["fin", "rst", "sensor's rst", "sensor's fin", "silence", "another time", "another connection"],
)
def test_first_data_end_with(site: Site, end: Any) -> None:
    talk = Talk()
    worker = site.worker()
    read(worker, pcap([*talk.opening(), talk.theirs(1, 0, GET), *end(talk)]))
    worker.commit()
    assert found(site, "path") == ["/"]


def test_first_data_end_at_the_limit(site: Site) -> None:
    talk = Talk(start=(1 << 32) - 5)
    flood = [talk.theirs(1 + place / LIMIT, place, bytes(1024)) for place in range(0, 2 * LIMIT, 1024)]
    worker = site.worker()
    read(worker, pcap([*talk.opening(), *flood]))
    worker.commit()
    assert found(site, "size") == [LIMIT]


def test_first_data_that_nothing_ends_are_finished_by_the_last_commit_alone(site: Site) -> None:
    talk = Talk()
    records = [*talk.opening(), talk.theirs(1, 0, GET)]
    take(site, records, is_last=False)
    assert found(site, "path") == []
    assert [row["observer"] for row in site.rows(UNFINISHED)] == ["handshakes", "requests"]
    take(site, records)
    assert found(site, "path") == ["/"]
    assert site.rows(UNFINISHED) == []
    version = site.ledger.finish().version
    take(site, records)
    assert site.ledger.finish().version == version


@pytest.mark.parametrize(
    "records",
    [
        [Talk().theirs(1, 0, GET)],  # no beginning
        [*Talk().opening(), Talk(source_port=4001).theirs(1, 0, GET)],
        [*Talk().opening(), Talk().theirs(2 + IDLE / SECOND, 0, GET)],
        [*Talk().opening(), Talk().ours(0.5, 0, flags=RST | ACK), Talk().theirs(1, 0, GET)],
        [*Talk().opening(), Talk().theirs(1, 5, GET)],  # the first bytes never come
        [
            Talk(HONEYPOT, CLIENT).theirs(0, -1, flags=SYN),
            Talk(HONEYPOT, CLIENT).theirs(1, 0, GET),
        ],  # asks itself
    ],
    ids=["middle", "another port", "late", "refused", "gap", "own"],
)
def test_what_is_no_first_data_is_no_row(site: Site, records: list[bytes]) -> None:
    take(site, records)
    assert found(site, "path") == []


def test_a_sensor_is_heard_while_it_is_a_honeypot(tmp_path: Path) -> None:
    before, after = (SENSOR.model_copy(update={"kind": kind}) for kind in (Kind.TELESCOPE, Kind.HONEYPOT))
    day = NOON // 86_400
    turn = date(1970, 1, 1) + timedelta(days=day + 1)
    site = Site(
        tmp_path / "ledger",
        sensors=[before.model_copy(update={"until": turn}), after.model_copy(update={"since": turn})],
    )
    take(site, [*Talk().whole(GET), *Talk(source_port=5).whole(POST, 86_400)])
    assert found(site, "method") == ["POST"]


def cut_at(records: Sequence[bytes], cuts: Iterable[int]) -> list[list[bytes]]:
    places = sorted({0, len(records), *cuts})
    return [list(records[low:high]) for low, high in pairwise(places)]


def rows_of(site: Site) -> list[dict[str, Any]]:
    return sorted(site.rows(REQUESTS), key=lambda row: (row["time"], row["source_port"], row["number"]))


@pytest.fixture(scope="module")
def uncut(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    site = Site(tmp_path_factory.mktemp("uncut") / "ledger", sensors=[SENSOR])
    take(site, several())
    rows = rows_of(site)
    assert [(row["source_port"], row["kind"], row["path"], row["size"]) for row in rows] == [
        (4000, "http", "/", len(GET)),
        (4001, "http", "/x", len(POST)),
        (4002, "smtp", "", 8),
        (4003, "http", "/", len(GET)),
        (4000, "http", "/again", 23),
        (5000, "http", "/", len(GET)),
    ]
    return rows


@given(st.lists(st.integers(0, 40)))
@settings(max_examples=8 * TRIES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_many_batches_of_one_worker_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, uncut: list[dict[str, Any]], cuts: list[int]
) -> None:
    site = Site(tmp_path_factory.mktemp("cut") / "ledger", sensors=[SENSOR])
    worker = site.worker()
    records = several()
    for number, part in enumerate(cut_at(records, [cut for cut in cuts if cut < len(records)])):
        read(worker, pcap(part), f"/spool/a/{number}.pcap")
        worker.commit()
    worker.commit(is_last=True)
    assert rows_of(site) == uncut


@pytest.mark.parametrize("chunk", [1, 3, 7])
def test_how_many_frames_are_followed_at_once_changes_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, uncut: list[dict[str, Any]], chunk: int
) -> None:
    monkeypatch.setattr(listener, "_CHUNK", chunk)
    take(site, several())
    assert rows_of(site) == uncut


@pytest.mark.parametrize("step", range(1, 10))
def test_killed_at_any_step_of_a_commit_a_restart_ends_with_the_same_rows(
    site: Site, monkeypatch: pytest.MonkeyPatch, uncut: list[dict[str, Any]], step: int
) -> None:
    first, second = cut_at(several(), [16])
    take(site, first, is_last=False)
    with monkeypatch.context() as patched, suppress(Killed):
        Killer(patched, step)
        take(site, second, "/spool/a/2.pcap")
    take(site, first, is_last=False)
    take(site, second, "/spool/a/2.pcap")
    assert rows_of(site) == uncut
    assert site.rows(UNFINISHED) == []
    assert verify(site.ledger).faults == ()


def test_what_is_open_names_no_sensor_and_is_of_no_use_without_the_key(site: Site) -> None:
    talk = Talk()
    records = [*talk.opening(), talk.theirs(1, 0, b"GET / HTTP/1.1\r\nHost: 133.8.0.9\r\n")]
    take(site, records, is_last=False)
    (kept,) = (row for row in site.rows(UNFINISHED) if row["observer"] == "requests")
    plain = base64.b64decode(kept["state"])
    for word in (b"133.8.0.9", b"GET", b"target", str(133 << 24 | 8 << 16 | 9).encode()):
        assert word not in plain
        assert base64.b64encode(word).rstrip(b"=") not in plain
    key = site.folder / KEY
    assert key.stat().st_mode & 0o777 == 0o600
    key.unlink()
    take(site, records)
    assert found(site, "path") == []


def test_a_flood_of_half_open_connections_costs_no_more_than_the_table(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "MOST_BYTES", 40_000)
    talks = [Talk(source_port=port) for port in range(1, 3001)]
    records = []
    for number, talk in enumerate(talks):
        records += [talk.opening(number / 100)[0], talk.theirs(number / 100 + 0.001, 0, b"x" * 100)]
    worker = site.worker()
    read(worker, pcap(records))
    held = [
        point.bytes
        for observer in worker._observers
        if isinstance(observer, listener.Listener)
        for point in observer._points.values()
    ]
    assert len(held) == 1
    assert 0 < held[0] <= 40_000
    worker.commit(is_last=True)
    assert found(site, "size") == [100] * 3000


def test_most_connections_are_heard_through_a_flood(site: Site) -> None:
    noise = [
        Talk(source=f"9.{n >> 16}.{n >> 8 & 255}.{n & 255}").theirs(n / 20_000, -1, flags=SYN)
        for n in range(20_000)
    ]
    talks = [Talk(source_port=port) for port in range(1, 101)]
    opened = [talk.opening()[0] for talk in talks]
    take(site, [*opened, *noise, *(talk.theirs(2, 0, GET) for talk in talks)])
    assert 80 <= len(found(site, "path")) <= 100


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(-5, 30), st.binary(max_size=20), st.integers(0, 31)),
        max_size=60,
    )
)
@settings(max_examples=15 * TRIES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_may_come_fails(
    tmp_path_factory: pytest.TempPathFactory, frames: list[tuple[int, int, bytes, int]]
) -> None:
    site = Site(tmp_path_factory.mktemp("any") / "ledger", sensors=[SENSOR])
    records = []
    for number, (who, offset, data, flags) in enumerate(frames):
        talk = Talk(source_port=4000 + who // 2)
        records.append((talk.theirs if who % 2 else talk.ours)(number, offset, data, flags))
    take(site, records)
    assert verify(site.ledger).faults == ()


def test_requests_are_forgotten_and_come_back_with_their_days(site: Site) -> None:
    data = pcap([*Talk().whole(GET), *Talk(source_port=5).whole(POST, 86_400)])
    worker = site.worker()
    read(worker, data)
    worker.commit(is_last=True)
    before = rows_of(site)
    first = before[0]["day"]
    forget(site.opened(), "one", "a", first, first, site.now)
    assert found(site, "method") == ["POST"]
    worker = site.worker(again=True)
    read(worker, data)
    worker.commit(is_last=True)
    assert rows_of(site) == before


def test_upkeep_merges_files_and_loses_no_row(site: Site) -> None:
    for number in range(12):
        take(site, Talk(source_port=number + 1).whole(GET, number * 10), f"/spool/a/{number}.pcap")
    before = rows_of(site)
    keep_up(site.opened(), "one", site.now)
    assert rows_of(site) == before
    assert site.ledger.finish().files(REQUESTS).height == 1
