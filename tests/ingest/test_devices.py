from __future__ import annotations

from datetime import date
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import pytest

from darkscope.ingest.devices import Device, Devices, DevicesError

NAS = Device("QNAP", "TS-419", "NAS", date(2014, 12, 8), "us")
LIST = """\
prefix,vendor,product,kind,seen,by
# what answered on 8080/TCP
192.0.2.7,QNAP,TS-419,NAS,2014-12-08,us

192.0.2.0/24,,,router,,
"2001:db8::/48","Vendor, Inc.",,camera,2026-04-01,a partner
"""


def found(devices: Devices, *addresses: str) -> list[Device | None]:
    halves = [(ip_address(one).version, *divmod(int(ip_address(one)), 1 << 64)) for one in addresses]
    version, high, low = (np.array(column, np.uint64).view(np.int64) for column in zip(*halves, strict=True))
    return devices.at(version, high, low)


def test_the_longest_prefix_tells_what_an_address_is() -> None:
    devices = Devices.parse(LIST, "list")
    assert len(devices) == 3
    assert found(devices, "192.0.2.7", "192.0.2.8", "192.0.3.1", "2001:db8:0:9::1") == [
        NAS,
        Device("", "", "router", None, ""),
        None,
        Device("Vendor, Inc.", "", "camera", date(2026, 4, 1), "a partner"),
    ]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_findings_the_newest_holds(order: tuple[int, int]) -> None:
    lines = ("192.0.2.7,QNAP,TS-419,NAS,2014-12-08,us\n", "192.0.2.7,Other,,,2014-12-01,us\n")
    assert found(Devices.parse("".join(lines[one] for one in order), "list"), "192.0.2.7") == [NAS]


def test_without_a_file_nothing_is_known() -> None:
    assert found(Devices.none(), "192.0.2.7") == [None]


def test_every_mistake_of_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "devices.csv"
    file.write_text(
        "192.0.2.1/24,A,,,,\n192.0.2.1,A\n192.0.2.2,A,,,today,\n192.0.2.3,A,,,,\n192.0.2.3,B,,,,\n", "utf-8"
    )
    with pytest.raises(DevicesError) as error:
        Devices.read(file)
    assert str(error.value).splitlines() == [
        f"{file} line 1: 192.0.2.1/24 has host bits set",
        f"{file} line 2: has 2 cells; a line is `prefix,vendor,product,kind,seen,by`",
        f"{file} line 3: 'today' is no day like 2026-04-01",
        f"{file} line 5: 192.0.2.3 is another device in an earlier line",
    ]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DevicesError, match=r"absent: cannot be read: No such file or directory"):
        Devices.read(tmp_path / "absent")
    binary = tmp_path / "binary"
    binary.write_bytes(b"a\xff")
    with pytest.raises(DevicesError, match=r"binary: is not UTF-8 at byte 1"):
        Devices.read(binary)
