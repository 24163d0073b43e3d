from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from darkscope.api.names import Names, NamesError, Told
from darkscope.ingest.devices import Device
from darkscope.ingest.settings import Settings

SENDERS = pl.DataFrame(
    [(4, 0, 0xC0000207), (6, 0x2001_0DB8 << 32, -1)],
    schema={"version": pl.Int16, "source_high": pl.Int64, "source_low": pl.Int64},
    orient="row",
)


def test_both_files_tell_of_senders_and_the_digest_of_the_files(tmp_path: Path) -> None:
    devices, research = tmp_path / "devices.csv", tmp_path / "research.csv"
    devices.write_text("192.0.2.7,QNAP,,NAS,,us\n")
    research.write_text("2001:db8::/32,Project\n")
    settings = Settings(devices=devices, research=research)
    names = Names.read(settings)
    assert Told.of(names, SENDERS) == Told([Device("QNAP", "", "NAS", None, "us"), None], ["", "Project"])
    assert names.texts(SENDERS).to_list() == ["QNAP NAS", ""]
    assert names.digest == Names.read(settings).digest
    devices.write_text("192.0.2.7,QNAP,,NAS,,others\n")
    assert names.digest != Names.read(settings).digest


def test_without_files_nothing_is_known() -> None:
    assert Told.of(Names.read(Settings()), SENDERS) == Told([None, None], ["", ""])


def test_mistakes_of_both_files_are_named_with_their_setting(tmp_path: Path) -> None:
    for name in ("devices", "research"):
        (tmp_path / name).write_text("nobody\n")
    with pytest.raises(NamesError) as error:
        Names.read(Settings(devices=tmp_path / "devices", research=tmp_path / "research"))
    assert str(error.value).splitlines() == [
        f"devices: {tmp_path}/devices line 1: has 1 cells; a line is `prefix,vendor,product,kind,seen,by`",
        f"research: {tmp_path}/research line 1: 'nobody' does not appear to be an IPv4 or IPv6 network",
    ]
