from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from influx_proxy import Proxy
from walls import Wall

from darkscope.ingest.projection.inspection import inspect, too_few_series
from darkscope.ingest.projection.server import Server
from darkscope.ingest.settings import Influx, SensorEntry, Settings


def test_a_server_that_has_all_lacks_nothing(wall: Wall) -> None:
    found = inspect(wall.settings)
    assert found.version.startswith("1.6")
    assert found.lacks == ()


def test_missing_buckets_are_named_until_they_are_made(wall: Wall) -> None:
    settings = wall.settings.model_copy(
        update={"influx": wall.settings.influx.model_copy(update={"bucket": "new"})}
    )
    missing = "bucket {} is missing, or the token may not read it; `darkscope project init` makes it"
    assert inspect(settings).lacks == tuple(map(missing.format, ("new", "new_hour", "new_day")))
    server = Server(settings.influx)
    wall.opened.append(server)
    for name in ("new", "new_hour", "new_day"):
        server.create(name, None, timedelta(days=7))
    assert inspect(settings).lacks == ()
    wall.influx.drop("new", "new_hour", "new_day")


@pytest.mark.parametrize(
    ("kept", "shard", "made"),
    [
        (None, 91, ("0s", "2184h0m0s")),
        (400, 91, ("9600h0m0s", "2184h0m0s")),
        (10, 21, ("240h0m0s", "240h0m0s")),
    ],
)
def test_a_shard_is_as_long_as_told_but_no_longer_than_what_is_kept(
    wall: Wall, kept: int | None, shard: int, made: tuple[str, str]
) -> None:
    server = Server(wall.settings.influx)
    wall.opened.append(server)
    server.create("other", timedelta(days=1), timedelta(days=1))
    for name in ("new", "other"):  # made, or changed
        server.create(name, timedelta(days=kept) if kept else None, timedelta(days=shard))
        (policies,) = wall.influx.query("", f'SHOW RETENTION POLICIES ON "{name}"')
        (policy,) = (dict(zip(policies["columns"], row, strict=True)) for row in policies["values"])
        assert (policy["duration"], policy["shardGroupDuration"]) == made
    wall.influx.drop("new", "other")


def test_a_bucket_that_remembers_too_little_is_named(wall: Wall) -> None:
    name = wall.settings.influx.bucket
    wall.influx.query("", f'ALTER RETENTION POLICY "autogen" ON "{name}" DURATION 48h SHARD DURATION 0s')
    assert inspect(wall.settings).lacks == (
        f"bucket {name} remembers 2 days, influx.retention_minute says keep",
    )


def test_a_token_without_rights_is_named(wall: Wall) -> None:
    wall.proxy.fault = lambda _method, path: (
        (401, '{"message":"unauthorized access"}') if "write" in path else None
    )
    name = wall.settings.influx.bucket
    assert inspect(wall.settings).lacks[0] == (
        f"bucket {name}: the token may not write: 401 unauthorized access"
    )


def test_what_is_no_matter_of_rights_is_not_called_one(wall: Wall) -> None:
    wall.proxy.fault = lambda _method, path: (
        (404, '{"message":"organization name \\"R&D\\" not found"}') if "write" in path else None
    )
    name = wall.settings.influx.bucket
    influx = wall.settings.influx.model_copy(update={"org": "R&D"})
    said = inspect(wall.settings.model_copy(update={"influx": influx})).lacks[0]
    assert said == f'bucket {name}: takes no points: 404 organization name "R&D" not found'
    asked = next(path for _, path in wall.proxy.requests if "write" in path)
    assert parse_qs(urlsplit(asked).query) == {"bucket": [name], "org": ["R&D"], "precision": ["s"]}


def read_token(wall: Wall, tmp_path: Path, **also: Any) -> Settings:
    file = tmp_path / "read-token"
    file.write_text("reader:secret\n")
    influx = wall.settings.influx.model_copy(update={"read_token_file": file, **also})
    return wall.settings.model_copy(update={"influx": influx})


def test_a_token_that_answers_questions_is_tried_as_well(wall: Wall, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("writer:secret\n")
    settings = read_token(wall, tmp_path, token_file=token)
    assert inspect(settings).lacks == ()
    written: list[str] = []

    def refused(_method: str, path: str) -> tuple[int, str] | None:
        written.extend([path] if "write" in path else [])
        return (401, '{"message":"unauthorized access"}') if len(written) == 3 and "query" in path else None

    wall.proxy.fault = refused
    name = settings.influx.bucket
    lacks = inspect(settings).lacks
    assert lacks[0].startswith(f"bucket {name}_day: cannot be read: ")  # the third of the other token
    assert [one.partition(": cannot be read")[0] for one in lacks[1:]] == [
        f"influx.read_token_file: bucket {name}{end}"
        for end in ("", "_hour")  # what is said already is not said again
    ]
    assert "secret" not in " ".join(lacks)


def test_where_only_a_reading_token_is_given_nothing_is_asked_of_writing(wall: Wall, tmp_path: Path) -> None:
    wall.proxy.fault = lambda _method, path: (403, "{}") if "write" in path else None
    settings = read_token(wall, tmp_path, token_file=None)
    found = inspect(settings)
    assert (found.lacks, found.version[:3]) == ((), "1.6")
    (tmp_path / "read-token").unlink()
    (said,) = inspect(settings).lacks
    assert said == f"influx.read_token_file: {tmp_path / 'read-token'}: No such file or directory"


def test_a_server_that_does_not_answer_is_named(proxy: Proxy) -> None:
    proxy.fault = lambda _method, _path: "drop"
    found = inspect(Settings(influx=Influx(url=proxy.url)))
    assert found.version == ""
    (said,) = found.lacks
    assert said.startswith(proxy.url)


@pytest.mark.parametrize(
    ("series", "sensors", "said"),
    [
        (100_000, 100, ""),
        (1000, 20, "influx.series: 1,000 are too few"),
        (100_000, 1, "influx.sensors: 1 are fewer"),
    ],
)
def test_a_budget_that_is_too_small_for_the_sensors_is_a_mistake(
    series: int, sensors: int, said: str
) -> None:
    entries = (SensorEntry(id="a"), SensorEntry(id="b"))
    found = too_few_series(Settings(influx=Influx(series=series, sensors=sensors), sensors=entries))
    assert found.startswith(said)
    assert bool(found) is bool(said)
