"""Sentences of the report by name, in each language: templates with places for figures.

Templates are Jinja2; a place without a value is an error, never an empty word. What comes out is plain text.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from darkscope.api.language import DAY, FULL_DAY, holiday_name, written_day
from darkscope.ingest.values import Language

_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
)  # what is made here is text, not a page


LEAST_CHANCE = 0.001
"""Below which a chance is only said to be less."""


class Words:
    """The words of one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._templates = _templates(language)

    def __call__(self, name: str, **places: object) -> str:
        """Write a sentence."""
        return " ".join(self._templates[name].render(**places).split())

    def listed(self, names: list[str]) -> str:
        """Write a list of names."""
        if self.language is Language.JA:
            return "、".join(names)
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""

    def joined(self, sentences: list[str]) -> str:
        """Put sentences together."""
        return ("" if self.language is Language.JA else " ").join(filter(None, sentences))

    def day(self, day: date) -> str:
        """Write a day of the year."""
        return written_day(day, DAY, self.language)

    def full_day(self, day: date) -> str:
        """Write a day with its year."""
        return written_day(day, FULL_DAY, self.language)

    def third(self, day: date) -> str:
        """Write which third of its month a day lies in."""
        name = ("early", "middle", "late")[min((day.day - 1) // 10, 2)]
        month = written_day(day, {Language.JA: "M月", Language.EN: "MMMM"}, self.language)
        return self(f"third.{name}", month=month)

    def percent(self, share: float) -> str:
        """Write a share."""
        return f"{share:.0%}"

    def chance(self, chance: float) -> str:
        """Write how likely something is; what is very unlikely has no number of its own."""
        least = f"{LEAST_CHANCE:.1%}"
        return self("chance.less", least=least) if chance < LEAST_CHANCE else f"{chance:.1%}"

    def count(self, number: float) -> str:
        """Write a number of packets."""
        return f"{number:,.0f}"

    def holiday(self, name: str) -> str:
        """Name a public holiday, which is given in English."""
        return holiday_name(name, self.language)


def render(text: str, places: Mapping[str, Any]) -> str:
    """Fill the places of a text that an analyst wrote. Raises jinja2.TemplateError."""
    return _ENVIRONMENT.from_string(text).render(**places).strip()


@cache
def _templates(language: Language) -> Mapping[str, Template]:
    return {
        f"{group}.{name}": _ENVIRONMENT.from_string(text)
        for group, texts in _read(f"{language.value}.toml").items()
        for name, text in texts.items()
    }


def _read(name: str) -> dict[str, dict[str, str]]:
    return tomllib.loads(files("darkscope.api.report").joinpath(f"texts/{name}").read_text(encoding="utf-8"))
