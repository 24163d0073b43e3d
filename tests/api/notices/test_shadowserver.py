"""Columns as Shadowserver's own reports have them, which IntelMQ's tests keep examples of."""

from __future__ import annotations

import csv
import io
import unicodedata
from dataclasses import replace

from hypothesis import given, settings
from told import CASE, SAMPLE, case, notices
from told import hostile_cases as hostile

from darkscope.api.grades import Grade
from darkscope.api.notices.notice import Notices
from darkscope.api.notices.shadowserver import darknet
from darkscope.api.notices.words import UNSEEN

COLUMNS = (
    "timestamp protocol src_ip src_port src_asn src_geo src_region src_city src_hostname src_naics src_sector "
    "device_vendor device_type device_model severity dst_ip dst_port dst_asn dst_geo dst_region dst_city "
    "dst_hostname dst_naics dst_sector public_source infection family tag application version event_id count"
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
    reader = csv.DictReader(io.StringIO(darknet(told, told.notices[0]).decode(), newline=""))
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


@given(hostile())
@settings(deadline=None)
def test_whatever_strangers_write_stays_in_its_cell_and_no_spreadsheet_runs_it(told: Notices) -> None:
    cells = [cell for row in read(told) for cell in row.values()]
    assert len(read(told)) == len(told.notices[0].cases)
    assert not [cell for cell in cells if cell[0] in "=+-@\t\r"]
    assert not [sign for cell in cells for sign in cell if unicodedata.category(sign) in UNSEEN]
