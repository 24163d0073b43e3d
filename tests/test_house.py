"""The house: imports point one way, each tool has its place, and what is promised about the code is so."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

KNOWS: dict[str, set[str]] = {
    "ingest.series": set(),
    "ingest.measurements": {"ingest.series"},
    "ingest.protocols": {"ingest.series"},
    "ingest.compiled": set(),
    "ingest.prefixes": set(),
    "ingest.research": {"ingest.prefixes"},
    "ingest.devices": {"ingest.prefixes"},
    "ingest.capture": {"ingest.compiled"},
    "ingest.values": {"ingest.protocols"},
    "ingest.contacts": {"ingest.values"},
    "ingest.settings": {"ingest.contacts", "ingest.series", "ingest.values"},
    "ingest.far": set(),
    "ingest.document": {"ingest.objects", "ingest.settings"},
    "ingest.objects": {"ingest.far", "ingest.settings", "ingest.values"},
    "ingest.decode": {"ingest.capture", "ingest.compiled", "ingest.series"},
    "ingest.rules": {"ingest.capture", "ingest.compiled", "ingest.decode", "ingest.series"},
    "ingest.sensors": {
        "ingest.capture",
        "ingest.compiled",
        "ingest.decode",
        "ingest.settings",
        "ingest.values",
    },
    "ingest.owners": {"ingest.settings"},
    "ingest.geo": {"ingest.compiled", "ingest.research", "ingest.series", "ingest.settings"},
    "ingest.fates": {"ingest.compiled", "ingest.decode", "ingest.sensors", "ingest.series"},
    "ingest.tally": {
        "ingest.compiled",
        "ingest.fates",
        "ingest.rules",
        "ingest.sensors",
        "ingest.series",
    },
    "ingest.reduce": {
        "ingest.capture",
        "ingest.decode",
        "ingest.geo",
        "ingest.rules",
        "ingest.series",
        "ingest.tally",
    },
    "ingest.observers": {
        "ingest.capture",
        "ingest.decode",
        "ingest.geo",
        "ingest.rules",
        "ingest.sensors",
        "ingest.series",
    },
    "ingest.handshakes": {
        "ingest.compiled",
        "ingest.fates",
        "ingest.geo",
        "ingest.observers",
        "ingest.rules",
        "ingest.sensors",
        "ingest.series",
    },
    "ingest.honeypot": {
        "ingest.compiled",
        "ingest.decode",
        "ingest.fates",
        "ingest.geo",
        "ingest.observers",
        "ingest.rules",
        "ingest.sensors",
        "ingest.series",
        "ingest.tally",
    },
    "ingest.coverage": {"ingest.fates", "ingest.series"},
    "ingest.echoes": {
        "ingest.capture",
        "ingest.compiled",
        "ingest.decode",
        "ingest.geo",
        "ingest.observers",
        "ingest.reduce",
        "ingest.rules",
        "ingest.sensors",
        "ingest.series",
        "ingest.tally",
    },
    "ingest.engine": {"ingest.values"},
    "ingest.rollups": {"ingest.series"},
    "ingest.ledger": {
        "ingest.engine",
        "ingest.far",
        "ingest.objects",
        "ingest.rollups",
        "ingest.series",
        "ingest.settings",
        "ingest.values",
    },
    "ingest.known": {"ingest.fates", "ingest.ledger", "ingest.series"},
    "ingest.reading": {
        "ingest.capture",
        "ingest.coverage",
        "ingest.fates",
        "ingest.geo",
        "ingest.known",
        "ingest.rules",
        "ingest.sensors",
        "ingest.series",
    },
    "ingest.unfinished": {"ingest.fates", "ingest.ledger", "ingest.observers", "ingest.series"},
    "ingest.worker": {
        "ingest.capture",
        "ingest.decode",
        "ingest.echoes",
        "ingest.fates",
        "ingest.geo",
        "ingest.handshakes",
        "ingest.honeypot",
        "ingest.known",
        "ingest.ledger",
        "ingest.observers",
        "ingest.reading",
        "ingest.reduce",
        "ingest.rollups",
        "ingest.rules",
        "ingest.sensors",
        "ingest.series",
        "ingest.settings",
        "ingest.unfinished",
    },
    "ingest.rereading": {
        "ingest.capture",
        "ingest.decode",
        "ingest.fates",
        "ingest.geo",
        "ingest.honeypot",
        "ingest.known",
        "ingest.ledger",
        "ingest.observers",
        "ingest.rules",
        "ingest.sensors",
        "ingest.series",
        "ingest.settings",
        "ingest.unfinished",
    },
    "ingest.intake": {
        "ingest.capture",
        "ingest.far",
        "ingest.geo",
        "ingest.ledger",
        "ingest.objects",
        "ingest.reading",
        "ingest.sensors",
        "ingest.settings",
        "ingest.worker",
    },
    "ingest.events": {"ingest.ledger", "ingest.series"},
    "ingest.registry": set(),
    "ingest.watched": set(),
    "ingest.projection": {
        "ingest.ledger",
        "ingest.measurements",
        "ingest.protocols",
        "ingest.registry",
        "ingest.rollups",
        "ingest.sensors",
        "ingest.series",
        "ingest.settings",
        "ingest.watched",
    },
    "ingest.simulate": {"ingest.geo", "ingest.series"},
    "ingest.data": set(),
    "api": {
        "ingest.devices",
        "ingest.document",
        "ingest.engine",
        "ingest.honeypot",
        "ingest.events",
        "ingest.far",
        "ingest.measurements",
        "ingest.projection",
        "ingest.protocols",
        "ingest.registry",
        "ingest.research",
        "ingest.rollups",
        "ingest.rules",
        "ingest.series",
        "ingest.settings",
        "ingest.watched",
        "ingest.values",
    },
    "api.charts": {"api", "ingest.values"},
    "api.report": {"api", "api.charts", "ingest.series", "ingest.settings", "ingest.values"},
    "api.http": {
        "api",
        "api.charts",
        "api.console",
        "api.notices",
        "ingest.ledger",
        "ingest.owners",
        "ingest.registry",
        "ingest.series",
        "ingest.settings",
        "ingest.values",
    },
    "api.notices": {
        "api",
        "ingest.contacts",
        "ingest.owners",
        "ingest.protocols",
        "ingest.registry",
        "ingest.series",
        "ingest.settings",
        "ingest.values",
    },
    "api.data": set(),
    "api.console": {"api", "api.charts", "ingest.protocols", "ingest.values"},
    "grafana": {"ingest.measurements", "ingest.series"},
    "provisioning": set(),
}
"""What each room imports of the others. `api.command` may import all: it puts them together."""

ROOMS = ("charts", "command", "console", "data", "http", "notices", "report")
"""Folders of `api` that are rooms of their own."""

PLACES = {
    "babel": {"api", "api.charts"},
    "deltalake": {"ingest.ledger"},
    "dpkt": {"ingest.decode", "ingest.honeypot"},
    "fastapi": {"api.http"},
    "grafana_api": {"grafana"},
    "holidays": {"api"},
    "influxdb_client": {"ingest.projection"},
    "jinja2": {"api.console", "api.notices", "api.report"},
    "markupsafe": {"api.console", "api.report"},
    "maxminddb": {"ingest.geo", "ingest.owners", "ingest.simulate"},
    "numba": {"ingest.compiled"},
    "obstore": {"ingest.objects"},
    "prometheus_client": {"api.http"},
    "pyarrow": {"ingest.engine"},
    "pyspark": {"ingest.engine"},
    "pydantic": {
        "api",
        "api.http",
        "ingest.contacts",
        "ingest.projection",
        "ingest.settings",
        "ingest.values",
    },
    "requests": {"grafana"},
    "sqlite3": {"ingest.registry"},
    "rich": {"api.command"},
    "subprocess": {"api.command", "ingest.intake"},
    "typer": {"api.command"},
    "typst": {"api.report"},
    "uvicorn": {"api.command", "api.http"},
    "vl_convert": {"api.charts"},
    "yaml": {"api"},
}
"""Where alone a library is imported."""

TOP_FOLDERS = ("ingest", "api", "grafana", "provisioning")

MOST_LINES = 700

PATH_OF_A_MACHINE = re.compile(r"/(?:home/(?!observer\b)|root/|work/|Users/)[a-z]")
"""But for the one that an example has."""


def modules() -> dict[str, Path]:
    """All modules of the project by their name, without `darkscope`."""
    found = {}
    for path in sorted(chain.from_iterable((ROOT / folder).rglob("*.py") for folder in TOP_FOLDERS)):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def room(module: str) -> str:
    """The room that a module belongs to."""
    if module.startswith(("grafana", "provisioning")):
        return module.split(".", maxsplit=1)[0]
    if module.startswith("api."):
        second = module.split(".")[1]
        return f"api.{second}" if second in ROOMS else "api"
    return ".".join(module.split(".")[:2])


@cache
def imports(module: str) -> frozenset[str]:
    """Everything that a module imports, anywhere in it, by full names."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: imports are written out"
            source = str(node.module)
            for name in node.names:
                inner = f"{source}.{name.name}"
                found.add(inner if inner.removeprefix("darkscope.") in MODULES else source)
    return frozenset(found)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module: str) -> None:
    own = room(module)
    found = {
        room(name.removeprefix("darkscope.")) for name in imports(module) if name.startswith("darkscope.")
    }
    if own == "api.command":
        assert "api.data" not in found
        return
    if module in ("ingest", "api"):
        assert not found
        return
    assert found - {own} <= KNOWS[own], "tests/test_house.py says what a room may know"


def test_a_room_is_allowed_no_more_than_it_needs() -> None:
    needed: dict[str, set[str]] = {own: set() for own in KNOWS}
    for module in MODULES:
        if room(module) in KNOWS:
            needed[room(module)] |= {
                room(name.removeprefix("darkscope."))
                for name in imports(module)
                if name.startswith("darkscope.")
            } - {room(module)}
    assert needed == KNOWS


def test_the_ways_make_no_circle() -> None:
    done: set[str] = set()
    while ready := {own for own, others in KNOWS.items() if own not in done and others <= done}:
        done |= ready
    assert done == set(KNOWS)


@pytest.mark.parametrize("library", PLACES)
def test_a_library_has_its_place(library: str) -> None:
    using = {
        room(module)
        for module in MODULES
        if any(name.split(".")[0] == library for name in imports(module))
        and not module.startswith(("ingest.data.", "api.data."))  # scripts that rebuild data
    }
    assert using == PLACES[library]


def test_the_listed_packages_are_the_folders_that_are_packages() -> None:
    setuptools = PROJECT["tool"]["setuptools"]
    found = {f"darkscope.{name}" for name, path in MODULES.items() if path.name == "__init__.py"}
    assert set(setuptools["packages"]) == found
    assert setuptools["package-dir"] == {f"darkscope.{folder}": folder for folder in TOP_FOLDERS}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_opens_with_its_promise_and_is_not_long(module: str) -> None:
    text = MODULES[module].read_text(encoding="utf-8")
    promise = ast.get_docstring(ast.parse(text))
    assert promise
    assert promise.split("\n\n")[0].rstrip().endswith((".", ":"))
    assert text.count("\n") <= MOST_LINES


def test_no_module_is_a_bag() -> None:
    bags = {"utils", "util", "common", "helpers", "misc"}
    assert not bags & set(chain.from_iterable(name.split(".") for name in MODULES))


def test_the_version_is_told_in_one_place() -> None:
    version = PROJECT["project"]["version"]
    told = [module for module, path in MODULES.items() if version in path.read_text(encoding="utf-8")]
    assert told == []


def test_no_text_names_a_path_of_somebodys_machine() -> None:
    folders = (*TOP_FOLDERS, "docs", "tests", ".ci")
    endings = {".py", ".md", ".toml", ".svg", ".csv", ""}
    texts = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in endings]
    texts += [path for path in ROOT.iterdir() if path.suffix in endings and path.name != ".git"]
    found = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in texts
        if path.is_file()
        for match in PATH_OF_A_MACHINE.finditer(path.read_text(encoding="utf-8"))
    }
    assert found == set()
