"""What an analyst decided of proposals, and the words for them: a TOML file that can be reviewed like any other.

A table for each proposal, by its id: `state` (confirmed or dismissed), `en` and `ja` (words that stand in the report
in place of the generated ones). The command `darkscope phenomena` writes it anew, sorted; comments are not kept.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from darkscope.api.beside import beside
from darkscope.api.phenomena.proposal import NAME, Phenomena, Proposal, State
from darkscope.ingest.settings import Settings

if TYPE_CHECKING:
    from darkscope.ingest.document import Document

FILE = "decisions.toml"
"""Beside the ledger's tables, where the settings name no other."""

Place: TypeAlias = "Path | Document"

HEAD = "# What analysts decided of phenomena; `darkscope phenomena` writes it.\n"

ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")

LONGEST = 20_000
"""Characters of an analyst's words."""


class DecisionsError(Exception):
    """The decisions cannot be read or written; the message names the file and the place."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided of one proposal."""

    state: State = State.OPEN
    en: str = ""
    ja: str = ""


def path(settings: Settings) -> Place:
    """Where the decisions are: in a file, or beside a ledger in object storage. Raises DecisionsError."""
    if settings.decisions is not None:
        return settings.decisions
    return beside(settings, FILE, DecisionsError) or settings.state_folder / FILE


def read(file: Place) -> dict[str, Decision]:
    """Read all decisions by id; none where there is no file. Raises DecisionsError."""
    with _named(file):
        return _read(file, text_of(file))


def text_of(file: Place) -> str:
    """The text as it is kept; empty where there is none. Raises OSError, ValueError."""
    try:
        return file.read_text(encoding="utf-8") if isinstance(file, Path) else file.read()
    except FileNotFoundError:
        return ""


def _read(file: Place, text: str) -> dict[str, Decision]:
    return {name: _decision(file, name, entry) for name, entry in tomllib.loads(text).items()}


@contextmanager
def _named(file: Place) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and not isinstance(file, Path) else error
        raise DecisionsError(f"{file}: {reason}") from error


def _decision(file: Place, name: str, entry: object) -> Decision:
    if not ID.fullmatch(name):
        raise DecisionsError(f"{file}: {name!r} is no id of a proposal")
    if not isinstance(entry, dict):
        raise DecisionsError(f"{file}: {name} is no table")
    for key, value in entry.items():
        if key not in ("state", "en", "ja"):
            raise DecisionsError(f"{file}: {name}.{key} is not known; known are state, en, ja")
        if not isinstance(value, str) or len(value) > LONGEST:
            raise DecisionsError(f"{file}: {name}.{key} is no text of up to {LONGEST:,} characters")
    states = [state.value for state in State]
    if entry.get("state", State.OPEN.value) not in states:
        raise DecisionsError(f"{file}: {name}.state is none of {', '.join(states)}")
    return Decision(State(entry.get("state", State.OPEN)), entry.get("en", ""), entry.get("ja", ""))


def write(file: Path, decisions: Mapping[str, Decision]) -> None:
    """Write all decisions, whole or not at all. Raises DecisionsError."""
    draft = file.with_name(f"{file.name}.new")
    with _named(file):
        with draft.open("w", encoding="utf-8") as written:
            written.write(_written(decisions))
            written.flush()
            os.fsync(written.fileno())
        draft.replace(file)


def _written(decisions: Mapping[str, Decision]) -> str:
    parts = [HEAD]
    for name, one in sorted(decisions.items()):
        lines = [f"[{_text(name)}]", f"state = {_text(one.state.value)}"]
        lines += [f"{key} = {_text(words)}" for key, words in (("en", one.en), ("ja", one.ja)) if words]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def decide(file: Place, name: str, change: Callable[[Decision], Decision]) -> Decision:
    """Change what is decided of one proposal, and keep the rest. Raises DecisionsError.

    In object storage also what others decide in the same moment is kept; a file has one writer at a time.
    """
    if not NAME.fullmatch(name):
        raise DecisionsError(f"{name!r} is no id of a proposal; `darkscope phenomena list` shows them")
    if isinstance(file, Path):
        decisions = read(file)
        decisions[name] = change(decisions.get(name, Decision()))
        write(file, decisions)
        return decisions[name]

    def changed(text: str) -> str:
        nonlocal decisions
        decisions = _read(file, text)
        decisions[name] = change(decisions.get(name, Decision()))
        return _written(decisions)

    decisions = {}
    with _named(file):
        file.change(changed)
    return decisions[name]


def _text(text: str) -> str:
    """Write a string as TOML does; JSON's strings are TOML's, but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def decided(found: Phenomena, decisions: Mapping[str, Decision], *, dismissed: bool = False) -> Phenomena:
    """Put what was decided to the proposals; those that were dismissed are left out unless asked for."""
    rows = [_with(row, decisions.get(row.id, Decision())) for row in found.rows]
    kept = [row for row in rows if dismissed or row.state is not State.DISMISSED]
    return replace(found, rows=tuple(kept), dismissed=sum(row.state is State.DISMISSED for row in rows))


def _with(row: Proposal, decision: Decision) -> Proposal:
    return replace(row, state=decision.state, words_en=decision.en, words_ja=decision.ja)


def forgotten(rows: Iterable[Proposal], decisions: Mapping[str, Decision], first_day: str) -> list[str]:
    """Ids that something was decided of, for the period that begins on a day, and that nothing proposes any more."""
    proposed = {row.id for row in rows}
    return sorted(
        name for name in decisions if name.partition(".")[0].endswith(first_day) and name not in proposed
    )
