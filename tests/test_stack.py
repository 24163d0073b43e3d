"""The stack without a Docker daemon: what its files promise, and what its scripts do."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from darkscope.api.command.main import COMMANDS
from darkscope.ingest.measurements import Resolution
from darkscope.ingest.settings import load

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if str(one["image"]).startswith("darkscope:")}
UNITS = ROOT / "provisioning" / "systemd"


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def environment(service: dict[str, Any]) -> dict[str, str]:
    """What a container's settings are, the file's defaults filled in."""
    return {
        name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(value)) for name, value in service["environment"].items()
    }


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_nobody_in_a_container_that_it_cannot_write_to(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert not service["user"].startswith(("0", "root"))
    assert not service.get("privileged")
    assert "memory" in service["deploy"]["resources"]["limits"]
    assert "pids" in service["deploy"]["resources"]["limits"]
    assert service["logging"]["options"]["max-size"] == "10m"


def test_only_the_capture_of_an_interface_has_a_right_of_roots() -> None:
    assert {name: one["cap_add"] for name, one in SERVICES.items() if "cap_add" in one} == {
        "ingest-live": ["NET_RAW"]
    }
    unlocked = [name for name, one in SERVICES.items() if one["security_opt"] != ["no-new-privileges:true"]]
    assert unlocked == ["ingest-live"]


def test_nothing_is_published_but_on_loopback() -> None:
    published = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    assert published == {
        "api": ["127.0.0.1:${API_PORT:-8000}:8000"],
        "grafana": ["127.0.0.1:${GRAFANA_PORT:-3000}:3000"],
    }
    assert [name for name, one in SERVICES.items() if one.get("network_mode") == "host"] == ["ingest-live"]
    assert SERVICES["influxdb"]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_every_image_is_pinned() -> None:
    images = {re.sub(r"\$\{\w+:-(.*)\}", r"\1", one["image"]) for one in SERVICES.values()}
    assert all(re.fullmatch(r"[\w/]+:\d+\.\d+\.\d+", image) for image in images)
    project = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    assert f"darkscope:{project}" in images
    assert set(re.findall(r"^FROM (\S+)", text("Dockerfile"), re.MULTILINE)) == {"python:3.13-slim-trixie"}


def test_every_service_says_how_it_is_or_has_it_from_the_image() -> None:
    assert "HEALTHCHECK" in text("Dockerfile")
    assert [name for name, one in SERVICES.items() if "healthcheck" not in one] == ["api"]


def test_services_start_after_those_that_they_need() -> None:
    after = {
        name: {other: how["condition"] for other, how in one["depends_on"].items()}
        for name, one in SERVICES.items()
        if "depends_on" in one
    }
    ingests = {"ingest": "service_healthy", "ingest-live": "service_healthy"}
    assert after == {
        "ingest": {"simulator": "service_healthy"},
        "projector": {"influxdb": "service_healthy", **ingests},
        "watch": ingests,
        "api": ingests,
        "grafana": {"influxdb": "service_healthy"},
    }
    of_profile = {name for name, one in SERVICES.items() if "profiles" in one}
    for one in SERVICES.values():
        for other, how in one.get("depends_on", {}).items():
            assert how.get("required", True) is (other not in of_profile)


@pytest.mark.parametrize(
    ("profile", "services"),
    [
        ("demo", {"simulator", "ingest"}),
        ("spool", {"ingest"}),
        ("live", {"ingest-live"}),
    ],
)
def test_a_profile_adds_what_feeds_the_ledger(profile: str, services: set[str]) -> None:
    assert {name for name, one in SERVICES.items() if profile in one.get("profiles", ())} == services


@pytest.mark.parametrize("name", OURS)
def test_commands_of_containers_exist_and_their_settings_are_settings(name: str, tmp_path: Path) -> None:
    assert OURS[name]["command"][0] in {command.name for command in COMMANDS}
    file = tmp_path / "darkscope.toml"
    file.write_text(text("provisioning/empty.toml"))
    variables = {**environment(OURS[name]), "DARKSCOPE_SETTINGS": str(file)}
    settings = load(None, variables, {}).settings
    assert settings.ledger == Path("/var/lib/darkscope/ledger")


def test_writers_of_one_ledger_have_names_of_their_own() -> None:
    names = [environment(one).get("DARKSCOPE_WORKER") for one in OURS.values()]
    assert sorted(filter(None, names)) == ["ingest", "live", "projector", "watch"]


def test_folders_that_are_volumes_are_made_by_the_image_for_its_user() -> None:
    made = set(
        re.findall(r"(/\w[\w/]*)", "".join(re.findall(r"install -d -o darkscope.*", text("Dockerfile"))))
    )
    used = set()
    for one in OURS.values():
        for volume in one["volumes"]:
            if isinstance(volume, dict) and volume["type"] == "volume":
                used.add(volume["target"])
            elif isinstance(volume, str):
                used.add(re.sub(r"^\$\{.*?\}", "x", volume).split(":")[1])
    assert used == made


def test_the_ledger_is_read_only_for_who_only_reads() -> None:
    (ledger,) = [
        one for one in SERVICES["api"]["volumes"] if isinstance(one, dict) and one["source"] == "ledger"
    ]
    assert ledger["read_only"] is True


def test_secrets_are_files_that_one_command_makes() -> None:
    named = set(COMPOSE["secrets"])
    made = set(re.findall(r"make_file (\w+)", text("provisioning/secrets.sh")))
    made |= set(re.findall(r"\b(?:influxdb|grafana)_(?:admin|secret)_\w+", text("provisioning/secrets.sh")))
    assert made == named
    used = {secret for one in SERVICES.values() for secret in one.get("secrets", ())}
    assert used == named
    assert {one["file"] for one in COMPOSE["secrets"].values()} == {f"./secrets/{name}" for name in named}
    assert "/secrets/" in text(".gitignore")
    wanted = set(re.findall(r"/run/secrets/(\w+)", text("compose.yaml")))
    for file in (ROOT / "provisioning" / "grafana").rglob("*.yaml"):
        wanted |= set(re.findall(r"\$__file\{/run/secrets/(\w+)\}", file.read_text(encoding="utf-8")))
    assert wanted == named


def test_each_service_has_the_secrets_that_it_needs_and_no_other() -> None:
    had = {name: set(one["secrets"]) for name, one in SERVICES.items() if "secrets" in one}
    assert had == {
        "projector": {"influxdb_write_token"},
        "influxdb": {"influxdb_admin_password", "influxdb_admin_token"},
        "grafana": {"grafana_admin_password", "grafana_secret_key", "influxdb_read_token", "alert_webhook"},
    }


def test_variables_of_the_example_are_those_of_the_compose_file() -> None:
    used = set(re.findall(r"\$\{(\w+)(?::-[^}]*)?\}", text("compose.yaml")))
    told = set(re.findall(r"^#? ?([A-Z][A-Z_]+)=", text(".env.example"), re.MULTILINE))
    assert told == used | {"COMPOSE_PROFILES"}
    for name, value in re.findall(r"^# ([A-Z_]+)=(\S+)", text(".env.example"), re.MULTILINE):
        default = re.search(rf"\$\{{{name}:-([^}}]*)\}}", text("compose.yaml"))
        assert default is not None
        assert name in ("CAPTURES", "SETTINGS_FILE") or default[1] == value


def test_the_image_gets_the_program_and_nothing_else() -> None:
    let_in = set(re.findall(r"^!(\S+)", text(".dockerignore"), re.MULTILINE))
    copied = set(" ".join(re.findall(r"^COPY (?!--)(.*) \S+$", text("Dockerfile"), re.MULTILINE)).split())
    assert let_in == copied
    packages = tomllib.loads(text("pyproject.toml"))["tool"]["setuptools"]["package-dir"]
    assert set(packages.values()) <= copied
    final = text("Dockerfile").rpartition("\nFROM ")[2]
    assert not re.search(r"\b(gcc|build-essential|pip)\b", final)
    assert re.search(r"^USER 10001:10001$", final, re.MULTILINE)


def test_secrets_are_made_once_with_the_right_modes_and_never_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    script = ROOT / "provisioning" / "secrets.sh"
    first = subprocess.run([script, folder], capture_output=True, text=True, check=True)
    contents = {path.name: path.read_bytes() for path in folder.iterdir()}
    modes = {path.name: stat.filemode(path.stat().st_mode) for path in [folder, *folder.iterdir()]}
    assert set(contents) == set(COMPOSE["secrets"])
    assert modes == {
        "secrets": "drwx------",
        **dict.fromkeys(contents, "-r--r--r--"),
        "influxdb_write_token": "-rw-rw-rw-",
        "influxdb_read_token": "-rw-rw-rw-",
    }
    random = [contents[name] for name in contents if re.search("admin|secret_key", name)]
    assert len(set(random)) == len(random) == 4
    assert all(re.fullmatch(rb"[0-9a-f]{48}", one) for one in random)
    assert not any(one.decode() in first.stdout + first.stderr for one in random)
    (folder / "alert_webhook").unlink()
    second = subprocess.run([script, folder], capture_output=True, text=True, check=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == contents
    assert second.stdout.count("left as it is") == len(contents) - 1


def test_without_random_bytes_no_secret_is_made(tmp_path: Path) -> None:
    (tmp_path / "od").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "od").chmod(0o755)
    script, path = ROOT / "provisioning" / "secrets.sh", f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        [script, tmp_path / "secrets"], env={"PATH": path}, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, b"no random bytes are to be had\n")
    assert list((tmp_path / "secrets").iterdir()) == []


INFLUX = """\
#!/bin/bash
echo "$@" >> "$CALLS"
state=$CALLS.buckets
touch "$state"
case "$1 $2" in
"bucket list") grep "	$6	" "$state" || { echo "bucket not found" >&2; exit 1; } ;;
"bucket create") printf 'id-%s\\t%s\\t\\n' "$6" "$6" >> "$state" ;;
"auth create") printf '{\\n\\t"token": "made-%s==",\\n\\t"status": "active"\\n}\\n' "$(wc -l < "$CALLS")" ;;
esac
"""
"""As much of InfluxDB's command as the script calls."""


def test_influxdb_gets_three_buckets_and_two_tokens_with_the_rights_they_need(tmp_path: Path) -> None:
    fake = tmp_path / "influx"
    fake.write_text(INFLUX)
    fake.chmod(0o755)
    calls = tmp_path / "calls"
    Path(f"{calls}.buckets").write_text("id-darkscope\tdarkscope\t\n")
    tokens = {name: tmp_path / name for name in ("write", "read")}
    for file in tokens.values():
        file.touch()
    influxdb = environment(SERVICES["influxdb"])
    variables = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "CALLS": str(calls),
        **{name: value for name, value in influxdb.items() if name.startswith("D")},
        "DARKSCOPE_WRITE_TOKEN_FILE": str(tokens["write"]),
        "DARKSCOPE_READ_TOKEN_FILE": str(tokens["read"]),
    }
    script = ROOT / "provisioning" / "influxdb" / "10-darkscope.sh"
    for _ in range(2):
        done = subprocess.run([script], env=variables, capture_output=True, text=True, check=True)
        assert "made-" not in done.stdout + done.stderr
    lines = calls.read_text().splitlines()
    assert [line for line in lines if line.startswith("bucket create")] == [
        f"bucket create --org darkscope --name darkscope_{name} --retention {kept} --shard-group-duration {shard}h"
        for name, kept, shard in (
            ("hour", "2880h", 24 * Resolution.HOUR.shard),
            ("day", "9600h", 24 * Resolution.DAY.shard),
        )
    ]
    rights = [re.findall(r"--(\w+)-bucket (\S+)", line) for line in lines if line.startswith("auth create")]
    every = ["id-darkscope", "id-darkscope_hour", "id-darkscope_day"]
    reads = [("read", bucket) for bucket in every]
    assert rights == [[*reads, *(("write", bucket) for bucket in every)], reads] * 2
    written, read = (file.read_text() for file in tokens.values())
    assert re.fullmatch(r"made-\d+==\n", written)
    assert re.fullmatch(r"made-\d+==\n", read)
    assert written != read


def test_retentions_of_the_stack_are_those_of_the_settings() -> None:
    influxdb = environment(SERVICES["influxdb"])
    influx = load(None, {"DARKSCOPE_SETTINGS": str(ROOT / "provisioning" / "empty.toml")}, {}).settings.influx
    hours = [influxdb[name] for name in influxdb if "RETENTION" in name]
    days = [influx.retention_minute, influx.retention_hour, influx.retention_day]
    assert hours == [f"{24 * (one or 0)}h" for one in days]


def test_no_command_of_the_unit_is_unknown() -> None:
    unit = (UNITS / "darkscope.service").read_text(encoding="utf-8")
    (command,) = re.findall(
        r"^ExecStart=/opt/darkscope/bin/darkscope (\w+) --settings \S+$", unit, re.MULTILINE
    )
    assert command in {one.name for one in COMMANDS}
    assert re.search(r"^KillMode=mixed$", unit, re.MULTILINE)
    assert re.search(r"^RestartPreventExitStatus=2$", unit, re.MULTILINE)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_the_units_are_valid_and_hardened(tmp_path: Path) -> None:
    unit = tmp_path / "darkscope.service"
    program = shutil.which("true") or ""
    unit.write_text(
        (UNITS / "darkscope.service")
        .read_text(encoding="utf-8")
        .replace("/opt/darkscope/bin/darkscope", program)
    )
    alone = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", unit],
        capture_output=True,
        check=False,
    )
    assert alone.returncode == 0, alone.stdout.decode()
    inner = tmp_path / "darkscope.service.d"
    inner.mkdir()
    for drop_in in UNITS.glob("*.conf"):
        shutil.copy(drop_in, inner)
    valid = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (valid.returncode, valid.stdout, valid.stderr) == (0, "", "")
    together = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit],
        capture_output=True,
        check=False,
    )
    assert together.returncode == 0, together.stdout.decode()
