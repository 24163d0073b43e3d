"""Which requests a question is about, beyond time, sensors, ports, countries and owners.

Pure: words in, conditions on rows of `requests` out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from darkscope.api.requests.rules import NO_RULE

META = re.compile(r"[\\.+*?()|\[\]{}^$]")
"""Characters that mean something in a pattern."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A choice of requests; what is empty is left open."""

    paths: tuple[str, ...] = ()  # HTTP targets, server names of TLS; `*` for any characters: any of these
    methods: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()  # http, tls, ...
    rules: tuple[str, ...] = ()  # ids or CVEs; `none`: requests that no rule names

    @property
    def is_unnamed(self) -> bool:
        """Whether requests that no rule names are among those asked for."""
        return NO_RULE in {name.strip().lower() for name in self.rules}

    @property
    def is_open(self) -> bool:
        """Whether any rule will do, and none."""
        return not self.rules

    @property
    def names_rules(self) -> bool:
        """Whether requests of some rules are asked for."""
        return bool({name.strip().lower() for name in self.rules} - {NO_RULE})

    def conditions(self) -> Iterator[pl.Expr]:
        """Give what rows must be, but for rules."""
        if self.paths:
            pattern = "|".join(_pattern(path) for path in self.paths)
            target = pl.when(pl.col("kind") == "http").then("path").otherwise("host")
            yield target.str.contains(f"(?s)^(?:{pattern})$")
        if self.methods:
            yield pl.col("method").is_in([method.upper() for method in self.methods])
        if self.applications:
            yield pl.col("kind").is_in([kind.lower() for kind in self.applications])

    def texts(self) -> dict[str, tuple[str, ...]]:
        """Give what is not open, sorted, as the options take it."""
        told = {
            "paths": self.paths,
            "methods": self.methods,
            "applications": self.applications,
            "rules": self.rules,
        }
        return {name: tuple(sorted(values)) for name, values in told.items() if values}


def _pattern(path: str) -> str:
    """Write a target with `*` as a regular expression."""
    return ".*".join(META.sub(r"\\\g<0>", part) for part in path.split("*"))
