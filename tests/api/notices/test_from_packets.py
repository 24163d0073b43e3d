"""From captured packets to files, through a real ledger: what was seen is told, and no sensor is given away."""

from __future__ import annotations

import base64
import csv
import io
import json
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from typing import Any

import pytest
from capture_files import pcap
from ledgers import Site, at
from talks import ACK, FIN, HONEYPOT, Talk
from typer.testing import CliRunner

from darkscope.api.command.main import program
from darkscope.api.notices.export import Export
from darkscope.ingest.settings import SensorEntry

TELESCOPE = "133.8.1.7"
SENSORS = {
    "pot": (HONEYPOT, "honeypot"),
    "scope": (TELESCOPE, "telescope"),
    "third": ("133.8.1.9", "telescope"),
}
ASKED = (
    f"GET /photo/p/api/album.php?a={HONEYPOT}&b={int(IPv4Address(HONEYPOT))}&c=0x85080009 HTTP/1.1\r\n"
    f"Host: {HONEYPOT}:8080\r\nUser-Agent: {base64.b64encode(HONEYPOT.encode()).decode()} {HONEYPOT}\r\n\r\n"
)
BOT = "198.41.0.9"

SETTINGS = """
[notices]
provider = "Example CSIRT"
[[contacts]]
id = "everybody"
email = ["all@example.org"]
time_zone = "Asia/Tokyo"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with one that asks a honeypot, one that scans two telescopes, one of a single packet; and settings."""
    place = tmp_path_factory.mktemp("notices")
    entries = tuple(
        SensorEntry(id=name, kind=kind, networks=(ip_network(address),))
        for name, (address, kind) in SENSORS.items()
    )
    site = Site(place / "ledger", entries)
    talk, whole = Talk(port=8080), ASKED.encode()
    answers = {"acknowledgement": talk.server + 1}  # it has seen the sensor's SYN+ACK
    asking = [
        *talk.opening()[:2],
        talk.theirs(0.002, flags=ACK, **answers),
        talk.theirs(0.01, 0, whole, **answers),
        talk.theirs(0.03, len(whole), flags=FIN | ACK, **answers),
    ]
    site.take(pcap(asking), "/spool/pot/1.pcap")
    scans = [at(second, source=BOT, target=TELESCOPE, port=23) for second in (0, 300)]
    site.take(pcap([*scans, at(9, source="198.41.0.77", target=TELESCOPE)]), "/spool/scope/1.pcap")
    site.take(pcap([at(60, source=BOT, target="133.8.1.9", port=2323)]), "/spool/third/1.pcap")
    sensors = "".join(
        f'[[sensors]]\nid = "{name}"\nkind = "{kind}"\nnetworks = ["{address}"]\n'
        for name, (address, kind) in SENSORS.items()
    )
    (place / "darkscope.toml").write_text('ledger = "ledger"\n' + SETTINGS + sensors)
    words = ["notices", "--settings", str(place / "darkscope.toml"), "--period", "2020-06-24"]
    result = CliRunner().invoke(program(words), [*words, "--out", str(place / "out")])
    assert result.exit_code == 0, result.stderr
    return place


def read(place: Path, name: str) -> str:
    return (place / "out" / "everybody" / name).read_text(encoding="utf-8")


def rows(place: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(read(place, name), newline="")))


def test_all_formats_tell_the_same_of_what_was_sent(place: Path) -> None:
    events: list[dict[str, Any]] = [json.loads(line) for line in read(place, "intelmq.ndjson").splitlines()]
    told = [
        (
            one["source.ip"],
            one["classification.type"],
            one["extra.grade"],
            one["time.source"],
            one["source.port"],
        )
        for one in events
    ]
    assert told == [
        ("198.41.0.4", "scanner", "confirmed", "2020-06-24T12:00:00Z", 4000),
        ("198.41.0.4", "exploit", "confirmed", "2020-06-24T12:00:00.010000Z", 4000),
        (BOT, "scanner", "likely", "2020-06-24T12:01:00Z", events[2]["source.port"]),
    ]
    assert (events[2]["extra.packets"], events[2]["extra.sensors"]) == (3, 2)
    assert events[2]["extra.ports"] == ["23/TCP", "2323/TCP"]
    darknet = rows(place, "event4_honeypot_darknet.csv")
    assert [(row["src_ip"], row["dst_port"], row["count"]) for row in darknet] == [
        ("198.41.0.4", "8080", "1"),
        (BOT, "2323", "3"),
    ]
    (request,) = rows(place, "event4_honeypot_http_scan.csv")
    assert (request["src_ip"], request["dst_port"], request["http_request_method"]) == (
        "198.41.0.4",
        "8080",
        "GET",
    )
    assert request["http_url"].startswith("/photo/p/api/album.php?a=")
    assert "CVE-2019-7192" in request["vulnerability_id"]
    objects = json.loads(read(place, "misp.json"))["Event"]["Object"]
    values = [{one["object_relation"]: one["value"] for one in each["Attribute"]} for each in objects]
    assert [one["source.ip"] for one in values] == ["198.41.0.4", "198.41.0.4", BOT]
    seen = [one for one in json.loads(read(place, "stix.json"))["objects"] if one["type"] == "observed-data"]
    assert [(one["number_observed"], one["confidence"]) for one in seen] == [(1, 90), (3, 70)]
    index = json.loads((place / "out" / "index.json").read_text())
    assert (index["sources"], index["named"], index["left_out"]) == (3, 2, {"forgeable": 1})


@pytest.mark.parametrize("address", [address for address, _ in SENSORS.values()])
def test_no_sensors_address_is_in_any_byte(place: Path, address: str) -> None:
    number = int(IPv4Address(address))
    written = (
        *(address, address.replace(".", "-"), str(number), f"{number:08x}", f"{number:08X}"),
        *(base64.b64encode(address.encode()).decode().rstrip("="), address.replace(".", "%2e")),
    )
    files = [path for path in (place / "out").rglob("*") if path.is_file()]
    assert len(files) == len(Export) + 3
    found = [(path.name, one) for path in files for one in written if one.encode() in path.read_bytes()]
    assert found == []
