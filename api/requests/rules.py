"""Rules that tell which vulnerability a request is after: YAML files, one rule a file, checked when they are read.

A rule names CVE, vendor, product and dates, says what its requests look like, and brings examples that it must match
and others that it must not. Patterns are regular expressions of Rust's `regex`, which is what polars searches with: its
time is linear in the text, whatever strangers send.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from hashlib import blake2s
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Self

import polars as pl
import yaml
from polars.exceptions import ComputeError
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from darkscope.api.dimension import ValueTextError
from darkscope.ingest.values import did_you_mean

ENDING = ".yaml"

LONGEST_PATTERN = 500
"""Characters of a pattern, at most."""

LARGEST_FILE = 100_000
"""Bytes of a rule's file, at most."""

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Reads plain data alone; compiled where PyYAML has that, for it is twenty times as fast."""

NO_RULE = "none"
"""In a filter: requests that no rule names."""


class RulesError(Exception):
    """Rules that cannot be used; the text has one line for each mistake, with file, line and key."""


def is_pattern(text: str) -> bool:
    """Whether a text can be searched for as a pattern: it is one, and not too large."""
    try:
        _searched(text)
    except ValueError:
        return False
    return True


def _searched(pattern: str) -> str:
    """Check a pattern with what will search with it."""
    try:
        pl.Series([""]).str.contains(pattern, strict=True)
    except ComputeError as error:
        told = str(error).partition("This error occurred")[0].removeprefix("regex error: ")
        raise ValueError(f"is no pattern: {' '.join(told.split())}") from None
    return pattern


def _reference(text: str) -> str:
    TypeAdapter(HttpUrl).validate_python(text)
    return text


Pattern = Annotated[str, Field(min_length=1, max_length=LONGEST_PATTERN), AfterValidator(_searched)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Cve = Annotated[str, Field(pattern=r"^CVE-[0-9]{4}-[0-9]{4,7}$")]
Reference = Annotated[str, AfterValidator(_reference)]
HeaderName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,60}$")]
Example = Annotated[str, Field(min_length=1, max_length=20_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Shape(_Part):
    """What a request looks like: everything that is given must hold."""

    method: tuple[Annotated[str, Field(pattern=r"^[A-Z-]{1,30}$")], ...] = ()  # any of these; empty: any
    path: Pattern | None = None  # in the request target, as it was sent
    headers: Mapping[HeaderName, Pattern] = field(
        default_factory=dict
    )  # in a field's value; names in lower case
    body: Pattern | None = None
    anywhere: Pattern | None = None  # in target, fields or body

    @model_validator(mode="after")
    def _says_enough(self) -> Self:
        if not (self.path or self.headers or self.body or self.anywhere):
            raise ValueError("needs a pattern for path, headers, body or anywhere")
        return self


class Rule(_Part):
    """One vulnerability, and the requests that are after it."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
    title: Text
    cves: tuple[Cve, ...] = ()  # none where nobody numbered it
    vendor: Text
    product: Text
    disclosed: date | None = None  # days as the references tell them; None where they do not
    proof_of_concept: date | None = None  # how it is done was public
    known_exploited: date | None = None  # was told to be exploited: CISA's catalog where it has it
    vendor_notice: date | None = None  # the vendor told of attacks or of what to do
    references: Annotated[tuple[Reference, ...], Field(min_length=1)]
    requests: Annotated[tuple[Shape, ...], Field(min_length=1)]  # any of these
    must_match: Annotated[tuple[Example, ...], Field(min_length=1)]
    must_not_match: Annotated[tuple[Example, ...], Field(min_length=1)]

    @property
    def names(self) -> frozenset[str]:
        """What a question may call it: its id, and its CVEs in lower case."""
        return frozenset({self.id, *map(str.lower, self.cves)})


DATES = ("disclosed", "proof_of_concept", "known_exploited", "vendor_notice")
"""The dates of a rule."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules by id."""

    rules: tuple[Rule, ...] = ()
    digest: str = ""  # of the files; equal digests, equal rules

    @classmethod
    def none(cls) -> Rules:
        """Know no vulnerability."""
        return cls()

    @classmethod
    def read(cls, folder: Path | None) -> Rules:
        """Read the rules that ship and those of a folder, which take the place of shipped ones with the same id.

        Raises RulesError with every mistake.
        """
        ours, own = _shipped(), _of(() if folder is None else _listed(folder))
        return cls.of({**ours, **own})

    @classmethod
    def of(cls, rules: Mapping[str, tuple[Rule, bytes]]) -> Rules:
        """Put rules together, each given by its id with its file's bytes."""
        digest = blake2s(digest_size=8)
        for name in sorted(rules):
            digest.update(rules[name][1])
        return cls(tuple(rules[name][0] for name in sorted(rules)), digest.hexdigest())

    def named(self, names: Iterable[str]) -> Rules:
        """Give the rules that are named by id or CVE; all where nothing is named. Raises ValueTextError."""
        wanted = {name.strip().lower() for name in names} - {NO_RULE}
        if not wanted:
            return self
        chosen = tuple(rule for rule in self.rules if not wanted.isdisjoint(rule.names))
        unknown = wanted.difference(*(rule.names for rule in chosen))
        if unknown:
            known = ", ".join(rule.id for rule in self.rules) or "none"
            raise ValueTextError(
                f"no rule is called {min(unknown)!r}, and none is about such a CVE; there are {known}"
            )
        return Rules(chosen, self.digest)


def listed(folder: Path) -> list[Path]:
    """List the files of a folder of rules, sorted; none where it cannot be read."""
    return sorted(folder.glob(f"*{ENDING}"))


def _listed(folder: Path) -> Iterator[tuple[str, Traversable]]:
    if not folder.is_dir():
        raise RulesError(f"{folder}: is no folder")
    return ((str(path), path) for path in listed(folder))


@cache
def _shipped() -> dict[str, tuple[Rule, bytes]]:
    folder = files("darkscope.api").joinpath("data/vulnerabilities")
    found = sorted(folder.iterdir(), key=lambda file: file.name)
    return _of((file.name, file) for file in found if file.name.endswith(ENDING))


def _of(found: Iterable[tuple[str, Traversable]]) -> dict[str, tuple[Rule, bytes]]:
    rules: dict[str, tuple[Rule, bytes]] = {}
    mistakes: list[str] = []
    for name, file in found:
        try:
            data = file.read_bytes()
            rule = parse(data, name)
        except OSError as error:
            mistakes.append(f"{name}: cannot be read: {error.strerror or error}")
        except RulesError as error:
            mistakes.append(str(error))
        else:
            rules[rule.id] = rule, data
    if mistakes:
        raise RulesError("\n".join(mistakes))
    return rules


def parse(data: bytes, name: str) -> Rule:
    """Read the bytes of a file of that name. Raises RulesError, with a line for each mistake."""
    if len(data) > LARGEST_FILE:
        raise RulesError(f"{name}: is larger than {LARGEST_FILE:,} bytes")
    lines: dict[tuple[object, ...], int] = {}
    try:
        loader = LOADER(data.decode())
        node = loader.get_single_node()
        lines = dict(_lines(node, ()))
        raw = None if node is None else loader.construct_document(node)
    except UnicodeDecodeError as error:
        raise RulesError(f"{name}: is not UTF-8 at byte {error.start}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" line {mark.line + 1}" if mark is not None else ""
        raise RulesError(f"{name}{place}: is no YAML: {getattr(error, 'problem', None) or error}") from None
    try:
        rule = Rule.model_validate(raw)
    except ValidationError as error:
        details = error.errors()
        inner = {detail["loc"][:length] for detail in details for length in range(len(detail["loc"]))}
        # A list whose entry is wrong is said to be too short as well.
        told = [_mistake(detail, name, lines) for detail in details if detail["loc"] not in inner]
        raise RulesError("\n".join(told)) from None
    own = Path(name).name.removesuffix(ENDING)
    if rule.id != own:
        raise RulesError(
            f"{name} line {lines['id',]}: id: the file of {rule.id!r} is called {rule.id}{ENDING}"
        )
    return rule


def _mistake(detail: Mapping[str, Any], name: str, lines: Mapping[tuple[object, ...], int]) -> str:
    """Write a mistake with its place: that of the key, or of the nearest one around it."""
    location = tuple(detail["loc"])
    known = next(
        (location[:length] for length in range(len(location), -1, -1) if location[:length] in lines), ()
    )
    key = re.sub(
        r"\.?\[", "[", ".".join(f"[{one}]" if isinstance(one, int) else str(one) for one in location)
    )
    message = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        part = Shape if location[0] == "requests" and len(location) > 1 else Rule
        message = f"there is no such key{did_you_mean(str(location[-1]), part.model_fields)}"
    return f"{name} line {lines.get(known, 1)}: {key}{': ' if key else ''}{message[:1].lower()}{message[1:]}"


def _lines(node: yaml.Node | None, path: tuple[object, ...]) -> Iterator[tuple[tuple[object, ...], int]]:
    """Give the line of each key."""
    if node is None:
        return
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: set[object] = set()
        for key, value in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
            yield from _lines(value, (*path, key.value))
            yield (*path, key.value), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _lines(value, (*path, number))
