"""The console's words in each language, from `words.toml`.

A text may have places, `{name}`. What has no words in a language is a mistake that the tests find.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from darkscope.api.language import country_name
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


def names_of(code: str) -> set[str]:
    """All names of a country, in every language."""
    return {country_name(code, language) for language in Language}


@cache
def words(language: Language) -> Words:
    """Give the words of a language."""
    text = files("darkscope.api.console").joinpath("words.toml").read_text(encoding="utf-8")
    return Words(language, {key: said[language.value] for key, said in tomllib.loads(text).items()})


def preferred(accepted: str) -> Language:
    """Choose a language by a header `Accept-Language`: the first that there is; English where there is none."""
    for part in accepted.split(","):
        code = part.partition(";")[0].strip().lower().partition("-")[0]
        if code in list(Language):
            return Language(code)
    return Language.EN
