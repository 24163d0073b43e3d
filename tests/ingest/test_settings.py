from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkscope.ingest.settings import (
    Database,
    Loaded,
    Mistake,
    SensorEntry,
    Settings,
    SettingsError,
    _lines,
    load,
)


def written(folder: Path, text: str) -> Path:
    file = folder / "darkscope.toml"
    file.write_text(text, encoding="utf-8")
    return file


def mistakes(
    file: Path | None, environment: Mapping[str, str] | None = None, flags: Mapping[str, object] | None = None
) -> tuple[Mistake, ...]:
    with pytest.raises(SettingsError) as error:
        load(file, environment or {}, flags or {})
    return error.value.mistakes


def from_text(folder: Path, text: str) -> Loaded:
    return load(written(folder, text), {}, {})


def test_without_a_file_everything_is_as_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load(None, {}, {})
    assert loaded.settings == Settings()
    assert loaded.file is None
    assert {origin for _, _, origin in loaded.values()} == {"default"}


def test_the_file_of_the_working_folder_is_read_where_no_other_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, 'worker = "here"\n')
    elsewhere = tmp_path / "other.toml"
    elsewhere.write_text('worker = "elsewhere"\n')
    flagged = tmp_path / "flagged.toml"
    flagged.write_text('worker = "flagged"\n')
    named = {"DARKSCOPE_SETTINGS": str(elsewhere)}
    assert load(None, {}, {}).settings.worker == "here"
    assert load(None, named, {}).settings.worker == "elsewhere"
    assert load(flagged, named, {}).settings.worker == "flagged"


def test_environment_beats_the_file_and_flags_beat_both_and_each_origin_is_known(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        'worker = "of-file"\nledger = "of-file"\n\n[ingest]\nrotation = "5m"\nlate = "accepted"\n',
    )
    environment = {
        "DARKSCOPE_LEDGER": "of-environment",
        "DARKSCOPE_WORKER": "of-environment",
        "DARKSCOPE_INGEST__ROTATION": "6m",
    }
    loaded = load(file, environment, {"worker": "of-flag", "ingest.flows_per_file": None})
    assert loaded.settings.worker == "of-flag"
    assert loaded.settings.ledger == Path("of-environment")
    assert loaded.settings.ingest.rotation == timedelta(minutes=6)
    assert loaded.settings.ingest.late == "accepted"
    keys = ("worker", "ledger", "ingest.rotation", "ingest.late", "ingest.flows_per_file")
    assert [loaded.origin(key) for key in keys] == [
        "--worker",
        "DARKSCOPE_LEDGER",
        "DARKSCOPE_INGEST__ROTATION",
        f"{file} line 6",
        "default",
    ]


def test_relative_paths_start_at_the_file_and_otherwise_at_the_working_folder(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        'ledger = "ledger"\n[ingest]\ndone_folder = "/done"\n'
        '[geo]\ncountry = ["a.mmdb", {path = "/b.mmdb", since = 2020-01-01}]\n'.replace(
            '"a.mmdb"', '{path = "a.mmdb", until = 2020-01-01}'
        ),
    )
    settings = load(file, {"DARKSCOPE_RESEARCH": "list.csv"}, {}).settings
    assert settings.ledger == tmp_path / "ledger"
    assert settings.ingest.done_folder == Path("/done")
    assert settings.geo.country == (
        Database(path=tmp_path / "a.mmdb", until=date(2020, 1, 1)),
        Database(path=Path("/b.mmdb"), since=date(2020, 1, 1)),
    )
    assert settings.research == Path("list.csv")
    assert load(file, {"DARKSCOPE_LEDGER": "ledger"}, {}).settings.ledger == Path("ledger")


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/observer")
    assert from_text(tmp_path, 'ledger = "~/ledger"\n').settings.ledger == Path("/home/observer/ledger")


def test_lists_come_through_the_environment_as_toml_and_one_database_as_its_path(tmp_path: Path) -> None:
    environment = {
        "DARKSCOPE_GEO__OWNER": "asn.mmdb",
        "DARKSCOPE_SENSORS": '[{id = "a", networks = ["192.0.2.0/24"]}]',
    }
    settings = load(written(tmp_path, ""), environment, {}).settings
    assert settings.geo.owner == (Database(path=Path("asn.mmdb")),)
    assert settings.sensors == (SensorEntry.model_validate({"id": "a", "networks": ["192.0.2.0/24"]}),)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("60s", timedelta(seconds=60)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5 h", timedelta(minutes=90)),
        ("250ms", timedelta(milliseconds=250)),
        ("2w", timedelta(days=14)),
        ("0s", timedelta()),
    ],
)
def test_durations_have_units(tmp_path: Path, text: str, duration: timedelta) -> None:
    assert from_text(tmp_path, f'[spool]\nsettle = "{text}"\n').settings.spool.settle == duration


@pytest.mark.parametrize(
    "text", ['"15"', "15", '"m"', '"15 parsecs"', '"-5m"', '""', '"9999999999999w"', '"5m x"']
)
def test_what_is_no_duration_is_a_mistake(tmp_path: Path, text: str) -> None:
    (mistake,) = mistakes(written(tmp_path, f"[spool]\nsettle = {text}\n"))
    assert (mistake.key, mistake.place) == ("spool.settle", f"{tmp_path / 'darkscope.toml'} line 2")


@pytest.mark.parametrize(
    ("text", "size"),
    [("500", 500), ('"500"', 500), ('"20GB"', 20_000_000_000), ('"1GiB"', 1 << 30), ('"1.5 kB"', 1500)],
)
def test_sizes_have_units(tmp_path: Path, text: str, size: int) -> None:
    assert (
        from_text(tmp_path, f"[retention]\ndisk_reserve = {text}\n").settings.retention.disk_reserve == size
    )


@pytest.mark.parametrize("text", ['"20 gigs"', "-1", "true", '"GB"', "1.5", f'"{"9" * 400}"'])
def test_what_is_no_size_is_a_mistake(tmp_path: Path, text: str) -> None:
    (mistake,) = mistakes(written(tmp_path, f"[retention]\ndisk_reserve = {text}\n"))
    assert mistake.key == "retention.disk_reserve"


def test_days_are_a_number_or_keep_and_other_tables_are_kept(tmp_path: Path) -> None:
    retention = from_text(tmp_path, '[retention]\nflows = "keep"\nevents = 30\n').settings.retention
    assert {table: retention.days(table) for table in ("flows", "sources", "events", "coverage")} == {
        "flows": None,
        "sources": 800,
        "events": 30,
        "coverage": None,
    }


def test_every_mistake_is_named_at_once_with_its_key_value_and_place(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """\
time_zone = "Asia/Tokio"
[ingest]
rotaton = "5m"
late = "maybe"
[retention]
flows = 0
[[sensors]]
id = "tokyo-1"
networks = [
  "192.0.2.0/24",
  "192.0.2.1/24",
]
[[sensors]]
name = "no id"
country = "Japan"
[colour]
""",
    )
    found = mistakes(
        file,
        {"DARKSCOPE_LEDGR": "s3cret", "DARKSCOPE_SPOOL__SETTLE": "60", "DARKSCOPE_NUMBA": "off", "HOME": "/"},
        {"ingest.done": "burn", "ingest.dnoe": "stay"},
    )
    assert [(one.place.replace(str(file), "FILE"), one.key, one.value, one.message) for one in found] == [
        ("DARKSCOPE_LEDGR", "", "", "no such setting; did you mean DARKSCOPE_LEDGER?"),
        ("--dnoe", "ingest.dnoe", "", "no such setting; did you mean ingest.done?"),
        ("FILE line 1", "time_zone", "'Asia/Tokio'", "no time zone of this name; did you mean Asia/Tokyo?"),
        ("FILE line 4", "ingest.late", "'maybe'", "Input should be 'refused' or 'accepted'"),
        ("--done", "ingest.done", "'burn'", "Input should be 'stay', 'move' or 'delete'"),
        ("FILE line 3", "ingest.rotaton", "", "no such setting; did you mean rotation?"),
        (
            "DARKSCOPE_SPOOL__SETTLE",
            "spool.settle",
            "'60'",
            'a duration is a number and a unit, like "60s", "15m", "1h30m"; units are ms s m h d w',
        ),
        ("FILE line 6", "retention.flows", "0", "Input should be greater than or equal to 1"),
        (
            "FILE line 9",
            "sensors[0].networks[1]",
            "'192.0.2.1/24'",
            "no prefix: 192.0.2.1/24 has host bits set",
        ),
        ("FILE line 13", "sensors[1].id", "", "is missing"),
        (
            "FILE line 15",
            "sensors[1].country",
            "'Japan'",
            "a country is two letters, ISO 3166-1 alpha-2; ZZ is unknown",
        ),
        ("FILE line 16", "colour", "", "no such setting"),
    ]
    assert str(found[0]) == "DARKSCOPE_LEDGR: no such setting; did you mean DARKSCOPE_LEDGER?"
    assert str(found[4]) == "--done: ingest.done = 'burn': Input should be 'stay', 'move' or 'delete'"


def test_the_value_of_an_unknown_key_is_never_shown_for_it_may_be_a_secret(tmp_path: Path) -> None:
    file = written(tmp_path, 'pasword = "hunter2"\n')
    with pytest.raises(SettingsError) as error:
        load(file, {"DARKSCOPE_TOKEN": "hunter2"}, {"tokn": "hunter2"})
    assert len(error.value.mistakes) == 3
    assert "hunter2" not in str(error.value)


def test_an_unknown_key_of_a_list_entry_is_named_with_its_neighbour(tmp_path: Path) -> None:
    (mistake,) = mistakes(written(tmp_path, '[geo]\ncountry = [\n  {path = "a", snice = 2020-01-01},\n]\n'))
    assert (mistake.key, mistake.message) == ("geo.country[0].snice", "no such setting; did you mean since?")


def test_an_empty_variable_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    loaded = load(
        written(tmp_path, 'ledger = "/a"\n'), {"DARKSCOPE_LEDGER": "", "DARKSCOPE_SETTINGS": ""}, {}
    )
    assert loaded.settings.ledger == Path("/a")


def test_a_value_where_a_section_belongs_is_one_mistake(tmp_path: Path) -> None:
    (mistake,) = mistakes(written(tmp_path, "ingest = 5\n"), {"DARKSCOPE_INGEST__DONE": "move"})
    assert (mistake.key, mistake.value) == ("ingest", "5")


def test_dates_of_one_sensor_or_database_kind_that_overlap_are_mistakes(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """\
[geo]
owner = ["a.mmdb", "b.mmdb"]
[[sensors]]
id = "a"
until = 2020-02-01
[[sensors]]
id = "b"
[[sensors]]
id = "a"
since = 2020-01-31
[[sensors]]
id = "c"
since = 2020-01-01
until = 2020-01-01
""",
    )
    ask = "end one with `until` where the other begins with `since`"
    assert [(one.place.replace(str(file), "FILE"), one.key, one.message) for one in mistakes(file)] == [
        ("FILE line 2", "geo.owner[1]", f"some of its days are also those of geo.owner[0]: {ask}"),
        (
            "FILE line 8",
            "sensors[2]",
            f"some of its days are also those of sensors[0] of the same id a: {ask}",
        ),
        ("FILE line 11", "sensors[3]", "holds for no day: until 2020-01-01 is not after since 2020-01-01"),
    ]


def test_questions_cannot_be_asked_of_an_influxdb_that_is_nowhere(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        from_text(tmp_path, '[api]\nstore = "influxdb"\n')
    (mistake,) = caught.value.mistakes
    assert (mistake.key, mistake.message) == ("api.store", "needs influx.url, which is not set")
    assert mistake.place.endswith("line 2")


def test_entries_of_one_sensor_may_follow_each_other(tmp_path: Path) -> None:
    text = '[[sensors]]\nid = "a"\nuntil = 2020-02-01\n[[sensors]]\nid = "a"\nsince = 2020-02-01\n'
    assert len(from_text(tmp_path, text).settings.sensors) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"ledger = ", "is no TOML: Invalid value (at end of document)"),
        (b"a = 1\na = 2\n", "is no TOML: Cannot overwrite a value (at line 2, column 6)"),
        (b"\xff", "is not UTF-8 at byte 0"),
    ],
)
def test_a_file_that_is_no_toml_is_a_mistake_that_names_it(
    tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "darkscope.toml"
    file.write_bytes(content)
    assert mistakes(file) == (Mistake("", "", str(file), message),)


def test_a_named_file_that_is_not_there_is_a_mistake_that_names_it(tmp_path: Path) -> None:
    file = tmp_path / "absent.toml"
    assert str(mistakes(file)[0]) == f"{file}: cannot be read: No such file or directory"


def test_settings_do_not_change_once_made() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().ledger = Path("other")


def test_the_time_zone_is_one_of_the_worlds(tmp_path: Path) -> None:
    assert from_text(tmp_path, 'time_zone = "Asia/Tokyo"\n').settings.time_zone == ZoneInfo("Asia/Tokyo")


def test_the_line_of_every_kind_of_key_is_found() -> None:
    text = '''\
# comment
a = 1
b.c = """
[not.a.table]
x = 1
"""

[d]
e = [
  1, # [comment]
  2,
]
f = {g = 1, h = {i = 2}}
[[j]]
k = 1
[[j.l]]
[[j]]
[j.m]
"n.o" = 1
[j.m.p]
q = [{r = 1}, {r = 2}]
'''
    tomllib.loads(text)
    assert _lines(text) == {
        ("a",): 2,
        ("b",): 3,
        ("b", "c"): 3,
        ("d",): 8,
        ("d", "e"): 9,
        ("d", "f"): 13,
        ("d", "f", "g"): 13,
        ("d", "f", "h"): 13,
        ("d", "f", "h", "i"): 13,
        ("j",): 14,
        ("j", 0): 14,
        ("j", 0, "k"): 15,
        ("j", 0, "l"): 16,
        ("j", 0, "l", 0): 16,
        ("j", 1): 17,
        ("j", 1, "m"): 18,
        ("j", 1, "m", "n.o"): 19,
        ("j", 1, "m", "p"): 20,
        ("j", 1, "m", "p", "q"): 21,
        ("j", 1, "m", "p", "q", 0): 21,
        ("j", 1, "m", "p", "q", 0, "r"): 21,
        ("j", 1, "m", "p", "q", 1): 21,
        ("j", 1, "m", "p", "q", 1, "r"): 21,
    }


def test_a_long_list_is_read_in_no_time(tmp_path: Path) -> None:
    lines = "".join(f'  "10.{index // 256}.{index % 256}.0/24",\n' for index in range(20_000))
    settings = from_text(tmp_path, f'[[sensors]]\nid = "a"\nnetworks = [\n{lines}]\nhome = false\n').settings
    assert len(settings.sensors[0].networks) == 20_000


@given(st.text(st.sampled_from("ab.[]{}=\"'\n\\#,1 "), max_size=60) | st.text(max_size=30))
def test_whatever_parses_as_toml_has_lines_and_never_an_error(text: str) -> None:
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = _lines(text)
    assert {(key,) for key in parsed} == {location for location in lines if len(location) == 1}
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


@given(st.dictionaries(st.text(max_size=20).map("DARKSCOPE_".__add__), st.text(max_size=20), max_size=4))
def test_variables_that_are_no_settings_are_named_whatever_else_there_is(environment: dict[str, str]) -> None:
    environment.pop("DARKSCOPE_SETTINGS", None)
    known = {"DARKSCOPE_LEDGER", "DARKSCOPE_WORKER", "DARKSCOPE_RESEARCH", "DARKSCOPE_NUMBA"}
    if environment.keys() <= known:
        environment["DARKSCOPE_UNKNOWN"] = ""
    assert all(mistake.place in environment for mistake in mistakes(None, environment))


def test_a_batch_is_longer_in_object_storage_unless_it_is_said_how_long(tmp_path: Path) -> None:
    assert Settings().batch_seconds == 2
    assert Settings(ledger="s3://bucket/ledger").batch_seconds == 30
    said = from_text(tmp_path, 'ledger = "s3://bucket/ledger"\n[ingest]\nbatch_seconds = 5\n')
    assert said.settings.batch_seconds == 5
