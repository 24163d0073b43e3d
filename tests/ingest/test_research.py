from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkscope.ingest.research import Research, ResearchError


def names(research: Research, *addresses: str) -> list[str]:
    sources = [ip_address(address) for address in addresses]
    halves = [divmod(int(source), 1 << 64) for source in sources]
    return research.names(
        np.array([source.version for source in sources], np.int16),
        np.array([high for high, _ in halves], np.uint64),
        np.array([low for _, low in halves], np.uint64).view(np.int64),  # as the ledger has them
    ).to_list()


def test_the_longest_prefix_names_a_source_and_others_have_no_name() -> None:
    research = Research.parse(
        "# who measures\n\n192.0.2.0/24,Project, Inc.\n192.0.2.128/25, Other \n2001:db8::/32,Six\n"
        "2001:db8::1/128,Host\n2001:db8:0:0:8000::/65,Half\n",
        "list",
    )
    assert len(research) == 5
    assert names(
        research,
        "192.0.2.1",
        "192.0.2.200",
        "192.0.3.1",
        "2001:db8::1",
        "2001:db8::2",
        "2001:db8::8000:0:0:1",
    ) == ["Project, Inc.", "Other", "", "Host", "Six", "Half"]


def test_an_ipv4_prefix_never_names_an_ipv6_source() -> None:
    assert names(Research.parse("0.0.0.0/0,all\n", "list"), "192.0.2.1", "::c000:201") == ["all", ""]


def test_without_a_file_nobody_has_a_name() -> None:
    assert names(Research.none(), "192.0.2.1") == [""]
    assert names(Research.none()) == []


def test_every_mistake_of_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "research.csv"
    file.write_text("192.0.2.0/24,A\n192.0.2.1/24,A\n\n198.51.100.0/24\nnobody,B\n192.0.2.0/24,B\n", "utf-8")
    with pytest.raises(ResearchError) as error:
        Research.read(file)
    assert str(error.value).splitlines() == [
        f"{file} line 2: 192.0.2.1/24 has host bits set",
        f"{file} line 4: 198.51.100.0/24 has no name: a line is `prefix,name`",
        f"{file} line 5: 'nobody' does not appear to be an IPv4 or IPv6 network",
        f"{file} line 6: 192.0.2.0/24 has another name in an earlier line",
    ]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResearchError, match=r"absent: cannot be read: No such file or directory"):
        Research.read(tmp_path / "absent")
    binary = tmp_path / "binary"
    binary.write_bytes(b"a\xff")
    with pytest.raises(ResearchError, match=r"binary: is not UTF-8 at byte 1"):
        Research.read(binary)


@given(
    st.dictionaries(
        st.builds(
            lambda value, length: ip_network((value, length), strict=False),
            st.integers(0, 2**32 - 1),
            st.integers(0, 32),
        ),
        st.sampled_from("abc"),
        max_size=8,
    ),
    st.lists(st.integers(0, 2**32 - 1), max_size=8),
)
def test_names_agree_with_the_standard_library(prefixes: dict[object, str], sources: list[int]) -> None:
    networks = {ip_network(str(prefix)): name for prefix, name in prefixes.items()}
    research = Research.parse("".join(f"{prefix},{name}\n" for prefix, name in networks.items()), "list")
    addresses = [IPv4Address(source) for source in sources] + [
        IPv4Address(int(prefix[-1])) for prefix in networks
    ]
    expected = []
    for address in addresses:
        holding = [prefix for prefix in networks if address in prefix]
        expected.append(networks[max(holding, key=lambda prefix: prefix.prefixlen)] if holding else "")
    assert names(research, *map(str, addresses)) == expected
