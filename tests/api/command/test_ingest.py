"""The command from its words to its exit code; what it does with captures is tested with the intake."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from capture_files import pcap
from ledgers import Site, capture, packets
from objects import SCHEMES, SECRET, Bucket
from runs import SETTINGS, running, stopped, until
from talks import GET, Talk
from typer.testing import CliRunner, Result

from darkscope.api.command.ingest import ingest
from darkscope.ingest.series import FLOWS, REQUESTS, ROLLUPS

app = typer.Typer()
app.command()(ingest)

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _logging_is_left_as_it_was() -> Iterator[None]:
    log = logging.getLogger("darkscope")
    before = list(log.handlers), log.level
    yield
    assert (log.handlers, log.level) == before


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "ledger")


@pytest.fixture
def run(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def run(*words: str | Path) -> Result:
        return CliRunner().invoke(app, ["--ledger", str(site.folder), *map(str, words)], env=SETTINGS)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "s"
    folder.mkdir()
    return folder


def events(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]


def test_captures_are_read_again_for_requests_alone(run: Run, site: Site, folder: Path) -> None:
    (folder / "1.pcap").write_bytes(pcap(Talk(target="133.8.0.9").whole(GET)))
    settings = folder.parent / "darkscope.toml"
    for kind, words, said in (
        ("telescope", [], "captures  1 read"),
        ("honeypot", ["--again", "--only", "requests"], "captures  1 read for requests\nrequests  1\n"),
        ("honeypot", ["--again", "--only", "requests"], "captures  0 read for requests\nrequests  0\n"),
    ):
        networks = 'networks = ["133.8.0.0/24"]'
        settings.write_text(f'[[sensors]]\nid = "s"\nkind = "{kind}"\n{networks}\n')
        result = run("--settings", settings, *words, folder)
        assert result.exit_code == 0, result.output
        assert said in result.stdout
    assert [row["path"] for row in site.rows(REQUESTS)] == ["/"]


def test_it_says_what_became_of_the_captures_and_their_frames(run: Run, site: Site, folder: Path) -> None:
    (folder / "1.pcap").write_bytes(capture(1, 2))
    (folder / "README").write_text("no capture")
    result = run(folder)
    assert result.exit_code == 0
    assert result.stdout == (
        "captures  1 read, 1 passed over\n"
        "frames    2\n"
        "  inbound                                2\n"
        "flows     1\n"
        "ledger    version 1\n"
    )
    assert packets(site) == 2


def test_research_scanners_of_the_list_have_a_class_of_their_own(
    run: Run, site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "1.pcap").write_bytes(capture(1, 2, source="1.2.3.4") + capture(3, source="5.6.7.8")[24:])
    listed = folder.parent / "research.csv"
    listed.write_text("1.2.3.0/24,Example\n")
    monkeypatch.setenv("DARKSCOPE_RESEARCH", str(listed))
    assert run(folder).exit_code == 0
    assert [(row["class"], row["packets"]) for row in site.rows(FLOWS)] == [("research", 2), ("scan", 1)]
    listed.write_text("nobody\n")
    result = run(folder)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"darkscope: research: {listed} line 1: ")


def test_off_a_terminal_it_logs_events_as_json(run: Run, folder: Path) -> None:
    (folder / "1.pcap").write_bytes(capture(1, 2)[:-5])
    damage, committed = events(run(folder))
    assert damage == {
        "time": damage["time"],
        "level": "warning",
        "event": "damage",
        "capture": str(folder / "1.pcap"),
        "offset": 94,
        "reason": "cut off 65 bytes into a record",
    }
    assert committed == {
        "time": committed["time"],
        "level": "info",
        "event": "committed",
        "version": 1,
        "frames": 1,
        "flows": 1,
    }


def test_what_is_read_is_no_failure_where_another_day_of_the_ledger_is_damaged(
    run: Run, site: Site, folder: Path
) -> None:
    site.take(capture(1, 2))
    (path,) = site.ledger.finish().files(FLOWS)["path"]
    file = site.folder / "flows" / path
    file.unlink()
    (folder / "1.pcap").write_bytes(capture(90_000))
    result = run("--quiet", folder)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"darkscope: {file}: No such file or directory; 2020-06-24 was passed over\n"
    assert {day.isoformat() for day in site.ledger.finish().days(ROLLUPS[0])} == {"2020-06-25"}


def test_quiet_says_only_what_is_wrong(run: Run, folder: Path) -> None:
    (folder / "1.pcap").write_bytes(capture(1, 2)[:-5])
    result = run(folder, "--quiet")
    assert result.stdout == ""
    assert [event["event"] for event in events(result)] == ["damage"]


@pytest.mark.parametrize(
    ("captures", "usual", "strict"),
    [
        ([capture(1)], 0, 0),
        ([capture(1)[:-5], capture(30)], 0, 3),
        ([capture()], 0, 0),
    ],
    ids=["whole", "damaged", "empty"],
)
def test_strict_makes_damage_an_exit_code_also_where_it_is_known(
    run: Run, folder: Path, captures: list[bytes], usual: int, strict: int
) -> None:
    for number, data in enumerate(captures):
        (folder / f"{number}.pcap").write_bytes(data)
    assert run(folder).exit_code == usual
    assert run(folder, "--strict").exit_code == strict


def test_refused_captures_are_a_failure_when_there_is_nothing_else(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DARKSCOPE_INGEST__UNKNOWN_SENSORS", "refused")
    (folder / "1.pcap").write_bytes(capture(1))
    assert run(folder).exit_code == 1
    assert run(folder, "--strict").exit_code == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing to read: name captures, folders, - for standard input, or an interface with -i"),
        (["-", "s"], "standard input (-) is read alone"),
        (["-", "-i", "eth0"], "standard input (-) is read alone"),
        (["--follow"], "--follow watches folders: name one"),
        (["--follow", "missing"], "missing: no folder; --follow watches folders"),
        (["--follow", "--again", "s"], "--again fills from captures that are complete: name them"),
        (["--only", "requests", "s"], "--only says what is read again: it needs --again"),
        (["s", "-i", "eth0"], "an interface is captured until stopped, beside folders only with --follow"),
        (["missing.pcap"], "missing.pcap: no such file or folder"),
        (["*.pcap"], "*.pcap: nothing matches"),
        (["darkscope.txt"], "darkscope.txt: no pcap or pcapng at byte 0: it begins with 77 6f 72 64 73"),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_sentence(
    run: Run, folder: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    (tmp_path / "darkscope.txt").write_text("words")
    assert folder.exists()
    result = run(*words)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"darkscope: {said}\n")


WITHOUT_OBSTORE = """
import sys
sys.modules["obstore"] = None
from darkscope.api.command.main import main
main()
"""


def test_without_its_package_object_storage_is_told_what_to_install() -> None:
    command = [sys.executable, "-c", WITHOUT_OBSTORE, "ingest", "s3://captures/2020/"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    said = "darkscope: s3://captures/2020/: needs obstore: pip install 'darkscope[s3]'\n"
    assert (result.returncode, result.stdout, result.stderr) == (2, "", said)


@pytest.mark.parametrize("bucket", SCHEMES, indirect=True)
def test_captures_in_a_bucket_are_ingested_as_those_in_a_folder(run: Run, site: Site, bucket: Bucket) -> None:
    bucket.put("tokyo-1/1.pcap", capture(1, 2))
    bucket.put("tokyo-1/README", b"captures of a sensor")
    result = run(f"{bucket.uri}/tokyo-1")
    assert (result.exit_code, result.stdout.splitlines()[:2]) == (
        0,
        ["captures  1 read, 1 passed over", "frames    2"],
    )
    assert {row["sensor"] for row in site.rows(FLOWS)} == {"tokyo-1"}
    assert SECRET not in result.output + result.stderr


def test_a_wrong_setting_is_named_with_its_place(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DARKSCOPE_INGEST__ROTATION", "never")
    result = run(folder)
    assert result.exit_code == 2
    assert result.stderr.startswith("darkscope: DARKSCOPE_INGEST__ROTATION: ingest.rotation = 'never': ")


def test_a_folder_that_is_no_ledger_and_cannot_become_one_is_named(
    run: Run, site: Site, folder: Path
) -> None:
    (folder / "1.pcap").write_bytes(capture(1))
    site.folder.write_text("a file")
    result = run(folder)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith(f"darkscope: {site.folder}: cannot make a ledger: ")


def test_a_ledger_of_a_newer_format_is_refused(run: Run, site: Site, folder: Path) -> None:
    (folder / "1.pcap").write_bytes(capture(1))
    assert run(folder).exit_code == 0
    described = site.folder / "ledger.json"
    described.write_text(json.dumps({**json.loads(described.read_text()), "format": 99}))
    result = run(folder)
    assert result.exit_code == 1
    assert "newer than this darkscope" in result.stderr


@pytest.mark.parametrize("table", ["captures", "flows", "coverage"])
@pytest.mark.parametrize("what", ["*/*.parquet", "_delta_log/*.json"])
def test_a_corrupted_file_of_the_ledger_is_named(
    run: Run, site: Site, folder: Path, table: str, what: str
) -> None:
    (folder / "1.pcap").write_bytes(capture(1))
    assert run(folder).exit_code == 0
    for path in (site.folder / table).glob(what):
        path.write_bytes(b"corrupted")
    (folder / "2.pcap").write_bytes(capture(30))
    result = run(folder)
    if result.exit_code:
        assert result.exit_code == 1, result.stderr + str(result.exception)
        assert str(site.folder / table) in result.stderr.splitlines()[-1]


def test_a_watched_folder_is_read_until_stopped(site: Site, folder: Path) -> None:
    with running("ingest", "--follow", folder, "--ledger", site.folder) as process:
        (folder / "1.pcap").write_bytes(capture(1))
        until(lambda: (site.folder / "ledger.json").exists() and packets(site) == 1)
        (folder / "2.pcap").write_bytes(capture(30)[:-5])
        until(lambda: packets(site) == 1)
        code, output, errors = stopped(process)
    assert code == 0, errors
    assert output.startswith("captures  ")


def test_standard_input_is_read_as_it_comes(site: Site) -> None:
    data = capture(1, 2)
    with running("ingest", "-", "--ledger", site.folder) as process:
        assert process.stdin is not None
        process.stdin.write(data[:100])
        process.stdin.flush()
        until(lambda: (site.folder / "ledger.json").exists() and packets(site) == 1)
        output, _ = process.communicate(data[100:])
    assert process.returncode == 0
    assert output.startswith(b"captures  1 read\nframes    2\n")


def test_help_says_what_a_crash_can_lose_of_standard_input() -> None:
    result = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"})
    assert "a crash loses at most what came in the last ingest.batch_seconds" in " ".join(
        result.stdout.replace("│", " ").split()
    )
