"""The command from its words to its exit code, against a real InfluxDB; what is projected is tested with its room."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flows import book, flow, minute
from influx import InfluxDB
from influx_proxy import Proxy, passes
from loopback import free_port
from runs import SETTINGS, running, until
from typer.testing import CliRunner, Result
from walls import Wall, close, wall_of

from darkscope.api.command.project import app
from darkscope.ingest.ledger import expiry, upkeep
from darkscope.ingest.projection.alone import alone
from darkscope.ingest.projection.slots import PORTLESS
from darkscope.ingest.registry import FILE, PROJECTION, heard
from darkscope.ingest.settings import Influx

DAY = date(2020, 6, 24)
NOON = minute(DAY, 12)
POINTS = 4 * 3 + 60 + 2 + 3 + len(PORTLESS) + len(Influx().watch) + 3
"""Of one flow: four measurements of packets, an hour that was watched, the sensor, what has tags of its own, and the
projection itself."""

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    with InfluxDB(tmp_path_factory.mktemp("influxdb")) as server:
        yield server


@pytest.fixture
def wall(tmp_path: Path, influx: InfluxDB) -> Iterator[Wall]:
    with Proxy(influx.port) as proxy:
        one = wall_of(tmp_path, influx, proxy)
        yield one
        close(one)
    influx.drop(*buckets(one))


def buckets(wall: Wall) -> list[str]:
    return [wall.settings.influx.bucket + end for end in ("", "_hour", "_day")]


def environment(wall: Wall, **also: str) -> dict[str, str]:
    """Settings by the environment, as a service gives them."""
    influx = wall.settings.influx
    keep = {f"DARKSCOPE_INFLUX__RETENTION_{name}": "keep" for name in ("MINUTE", "HOUR", "DAY")}
    return {
        **SETTINGS,
        **keep,
        "DARKSCOPE_LEDGER": str(wall.ledger.storage.path),
        "DARKSCOPE_INFLUX__URL": str(influx.url),
        "DARKSCOPE_INFLUX__BUCKET": influx.bucket,
        "DARKSCOPE_INFLUX__TIMEOUT": "2s",
        **also,
    }


@pytest.fixture
def run(wall: Wall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def run(*words: str | Path, **also: str) -> Result:
        return CliRunner().invoke(app, [*map(str, words)], env=environment(wall, **also))

    return run


def said(result: Result) -> tuple[int, str, str]:
    """Exit code, standard output, and standard error without the log."""
    lines = [line for line in result.stderr.splitlines(keepends=True) if not line.startswith("{")]
    return result.exit_code, result.stdout, "".join(lines)


def events(errors: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in errors.splitlines() if line.startswith("{")]


# darkscope project


def test_it_writes_what_changed_says_how_much_and_ends(run: Run, wall: Wall) -> None:
    book(wall.ledger, [flow(NOON, packets=7)])
    written = f"points    {POINTS} written to {wall.proxy.url}\nledger    version 1\n"
    assert said(run()) == (0, written, "")
    assert [wall.packets(end) for end in ("", "_hour", "_day")] == [7, 7, 7]
    nothing_new = f"points    3 written to {wall.proxy.url}\nledger    version 1\n"
    assert said(run()) == (0, nothing_new, "")


def test_a_damaged_file_of_the_ledger_is_named_and_the_rest_is_there(run: Run, wall: Wall) -> None:
    for sensor, day in (("a", DAY), ("b", DAY - timedelta(days=1))):
        book(wall.ledger, [flow(minute(day, 12), packets=7, sensor=sensor)])
    (file,) = (wall.ledger.storage.path / "flows").glob(f"day={DAY}/*.parquet")
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    fault = f"{file}: its bytes are not those that were written"
    code, output, _ = said(run())
    assert code == 1
    assert f"damaged   {fault}: what it bears on waits\n" in output
    assert [wall.packets(end) for end in ("", "_hour", "_day")] == [7, 7, 7]
    code, _, errors = said(run("rebuild", "--period", str(DAY)))
    assert code == 1
    assert errors == f"darkscope: {fault}\nwhat damaged files of the ledger bear on waits in the registry\n"
    code, _, errors = said(run("verify", "--period", str(DAY)))
    assert (code, errors) == (1, f"darkscope: {fault}\n")
    file.write_bytes(whole)
    assert said(run("rebuild", "--period", str(DAY))) == (0, "1 days written anew\n", "")
    assert [wall.packets(end) for end in ("", "_hour", "_day")] == [14, 14, 14]


def test_it_says_which_days_it_left_out(run: Run, wall: Wall) -> None:
    old = DAY - timedelta(days=30)
    book(wall.ledger, [flow(minute(old, 12)), flow(minute(old, 36)), flow(NOON)])
    upkeep.keep_up(wall.ledger, "one", datetime(2020, 6, 26, tzinfo=UTC))
    expiry.expire(wall.ledger, "one", DAY, lambda table: 20 if table == "flows" else None, None)
    result = run()
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:] == [
        "left out  2 days, 2020-05-25 to 2020-05-26: sealed, or older than influx.retention_* says",
        "ledger    version 2",
    ]


def test_quiet_says_nothing(run: Run, wall: Wall) -> None:
    book(wall.ledger, [flow(NOON)])
    result = run("--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert wall.packets() == 1


def test_refused_points_are_counted_told_and_end_with_1(run: Run, wall: Wall) -> None:
    book(wall.ledger, [flow(NOON)])
    wall.influx.write(buckets(wall)[2], [f'totals,sensor=z packets="text" {minute(DAY) * 60}'])
    result = run()
    refused = "          1 refused by InfluxDB\n"
    assert said(result) == (
        1,
        f"points    {POINTS - 1} written to {wall.proxy.url}\n{refused}ledger    version 1\n",
        "",
    )
    (event,) = events(result.stderr)
    assert {name: event[name] for name in ("level", "event", "bucket", "points")} == {
        "level": "warning",
        "event": "InfluxDB refused points",
        "bucket": buckets(wall)[2],
        "points": 1,
    }
    assert "field type conflict" in event["reason"]


def test_an_influxdb_that_does_not_answer_is_named_and_the_next_run_writes_it_all(
    run: Run, wall: Wall
) -> None:
    book(wall.ledger, [flow(NOON)])
    url = f"http://127.0.0.1:{free_port()}"
    code, output, errors = said(run(DARKSCOPE_INFLUX__URL=url))
    assert (code, output) == (1, "")
    assert re.fullmatch(rf"darkscope: {url}: \w+: .*Connection refused.*\n", errors)
    assert run().exit_code == 0
    assert wall.differences() == []


def test_an_influxdb_that_lets_nobody_in_is_told_in_its_own_words(run: Run, wall: Wall) -> None:
    book(wall.ledger, [flow(NOON)])
    wall.proxy.fault = lambda _method, path: (401, '{"message":"unauthorized"}') if "write" in path else None
    code, output, errors = said(run())
    where = f"{wall.proxy.url}: the token may not use the bucket {wall.settings.influx.bucket}"
    assert (code, output) == (1, "")
    assert re.fullmatch(rf"darkscope: {where}\w*: 401 unauthorized\n", errors)


@pytest.mark.parametrize("words", [[], ["verify", "--period", "2020-06-24"], ["init"]])
def test_a_token_that_cannot_be_read_is_named_with_its_setting(run: Run, words: list[str]) -> None:
    assert said(run(*words, DARKSCOPE_INFLUX__TOKEN_FILE="/absent/token")) == (
        1,
        "",
        "darkscope: influx.token_file: /absent/token: No such file or directory\n",
    )


@pytest.mark.parametrize(
    "words", [[], ["verify", "--period", "2020-06"], ["rebuild", "--period", "2020-06"], ["init"]]
)
def test_without_an_influxdb_in_the_settings_it_is_a_mistake(
    words: list[str], wall: Wall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [*words, "--ledger", str(wall.ledger.storage.path)], env=SETTINGS)
    assert said(result) == (2, "", "darkscope: influx.url is not set: there is no InfluxDB to project into\n")


def test_wrong_settings_are_named_with_their_place(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('[influx]\nurl = "http://127.0.0.1:1"\nbuckt = "x"\n')
    assert said(run("--settings", file)) == (
        2,
        "",
        f"darkscope: {file} line 3: influx.buckt: no such setting; did you mean bucket?\n",
    )


def test_a_ledger_that_is_not_there_is_named_and_not_made(run: Run, tmp_path: Path) -> None:
    code, output, errors = said(run("--ledger", tmp_path / "none"))
    assert (code, output) == (1, "")
    assert errors.startswith(f"darkscope: {tmp_path / 'none'}: ")
    assert not (tmp_path / "none").exists()


def test_a_damaged_registry_is_named(run: Run, wall: Wall) -> None:
    (wall.ledger.storage.path / FILE).write_bytes(
        b"no database at all, but long enough to be looked at" * 100
    )
    assert said(run()) == (1, "", f"darkscope: {wall.ledger.storage.path / FILE}: file is not a database\n")


def test_two_do_not_project_one_ledger(run: Run, wall: Wall) -> None:
    with alone(wall.ledger.storage.path):
        assert said(run()) == (
            1,
            "",
            f"darkscope: {wall.ledger.storage.path}: another process projects this ledger\n",
        )
    assert wall.proxy.requests == []


# --follow


@contextmanager
def following(wall: Wall) -> Iterator[Any]:
    """A projector beside the test, once it projects; hours and days do not wait a minute."""
    quick = "import darkscope.ingest.projection.projector as projector\nprojector.COARSE = 1.0"
    with running("project", "--follow", code=quick, **environment(wall)) as process:
        until(lambda: heard(wall.ledger.storage.path, PROJECTION))
        yield process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_follows_until_it_is_asked_to_end(wall: Wall, number: int) -> None:
    with following(wall) as process:
        book(wall.ledger, [flow(NOON, packets=3)])
        until(lambda: wall.packets() == 3)
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert re.fullmatch(rf"points    \d+ written to {wall.proxy.url}\nledger    version 1\n", output.decode())
    assert errors == b""


def test_following_it_waits_for_influxdb_and_ends_well_while_it_waits(wall: Wall) -> None:
    wall.proxy.fault = lambda _method, _path: (503, '{"message":"too busy"}')
    with following(wall) as process:
        book(wall.ledger, [flow(NOON, packets=3)])

        def trouble() -> str:
            state = heard(wall.ledger.storage.path, PROJECTION)
            return str(state.values["trouble"]) if state else ""

        until(trouble)
        assert trouble() == f"{wall.proxy.url}: 503 too busy"
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert output.decode() == f"points    0 written to {wall.proxy.url}\nledger    version 1\n"
    assert [event["event"] for event in events(errors.decode())] == ["the projection waits"]
    wall.proxy.fault = passes
    wall.project()
    assert wall.differences() == []


def test_following_it_waits_for_a_ledger_that_ingest_has_not_made_yet(wall: Wall, tmp_path: Path) -> None:
    made = wall.ledger.storage.path.rename(tmp_path / "elsewhere")
    with running("project", "--follow", **environment(wall)) as process:
        assert process.stderr is not None
        (event,) = events(process.stderr.readline().decode())
        assert (event["event"], event["reason"]) == (
            "the projection waits",
            f"{wall.ledger.storage.path}: no ledger yet",
        )
        made.rename(wall.ledger.storage.path)
        book(wall.ledger, [flow(NOON, packets=3)])
        until(lambda: wall.packets() == 3)


def test_following_it_ends_well_while_it_waits_for_a_ledger(wall: Wall, tmp_path: Path) -> None:
    with running("project", "--follow", "--ledger", tmp_path / "none", **environment(wall)) as process:
        assert process.stderr is not None
        assert process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, b"", b"")
    assert not (tmp_path / "none").exists()


# darkscope project rebuild


def test_rebuild_writes_days_anew_and_zeroes_what_should_not_be_there(run: Run, wall: Wall) -> None:
    book(wall.ledger, [flow(NOON, packets=7), flow(NOON - 1440, packets=5)])
    assert run("--quiet").exit_code == 0
    wall.influx.write(
        buckets(wall)[0],
        [f"packets,sensor=z,protocol=tcp,port=1,country=JP packets=5i,bytes=5i {NOON * 60}"],
    )
    assert wall.packets() == 17
    assert said(run("rebuild", "--period", "2020-06-24")) == (0, "1 days written anew\n", "")
    assert [wall.packets(end) for end in ("", "_hour", "_day")] == [12, 12, 12]
    assert said(run("rebuild", "--period", "2020-06")) == (0, "2 days written anew\n", "")
    assert wall.differences() == []


def test_rebuild_beside_a_projector_leaves_it_to_that_one_and_waits_for_it(run: Run, wall: Wall) -> None:
    book(wall.ledger, [flow(NOON, packets=7)])
    with following(wall):
        until(lambda: wall.packets() == 7)
        wall.influx.write(
            buckets(wall)[0],
            [f"packets,sensor=z,protocol=tcp,port=1,country=JP packets=5i,bytes=5i {NOON * 60}"],
        )
        result = run("rebuild", "--period", "2020-06-24")
    assert said(result) == (0, "1 days written anew\n", "")
    assert wall.differences() == []


def test_rebuild_says_where_influxdb_could_not_take_it_and_the_next_run_does(run: Run, wall: Wall) -> None:
    book(wall.ledger, [flow(NOON, packets=7)])
    assert run("--quiet").exit_code == 0
    wall.influx.query(buckets(wall)[1], 'DELETE FROM "packets"')
    wall.proxy.fault = lambda _method, path: (
        (500, '{"error":"engine: disk full"}') if "write" in path else None
    )
    code, output, errors = said(run("rebuild", "--period", "2020-06-24"))
    assert (code, output, errors) == (1, "", f"darkscope: {wall.proxy.url}: 500 engine: disk full\n")
    wall.proxy.fault = passes
    assert run("--quiet").exit_code == 0
    assert wall.differences() == []


# darkscope project verify


def test_verify_says_how_much_is_alike(run: Run, wall: Wall) -> None:
    book(wall.ledger, [flow(NOON, packets=7)])
    assert run("--quiet").exit_code == 0
    requests = len(wall.proxy.requests)
    assert said(run("verify", "--period", "2020-06-24")) == (
        0,
        f"{POINTS - 3} points, 7 packets: InfluxDB is as the ledger\n",
        "",
    )
    assert [path for _, path in wall.proxy.requests[requests:] if "write" in path] == []


def test_verify_names_the_first_difference_of_each_bucket_and_ends_with_1(run: Run, wall: Wall) -> None:
    book(wall.ledger, [flow(NOON, packets=7), flow(NOON + 1, packets=2)])
    assert run("--quiet").exit_code == 0
    minutes, _, days = buckets(wall)
    tags = "sensor=a,protocol=tcp,port=23,country=other"
    wall.influx.write(minutes, [f"packets,{tags} packets={n}i {(NOON + n) * 60}" for n in (0, 1)])
    wall.influx.write(days, [f"totals,sensor=a,protocol=tcp,class=scan packets=8i {minute(DAY) * 60}"])
    code, output, errors = said(run("verify", "--period", "2020-06-24"))
    assert (code, output) == (1, "")
    assert errors.splitlines() == [
        (
            f"darkscope: {minutes}, packets, 2020-06-24T12:00Z, {tags}: "
            "packets is 0 in InfluxDB, 7 in the ledger; 1 more points of this day differ"
        ),
        (
            f"darkscope: {days}, totals, 2020-06-24T00:00Z, sensor=a,protocol=tcp,class=scan: "
            "packets is 8 in InfluxDB, 9 in the ledger"
        ),
    ]
    assert said(run("verify", "--period", "2020-06-23"))[0] == 0, "only what was asked for"


def test_verify_says_what_waits_to_be_written(run: Run, wall: Wall) -> None:
    book(wall.ledger, [flow(NOON, packets=7)])
    wall.projector().take()
    code, _, errors = said(run("verify", "--period", "2020-06-24"))
    assert code == 1
    # all of a day at first: four kinds of work, each for 24 hours of minutes, for the hours, for the day
    assert errors.splitlines()[-1] == f"{4 * (24 + 1 + 1)} hours and days wait to be written"


@pytest.mark.parametrize("command", ["verify", "rebuild"])
def test_a_period_that_cannot_be_read_is_a_mistake(run: Run, wall: Wall, command: str) -> None:
    code, output, errors = said(run(command, "--period", "yesteryear"))
    assert (code, output) == (2, "")
    assert errors.startswith("darkscope: ")
    assert "yesteryear" in errors
    assert wall.proxy.requests == []
    assert run(command).exit_code == 2, "it must be given"


# darkscope project init


def test_init_makes_the_buckets_and_lets_them_remember_as_long_as_the_settings_say(
    run: Run, wall: Wall
) -> None:
    names = [f"made{end}" for end in ("", "_hour", "_day")]
    wall.influx.drop(*names)
    how = {"DARKSCOPE_INFLUX__BUCKET": "made", "DARKSCOPE_INFLUX__RETENTION_MINUTE": "7"}
    head = f"{wall.proxy.url}: InfluxDB 1.6.7\n"
    kept = "  made_hour  kept for ever\n  made_day  kept for ever\n"
    version = re.compile(r"InfluxDB 1\.6\.\S+")

    def initialised(**also: str) -> tuple[int, str, str]:
        code, output, errors = said(run("init", **{**how, **also}))
        return code, version.sub("InfluxDB 1.6.7", output), errors

    def remembers() -> list[str]:
        return [
            wall.influx.query(name, f'SHOW RETENTION POLICIES ON "{name}"')[0]["values"][0][1]
            for name in names
        ]

    assert initialised() == (0, f"{head}  made  7 days\n{kept}", "")
    assert remembers() == ["168h0m0s", "0s", "0s"]
    wall.influx.write("made", ["a b=1i"])
    assert initialised(DARKSCOPE_INFLUX__RETENTION_MINUTE="9") == (0, f"{head}  made  9 days\n{kept}", "")
    assert remembers() == ["216h0m0s", "0s", "0s"]
    assert wall.influx.query("made", "SELECT b FROM a")[0]["values"][0][1] == 1, "what is there stays"
    wall.influx.drop(*names)


def test_init_needs_no_ledger(run: Run, tmp_path: Path) -> None:
    assert run("init", "--ledger", tmp_path / "none").exit_code == 0
    assert not (tmp_path / "none").exists()


def test_init_names_an_influxdb_that_does_not_answer(run: Run) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    code, output, errors = said(run("init", DARKSCOPE_INFLUX__URL=url))
    assert (code, output) == (1, "")
    assert re.fullmatch(rf"darkscope: {url}: \w+: .*Connection refused.*\n", errors)


def test_init_leaves_the_third_version_alone(run: Run, wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darkscope.ingest.projection.server.Server.version", lambda _self: "3.2.1")
    assert said(run("init")) == (
        0,
        f"{wall.proxy.url}: InfluxDB 3.2.1\nInfluxDB 3 makes a database when the first point is written\n",
        "",
    )
    assert wall.proxy.requests == []
