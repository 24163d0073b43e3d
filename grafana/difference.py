"""What differs between two models of a dashboard: the source's, and what a Grafana has.

Pure. What Grafana adds by itself when a browser saves (defaults of plugins, versions, what a variable was set to) is no
difference; `defaults.json` has what 10.4 was seen to add. Another addition is shown: better once too often.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

Json = dict[str, Any]
Path = tuple[str, ...]

BOOKKEEPING = frozenset(
    {"id", "uid", "version", "iteration", "panels", "digest", "gnetId", "preload", "editable"}
)
"""Keys of a dashboard that say nothing about what it shows, and its panels, which are compared one by one."""

PLUGIN_VERSION = "pluginVersion"
"""Key of a panel that says which Grafana saved it."""

OF_VARIABLES = frozenset({"current", "options"})
"""What a variable was last set to is the viewer's business."""


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()
"""Stands for a value that one side has not."""


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs; a list counts as one value unless it has named members."""

    path: Path
    here: Any  # as the source has it, or MISSING
    there: Any  # as Grafana has it, or MISSING


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs between a source and what a Grafana has."""

    dashboard: tuple[Change, ...]
    panels: dict[str, tuple[Change, ...]]  # by the source's title
    added: tuple[Json, ...]  # panels that only Grafana has
    removed: tuple[str, ...]  # titles of panels that only the source has

    def __bool__(self) -> bool:
        return bool(self.dashboard or self.panels or self.added or self.removed)


def difference(here: Json, there: Json) -> Difference:
    """Compare a source's model with a Grafana's. Panels are known by their ids, which come from the source's titles."""
    ours, theirs = _panels(here), _panels(there)
    changed = {
        panel["title"]: found
        for number, panel in ours.items()
        if number in theirs
        and (found := tuple(_changes(panel, theirs[number], ("panels", panel["type"]), ())))
    }
    return Difference(
        tuple(_changes(_frame(here), _frame(there), ("dashboard",), ())),
        changed,
        tuple(theirs[number] for number in theirs if number not in ours),
        tuple(ours[number]["title"] for number in ours if number not in theirs),
    )


def readable(found: Difference) -> str:
    """Write a difference for people: `-` is the source, `+` is Grafana."""
    lines = list(_lines("dashboard", found.dashboard))
    for title, changes in found.panels.items():
        lines += _lines(f"panel {title!r}", changes)
    lines += [f"  + panel {panel.get('title', '')!r}, only in Grafana" for panel in found.added]
    lines += [f"  - panel {title!r}, only in the source" for title in found.removed]
    return "\n".join(lines)


def _lines(what: str, changes: tuple[Change, ...]) -> Iterator[str]:
    if changes:
        yield f"  {what}"
    for change in changes:
        yield f"    {'.'.join(change.path)}"
        for sign, value in (("-", change.here), ("+", change.there)):
            if value is not MISSING:
                yield f"      {sign} {json.dumps(value, ensure_ascii=False)}"


def _panels(model: Json) -> dict[int, Json]:
    """Panels by id, those inside of collapsed rows as well."""
    found = {}
    for panel in model.get("panels", []):
        found[int(panel["id"])] = {key: value for key, value in panel.items() if key != "panels"}
        found |= _panels(panel)
    return found


def _frame(model: Json) -> Json:
    """Everything of a dashboard but its panels; variables by their names."""
    frame = {key: value for key, value in model.items() if key not in BOOKKEEPING | {"templating"}}
    variables = model.get("templating", {}).get("list", [])
    frame["variables"] = {
        one["name"]: {key: value for key, value in one.items() if key not in OF_VARIABLES}
        for one in variables
    }
    return frame


def _changes(here: object, there: object, kind: Path, path: Path) -> Iterator[Change]:
    if isinstance(here, dict) and isinstance(there, dict):
        for key in (*here, *(key for key in there if key not in here)):
            if key == PLUGIN_VERSION:
                continue
            yield from _changes(here.get(key, MISSING), there.get(key, MISSING), kind, (*path, key))
    elif isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        for number, (mine, its) in enumerate(zip(here, there, strict=True)):
            yield from _changes(mine, its, kind, (*path, str(number)))
    elif here != there and not _is_default(kind, path, here, there):
        yield Change(path, here, there)


def _is_default(kind: Path, path: Path, here: object, there: object) -> bool:
    """Whether Grafana makes the change by itself: an addition it was seen to make, or something empty left out."""
    if there is MISSING:
        return here in ("", [], {}, None, False)
    if here is not MISSING:
        return False
    place = "/".join(("*" if part.isdigit() else part) for part in (*kind, *path))
    return there in (None, [], {}) or there in _added_by_grafana().get(place, [])


@cache
def _added_by_grafana() -> dict[str, list[Any]]:
    read: dict[str, list[Any]] = json.loads((files(__package__) / "defaults.json").read_text("utf-8"))
    return read
