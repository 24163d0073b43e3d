from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from darkscope.api.console.search import MOST, find
from darkscope.api.console.words import words
from darkscope.ingest.values import Language

EN, JA = words(Language.EN), words(Language.JA)


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("192.0.2.7", ("/sources", ("192.0.2.7",))),
        (" 2001:DB8:0::7 ", ("/sources", ("2001:db8::7",))),
        ("445/tcp", ("/ports", ("tcp", "445"))),
        ("\N{FULLWIDTH DIGIT TWO}\N{FULLWIDTH DIGIT THREE}/udp", ("/ports", ("udp", "23"))),
        ("icmp", ("/ports", ("icmp", "0"))),
        ("VN", ("/regions", ("VN",))),
        ("vietnam", ("/regions", ("VN",))),
        ("ベトナム", ("/regions", ("VN",))),
        ("米国", ("/regions", ("US",))),
        ("AS64500", ("/", ())),
    ],
)
def test_what_can_be_meant_in_one_way_alone_is_found_at_once(
    text: str, page: tuple[str, tuple[str, ...]]
) -> None:
    (hit,) = find(text, JA)
    assert (hit.path, hit.parts) == page
    assert hit.changes == ({"owner": "AS64500"} if text == "AS64500" else {})


def test_a_number_is_a_port_of_either_protocol_and_a_service_all_its_ports() -> None:
    assert [hit.label for hit in find("445", EN)] == ["445/TCP (microsoft-ds)", "445/UDP (microsoft-ds)"]
    assert {hit.parts for hit in find("telnet", EN)} == {("tcp", "23"), ("udp", "23")}
    assert [hit.label for hit in find("korea", EN)] == ["KP North Korea", "KR South Korea"]


@pytest.mark.parametrize("text", ["", "   ", "70000/tcp", "no such thing at all", "<script>", "\x00"])
def test_what_means_nothing_finds_nothing(text: str) -> None:
    assert find(text, EN) == []


@given(some.text(max_size=50))
def test_no_text_is_a_mistake(text: str) -> None:
    assert len(find(text, EN)) <= MOST
