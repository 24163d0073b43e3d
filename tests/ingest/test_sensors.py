from __future__ import annotations

import dataclasses
from datetime import date
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from darkscope.ingest.capture.frames import NO_TIME
from darkscope.ingest.decode.columns import Packets, empty
from darkscope.ingest.sensors import (
    FIRST_TIME,
    INBOUND,
    LAST_TIME,
    OUTSIDE,
    OWN,
    STRAY,
    TABLE,
    AmbiguousSensorError,
    Sensors,
    UnknownSensorError,
    Watched,
)
from darkscope.ingest.settings import Settings

DAY = 86_400_000_000_000


def sensors(*entries: dict[str, Any], unknown: str = "named") -> Sensors:
    return Sensors(Settings.model_validate({"sensors": entries, "ingest": {"unknown_sensors": unknown}}))


def packets(*pairs: tuple[str, str]) -> Packets:
    columns = empty(len(pairs))
    for field in dataclasses.fields(columns):
        getattr(columns, field.name)[:] = 0
    for index, (source, target) in enumerate(pairs):
        columns.version[index] = ip_address(source).version
        columns.source_high[index], columns.source_low[index] = divmod(int(ip_address(source)), 1 << 64)
        columns.target_high[index], columns.target_low[index] = divmod(int(ip_address(target)), 1 << 64)
    return columns


def directions(entry: dict[str, Any], *pairs: tuple[str, str]) -> list[int]:
    sensor = sensors({"id": "a", **entry}).of_id("a")
    return list(sensor.direction(packets(*pairs), np.zeros(len(pairs), np.int64)).tolist())


@pytest.mark.parametrize(
    ("path", "id_"),
    [
        ("captures/tokyo-1/0001.pcap", "tokyo-1"),
        ("/data/captures/tokyo-1/2026/04/0001.pcap", "tokyo-1"),
        ("captures/tokyo-10/0001.pcap", "tokyo-10"),
        ("/srv/osaka/0001.pcap", "osaka"),
        ("/elsewhere/srv/osaka/0001.pcap", "osaka"),  # by rule 2
        ("nagoya/2026-04-01/0001.pcap", "nagoya"),
        ("nagoya/hanoi/0001.pcap", "hanoi"),  # the nearest folder that names one
        ("kyoto/0001.pcap", "kyoto"),
    ],
)
def test_a_capture_belongs_to_the_sensor_of_its_pattern_or_folder(path: str, id_: str) -> None:
    known = sensors(
        {"id": "tokyo-1", "captures": ["captures/tokyo-1/*"]},
        {"id": "tokyo-10", "captures": ["./captures/tokyo-10/*.pcap"]},
        {"id": "osaka", "captures": ["/srv/osaka/*"]},
        {"id": "nagoya"},
        {"id": "hanoi"},
    )
    assert known.of_capture(path).id == id_


@pytest.mark.parametrize(
    ("address", "id_"),
    [
        ("s3://captures/tokyo/2020/06-24.pcap", "tokyo"),
        ("s3://captures/osaka/2020/06-24.pcap", "kansai"),
        ("gs://kyoto/2020/06-24.pcap", "kansai"),
        ("s3://captures/hanoi/06-24.pcap", "hanoi"),
        ("s3://sapporo-1/2020/06-24.pcap", "sapporo-1"),
    ],
)
def test_an_address_in_object_storage_is_a_path_whose_topmost_folder_is_the_bucket(
    address: str, id_: str
) -> None:
    known = sensors(
        {"id": "tokyo"}, {"id": "kansai", "captures": ["osaka/*", "gs://kyoto/*.pcap"]}, {"id": "hanoi"}
    )
    assert known.of_capture(address).id == id_


def test_standard_input_belongs_to_the_sensor_whose_captures_name_it() -> None:
    assert sensors({"id": "tokyo", "captures": ["-"]}, unknown="refused").of_capture("-").id == "tokyo"
    assert sensors({"id": "stdin"}, unknown="refused").of_capture("-").is_known


def test_one_capture_may_hold_several_sensors_by_interface() -> None:
    known = sensors(
        {"id": "left", "captures": ["both/*"], "interfaces": ["eth0", "eth2"]},
        {"id": "right", "captures": ["both/*"], "interfaces": ["eth1"]},
    )
    found = [known.of_capture("both/x.pcapng", name).id for name in ("eth0", "eth1", "eth2", "eth3", "")]
    assert found == ["left", "right", "left", "both", "both"]


def test_a_capture_of_two_sensors_is_an_error_that_names_it_and_them() -> None:
    known = sensors({"id": "a", "captures": ["x/*"]}, {"id": "b", "captures": ["*.pcap"]})
    with pytest.raises(AmbiguousSensorError) as error:
        known.of_capture("x/y.pcap")
    assert str(error.value) == "x/y.pcap: belongs to several sensors: a, b"


def test_two_entries_of_one_sensor_may_share_its_captures() -> None:
    known = sensors(
        {"id": "a", "captures": ["x/*"], "until": date(2020, 1, 1)},
        {"id": "a", "captures": ["x/*"], "since": date(2020, 1, 1)},
    )
    assert known.of_capture("x/y.pcap").id == "a"


@pytest.mark.parametrize(
    ("path", "id_"),
    [
        ("/captures/tokyo/x.pcap", "tokyo"),
        ("/captures/tokyo/2026-04-01/13/x.pcap", "tokyo"),
        ("/2026/x.pcap.gz", "x"),
        ("/.pcap", "unnamed"),
        ("/captures/東京/x.pcap", "東京"),
        ("/captures/a b&c/x.pcap", "a-b-c"),
        ("/captures/.hidden/x.pcap", "hidden"),
        ("-", "stdin"),
    ],
)
def test_an_unknown_sensor_is_named_by_its_folder_a_telescope_at_home_without_networks(
    path: str, id_: str
) -> None:
    sensor = sensors().of_capture(path)
    (entry,) = sensor.entries
    assert (sensor.id, sensor.is_known) == (id_, False)
    assert (entry.kind.value, entry.home, entry.organisation) == ("telescope", True, "")
    assert (entry.since, entry.until, entry.watched.is_everything) == (FIRST_TIME, LAST_TIME, True)


def test_a_capture_has_one_sensor_however_its_path_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tokyo").mkdir()
    found = set()
    for folder, path in (
        (tmp_path, "tokyo/x.pcap"),
        (tmp_path, "./tokyo/../tokyo/x.pcap"),
        (tmp_path / "tokyo", "x.pcap"),
        (tmp_path, str(tmp_path / "tokyo" / "x.pcap")),
    ):
        monkeypatch.chdir(folder)
        found.add(sensors().of_capture(path).id)
    assert found == {"tokyo"}


def test_unknown_sensors_are_refused_where_the_settings_say_so() -> None:
    known = sensors({"id": "tokyo", "interfaces": ["eth0"]}, unknown="refused")
    assert known.of_capture("tokyo/x.pcap").id == "tokyo"
    assert known.of_interface("eth0").id == "tokyo"
    for ask, what in (
        (known.of_capture, "osaka/x.pcap"),
        (known.of_interface, "eth1"),
        (known.of_capture, "-"),
    ):
        with pytest.raises(UnknownSensorError, match="of no sensor in the settings"):
            ask(what)


def test_a_live_interface_belongs_to_its_sensor_or_names_one() -> None:
    known = sensors({"id": "tokyo", "interfaces": ["eth0"], "captures": ["spool/*"]})
    assert [known.of_interface(name).id for name in ("eth0", "wlan0", "br-ab/cd")] == [
        "tokyo",
        "wlan0",
        "br-ab-cd",
    ]


def test_packets_are_inbound_own_or_stray_by_the_networks() -> None:
    assert directions(
        {"networks": ["192.0.2.0/25", "192.0.2.128/25", "198.51.100.7", "2001:db8::/64"]},
        ("203.0.113.1", "192.0.2.0"),
        ("203.0.113.1", "192.0.2.255"),
        ("203.0.113.1", "192.0.3.0"),
        ("203.0.113.1", "192.0.1.255"),
        ("203.0.113.1", "198.51.100.7"),
        ("203.0.113.1", "198.51.100.8"),
        ("192.0.2.9", "203.0.113.1"),
        ("192.0.2.9", "198.51.100.7"),  # between two watched addresses
        ("192.0.2.9", "192.0.2.9"),  # LAND
        ("2001:db9::1", "2001:db8::ffff:ffff:ffff:ffff"),
        ("2001:db9::1", "2001:db8:0:1::"),
        ("2001:db8::1", "2001:db9::1"),
        ("::c000:209", "::c000:20a"),  # an IPv4 address's number is another in IPv6
    ) == [
        INBOUND,
        INBOUND,
        STRAY,
        STRAY,
        INBOUND,
        STRAY,
        OWN,
        OWN,
        INBOUND,
        INBOUND,
        STRAY,
        OWN,
        STRAY,
    ]  # fmt: skip


def test_without_networks_every_packet_is_inbound() -> None:
    assert directions({}, ("203.0.113.1", "192.0.2.0"), ("2001:db8::1", "::1")) == [INBOUND, INBOUND]


def test_with_ipv4_networks_alone_ipv6_is_stray_and_the_other_way_round() -> None:
    assert directions({"networks": ["0.0.0.0/0"]}, ("2001:db8::1", "2001:db8::2")) == [STRAY]
    assert directions({"networks": ["::/0"]}, ("192.0.2.1", "192.0.2.2")) == [STRAY]


def test_the_entry_of_the_packets_time_decides_and_none_is_outside() -> None:
    sensor = sensors(
        {"id": "a", "networks": ["192.0.2.0/24"], "since": date(1970, 1, 2), "until": date(1970, 1, 3)},
        {"id": "a", "networks": ["198.51.100.0/24"], "since": date(1970, 1, 3), "until": date(1970, 1, 5)},
    ).of_id("a")
    time = np.array([DAY - 1, DAY, 2 * DAY - 1, 2 * DAY, 4 * DAY - 1, 4 * DAY, NO_TIME], np.int64)
    found = sensor.direction(packets(*[("203.0.113.1", "192.0.2.1")] * len(time)), time)
    assert found.tolist() == [OUTSIDE, INBOUND, INBOUND, STRAY, STRAY, OUTSIDE, OUTSIDE]


def test_a_frame_without_a_time_is_outside_also_of_a_sensor_without_dates() -> None:
    sensor = sensors().of_id("a")
    time = np.array([NO_TIME, FIRST_TIME, 0, LAST_TIME - 1], np.int64)
    found = sensor.direction(packets(*[("203.0.113.1", "192.0.2.1")] * 4), time)
    assert found.tolist() == [OUTSIDE, INBOUND, INBOUND, INBOUND]


NETWORKS = st.builds(
    lambda address, length: ip_network((address, length), strict=False),
    st.integers(0, 2**32 - 1).map(IPv4Address),
    st.integers(0, 32),
) | st.builds(
    lambda address, length: ip_network((address, length), strict=False),
    st.integers(0, 2**128 - 1).map(IPv6Address),
    st.integers(0, 128),
)


@given(st.lists(NETWORKS, min_size=1, max_size=12), st.data())
def test_direction_agrees_with_the_standard_library(
    networks: list[IPv4Network | IPv6Network], data: st.DataObject
) -> None:
    ends = [network[0] for network in networks] + [network[-1] for network in networks]

    def near(version: int) -> st.SearchStrategy[IPv4Address | IPv6Address]:
        kind, top = (IPv4Address, 2**32 - 1) if version == 4 else (IPv6Address, 2**128 - 1)
        values = [int(end) for end in ends if end.version == version] or [0]
        return st.builds(
            lambda value, step: kind(min(max(value + step, 0), top)),
            st.sampled_from(values),
            st.integers(-1, 1),
        )

    pairs = data.draw(
        st.lists(st.one_of(st.tuples(near(4), near(4)), st.tuples(near(6), near(6))), max_size=20)
    )

    def expected(source: IPv4Address | IPv6Address, target: IPv4Address | IPv6Address) -> int:
        if source != target and any(source in network for network in networks):
            return OWN
        return INBOUND if any(target in network for network in networks) else STRAY

    texts = [(str(source), str(target)) for source, target in pairs]
    found = directions({"networks": [str(network) for network in networks]}, *texts)
    assert found == [expected(source, target) for source, target in pairs]


def test_watched_addresses_are_counted_once() -> None:
    watched = Watched.of(
        [
            ip_network(text)
            for text in ("192.0.2.0/25", "192.0.2.128/25", "192.0.2.7", "10.0.0.1", "2001:db8::/48", "::1")
        ]
    )
    assert (watched.addresses, watched.subnets) == (257, 65_537)
    assert (watched.start.tolist(), watched.end.tolist()) == (
        [0x0A000001, 0xC0000200],
        [0x0A000001, 0xC00002FF],
    )
    assert Watched.of([ip_network("0.0.0.0/0")]).addresses == 2**32
    assert Watched.of([ip_network("::/0")]).subnets == 2**63 - 1  # as many as the tables can hold


def test_the_table_has_each_entry_and_a_row_for_those_the_settings_do_not_have() -> None:
    known = sensors(
        {
            "id": "tokyo",
            "name": "Tokyo",
            "organisation": "U",
            "kind": "honeypot",
            "home": False,
            "country": "jp",
            "networks": ["192.0.2.0/24"],
            "since": date(2020, 1, 1),
        }
    )
    expected = pl.DataFrame(
        [
            ("tokyo", "Tokyo", "U", "honeypot", False, "JP", 256, 0, date(2020, 1, 1), None),
            ("attic", "attic", "", "telescope", True, "ZZ", 0, 0, None, None),
        ],
        schema=TABLE,
        orient="row",
    )
    assert_frame_equal(known.table(["attic", "tokyo"]), expected)
    assert [sensor.id for sensor in known] == ["tokyo"]


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("captures/shared/1.pcap", {"a", "b", "shared"}),  # an interface that neither names is the folder's
        ("captures/both/1.pcap", {"a", "c"}),  # c has every interface there
        ("captures/a/1.pcap", {"a"}),
        ("captures/2020/nobody/1.pcap", {"nobody"}),
        ("s3://bucket/shared/1.pcap", {"a", "b", "shared"}),
        ("-", {"stdin"}),
    ],
)
def test_sensors_that_may_have_a_capture_are_told_without_its_interfaces(path: str, ids: set[str]) -> None:
    known = sensors(
        {"id": "a", "captures": ["shared/*", "both/*", "s3://*/shared/*"], "interfaces": ["eth0"]},
        {"id": "b", "captures": ["shared/*", "s3://*/shared/*"], "interfaces": ["eth1"]},
        {"id": "c", "captures": ["both/*"]},
    )
    assert known.that_may_have(path) == ids


def test_no_sensor_may_have_a_capture_that_is_refused() -> None:
    assert sensors({"id": "a"}, unknown="refused").that_may_have("captures/b/1.pcap") == frozenset()
