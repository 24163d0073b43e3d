from __future__ import annotations

from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkscope.api.dimension import ValueTextError
from darkscope.api.requests.lens import failures
from darkscope.api.requests.rules import DATES, LARGEST_FILE, Rules, RulesError, parse

RULE = """\
id: camera-shell
title: The ping page runs commands
cves: [CVE-2020-0001, CVE-2020-0002]
vendor: Example
product: Camera
disclosed: 2020-03-02
references: [https://example.com/advisory]
requests:
  - method: [POST]
    path: '^/ping\\.cgi'
must_match:
  - |
    POST /ping.cgi HTTP/1.1
must_not_match:
  - |
    GET / HTTP/1.1
"""


def test_a_rule_is_read_with_its_dates() -> None:
    rule = parse(RULE.encode(), "camera-shell.yaml")
    assert (rule.id, rule.cves) == ("camera-shell", ("CVE-2020-0001", "CVE-2020-0002"))
    assert (rule.disclosed, rule.proof_of_concept) == (date(2020, 3, 2), None)
    assert (rule.requests[0].method, rule.requests[0].path) == (("POST",), r"^/ping\.cgi")


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("disclosed: 2020-03-02", "disclosed: soon", "line 6: disclosed: input should be a valid date or datetime"),
        ("vendor: Example\n", "", "line 1: vendor: field required"),
        ("vendor:", "vender:", "line 4: vender: there is no such key; did you mean vendor?"),
        ("CVE-2020-0002", "2020-2", "line 3: cves[1]: string should match pattern"),
        ("https://example.com/advisory", "example", "line 7: references[0]: "),
        (r"'^/ping\.cgi'", "'^/ping(\\.cgi'", "line 10: requests[0].path: is no pattern: regex parse error"),
        (r"'^/ping\.cgi'", "'(?=look)around'", "line 10: requests[0].path: is no pattern: regex parse error"),
        (r"'^/ping\.cgi'", r"'(a)\1'", "line 10: requests[0].path: is no pattern: regex parse error"),
        ("    path: '^/ping\\.cgi'\n", "", "line 9: requests[0]: needs a pattern for path, headers, body or anywhere"),
        ("id: camera-shell", "id: other", "line 1: id: the file of 'other' is called other.yaml"),
        ("title:", "id: twice\ntitle:", "line 2: is no YAML: 'id' stands twice"),
        ("title: The", "title: [The", "is no YAML: "),
        ("must_not_match:", "must_not_matched:", "must_not_match: field required"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_line_and_key(old: str, new: str, mistake: str) -> None:
    assert old in RULE
    with pytest.raises(RulesError) as raised:
        parse(RULE.replace(old, new, 1).encode(), "camera-shell.yaml")
    assert any(mistake in line for line in str(raised.value).splitlines()), str(raised.value)
    assert all(line.startswith("camera-shell.yaml") for line in str(raised.value).splitlines())


@pytest.mark.parametrize(
    ("data", "mistake"),
    [
        (b"\xff", "x.yaml: is not UTF-8 at byte 0"),
        (b"", "x.yaml line 1: input should be a valid dictionary or instance of Rule"),
        (b"- a", "x.yaml line 1: input should be a valid dictionary or instance of Rule"),
        (b"&a [*a]", "x.yaml: is no YAML"),
        (b"x" * (LARGEST_FILE + 1), "x.yaml: is larger than 100,000 bytes"),
    ],
)
def test_what_is_no_rule_is_said_to_be_none(data: bytes, mistake: str) -> None:
    with pytest.raises(RulesError) as raised:
        parse(data, "x.yaml")
    assert str(raised.value).startswith(mistake)


@settings(deadline=None)
@given(
    st.binary()
    | st.text().map(str.encode)
    | st.text().map(lambda text: RULE.replace("Example", text).encode())
)
def test_no_bytes_break_the_reading_of_a_rule(data: bytes) -> None:
    with suppress(RulesError):
        assert parse(data, "camera-shell.yaml").id == "camera-shell"


def test_own_rules_join_the_shipped_ones_and_take_the_place_of_those_with_their_id(tmp_path: Path) -> None:
    shipped = Rules.read(None)
    (tmp_path / "camera-shell.yaml").write_text(RULE)
    album = RULE.replace("camera-shell", "qnap-photo-station-album").replace("Example", "Somebody")
    (tmp_path / "qnap-photo-station-album.yaml").write_text(album)
    both = Rules.read(tmp_path)
    assert len(both.rules) == len(shipped.rules) + 1
    assert both.digest != shipped.digest
    assert both.named(["qnap-photo-station-album"]).rules[0].vendor == "Somebody"


def test_every_mistake_of_a_folder_is_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(RULE)
    with pytest.raises(RulesError) as raised:
        Rules.read(tmp_path)
    assert [line.partition(" line")[0] for line in str(raised.value).splitlines()] == [
        f"{tmp_path}/a.yaml",
        f"{tmp_path}/b.yaml",
    ]
    with pytest.raises(RulesError, match="nowhere: is no folder"):
        Rules.read(tmp_path / "nowhere")


def test_rules_are_named_by_id_and_by_cve_in_any_case() -> None:
    rules = Rules.read(None)
    assert [rule.id for rule in rules.named(["cve-2019-7192"]).rules] == ["qnap-photo-station-album"]
    assert rules.named(["QNAP-photo-station-album", "none"]) == rules.named(["CVE-2019-7194"])
    assert rules.named([]) == rules
    with pytest.raises(ValueTextError, match="no rule is called 'cve-1999-0001'"):
        rules.named(["CVE-1999-0001"])


def test_the_shipped_rules_match_their_examples_and_not_what_they_must_not() -> None:
    assert failures(Rules.read(None)) == []


def test_an_example_that_a_rule_gets_wrong_is_told() -> None:
    rule = parse(
        RULE.replace("GET / ", "POST /ping.cgi ").replace("POST /ping.cgi", "POST /pong", 1).encode(),
        "camera-shell.yaml",
    )
    assert failures(Rules((rule,))) == [
        "camera-shell: must_match[0]: is not matched",
        "camera-shell: must_not_match[0]: is matched",
    ]


def test_the_rule_of_the_documentation_can_be_used() -> None:
    page = Path(__file__).parents[3].joinpath("docs/requests.md").read_text(encoding="utf-8")
    text = page.partition("```yaml\n")[2].partition("```")[0]
    assert failures(Rules((parse(text.encode(), "example-camera-shell.yaml"),))) == []


KEV = "https://www.cisa.gov/known-exploited-vulnerabilities-catalog"


def test_dates_of_the_shipped_rules_are_told_by_their_references() -> None:
    rules = Rules.read(None).rules
    assert len(rules) >= 50
    for rule in rules:
        assert (rule.known_exploited is not None) is (KEV in rule.references), rule.id
        dates = [getattr(rule, name) for name in DATES if getattr(rule, name) is not None]
        assert all(date(1998, 1, 1) < one for one in dates), rule.id
        earliest = min(dates, default=None)
        assert rule.disclosed in (None, earliest), rule.id
