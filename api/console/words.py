"""The console's words in each language, from `words.toml`.

A text may have places, `{name}`. What has no words in a language is a mistake that the tests find; but what is wrong
with a question is told by whoever finds it, in English, and is said otherwise here where its English is known.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Formatter

from darkscope.api.language import country_name, holiday_name
from darkscope.ingest.values import Language


@dataclass(frozen=True, slots=True)
class Words:
    """What is said in one language."""

    language: Language
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """Say something. Raises KeyError for what has no words."""
        return self.texts[key].format(**values) if values else self.texts[key]

    def known(self, prefix: str, value: str) -> str:
        """Say a value of a vocabulary, or the value itself where it has no words."""
        return self.texts.get(f"{prefix}_{value.replace(' ', '_')}", value)

    def country(self, code: str) -> str:
        """Name of a country by its ISO 3166-1 alpha-2 code; the code where it has none."""
        return country_name(code, self.language)

    def holiday(self, told: str) -> str:
        """Say a holiday as a rhythm tells it: its day, and its name in English."""
        day, _, name = told.partition(" ")
        return f"{day} {holiday_name(name, self.language)}"

    def problem(self, kind: str, status: int, title: str) -> str:
        """Say which kind of problem it is, by its type or its HTTP status; its title where these have no words."""
        named = kind.rpartition(":")[2].replace("-", "_")
        return self.texts.get(f"problem_{named}") or self.texts.get(f"problem_{status}") or title

    def detail(self, text: str) -> str | None:
        """Say what is wrong this time; None where it is known in English alone."""
        if self.language is Language.EN:
            return text
        found = ((key, pattern.fullmatch(text)) for key, pattern in _details())
        return next((self.texts[key].format(**match.groupdict()) for key, match in found if match), None)


def names_of(code: str) -> set[str]:
    """All names of a country, in every language."""
    return {country_name(code, language) for language in Language}


@cache
def words(language: Language) -> Words:
    """Give the words of a language."""
    return Words(language, {key: said[language.value] for key, said in _texts().items()})


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads(files("darkscope.api.console").joinpath("words.toml").read_text(encoding="utf-8"))


@cache
def _details() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """What may be told to be wrong, and how its English is known."""
    return tuple(
        (key, re.compile("".join(_parts(said[Language.EN.value])), re.DOTALL))
        for key, said in _texts().items()
        if key.startswith("detail_")
    )


def _parts(text: str) -> Iterator[str]:
    """A text as a pattern, its places as groups."""
    for plain, name, _, _ in Formatter().parse(text):
        yield re.escape(plain)
        if name:
            yield f"(?P<{name}>.+)"


def preferred(accepted: str) -> Language:
    """Choose a language by a header `Accept-Language`: the first that there is; English where there is none."""
    for part in accepted.split(","):
        code = part.partition(";")[0].strip().lower().partition("-")[0]
        if code in list(Language):
            return Language(code)
    return Language.EN
