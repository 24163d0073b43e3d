"""The command's list: complete, true to each subcommand, and quick to show."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from darkscope.api.command.main import COMMANDS, Command, program


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_subcommand_can_be_called_and_is_listed_with_the_first_line_of_its_help(
    command: Command,
) -> None:
    module = importlib.import_module(f"darkscope.api.command.{command.name}")
    if not command.is_group:
        documented = getattr(module, command.name).__doc__
        assert documented.splitlines()[0] == command.help
    result = CliRunner().invoke(program([command.name]), [command.name, "--help"])
    assert result.exit_code == 0
    assert command.help.split()[0] in result.stdout


def test_help_loads_neither_numba_nor_polars() -> None:
    code = (
        "import sys; sys.argv = ['darkscope', '--help']\n"
        "from darkscope.api.command.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert not {'numba', 'polars', 'deltalake', 'numpy'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in COMMANDS:
        assert command.name in done.stdout


def test_an_unknown_subcommand_is_a_mistake() -> None:
    result = CliRunner().invoke(program(["tpo"]), ["tpo"])
    assert result.exit_code == 2
    assert "tpo" in result.stderr
