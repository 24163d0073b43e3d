from __future__ import annotations

import csv
from pathlib import Path

import pytest

from darkscope.api.services import port_label, protocol_name, service_name
from darkscope.ingest.series import NO_PORT


@pytest.mark.parametrize(
    ("protocol", "port", "name"),
    [
        (6, 22, "ssh"),
        (6, 23, "telnet"),
        (6, 80, "http"),
        (17, 80, "http"),
        (132, 80, "http"),
        (6, 443, "https"),
        (6, 445, "microsoft-ds"),
        (6, 631, "ipp"),
        (6, 1433, "ms-sql-s"),
        (6, 8080, "http-alt"),
        (6, 10000, "ndmp"),
        (6, 514, "shell"),
        (17, 514, "syslog"),
        (17, 1900, "ssdp"),
        (6, 12543, ""),
        (1, NO_PORT, ""),
        (1, 0, ""),
        (99, 23, ""),
        (6, -5, ""),
        (6, 99_999, ""),
    ],
)
def test_a_service_has_ianas_name_and_an_unknown_one_none(protocol: int, port: int, name: str) -> None:
    assert service_name(protocol, port) == name


@pytest.mark.parametrize(
    ("protocol", "name"),
    [(1, "ICMP"), (6, "TCP"), (17, "UDP"), (58, "ICMPv6"), (132, "SCTP"), (99, "protocol 99")],
)
def test_a_protocol_has_ianas_keyword_or_its_number(protocol: int, name: str) -> None:
    assert protocol_name(protocol) == name


@pytest.mark.parametrize(
    ("protocol", "port", "label"),
    [
        (6, 23, "23/TCP"),
        (17, 12543, "12543/UDP"),
        (1, NO_PORT, "0/ICMP"),
        (58, NO_PORT, "0/ICMPv6"),
        (6, NO_PORT, "0/TCP"),
        (99, NO_PORT, "0/protocol 99"),
    ],
)
def test_a_port_is_labelled_as_in_the_reports(protocol: int, port: int, label: str) -> None:
    assert port_label(protocol, port) == label


def test_the_shipped_file_names_each_port_of_a_protocol_once() -> None:
    file = Path(__file__).parents[2] / "ingest" / "data" / "services.csv"
    with file.open(encoding="utf-8", newline="") as rows:
        named = [
            (row["port"], protocol) for row in csv.DictReader(rows) for protocol in row["protocols"].split()
        ]
    assert len(named) == len(set(named)) > 11_000
