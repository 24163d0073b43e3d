"""The command `darkscope`: its subcommands, each loaded only where it is the one that is called.

Loading all of them takes seconds (numba, polars); help and completion must not.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import typer


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand: the module of its name has the function of its name, or the `app` of a group."""

    name: str
    help: str  # the first line of its help, for the list that needs none of them loaded
    is_group: bool = False


COMMANDS = (
    Command("ingest", "Read captures into the ledger, each byte once."),
    Command("top", "Rank ports, countries, owners, tools, sensors, classes or organisations by packets."),
    Command("trend", "Follow named values, or else the leading ones of the period, over time."),
    Command("breadth", "Say whether a rise of some packets is wide-area, or one sensor's."),
    Command("spread", "Say how the leading values' scans are spread over ports."),
    Command(
        "movements", "Find which values' levels shifted at the same time, together or against each other."
    ),
    Command(
        "phenomena",
        "Propose what is worth a paragraph of the report, and keep what an analyst decides of it.",
        is_group=True,
    ),
    Command("events", "List what analysis found, and wrote into the ledger, that began in a period."),
    Command("watch", "Look for phenomena of the last days again and again, and write them as events."),
    Command(
        "sources",
        "List who sends: source addresses with what is known of each, or the owners of their networks.",
    ),
    Command(
        "requests",
        "Tell what honeypots were asked: HTTP requests and the like, and which vulnerabilities they are after.",
    ),
    Command(
        "visitors",
        "List who made requests to honeypots, and say which of them telescopes received packets of too.",
    ),
    Command(
        "vulnerabilities",
        "Tell which known vulnerabilities requests to honeypots were after, since when, and what no rule names.",
    ),
    Command(
        "attacks", "List attacks on others, told by their backscatter: victims, when, how much, which ports."
    ),
    Command(
        "port", "Tell of one port what is known: how it stands, who asks for it, whether its rise is wide."
    ),
    Command("sensors", "List the sensors: who they are, how much they watched, what became of their frames."),
    Command("coverage", "Say how much of each bucket each sensor watched."),
    Command(
        "source",
        "Tell the life of one source address: when, where to, with which tools, and what is known of it.",
    ),
    Command(
        "rhythm",
        "Say when in the day and in the week source countries send, and whether they keep office hours.",
    ),
    Command("notices", "Make notices for those who can act: a folder each with a text and the evidence."),
    Command(
        "report",
        "Write the report on a period: tables, figures, what was noted, and where all of it comes from.",
    ),
    Command(
        "check", "Show the settings in force and where each came from, and name what is wrong with them."
    ),
    Command("serve", "Answer questions over HTTP, until stopped."),
    Command("keys", "Make, list and revoke the keys by which the HTTP interface is asked.", is_group=True),
    Command("run", "Run ingest, projection and the HTTP interface together, until stopped."),
    Command("ledger", "Look after the ledger.", is_group=True),
    Command(
        "project",
        "Write what changed in the ledger to InfluxDB, once or for as long as it runs.",
        is_group=True,
    ),
    Command(
        "demo",
        "Simulate both reports' quarters, ingest them, and print the reports' tables and the leading ports' days.",
    ),
    Command("simulate", "Write simulated captures of a scenario, and settings that name their sensors."),
    Command(
        "dashboards", "Build dashboards, compare them with a running Grafana, push, pull.", is_group=True
    ),
    Command("provisioning", "Put out what Grafana and InfluxDB read at their start.", is_group=True),
)

COMPLETED = ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")
"""Variables in which a shell says what it wants completed."""


def program(words: Iterable[str]) -> typer.Typer:
    """Build the program for a command line: the subcommand that it names is loaded, the others are only listed."""
    app = typer.Typer(
        name="darkscope",
        help="Internet-threat observation: packets that nobody asked for become a ledger, rankings and trends.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    called = set(words)
    for command in COMMANDS:
        if command.name not in called:
            app.command(command.name, help=command.help)(_not_loaded)
            continue
        module = importlib.import_module(f"darkscope.api.command.{command.name}")
        if command.is_group:
            app.add_typer(module.app, name=command.name, help=command.help)
        else:
            app.command(command.name)(getattr(module, command.name))
    return app


def _not_loaded() -> None:
    raise AssertionError("a subcommand that the command line does not name was called")


def main() -> None:
    """Run the command line."""
    completed = " ".join(os.environ.get(name, "") for name in COMPLETED)
    program([*sys.argv[1:], *completed.split()])()


if __name__ == "__main__":
    main()
