"""The sentences of both languages: the same ones, with the same places."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from importlib.resources import files

import pytest
from jinja2 import Environment, UndefinedError, meta

from darkscope.api.report.words import Words
from darkscope.ingest.values import Language

ONLY_IN_ONE = {
    "overview.ports",  # Japanese names the period in both sentences, English in none
    "overview.countries",
}


def sentences(language: Language) -> dict[str, str]:
    text = files("darkscope.api.report").joinpath(f"texts/{language.value}.toml").read_text(encoding="utf-8")
    return {
        f"{group}.{name}": told
        for group, all_of in tomllib.loads(text).items()
        for name, told in all_of.items()
    }


def places(text: str) -> set[str]:
    return meta.find_undeclared_variables(Environment(autoescape=True).parse(text))


def test_both_languages_have_the_same_sentences() -> None:
    assert sentences(Language.JA).keys() == sentences(Language.EN).keys()


@pytest.mark.parametrize("name", sorted(sentences(Language.EN).keys() - ONLY_IN_ONE))
def test_a_sentence_has_the_same_places_in_both(name: str) -> None:
    assert places(sentences(Language.JA)[name]) == places(sentences(Language.EN)[name])


def test_no_number_is_typed_but_hours_of_the_day_and_ones_of_units() -> None:
    found = {
        (language.value, name): re.findall(r"[0-9]+", re.sub(r"\{[{%].*?[}%]\}", "", text))
        for language in Language
        for name, text in sentences(language).items()
    }
    numbers = {key: told for key, told in found.items() if told and key[1] != "provenance.captures_text"}
    assert numbers == {
        ("ja", "topic.hours"): ["1", "4", "6", "9", "12", "19"],
        ("en", "topic.hours"): ["4", "6", "9", "12", "19"],
        **{("ja", f"topic.{name}"): ["1"] for name in ("hours_caption", "no_rest", "ratio", "week")},
        ("ja", "column.digest"): ["3"],
        ("en", "column.digest"): ["3"],
    }


def test_a_place_without_a_value_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'number' is undefined"):
        Words(Language.EN)("head.table_ref")


@pytest.mark.parametrize(
    ("language", "written"),
    [
        (
            Language.JA,
            ("4月上旬", "4月中旬", "4月下旬", "4月30日", "2020年4月30日", "a、b", "0.1%未満", "12.3%"),
        ),
        (
            Language.EN,
            (
                "early April",
                "mid-April",
                "late April",
                "30 April",
                "30 April 2020",
                "a and b",
                "less than 0.1%",
                "12.3%",
            ),
        ),
    ],
)
def test_days_lists_and_chances_are_written_as_the_language_does(
    language: Language, written: tuple[str, ...]
) -> None:
    words = Words(language)
    days = [date(2020, 4, day) for day in (10, 11, 30)]
    assert written == (
        *map(words.third, days), words.day(days[-1]), words.full_day(days[-1]), words.listed(["a", "b"]),
        words.chance(3.8e-8), words.chance(0.1234),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("language", "told"), [(Language.EN, "of Boa router: [1]."), (Language.JA, "Boa routerの脆弱性を狙う")]
)
def test_a_vulnerability_that_nobody_numbered_has_no_empty_brackets(language: Language, told: str) -> None:
    words = Words(language)
    what = {"sensors": 2, "vendor": "Boa", "product": "router", "first": "1", "last": "2", "requests": "3"}
    assert told in words("honeypot.asked", cves="", table="[1]", **what)
