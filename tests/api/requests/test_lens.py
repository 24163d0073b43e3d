from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_ledger import asked

from darkscope.api.requests.lens import marked, undecided
from darkscope.api.requests.rules import Rules, parse
from darkscope.api.requests.wanted import Wanted
from darkscope.ingest.honeypot.rows import MOST_PREVIEW

RULE = """\
id: {id}
title: T
cves: {cves}
vendor: V
product: P
references: [https://example.com/]
requests: {requests}
must_match: [x]
must_not_match: [y]
"""


def rules(**requests: str) -> Rules:
    found = [
        parse(RULE.format(id=name, requests=shape, cves="[CVE-2020-0001]").encode(), f"{name}.yaml")
        for name, shape in requests.items()
    ]
    return Rules(tuple(found))


def named(rules: Rules, *rows: dict[str, Any], wanted: Wanted | None = None) -> list[list[str]]:
    found = marked(rules, wanted or Wanted())(asked(rows).lazy()).collect()
    return found["rules"].to_list()


SHELL = {"headers": "Host: a\nuser-AGENT: () { :; }; echo\nX-Other: 1"}


def test_all_that_a_shape_gives_must_hold_and_any_shape_will_do() -> None:
    one = rules(album=r"[{method: [POST], path: 'album\.php$'}, {body: 'f=\.{2}'}]")
    rows = [
        {"method": "POST", "path": "/album.php"},
        {"method": "GET", "path": "/album.php"},
        {"method": "POST", "path": "/album.php?a"},
        {"method": "PUT", "path": "/", "preview": "a=1&f=.."},
    ]
    assert named(one, *rows) == [["album"], [], [], ["album"]]


def test_header_fields_are_found_by_name_in_any_case_and_others_do_not_count() -> None:
    one = rules(shellshock=r"[{headers: {user-agent: '^\(\) \{'}}]", other="[{headers: {x-other: '^1$'}}]")
    assert named(one, SHELL, {"headers": "X-A: 1\nX-User-Agent: () { :; }"}, {"headers": ""}) == [
        ["shellshock", "other"],
        [],
        [],
    ]


def test_anywhere_is_target_host_fields_and_first_bytes() -> None:
    one = rules(jndi=r"[{anywhere: '(?i)\$\{jndi:'}]")
    rows = [
        {"path": "/?a=${jndi:ldap://x}"},
        {"host": "${JNDI:x}"},
        {"headers": "A: ${jndi:x}"},
        {"preview": "${jndi:x}", "kind": "unknown"},
        {"agent": "jndi:"},
    ]
    assert named(one, *rows) == [["jndi"]] * 4 + [[]]


def test_requests_are_chosen_by_target_method_application_and_rule() -> None:
    one = rules(album="[{path: album}]", photo="[{path: photo}]")
    rows = [
        {"path": "/photo/album.php"},
        {"path": "/photo", "method": "POST"},
        {"path": "/(a|b)+[c].$^{}"},
        {"path": "", "kind": "tls", "host": "example.com", "method": ""},
    ]

    def chosen(**how: Any) -> list[int]:
        numbered = [{**row, "size": number} for number, row in enumerate(rows)]
        return marked(one, Wanted(**how))(asked(numbered).lazy()).collect()["size"].to_list()

    assert chosen() == [0, 1, 2, 3]
    assert chosen(paths=("/photo",)) == [1]
    assert chosen(paths=("/photo*", "example.*")) == [0, 1, 3]
    assert chosen(paths=("/(a|b)+[c].$^{}",)) == [2]
    assert chosen(paths=("*",), methods=("get",)) == [0, 2]
    assert chosen(applications=("TLS",)) == [3]
    assert chosen(rules=("ALBUM",)) == [0]
    assert chosen(rules=("CVE-2020-0001",)) == [0, 1]
    assert chosen(rules=("none",)) == [2, 3]
    assert chosen(rules=("none", "album")) == [0, 2, 3]


def test_a_request_keeps_the_names_of_all_rules_when_one_is_asked_for() -> None:
    one = rules(album="[{path: album}]", photo="[{path: photo}]")
    assert named(one, {"path": "/photo/album.php"}, wanted=Wanted(rules=("album",))) == [["album", "photo"]]


def test_no_rules_name_nothing() -> None:
    assert named(Rules.none(), {"path": "/"}) == [[]]
    assert named(Rules.none(), {"path": "/"}, wanted=Wanted(rules=("none",))) == [[]]


def test_what_was_cut_off_is_undecided_only_where_it_could_tell() -> None:
    one = rules(
        body="[{path: cgi, body: 'x$'}]", path="[{path: cgi}]", either="[{path: never}, {body: 'x$'}]"
    )
    full, cut = "a" * (MOST_PREVIEW - 4), "a" * MOST_PREVIEW
    rows = [
        {"path": "/cgi", "preview": full},
        {"path": "/cgi", "preview": cut},
        {"path": "/cgi", "preview": "a" * (MOST_PREVIEW - 1) + "x"},
        {"path": "/other", "preview": cut},
        {"path": "/less", "preview": "a" * (MOST_PREVIEW - 3)},
    ]
    found = undecided(one, Wanted())(asked(rows).lazy()).collect()
    assert dict(zip(found["path"] + found["preview"].str.tail(1), found["rules"].to_list(), strict=True)) == {
        "/cgia": ["body", "either"],
        "/cgix": [],
        "/othera": ["either"],
        "/lessa": ["either"],
    }


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "^(.*)*$", "(x+x+)+y"])
def test_patterns_that_blow_up_elsewhere_take_no_time(pattern: str) -> None:
    one = rules(slow=f"[{{path: '{pattern}', anywhere: '{pattern}'}}]")
    assert len(named(one, {"path": "a" * 50_000 + "!", "preview": "x" * 50_000})) == 1


@settings(deadline=None, max_examples=40)
@given(
    st.fixed_dictionaries(
        {
            name: st.text()
            for name in ("kind", "method", "path", "host", "agent", "headers", "preview", "body")
        }
    ),
    st.text(min_size=1),
)
def test_no_text_of_strangers_or_askers_breaks_the_lens(row: dict[str, str], path: str) -> None:
    shipped = Rules.read(None)
    frame = asked([row])
    found = marked(shipped, Wanted(paths=("*",)))(frame.lazy()).collect()
    assert (len(found), found.schema["rules"]) == (1, pl.List(pl.String))
    assert len(undecided(shipped, Wanted())(frame.lazy()).collect()) <= 1
    exact = marked(shipped, Wanted(paths=(path,)))(asked([{"path": path}, {"path": path + "x"}]).lazy())
    assert path in exact.collect()["path"].to_list()
