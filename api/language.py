"""Languages that people read: names of countries and dates as each writes them.

Names are Unicode's CLDR (`babel`), under a small table of those that reports write shorter; those of holidays are a
table of the project's own.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files

from babel import Locale
from babel.dates import format_date

from darkscope.ingest.values import Language

SHORTER = {
    Language.JA: {
        "CD": "コンゴ民主共和国",
        "CG": "コンゴ共和国",
        "GB": "英国",
        "HK": "香港",
        "MM": "ミャンマー",
        "MO": "マカオ",
        "US": "米国",
        "ZZ": "不明",
    },
    Language.EN: {
        "BA": "Bosnia and Herzegovina",
        "CD": "DR Congo",
        "CG": "Republic of the Congo",
        "HK": "Hong Kong",
        "MM": "Myanmar",
        "MO": "Macao",
        "PS": "Palestine",
        "ZZ": "unknown",
    },
}
"""Names by ISO 3166-1 alpha-2 that reports write otherwise than CLDR."""

NO_COUNTRIES = frozenset(["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"])
"""Two-letter codes of CLDR that ISO 3166-1 does not assign; XK stays, because address registries use it."""

DAY = {Language.JA: "M月d日", Language.EN: "d MMMM"}
SHORT_DAY = {Language.JA: "M/d", Language.EN: "d MMM"}
FULL_DAY = {Language.JA: "y年M月d日", Language.EN: "d MMMM y"}
MONTH = {Language.JA: "y年M月", Language.EN: "MMMM y"}
WEEKDAY = {Language.JA: "EEEEE", Language.EN: "EEE"}
"""Patterns of dates, as CLDR writes patterns."""


@cache
def _locale(language: Language) -> Locale:
    return Locale(language.value)


def country_name(code: str, language: Language) -> str:
    """Name a country by its ISO 3166-1 alpha-2 code; the code itself where nobody knows one."""
    return SHORTER[language].get(code) or _locale(language).territories.get(code, code)


def holiday_name(name: str, language: Language) -> str:
    """Name a public holiday that the library `holidays` names in English: what has no other name keeps that one."""
    if language is Language.EN:
        return name
    return "、".join(map(_holiday, name.split("; ")))


def _holiday(name: str) -> str:
    names, kinds = _holidays()["names"], _holidays()["kinds"]
    match = re.fullmatch(rf"(.+) \(({'|'.join(kinds)})[^()]*\)", name)
    if match and name not in names and match[1] in names:
        return f"{names[match[1]]}（{kinds[match[2]]}）"
    return names.get(name, name)


@cache
def _holidays() -> Mapping[str, Mapping[str, str]]:
    text = files("darkscope.api").joinpath("data/holidays-ja.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def territories() -> list[str]:
    """Codes of all countries, ISO 3166-1 alpha-2, by code."""
    codes = set(map(str, _locale(Language.EN).territories))  # those of regions are numbers
    return sorted(code for code in codes - NO_COUNTRIES if len(code) == 2 and code.isalpha())


def written_day(day: date, pattern: dict[Language, str], language: Language) -> str:
    """Write a day by one of the patterns."""
    return format_date(day, pattern[language], locale=_locale(language))
