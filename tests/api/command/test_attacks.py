from __future__ import annotations

import json
from pathlib import Path

import pytest
from backscatter import answers
from capture_files import pcap
from ledgers import Site, capture
from typer.testing import CliRunner

from darkscope.api.command.main import program

DRAWN = """\
Attacks, 2020-06

 victim   of  begun        lasted  packets  peak  sensors  attacked
 ────────────────────────────────────────────────────────────────────────
 8.8.8.8  US  06-24 13:00  2:00+       121    60        1  443/TCP
 8.8.4.4  US  06-24 12:00  1:49         71    60        1  80/TCP 443/TCP

2 attacks on 2 victims, 192 packets in all; echoes are known since 2020-06-24
by ports: 443/TCP 2, 80/TCP 1
2020-06-01 00:00 to 2020-07-01 00:00 (UTC); 1 sensor, 0.1% of their time
watched; outages: a
ledger version 1"""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = Site(tmp_path_factory.mktemp("attacks") / "ledger")
    first = [*answers(61), *answers(10, start=100, port=443)]
    site.take(pcap([*first, *answers(121, start=3600, victim="8.8.8.8", port=443)]))
    return site.folder


def run(ledger: Path, arguments: str) -> tuple[int, str, str]:
    words = f"attacks --ledger {ledger} {arguments}".split()
    result = CliRunner().invoke(program(words), words)
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    return result.exit_code, "\n".join(lines), result.stderr


@pytest.fixture(autouse=True)
def eighty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_attacks_are_drawn_the_most_packets_first(ledger: Path) -> None:
    assert run(ledger, "--period 2020-06") == (0, DRAWN, "")


def test_json_and_csv_have_all_of_an_attack(ledger: Path) -> None:
    code, output, errors = run(ledger, "--period 2020-06 --limit 1 --time-zone Asia/Tokyo --format json")
    answer = json.loads(output)
    assert (code, errors, answer["attacks"], answer["victims"], answer["next"]) == (0, "", 2, 2, None)
    (row,) = answer["rows"]
    assert row == {
        "victim": "8.8.8.8",
        "country": "US",
        "owner": "unknown",
        "protocol": "TCP",
        "start": "2020-06-24T22:00:00+09:00",
        "end": "2020-06-24T22:02:00+09:00",
        "seconds": 120,
        "ongoing": True,
        "packets": 121,
        "peak": 60,
        "answers_per_second": None,
        "sensors": 1,
        "targets": 3,
        "ports": ["443/TCP"],
        "all_ports": 1,
        "syn_acks": 73,
        "resets": 24,
        "icmp": 24,
    }
    _, output, _ = run(ledger, "--period 2020-06 --port 80/tcp --format csv")
    head, line = output.splitlines()
    assert head == ",".join(row)
    assert line.startswith(
        "8.8.4.4,US,unknown,TCP,2020-06-24T12:00:00+00:00,2020-06-24T12:01:49+00:00,109,False,71"
    )
    assert "80/TCP 443/TCP" in line


def test_victims_are_chosen_by_country_owner_and_protocol_and_senders_are_not(ledger: Path) -> None:
    for narrowed in ("--country JP", "--owner AS7", "--protocol udp", "--port 22"):
        _, output, _ = run(ledger, f"--period 2020-06 {narrowed} --format json")
        assert json.loads(output)["attacks"] == 0
    code, _, errors = run(ledger, "--period 2020-06 --class scan")
    assert code == 2
    assert "--class" in errors


def test_a_ledger_without_echoes_says_so(tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    site.take(capture(0))
    assert (
        "0 attacks on 0 victims, 0 packets in all; the ledger has no echoes"
        in run(site.folder, "--period 2020-06")[1]
    )
