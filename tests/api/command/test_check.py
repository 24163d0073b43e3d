from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from darkscope.api.command.check import check

app = typer.Typer()
app.command()(check)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(text: str | None = None, environment: dict[str, str] | None = None) -> Result:
    arguments = []
    if text is not None:
        Path("observer.toml").write_text(text, encoding="utf-8")
        arguments = ["--settings", "observer.toml"]
    return CliRunner().invoke(app, arguments, env=environment)


def section(result: Result, title: str) -> list[list[str]]:
    block = result.stdout.partition(f"{title}\n")[2].partition("\n\n")[0]
    return [[cell for cell in line.split("  ") if cell] for line in block.splitlines()]


def test_it_shows_every_value_in_force_and_where_it_came_from() -> None:
    result = run('worker = "observer"\n[ingest]\nrotation = "90m"\n', {"DARKSCOPE_LEDGER": "/data/ledger"})
    rows = {
        row[0]: [cell.strip() for cell in row[1:]] for row in section(result, "Settings, from observer.toml")
    }
    assert result.exit_code == 0
    assert result.stderr == ""
    assert rows == {
        "ledger": ["/data/ledger", "DARKSCOPE_LEDGER"],
        "worker": ["observer", "observer.toml line 1"],
        "time_zone": ["UTC", "default"],
        "ingest.batch_seconds": ["none", "default"],
        "ingest.upkeep": ["true", "default"],
        "ingest.flows_per_file": ["1_000_000", "default"],
        "ingest.rotation": ["1h30m", "observer.toml line 3"],
        "ingest.unknown_sensors": ["named", "default"],
        "ingest.late": ["refused", "default"],
        "ingest.done": ["stay", "default"],
        "ingest.done_folder": ["done", "default"],
        "ingest.interfaces": ["0 entries", "default"],
        "spool.folders": ["0 entries", "default"],
        "spool.settle": ["1m", "default"],
        "geo.country": ["0 entries", "default"],
        "geo.owner": ["0 entries", "default"],
        "research": ["none", "default"],
        "devices": ["none", "default"],
        "vulnerabilities": ["none", "default"],
        "retention.flows": ["400", "default"],
        "retention.sources": ["800", "default"],
        "retention.requests": ["400", "default"],
        "retention.events": ["keep", "default"],
        "retention.echoes": ["800", "default"],
        "retention.disk_budget": ["none", "default"],
        "retention.disk_reserve": ["1_073_741_824", "default"],
        "state": ["none", "default"],
        "spark.conf": ["0 entries", "default"],
        "spark.master": ["default"],
        "storage.endpoint": ["none", "default"],
        "storage.region": ["none", "default"],
        "storage.cache": ["none", "default"],
        "storage.cache_size": ["21_474_836_480", "default"],
        "influx.url": ["none", "default"],
        "influx.org": ["darkscope", "default"],
        "influx.token_file": ["none", "default"],
        "influx.read_token_file": ["none", "default"],
        "influx.bucket": ["darkscope", "default"],
        "influx.retention_minute": ["30", "default"],
        "influx.retention_hour": ["120", "default"],
        "influx.retention_day": ["400", "default"],
        "influx.series": ["100_000", "default"],
        "influx.sensors": ["none", "default"],
        "influx.watch": ["16 entries", "default"],
        "influx.timeout": ["10s", "default"],
        "influx.ca_file": ["none", "default"],
        "api.store": ["ledger", "default"],
        "api.address": ["127.0.0.1", "default"],
        "api.port": ["8_000", "default"],
        "api.names": ["0 entries", "default"],
        "api.without_keys": ["false", "default"],
        "api.open_metrics": ["false", "default"],
        "api.rate": ["20", "default"],
        "api.burst": ["200", "default"],
        "api.time_limit": ["30s", "default"],
        "api.public_delay": ["2d", "default"],
        "api.public_least": ["100", "default"],
        "api.origins": ["0 entries", "default"],
        "api.proxies": ["0 entries", "default"],
        "api.path": ["default"],
        "notices.provider": ["darkscope", "default"],
        "notices.reply_to": ["none", "default"],
        "notices.again": ["4w2d", "default"],
        "notices.tlp": ["AMBER", "default"],
        "notices.language": ["en", "default"],
        "notices.templates": ["none", "default"],
        "notices.name_sensors": ["false", "default"],
        "notices.most": ["100_000", "default"],
        "contacts": ["0 entries", "default"],
        "decisions": ["none", "default"],
        "report.author": ["default"],
        "report.closing": ["default"],
        "report.simulated": ["false", "default"],
        "holidays": ["0 entries", "default"],
        "sensors": ["0 entries", "default"],
    }


def test_it_shows_sensors_without_their_addresses_and_databases_with_their_build_date() -> None:
    Path("research.csv").write_text("192.0.2.0/24,Example\n", encoding="utf-8")
    Path("devices.csv").write_text("192.0.2.7,QNAP,,NAS,,\n192.0.2.8,,,NAS,,\n", encoding="utf-8")
    result = run(
        """\
research = "research.csv"
devices = "devices.csv"
[[sensors]]
id = "tokyo-1"
name = "Tokyo"
organisation = "U"
country = "JP"
networks = ["198.51.100.0/24", "2001:db8::/48"]
until = 2026-04-01
[[sensors]]
id = "hanoi"
kind = "honeypot"
home = false
"""
    )
    assert result.exit_code == 0
    assert [[cell.strip() for cell in row] for row in section(result, "Sensors")] == [
        [
            *("tokyo-1", "Tokyo", "U", "telescope", "home", "JP"),
            *("256 IPv4 addresses and 65_536 IPv6 /64", "before 2026-04-01"),
        ],
        [
            *("hanoi", "hanoi", "-", "honeypot", "abroad", "ZZ"),
            *("no networks: every packet counts as sent to it", "always"),
        ],
    ]
    assert "198.51.100" not in result.output
    assert section(result, "Databases") == [
        ["country", "the one that ships", "IPFire-Location-Country", "built 2026-06-25", "always"]
    ]
    assert section(result, "Research scanners") == [["research.csv", "1 prefixes"]]
    assert section(result, "Investigated devices") == [["devices.csv", "2 prefixes"]]


def test_mistakes_in_settings_are_each_named_with_key_and_place_and_end_with_2() -> None:
    result = run('[ingest]\nrotaton = "5m"\nlate = "maybe"\n', {"DARKSCOPE_LEDGR": "x"})
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "darkscope: DARKSCOPE_LEDGR: no such setting; did you mean DARKSCOPE_LEDGER?",
        "darkscope: observer.toml line 3: ingest.late = 'maybe': Input should be 'refused' or 'accepted'",
        "darkscope: observer.toml line 2: ingest.rotaton: no such setting; did you mean rotation?",
    ]


def test_mistakes_in_the_files_that_settings_name_are_named_with_the_setting_too() -> None:
    Path("research.csv").write_text("nobody\n", encoding="utf-8")
    result = run(
        'research = "research.csv"\n[geo]\ncountry = "absent.mmdb"\n[[geo.owner]]\npath = "gone.mmdb"\n'
    )
    assert result.exit_code == 2
    absent = "cannot be read: No such file or directory"
    nobody = "'nobody' does not appear to be an IPv4 or IPv6 network"
    assert result.stderr.splitlines() == [
        f"darkscope: observer.toml line 3: geo.country[0]: absent.mmdb: {absent}",
        f"darkscope: observer.toml line 4: geo.owner[0]: gone.mmdb: {absent}",
        f"darkscope: observer.toml line 1: research: research.csv line 1: {nobody}",
    ]


def test_what_is_called_a_secret_is_covered_wherever_it_stands() -> None:
    conf = [
        "spark.executor.memory=2g",
        "spark.hadoop.fs.s3a.secret.key=hunter2",
        "spark.ssl.keyPassword=hunter2=;x",
    ]
    master = "sc://spark.example:443/;user_id=me;token=hunter2;x=y"
    result = run(f'[spark]\nmaster = "{master}"\nconf = {conf}\n')
    assert result.exit_code == 0
    assert [[cell.strip() for cell in row] for row in section(result, "Spark")] == [
        ["spark.executor.memory", "2g"],
        ["spark.hadoop.fs.s3a.secret.key", "***"],
        ["spark.ssl.keyPassword", "***"],
    ]
    assert "sc://spark.example:443/;user_id=me;token=***" in result.output
    assert "hunter2" not in result.output
    wrong = run(
        '[spark]\nconf = ["x.password hunter2"]\n[influx]\nurl = "https://me:hunter2@influx.example"\n'
    )
    assert wrong.exit_code == 2
    place, mistake = (
        "darkscope: observer.toml line",
        "no user and no password: they go into a file of their own",
    )
    assert wrong.stderr.splitlines() == [
        f"{place} 4: influx.url = 'https://***@influx.example': an address holds {mistake}",
        rf"{place} 2: spark.conf[0] = 'x.password ***: String should match pattern '^[^=\s]+='",
    ]


def test_a_settings_file_that_is_not_there_is_a_mistake() -> None:
    result = CliRunner().invoke(app, ["--settings", "absent.toml"])
    assert result.exit_code == 2
    assert result.stderr == "darkscope: absent.toml: cannot be read: No such file or directory\n"


def test_rules_of_vulnerabilities_are_counted_and_tried() -> None:
    Path("rules").mkdir()
    shipped = files("darkscope.api").joinpath("data/vulnerabilities/qnap-photo-station-album.yaml")
    rule = shipped.read_text(encoding="utf-8").replace("id: qnap-photo-station-album", "id: own")
    Path("rules/own.yaml").write_text(rule, encoding="utf-8")
    good = run('vulnerabilities = "rules"\n')
    assert good.exit_code == 0
    assert section(good, "Rules of vulnerabilities")[1] == ["  rules".strip(), "1 rule"]

    Path("rules/own.yaml").write_text(
        rule.replace("GET /photo/ ", "GET /photo/p/api/album.php "), encoding="utf-8"
    )
    wrong = run('vulnerabilities = "rules"\n')
    assert (wrong.exit_code, wrong.stderr) == (2, "darkscope: own: must_not_match[0]: is matched\n")

    Path("rules/own.yaml").write_text("id: own\nid: own\n", encoding="utf-8")
    broken = run('vulnerabilities = "rules"\n')
    assert broken.stderr == (
        "darkscope: observer.toml line 1: vulnerabilities: rules/own.yaml line 2: is no YAML: 'id' stands twice\n"
    )
    assert broken.exit_code == 2


def test_contacts_are_shown_and_texts_that_cannot_be_read_are_named() -> None:
    Path("texts").mkdir()
    Path("texts/notice.ja.txt").write_text("one\n{% for %}\n", encoding="utf-8")
    settings = """\
[notices]
templates = "texts"
[[contacts]]
id = "isp"
email = ["abuse@isp.example", "soc@isp.example"]
owners = ["AS64500", 64501]
countries = ["JP"]
[[contacts]]
id = "rest"
email = ["rest@example.org"]
"""
    result = run(settings)
    assert [[cell.strip() for cell in row] for row in section(result, "Contacts")] == [
        ["isp", "AS64500 AS64501 JP", "abuse@isp.example, soc@isp.example"],
        ["rest", "everybody else's", "rest@example.org"],
    ]
    assert result.exit_code == 2
    assert result.stderr == (
        "darkscope: observer.toml line 2: texts/notice.ja.txt line 2: "
        "Expected an expression, got 'end of statement block'\n"
    )
    Path("texts/notice.ja.txt").write_text("{{ tlp }}", encoding="utf-8")
    assert run(settings).exit_code == 0
    assert run('[notices]\ntemplates = "nowhere"\n').stderr == (
        "darkscope: observer.toml line 2: notices.templates: nowhere: is no folder\n"
    )
