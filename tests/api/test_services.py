from __future__ import annotations

import csv
from pathlib import Path

import pytest

from darkscope.api.services import service_name
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


def test_the_shipped_file_names_each_port_of_a_protocol_once() -> None:
    file = Path(__file__).parents[2] / "ingest" / "data" / "services.csv"
    with file.open(encoding="utf-8", newline="") as rows:
        named = [
            (row["port"], protocol) for row in csv.DictReader(rows) for protocol in row["protocols"].split()
        ]
    assert len(named) == len(set(named)) > 11_000
