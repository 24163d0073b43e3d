from __future__ import annotations

import re
import tomllib
from pathlib import Path
from string import Formatter

import pytest
import told

from darkscope.api.breadth import Seen, Verdict, judge
from darkscope.api.console.words import preferred, words
from darkscope.api.phenomena.proposal import State
from darkscope.api.requests.visitors import Search
from darkscope.api.spread import Breadth
from darkscope.ingest.series import Traffic
from darkscope.ingest.values import Language

ROOM = Path(__file__).parents[3] / "api" / "console"
TEXTS = tomllib.loads((ROOM / "words.toml").read_text(encoding="utf-8"))
TEMPLATES = {path.name: path.read_text(encoding="utf-8") for path in (ROOM / "templates").glob("*.html")}

MADE = {
    "kind_": {"telescope", "honeypot", "all"},
    "filter_": {"port", "country", "protocol", "class", "owner", "tool", "research", "rule", "path"},
    "value_": {"ports", "countries", "owners", "tools", "classes", "sensors", "organisations"},
    "class_": {str(one) for one in Traffic},
    "tool_": {"none"},
    "owner_": {"unknown"},
    "breadth_": {f"{one}_title" for one in Verdict},
    "spread_": set(Breadth),
    "rhythm_": {"office", "none", "unclear"},
    "hit_": {"port", "country", "source", "owner", "vulnerability"},
    "mark_": {"disclosed", "proof_of_concept", "known_exploited", "vendor_notice"},
    "visited_": {str(one) for one in Search},
    "trend_by_": {"countries", "ports"},
    "usual_": {"above", "within", "below", "words"},
    "moved_": {"together", "against"},
    "state_": {str(one) for one in State if one is not State.OPEN},
    "key_": {"search", "day", "week", "month", "quarter", "earlier", "later", "overview", "sources"}
    | {"phenomena", "requests", "attacks"}
    | {"sensors", "theme", "language", "help"},
    "problem_": {"404", "405", "question", "scope", "rate", "expired", "moved", "not_held", "busy", "long"}
    | {"influxdb", "ledger"},
    "detail_": {key.removeprefix("detail_") for key in TEXTS if key.startswith("detail_")},
    "login_": {"401", "403", "429", "elsewhere"},
}
"""Words whose names are put together, and of what."""

OF_THE_BAR = {"day", "week", "month", "quarter"}


def used() -> set[str]:
    """Words that templates name."""
    names = set(re.findall(r"say\('([a-z_0-9]+)'[,)]", "".join(TEMPLATES.values())))
    for pair in re.findall(r"say\('(\w+)' if .*? else '(\w+)'[,)]", "".join(TEMPLATES.values())):
        names |= set(pair)
    return names | {start + end for start, ends in MADE.items() for end in ends} | OF_THE_BAR


def test_every_word_is_said_in_every_language_with_the_same_places() -> None:
    for key, said in TEXTS.items():
        assert said.keys() == set(Language), key
        places = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in said.values()]
        if key.startswith("detail_"):  # a reason may be known in English alone
            assert places[1] <= places[0], key
        else:
            assert places[0] == places[1], key


def test_there_are_the_words_that_templates_use_and_no_others() -> None:
    navigation = {"overview", "phenomena", "requests", "attacks", "sources", "sensors"}
    assert TEXTS.keys() == used() | navigation


def test_a_text_in_a_template_is_never_in_a_language() -> None:
    allowed = {"darkscope", "API", "CSV", "JSON", "PNG", "SVG", "CVE", "English"}
    for name, text in TEMPLATES.items():
        plain = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", " ", text, flags=re.DOTALL)
        shown = re.sub(r"<kbd.*?</kbd>|<code>.*?</code>|<[^>]*>", " ", plain, flags=re.DOTALL)
        assert set(re.findall(r"[A-Za-z]{2,}", shown)) <= allowed, name


def test_countries_are_called_as_readers_of_a_language_call_them() -> None:
    assert [words(language).country("VN") for language in (Language.EN, Language.JA)] == [
        "Vietnam",
        "ベトナム",
    ]
    assert [words(Language.JA).country(code) for code in ("US", "ZZ", "??")] == ["米国", "不明", "??"]


def test_what_is_wrong_is_said_otherwise_where_its_english_is_known() -> None:
    text = "the period '2020-13' does not exist: month must be in 1..12"
    assert words(Language.JA).detail(text) == "期間 '2020-13' は存在しません。"
    assert words(Language.EN).detail(text) == text
    assert words(Language.JA).detail("something else") is None


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ([(100, 10)] * 3, "3 台中 3 台のセンサーで増加。S0 を除くと増加の 100% が残ります。"),
        ([(300, 10), (10, 10), (10, 10)], "S0 による増加。これを除くと増加の 0% が残ります。"),
        ([(0, 100)] * 3, "増加なし。センサーあたりの観測数は前の期間の 0.00 倍です。"),
        ([(100, 10)] * 2, "両期間を観測したセンサーは 2 台で、判定には 3 台必要です。"),
        ([(100, 10)], "両期間を観測したセンサーは 1 台で、判定には 3 台必要です。"),
    ],
)
def test_why_a_rise_is_wide_or_not_is_said_in_japanese(rates: list[tuple[int, int]], said: str) -> None:
    day = 86_400
    seen = [Seen(f"S{n}", now, before, day, day, day, day) for n, (now, before) in enumerate(rates)]
    rise = judge(seen, label=str, provenance=told.PROVENANCE)
    assert words(Language.JA).detail(rise.reason) == said


def test_what_strangers_wrote_into_a_question_stays_what_it_was() -> None:
    text = "no sensor is called '{known} {0} \\n; there are none'; there are a, b"
    assert words(Language.JA).detail(text) == (
        "センサー '{known} {0} \\n; there are none' はありません。あるもの: a, b"
    )


def test_a_holiday_is_said_with_its_day() -> None:
    text = "2020-05-01 International Labor Day"
    assert [words(language).holiday(text) for language in (Language.EN, Language.JA)] == [
        text,
        "2020-05-01 メーデー",
    ]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("ja-JP,ja;q=0.9,en;q=0.8", "ja"), ("fr, en;q=0.5", "en"), ("de", "en"), ("", "en"), (";;,,", "en")],
)
def test_the_language_is_the_first_that_the_browser_wants_and_there_is(accepted: str, language: str) -> None:
    assert preferred(accepted) == language
