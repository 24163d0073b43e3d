from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from datetime import date
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any

import maxminddb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmdb_writer import Encoder, MMDBWriter
from netaddr import IPSet
from runs import AS_ANYBODY, run

from darkscope.ingest.geo import COUNTRY, OWNER, SHIPPED, Database, GeoError, Places, country_of, owner_of
from darkscope.ingest.settings import Database as DatabaseSetting
from darkscope.ingest.settings import Geo

DAY = (date(2020, 6, 24) - date(1970, 1, 1)).days
Found = list[tuple[str, int]]


def write(file: Path, records: dict[str, Any], version: int = 6) -> Path:
    writer = MMDBWriter(version, "Test", ["en"], "for a test", ipv4_compatible=version == 6)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(file))
    return file


def asked(places: Places, *addresses: str, day: int = DAY) -> Found:
    sources = [ip_address(address) for address in addresses]
    halves = [divmod(int(source), 1 << 64) for source in sources]
    country, owner = places.look_up(
        np.array([source.version for source in sources], np.int16),
        np.array([high for high, _ in halves], np.uint64),
        np.array([low for _, low in halves], np.uint64),
        day,
    )
    assert country.name == "country"
    assert owner.dtype == np.int64
    return list(zip(country.to_list(), owner.tolist(), strict=True))


def places(country: Path | None = None, owner: Path | None = None) -> Places:
    return Places(
        Geo(
            country=(DatabaseSetting(path=country),) if country else (),
            owner=(DatabaseSetting(path=owner),) if owner else (),
        )
    )


@pytest.mark.parametrize(
    ("record", "country"),
    [
        ({"country": {"iso_code": "JP"}, "continent": {"code": "AS"}}, "JP"),  # GeoLite2, DB-IP
        ({"country_code": "JP"}, "JP"),  # ip-location-db
        ({"country": "JP", "country_name": "Japan"}, "JP"),  # IPinfo
        ({"country": "Japan", "country_code": "JP"}, "JP"),  # IPinfo Lite
        ({"country_code": "jp"}, "JP"),
        ({"country_code": "UK"}, "GB"),
        ({"country_code": "EU"}, ""),
        ({"country_code": "JPN"}, ""),
        ({"country_code": 81}, ""),
        ({"country": {"iso_code": None}}, ""),
        ({"country": {}}, ""),
        ({}, ""),
        (None, ""),
        ("JP", ""),
    ],
)
def test_a_country_is_read_from_every_known_shape(record: object, country: str) -> None:
    assert country_of(record) == country


@pytest.mark.parametrize(
    ("record", "owner"),
    [
        ({"autonomous_system_number": 64496, "autonomous_system_organization": "E"}, 64496),
        ({"asn": "AS64496", "as_name": "E"}, 64496),
        ({"asn": 64496}, 64496),
        ({"asn": "64496"}, 64496),
        ({"asn": 4_294_967_295}, 4_294_967_295),
        ({"asn": 4_294_967_296}, 0),
        ({"asn": "AS"}, 0),
        ({"asn": -1}, 0),
        ({"asn": ""}, 0),
        ({"asn": [1]}, 0),
        (None, 0),
    ],
)
def test_an_owner_is_read_from_every_known_shape(record: object, owner: int) -> None:
    assert owner_of(record) == owner


def test_the_shipped_database_says_what_the_registries_do_and_when_it_was_made() -> None:
    shipped = places()
    assert asked(
        shipped,
        "8.8.8.8",
        "1.0.16.1",
        "133.11.0.1",
        "2001:200::1",
        "2001:200:135::1",
        "2a00:1450::1",
        "203.119.8.1",
    ) == [("US", 0), ("JP", 0), ("JP", 0), ("JP", 0), ("US", 0), ("IE", 0), ("VN", 0)]
    assert shipped.build(DAY) == "country IPFire-Location-Country 2026-06-25"
    assert SHIPPED.stat().st_size < 8_000_000
    assert (SHIPPED.parent / "LICENCES.md").read_text(encoding="utf-8").count("2026-06-25") == 1


def test_the_compiled_search_agrees_with_the_library_for_random_addresses() -> None:
    chance = random.Random(1)
    addresses = [str(ip_address(chance.getrandbits(32))) for _ in range(2000)]
    addresses += [str(IPv6Address(1 << 125 | chance.getrandbits(125))) for _ in range(1000)]
    addresses += [str(IPv6Address(0x2A00 << 112 | chance.getrandbits(116))) for _ in range(2000)]
    found = [country for country, _ in asked(places(), *addresses)]
    with maxminddb.open_database(SHIPPED) as reader:
        expected = [country_of(reader.get(address)) or "ZZ" for address in addresses]
    reserved = ("10.", "127.", "0.", "2001:db8:")
    differ = [
        address
        for address, one, other in zip(addresses, found, expected, strict=True)
        if one != other and not address.startswith(reserved)
    ]
    assert differ == []
    assert len(set(found)) > 80


def test_reserved_addresses_have_no_country_and_no_owner_whatever_a_database_says(tmp_path: Path) -> None:
    everywhere = {"0.0.0.0/0": {"country_code": "JP", "asn": 1}, "2000::/3": {"country_code": "JP", "asn": 1}}
    file = write(tmp_path / "all.mmdb", everywhere)
    reserved = """0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 169.254.1.1 172.16.0.1 172.31.255.255
        192.0.0.1 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1
        224.0.0.1 255.255.255.255 :: ::1 fe80::1 fc00::1 ff02::1 2001:db8::1 2001:db8:ffff::1 3fff::1
        3fff:fff:ffff::1 4000::"""
    others = """1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 192.0.1.0
        192.0.3.0 198.17.255.255 198.20.0.0 223.255.255.255 2000:: 2001:db7:ffff::1 2001:db9::1 3ffe::1
        3fff:1000::1"""
    both = places(file, file)
    assert set(asked(both, *reserved.split())) == {("ZZ", 0)}
    assert set(asked(both, *others.split())) == {("JP", 1)}


def test_nothing_asked_is_nothing_answered() -> None:
    assert asked(places()) == []


@pytest.mark.parametrize("bits", [24, 28, 32])
def test_every_record_size_is_read(tmp_path: Path, bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fixed(writer: Any) -> None:
        writer.record_size, writer.data_offset = bits, bits // 4 * writer._node_counter

    monkeypatch.setattr("mmdb_writer.TreeWriter._adjust_record_size", fixed)
    file = write(
        tmp_path / "sized.mmdb", {"1.2.0.0/16": {"country_code": "JP"}, "1.3.0.0/16": {"country_code": "VN"}}
    )
    found = asked(places(file), "1.2.3.4", "1.3.0.0", "1.3.255.255", "1.4.0.0", "1.1.255.255")
    assert [country for country, _ in found] == ["JP", "VN", "VN", "ZZ", "ZZ"]
    with maxminddb.open_database(file) as reader:
        assert reader.metadata().record_size == bits


def test_a_database_of_ipv4_alone_knows_nothing_of_ipv6(tmp_path: Path) -> None:
    file = write(tmp_path / "four.mmdb", {"1.2.0.0/16": {"country_code": "JP"}}, version=4)
    assert asked(places(file), "1.2.3.4", "2001:200::1", "9.9.9.9") == [("JP", 0), ("ZZ", 0), ("ZZ", 0)]


def test_an_ipv6_database_without_ipv4_knows_nothing_of_ipv4(tmp_path: Path) -> None:
    file = write(tmp_path / "six.mmdb", {"2001:200::/32": {"country_code": "JP"}})
    assert asked(places(file), "1.2.3.4", "2001:200::1") == [("ZZ", 0), ("JP", 0)]


def test_country_and_owner_come_from_their_own_databases(tmp_path: Path) -> None:
    country = write(tmp_path / "country.mmdb", {"1.2.0.0/16": {"country": {"iso_code": "VN"}}})
    owner = write(tmp_path / "asn.mmdb", {"1.2.3.0/24": {"autonomous_system_number": 64496}})
    both = places(country, owner)
    assert asked(both, "1.2.3.4", "1.2.4.4", "1.3.3.4") == [("VN", 64496), ("VN", 0), ("ZZ", 0)]
    assert [part.split()[0] for part in both.build(DAY).split(", ")] == ["country", "owner"]


def test_the_database_that_was_valid_on_the_day_decides(tmp_path: Path) -> None:
    old = write(tmp_path / "old.mmdb", {"1.2.0.0/16": {"country_code": "VN"}})
    new = write(tmp_path / "new.mmdb", {"1.2.0.0/16": {"country_code": "JP"}})
    dated = Places(
        Geo(
            country=(
                DatabaseSetting(path=old, since=date(2020, 6, 1), until=date(2020, 6, 24)),
                DatabaseSetting(path=new, since=date(2020, 6, 24)),
            )
        )
    )
    days = [DAY - 1, DAY, DAY + 1000, DAY - 100]
    assert [asked(dated, "1.2.3.4", day=day)[0][0] for day in days] == ["VN", "JP", "JP", "ZZ"]
    assert [dated.edition(day) for day in days] == [(0,), (1,), (1,), ()]
    assert dated.build(DAY - 100) == ""


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.exists, "cannot be read: No such file or directory"),
        (lambda file: file.mkdir(), "cannot be read: Is a directory"),
        (lambda file: file.write_bytes(b""), "is no MMDB, or a broken one: "),
        (lambda file: file.write_bytes(b"no database" * 100), "is no MMDB, or a broken one: "),
        (
            lambda file: write(file, {"1.2.0.0/16": {"asn": 64496, "isp": "E"}}),
            "gives no country: its records have asn, isp, but none of country.iso_code, country_code, ",
        ),
        (lambda file: write(file, {}), "gives no country: its records have nothing, but none of "),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_that_names_setting_file_and_reason(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    file = tmp_path / "broken.mmdb"
    make(file)
    with pytest.raises(GeoError) as error:
        places(file)
    assert str(error.value).startswith(f"geo.country[0]: {file}: {message}")


def test_all_files_that_cannot_be_used_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(GeoError) as error:
        places(tmp_path / "a", tmp_path / "b")
    assert [line.partition(": cannot")[0] for line in str(error.value).splitlines()] == [
        f"geo.country[0]: {tmp_path / 'a'}",
        f"geo.owner[0]: {tmp_path / 'b'}",
    ]


def test_a_changed_file_is_taken_up_without_a_restart(tmp_path: Path) -> None:
    file = write(tmp_path / "country.mmdb", {"1.2.0.0/16": {"country_code": "VN"}})
    one = places(file)
    assert asked(one, "1.2.3.4")[0][0] == "VN"
    assert one.refresh() == []
    write(tmp_path / "new.mmdb", {"1.2.0.0/16": {"country_code": "JP"}}).replace(file)
    assert asked(one, "1.2.3.4")[0][0] == "VN"
    assert one.refresh() == []
    assert asked(one, "1.2.3.4")[0][0] == "JP"


def test_a_file_that_breaks_is_reported_once_and_the_old_content_stays_in_force(tmp_path: Path) -> None:
    file = write(tmp_path / "country.mmdb", {"1.2.0.0/16": {"country_code": "VN"}})
    good = file.read_bytes()
    one = places(file)
    with file.open("r+b") as content:
        content.truncate(10)  # in place, as a copy that is under way
    assert asked(one, "1.2.3.4", "1.2.3.5")[0][0] == "VN"
    assert [str(error).partition(": is no MMDB")[0] for error in one.refresh()] == [str(file)]
    assert one.refresh() == []
    file.unlink()
    assert [str(error) for error in one.refresh()] == [f"{file}: cannot be read: No such file or directory"]
    assert one.refresh() == []
    assert asked(one, "1.2.3.4")[0][0] == "VN"
    file.write_bytes(good)
    assert one.refresh() == []
    file.unlink()
    assert len(one.refresh()) == 1


def test_the_list_of_research_scanners_is_taken_up_when_it_changes(tmp_path: Path) -> None:
    listed = tmp_path / "research.csv"
    listed.write_text("1.2.0.0/16,One\n")
    one = Places(Geo(), listed)

    def who() -> list[bool]:
        addresses = np.array([int(ip_address(text)) for text in ("1.2.3.4", "5.6.7.8")])
        return one.are_research(np.array([4, 4]), np.zeros(2, np.int64), addresses).tolist()

    assert who() == [True, False]
    assert one.refresh() == []
    listed.write_text("5.6.0.0/16,Another\n")
    assert one.refresh() == []
    assert who() == [False, True]
    listed.write_text("nobody knows\n")
    assert [str(error).partition(": ")[0] for error in one.refresh()] == [f"{listed} line 1"]
    assert one.refresh() == []
    assert who() == [False, True]
    listed.unlink()
    assert [str(error) for error in one.refresh()] == [f"{listed}: cannot be read: No such file or directory"]
    assert who() == [False, True]


def test_a_list_of_research_scanners_that_cannot_be_used_is_an_error_beside_the_others(
    tmp_path: Path,
) -> None:
    listed = tmp_path / "research.csv"
    listed.write_text("1.2.0.0/16\nx,y\n")
    with pytest.raises(GeoError) as error:
        Places(Geo(country=(DatabaseSetting(path=tmp_path / "a"),)), listed)
    assert [line.partition(": ")[0] for line in str(error.value).splitlines()] == [
        "research",
        "research",
        "geo.country[0]",
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(
    # As many in the last bytes, the metadata, as in all others.
    changes=st.lists(
        st.tuples(st.integers(0, 1 << 20) | st.integers(-300, -1), st.integers(0, 255)),
        min_size=1,
        max_size=8,
    )
)
def test_a_damaged_database_gives_answers_or_a_named_error_but_never_a_crash(
    tmp_path: Path, changes: list[tuple[int, int]]
) -> None:
    whole = tmp_path / "whole.mmdb"
    if not whole.exists():
        records = {
            f"{first}.{second}.0.0/16": {"asn": first * second, "x": "y" * first}
            for first in range(1, 9)
            for second in range(1, 9)
        }
        write(whole, records)
    content = bytearray(whole.read_bytes())
    for place, value in changes:
        content[place % len(content)] = value
    damaged = tmp_path / "damaged.mmdb"
    damaged.write_bytes(content)
    sources = np.arange(0, 1 << 32, 1 << 18, dtype=np.uint64)
    try:
        found = Database(damaged, OWNER).four(sources)
    except GeoError as error:
        named = str(error).startswith(str(damaged))
    else:
        named = len(found) == len(sources)
    assert named


METADATA = b"\xab\xcd\xefMaxMind.com"

ANSWERS = {"8.0.0.0/16": {"country_code": "US"}, "8.1.0.0/16": {"country_code": "VN"}}


@pytest.mark.parametrize("part", [*range(0, 100, 7), 99])
def test_a_file_that_was_cut_is_refused_wherever_it_ends(tmp_path: Path, part: int) -> None:
    file = write(tmp_path / "cut.mmdb", ANSWERS)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * part // 100])
    with pytest.raises(GeoError, match=r"^.*/cut\.mmdb: is no MMDB, or a broken one: "):
        Database(file, COUNTRY)


@pytest.mark.parametrize(
    "wrong",
    [
        {"node_count": 0},
        {"node_count": 1 << 30},
        {"node_count": "many"},
        {"record_size": 0},
        {"record_size": 20},
        {"record_size": 32},
        {"record_size": 1 << 31},
        {"ip_version": "six"},
        {"ip_version": 5},
        {"build_epoch": (1 << 64) - 1},
        {"build_epoch": "yesterday"},
        {"node_count": None},
        {"record_size": None},
        {"build_epoch": None},
        {"binary_format_major_version": None},
        dict.fromkeys(("node_count", "record_size", "ip_version", "database_type", "build_epoch")),
    ],
    ids=str,
)
def test_metadata_that_are_wrong_or_missing_are_refused_by_the_name_of_the_file(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    file = write(tmp_path / "wrong.mmdb", ANSWERS)
    with maxminddb.open_database(file, maxminddb.MODE_FILE) as reader:
        said = vars(reader.metadata()) | wrong
    kept = {name: value for name, value in said.items() if value is not None}
    content = file.read_bytes()
    content = content[: content.rindex(METADATA)] + METADATA + Encoder(cache=False).encode(kept)
    file.write_bytes(content)
    with pytest.raises(GeoError, match=r"^.*/wrong\.mmdb: "):
        Database(file, COUNTRY)


def test_a_file_that_may_not_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    file = write(tmp_path / "secret.mmdb", ANSWERS)
    file.chmod(0)
    settings_file = tmp_path / "darkscope.toml"
    settings_file.write_text(f'[geo]\ncountry = "{file}"\n')
    code, _, errors = run("check", "--settings", settings_file, within=AS_ANYBODY)
    assert code == 2
    assert f"geo.country[0]: {file}: cannot be read: Permission denied" in errors


def test_a_search_tree_longer_than_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "cut.mmdb"
    shutil.copy(SHIPPED, file)
    content = file.read_bytes()
    metadata = content.rindex(METADATA)
    file.write_bytes(content[:1_000_000] + content[metadata:])
    with pytest.raises(GeoError, match=r"cut\.mmdb: is "):
        Database(file, COUNTRY)
