"""Questions asked of a real InfluxDB by one setting: on the command line and over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from fastapi.testclient import TestClient
from flows import book, flow, minute
from influx import InfluxDB
from influx_proxy import Proxy
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner, Result
from walls import DAY, NOW, Wall, close, wall_of

from darkscope.api.command.stores import opened, remote_of
from darkscope.api.command.top import top
from darkscope.api.command.trend import trend
from darkscope.api.http.app import create
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.store import UnreachableError
from darkscope.ingest.settings import Api, Settings, StoreName

BEFORE = DAY - timedelta(days=1)
PERIOD = f"period={DAY}"


@pytest.fixture
def wall(tmp_path: Path, influx: InfluxDB) -> Iterator[Wall]:
    """Two days of two ports that have tags of their own, and of one that has none."""
    with Proxy(influx.port) as proxy:
        one = wall_of(tmp_path, influx, proxy)
        rows = [
            flow(minute(day, 12), port=port, packets=packets)
            for day, packets in ((BEFORE, 1), (DAY, 5))
            for port in (23, 445, 9999)
        ]
        book(one.ledger, [*rows, flow(minute(DAY, 13), packets=20)])
        one.project(watch=("23/tcp", "445/tcp"))
        yield one
        close(one)
        influx.drop(*(one.settings.influx.bucket + end for end in ("", "_hour", "_day")))


def over_influxdb(wall: Wall, **influx: Any) -> Settings:
    """Settings of somebody who has InfluxDB and no ledger."""
    changed = wall.settings.influx.model_copy(update=influx)
    return Settings(ledger=Path("nowhere"), influx=changed, api=Api(store=StoreName.INFLUXDB))


@pytest.fixture
def client(wall: Wall) -> Iterator[TestClient]:
    settings = over_influxdb(wall)
    app = create(settings, lambda: NOW, remote_of(settings))
    with TestClient(app, base_url="http://127.0.0.1:8000") as asking:
        yield asking


@pytest.fixture
def file(wall: Wall, tmp_path: Path) -> Path:
    influx = wall.settings.influx
    path = tmp_path / "darkscope.toml"
    keep = "\n".join(f'retention_{name} = "keep"' for name in ("minute", "hour", "day"))
    path.write_text(
        f'ledger = "nowhere"\n[api]\nstore = "influxdb"\n'
        f'[influx]\nurl = "{influx.url}"\nbucket = "{influx.bucket}"\n{keep}\n'
    )
    return path


def run(arguments: str, file: Path) -> Result:
    app = typer.Typer()
    app.command("top")(top)
    app.command("trend")(trend)
    return CliRunner().invoke(app, [*arguments.split(), "--settings", str(file)])


def test_commands_ask_influxdb_and_say_what_it_does_not_know_apart(file: Path) -> None:
    table = run(f"top ports --period {DAY}", file)
    assert table.exit_code == 0
    assert "35 packets, 2 ports in all; 85.7% of the packets shown" in table.stdout
    assert "5 packets are of others, which InfluxDB does not know apart" in " ".join(table.stdout.split())
    answer = json.loads(run(f"top ports --period {DAY} --format json", file).stdout)
    assert answer["folded"] == 5
    assert [(row["value"], row["packets"], row["previous_packets"]) for row in answer["rows"]] == [
        ("23/TCP", 25, 1),
        ("445/TCP", 5, 1),
    ]
    assert answer["provenance"]["ledger_version"] == 1
    drawn = run(f"trend ports --period {DAY} --step hour", file)
    assert "5 packets are of others, which InfluxDB does not know apart" in " ".join(drawn.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (f"top tools --period {DAY}", "InfluxDB holds no tools"),
        (f"top ports --period {DAY} --sources exact", "InfluxDB holds no sources"),
        (f"trend ports --period {DAY} --value 9999/tcp", "InfluxDB does not hold 9999/TCP apart"),
    ],
)
def test_a_command_names_the_setting_that_helps(file: Path, arguments: str, words: str) -> None:
    result = run(arguments, file)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"darkscope: {words}")
    assert 'set api.store = "ledger"' in result.stderr


def test_a_command_says_that_influxdb_does_not_answer(file: Path, wall: Wall) -> None:
    wall.proxy.fault = lambda _, __: "drop"
    result = run(f"top ports --period {DAY}", file)
    assert result.exit_code == 1
    assert result.stderr.startswith("darkscope: InfluxDB cannot be asked: http://127.0.0.1:")


def test_the_interface_answers_the_same_and_tags_what_it_says(client: TestClient, wall: Wall) -> None:
    first = client.get(f"/v1/rankings/ports?{PERIOD}")
    assert first.status_code == 200
    assert (first.json()["packets"], first.json()["folded"]) == (35, 5)
    assert first.headers["Darkscope-Ledger-Version"] == "1"
    again = {"If-None-Match": first.headers["ETag"]}
    assert client.get(f"/v1/rankings/ports?{PERIOD}", headers=again).status_code == 304
    # Written already, while the projector has not said yet that all of the next version is there.
    points = f"ports,sensor=a,protocol=tcp,port=23,class=scan packets=50i,bytes=1i {minute(DAY) * 60}"
    wall.influx.write(f"{wall.settings.influx.bucket}_day", [points])
    second = client.get(f"/v1/rankings/ports?{PERIOD}", headers=again)
    assert (second.status_code, second.json()["packets"]) == (200, 60)


def test_the_interface_refuses_what_is_not_held(client: TestClient) -> None:
    answer = client.get(f"/v1/rankings/owners?{PERIOD}")
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:darkscope:problem:not-held",
        "title": "What the question needs is not held here",
        "status": 422,
        "detail": 'InfluxDB holds no owners: set api.store = "ledger"',
    }


def metrics(client: TestClient) -> dict[str, float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_readiness_and_metrics_are_influxdbs(client: TestClient, wall: Wall) -> None:
    until = minute(DAY, 14) * 60
    assert client.get("/readyz").json() == {
        "status": "ready",
        "store": "influxdb",
        "ledger_version": 1,
        "newest_age_seconds": NOW.timestamp() - until,
    }
    found = metrics(client)
    assert found["darkscope_influxdb_reachable"] == 1
    assert found["darkscope_influxdb_watched_until_timestamp_seconds"] == until
    assert found["darkscope_ledger_readable"] == 0
    wall.proxy.fault = lambda _, __: (401, "{}")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:darkscope:problem:influxdb")
    assert metrics(client)["darkscope_influxdb_reachable"] == 0
    assert "darkscope_influxdb_watched_until_timestamp_seconds" not in metrics(client)


def test_it_reads_with_a_token_that_may_only_read(wall: Wall, tmp_path: Path) -> None:
    reading = tmp_path / "read"
    reading.write_text("the-reader\n")
    settings = over_influxdb(wall, token_file=tmp_path / "missing", read_token_file=reading)
    assert opened(settings, NOW).version == 1
    with pytest.raises(UnreachableError, match=r"influx\.token_file: .*missing: No such file") as caught:
        opened(over_influxdb(wall, token_file=tmp_path / "missing"), NOW)
    assert "the-reader" not in str(caught.value)


def test_the_ledger_is_asked_where_nobody_says_otherwise(wall: Wall) -> None:
    store = opened(wall.settings, NOW)
    assert isinstance(store, LedgerStore)
    assert store.version == 1
    assert remote_of(wall.settings) is None
