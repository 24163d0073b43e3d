"""Columns as Shadowserver's own reports have them, which IntelMQ's tests keep examples of."""

from __future__ import annotations

import csv
import io
import unicodedata
from dataclasses import replace

from hypothesis import given, settings
from told import ATTEMPT, CASE, SAMPLE, case, notices
from told import hostile_cases as hostile

from darkscope.api.grades import Grade
from darkscope.api.notices.notice import Notices
from darkscope.api.notices.shadowserver import darknet, http_scan
from darkscope.api.visible import HIDDEN

COLUMNS = (
    "timestamp protocol src_ip src_port src_asn src_geo src_region src_city src_hostname src_naics src_sector "
    "device_vendor device_type device_model severity dst_ip dst_port dst_asn dst_geo dst_region dst_city "
    "dst_hostname dst_naics dst_sector public_source infection family tag application version event_id count"
)
OF_REQUESTS = (
    "pattern http_url http_agent http_request_method url_scheme session_tags vulnerability_enum vulnerability_id "
    "vulnerability_class vulnerability_score vulnerability_severity vulnerability_version threat_framework "
    "threat_tactic_id threat_technique_id target_vendor target_product target_class file_md5 file_sha256 "
    "request_raw body_raw"
)
LIKELY = {
    "timestamp": "2020-06-24 12:00:05",
    "protocol": "tcp",
    "src_ip": "198.41.0.4",
    "src_port": "40000",
    "src_asn": "64500",
    "src_geo": "VN",
    "severity": "high",
    "dst_port": "445",
    "public_source": "Example CSIRT",
    "infection": "darknet",
    "tag": "tlp:amber;grade:likely",
    "event_id": "c99e0d071e6f54568f3b6b977d1d723c",
    "count": "3",
}


def read(told: Notices) -> list[dict[str, str]]:
    """Rows without empty cells."""
    reader = csv.DictReader(io.StringIO(b"".join(darknet(told, told.notices[0])).decode(), newline=""))
    assert reader.fieldnames == COLUMNS.split()
    return [{name: cell for name, cell in row.items() if cell} for row in reader]


def test_a_line_has_what_the_columns_ask_for() -> None:
    assert read(notices(CASE)) == [LIKELY]


def test_an_infected_source_has_its_malware_and_an_unknown_port_is_empty() -> None:
    vague = replace(SAMPLE, protocol=None, port=None)
    bot = case(
        tools=("mirai", "zmap"), grade=Grade.CONFIRMED, samples=(vague,), asn=0, country="ZZ", device="NAS"
    )
    (row,) = read(notices(bot))
    gone = ("protocol", "dst_port", "src_asn", "src_geo")
    assert row == {name: cell for name, cell in LIKELY.items() if name not in gone} | {
        "infection": "mirai",
        "family": "mirai",
        "tag": "tlp:amber;grade:confirmed;mirai;zmap",
        "device_model": "NAS",
        "event_id": row["event_id"],
    }
    assert row["event_id"] != LIKELY["event_id"]


def test_requests_have_columns_of_their_own() -> None:
    tls = replace(ATTEMPT, application="tls", number=1)
    told = notices(CASE, case("192.0.2.7", attempts=(ATTEMPT, tls), grade=Grade.CONFIRMED))
    reader = csv.DictReader(io.StringIO(b"".join(http_scan(told, told.notices[0])).decode(), newline=""))
    assert reader.fieldnames == [*COLUMNS.split()[:-1], *OF_REQUESTS.split()]
    (row,) = ({name: cell for name, cell in row.items() if cell} for row in reader)
    assert row == {
        "timestamp": "2020-06-24 12:00:06",
        "protocol": "tcp",
        "src_ip": "192.0.2.7",
        "src_port": "40001",
        "src_asn": "64500",
        "src_geo": "VN",
        "severity": "high",
        "dst_port": "8080",
        "public_source": "Example CSIRT",
        "infection": "http-scan",
        "tag": "tlp:amber;grade:confirmed;exploit;album",
        "event_id": row["event_id"],
        "http_url": "/photo/p/api/album.php",
        "http_agent": "python-requests/2.23.0",
        "http_request_method": "GET",
        "url_scheme": "http",
        "vulnerability_enum": "CVE",
        "vulnerability_id": "CVE-2019-7192;CVE-2019-7194",
        "target_vendor": "QNAP",
        "target_product": "Photo Station",
    }


@given(hostile())
@settings(deadline=None)
def test_whatever_strangers_write_stays_in_its_cell_and_no_spreadsheet_runs_it(told: Notices) -> None:
    asked = csv.DictReader(io.StringIO(b"".join(http_scan(told, told.notices[0])).decode(), newline=""))
    cells = [cell for row in (*read(told), *asked) for cell in row.values() if cell]
    assert len(read(told)) == len(told.notices[0].cases)
    assert not [cell for cell in cells if cell[0] in "=+-@\t\r"]
    assert not [sign for cell in cells for sign in cell if unicodedata.category(sign) in HIDDEN]
