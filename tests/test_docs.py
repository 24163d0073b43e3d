"""The documentation says what the code does: tables, commands, dependencies, links, versions."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from darkscope.api.command import exits
from darkscope.api.command.main import COMMANDS, program
from darkscope.api.http.app import create
from darkscope.ingest.series import Rejected
from darkscope.ingest.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md"))]
PICTURE_BYTES = 150_000


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(title: str) -> str:
    found = text("docs/commands.md").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    assert found, f"docs/commands.md has no section {title}"
    return found


def command_tree() -> Any:
    return typer.main.get_command(program([command.name for command in COMMANDS]))


def commands() -> Iterator[tuple[str, Any]]:
    """All commands by their full names."""
    for name, command in command_tree().commands.items():
        for inner, one in getattr(command, "commands", {}).items():
            yield f"{name} {inner}", one
        if not hasattr(command, "commands"):
            yield name, command


ALL = dict(commands())
ASKS_AS_TOP_DOES = {
    "trend",
    "breadth",
    "spread",
    "movements",
    "sensors",
    "coverage",
    "sources",
    "rhythm",
    "port",
    "notices",
    "requests",
    "visitors",
    "vulnerabilities",
    "phenomena list",
    "phenomena show",
    "phenomena confirm",
    "phenomena dismiss",
    "phenomena reopen",
    "phenomena word",
    "events",
}


def options(command: Any) -> set[str]:
    return {
        option
        for parameter in command.params
        if parameter.param_type_name == "option"
        for option in (*parameter.opts, *parameter.secondary_opts)
    }


def test_the_ledgers_tables_are_those_of_the_vocabulary() -> None:
    tables = script("tables")
    written = text("docs/ledger.md")
    assert tables.written(written) == written, "run `python docs/tables.py`"


def test_the_measurements_are_those_of_the_vocabulary() -> None:
    tables = script("tables")
    written = text("docs/projection.md")
    assert tables.projected(written) == written, "run `python docs/tables.py`"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_life_of_a_packet_names_every_reason_of_rejection_and_no_other() -> None:
    named = set(re.findall(r"^\| `rejected_(\w+)` \|", text("docs/life-of-a-packet.md"), re.MULTILINE))
    assert named == {str(reason) for reason in Rejected}


@pytest.mark.parametrize("name", ALL)
def test_every_command_is_documented_with_its_options(name: str) -> None:
    group, _, inner = name.partition(" ")
    described = section(f"darkscope {group}")
    if name in ASKS_AS_TOP_DOES:
        described += section("darkscope top")
    assert not inner or f"| `{inner}` |" in described
    missing = {option for option in options(ALL[name]) if f"`{option}`" not in described}
    assert missing - {"-h", "--help"} == set()
    arguments = [parameter for parameter in ALL[name].params if parameter.param_type_name == "argument"]
    assert all(f"`{one.metavar or one.name.upper()}`" in described for one in arguments)


def test_no_command_or_option_is_documented_that_does_not_exist() -> None:
    told = text("docs/commands.md")
    titles = re.findall(r"^## darkscope (\w+)$", told, re.MULTILINE)
    assert sorted(titles) == sorted(command.name for command in COMMANDS)
    known = set().union(*map(options, ALL.values())) | options(command_tree()) | {"-h", "--help"}
    assert set(re.findall(r"`(--?[a-z][a-z-]*)", told)) <= known


@pytest.mark.parametrize("name", ALL)
def test_every_command_option_and_argument_has_a_help_text(name: str) -> None:
    assert ALL[name].help
    assert [one.name for one in ALL[name].params if not getattr(one, "help", None)] == []


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    for command in COMMANDS:
        if not command.is_group:
            assert ALL[command.name].help.partition("\n")[0] == command.help


def test_every_key_of_an_answer_is_documented() -> None:
    shapes = create(Settings()).openapi()["components"]["schemas"]
    keys = {
        key
        for name, shape in shapes.items()
        if name.endswith("Answer")
        for key in shape.get("properties", {})
    }
    told = (
        text("docs/questions.md")
        + text("docs/sources.md")
        + text("docs/rhythms.md")
        + text("docs/requests.md")
        + text("docs/notices.md")
        + text("docs/phenomena.md")
        + text("docs/attacks.md")
    )
    documented = set(re.findall(r"`(?:rows\[\]\.)?([a-z_]+)`", told))
    assert keys - documented == set()


def test_the_exit_codes_are_documented() -> None:
    codes = {value for name, value in vars(exits).items() if name.isupper()}
    assert set(map(int, re.findall(r"^\| (\d) \|", text("docs/commands.md"), re.MULTILINE))) == {0, *codes}


def written_commands() -> Iterator[str]:
    """Command lines of `darkscope` in the pages' blocks of code."""
    for page in PAGES:
        for block in re.findall(
            r"^```\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        ):
            for line in block.splitlines():
                found = re.search(r"(?:^|\$ |\| )(darkscope .*)$", line)
                if found:
                    yield found[1].partition("  #")[0].partition(";")[0]


@pytest.mark.parametrize("line", sorted(set(written_commands())))
def test_command_lines_of_the_pages_can_be_typed(line: str) -> None:
    _, name, *words = shlex.split(line)
    if name not in ALL and words[:1] and not words[0].startswith("-"):
        name = f"{name} {words.pop(0)}"
    used = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
    assert used <= options(ALL.get(name) or command_tree().commands[name])


def test_the_targets_of_make_in_the_readme_exist() -> None:
    used = set(re.findall(r"\bmake ([a-z]+)\b(?=`|\s+#)", text("README.md")))
    assert {"demo", "test"} <= used
    assert used <= set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))


def test_each_dependency_has_its_reason_and_none_else() -> None:
    project = PROJECT["project"]
    wanted = [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]
    rows = re.findall(r"^\| (`.+?) \| \S.+ \|$", text("docs/dependencies.md"), re.MULTILINE)
    given = re.findall(r"`([a-z0-9-]+)`", " ".join(rows))
    names = [re.split(r"[<>=\[]", one)[0] for one in wanted]
    assert sorted(given) == sorted(name for name in names if name != project["name"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    near = [target for target in targets if not target.startswith("https://")]
    assert [target for target in near if not (page.parent / target).exists()] == []


def test_the_readme_leads_to_every_page() -> None:
    assert [page.name for page in DOCS.glob("*.md") if f"(docs/{page.name})" not in text("README.md")] == []


def test_the_newest_entry_of_the_changelog_is_the_projects_version() -> None:
    entries = re.findall(r"^## (\S+?),? ", text("CHANGELOG.md"), re.MULTILINE)
    assert entries[0] == PROJECT["project"]["version"]


def test_the_picture_is_small_says_that_it_is_simulated_and_fetches_nothing() -> None:
    picture = DOCS / "picture.svg"
    assert picture.stat().st_size < PICTURE_BYTES
    drawn = picture.read_text(encoding="utf-8")
    assert "simulated" in drawn
    assert set(re.findall(r"https?://[^\s\"<]+", drawn)) <= {
        "http://www.w3.org/2000/svg",
        "https://www.textualize.io",
    }


def test_the_picture_of_the_console_is_small_and_is_said_to_be_simulated() -> None:
    assert (DOCS / "console.png").stat().st_size < 300_000
    assert re.search(r"!\[[^\]]+, simulated\]\(docs/console\.png\)", text("README.md"))


def test_demonstrations_say_and_say_that_they_are_simulated() -> None:
    told = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    pictures = sorted((DOCS / "pictures").glob("*.png"))
    assert sorted(re.findall(r"!\[[^\]]+, simulated\]\(pictures/(\w+\.png)\)", told)) == [
        picture.name for picture in pictures
    ]
    assert max(picture.stat().st_size for picture in pictures) < 300_000


def test_demonstrations_say_that_they_are_simulated() -> None:
    for page in ("README.md", "docs/simulation.md", "docs/commands.md", "docs/capacity.md"):
        assert "imulated" in text(page)
