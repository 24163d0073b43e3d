"""Overlays: changes that were made in the browser, kept beside the Python they change.

`overlays/UID.json` lists, by the titles of the source's panels, which values differ (JSON pointers, RFC 6901), which
panels came and which went. An overlay is a parking place, not a home: whatever stays should become Python, and then the
file goes. Pure, but for reading the files of this package.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from darkscope.grafana.difference import MISSING, Change, Difference

Json = dict[str, Any]


class OverlayError(ValueError):
    """An overlay names what its dashboard no longer has."""


def overlaid(model: Json) -> Json:
    """A dashboard's model with its overlay, if it has one. Raises OverlayError where that does not fit."""
    file = files(__package__) / "overlays" / f"{model['uid']}.json"
    if not file.is_file():
        return model
    try:
        return applied(model, json.loads(file.read_text("utf-8")))
    except ValueError as error:
        raise OverlayError(f"{file}: {error}") from None


def overlay(found: Difference) -> Json:
    """Write a difference as an overlay."""
    written: Json = {}
    if found.dashboard:
        written["dashboard"] = _edits(found.dashboard)
    if found.panels:
        written["panels"] = {title: _edits(changes) for title, changes in found.panels.items()}
    if found.added:
        written["added"] = list(found.added)
    if found.removed:
        written["removed"] = list(found.removed)
    return written


def applied(model: Json, changes: Json) -> Json:
    """Change a model as an overlay says. Raises OverlayError where that does not fit."""
    model = copy.deepcopy(model)
    variables = {one["name"]: one for one in model.get("templating", {}).get("list", [])}
    by_title = {panel["title"]: panel for panel in model["panels"]}
    unknown = [
        title for title in (*changes.get("panels", {}), *changes.get("removed", [])) if title not in by_title
    ]
    if unknown:
        raise OverlayError(f"the overlay of {model['uid']} changes panels that are not there: {unknown}")
    model["variables"] = variables  # by name, as a difference knows them
    _edit(model, changes.get("dashboard", {}))
    del model["variables"]
    if variables:
        model["templating"]["list"] = list(variables.values())
    for title, edits in changes.get("panels", {}).items():
        _edit(by_title[title], edits)
    model["panels"] = [panel for panel in model["panels"] if panel["title"] not in changes.get("removed", [])]
    model["panels"] += changes.get("added", [])
    return model


def _edits(changes: Iterable[Change]) -> Json:
    edits: Json = {"set": {}, "remove": []}
    for change in changes:
        pointer = "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in change.path)
        if change.there is MISSING:
            edits["remove"].append(pointer)
        else:
            edits["set"][pointer] = change.there
    return {key: value for key, value in edits.items() if value}


def _edit(target: Json, edits: Json) -> None:
    for pointer, value in edits.get("set", {}).items():
        holder, last = _place(target, pointer)
        holder[last] = value
    for pointer in edits.get("remove", []):
        holder, last = _place(target, pointer)
        if isinstance(holder, dict):
            holder.pop(last, None)


def _place(target: Json, pointer: str) -> tuple[Any, Any]:
    """Find what holds the value that a pointer names, made where it is missing. Raises OverlayError."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    holder: Any = target
    try:
        for part in parts[:-1]:
            holder = holder[int(part)] if isinstance(holder, list) else holder.setdefault(part, {})
        if isinstance(holder, list):
            holder[int(parts[-1])]
            return holder, int(parts[-1])
    except (IndexError, ValueError, AttributeError):
        raise OverlayError(f"nothing is at {pointer}") from None
    return holder, parts[-1]
