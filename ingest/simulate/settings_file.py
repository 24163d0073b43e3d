"""The settings that go with simulated captures: which sensors there are, and what they watch."""

from __future__ import annotations

from darkscope.ingest.series import HONEYPOT, TELESCOPE
from darkscope.ingest.simulate.scenario import Holiday, Scenario, Sensor

DEVICES = "devices.csv"
"""The file of investigated devices beside the settings, of scenarios in which somebody investigated."""

MARK = "SIMULATED captures"
"""Stands in the first line of the settings, so that nobody takes them for an observation."""


def settings_text(scenario: Scenario, remark: str = "") -> str:
    """Write the TOML text of a settings file; the remark stands in its first line."""
    # What the captures show is long ago: nothing of it may expire for its age.
    keep = ["", "[retention]", *(f'{table} = "keep"' for table in ("flows", "sources", "echoes", "requests"))]
    said = f", {remark}" if remark else ""
    head = [
        f"# {MARK} of {scenario.title}, made by `darkscope simulate {scenario.name}`{said}.",
        "# The sensors' addresses are from ranges set aside for documentation and benchmarks.",
        'ledger = "ledger"',
        f'time_zone = "{scenario.zone}"',
    ]
    devices = [f'devices = "{DEVICES}"'] if scenario.investigations else []
    report = ["", "[report]", f'author = "{scenario.sensors[0].organisation}"', "simulated = true"]
    return (
        "\n".join(
            [
                *head,
                *devices,
                *keep,
                *report,
                *map(_holiday, scenario.announced),
                *(_entry(sensor) for sensor in scenario.sensors),
            ]
        )
        + "\n"
    )


def _holiday(holiday: Holiday) -> str:
    country, day, name = holiday
    return f'\n[[holidays]]\ncountry = "{country}"\ndate = {day.isoformat()}\nname = "{name}"'


def _entry(sensor: Sensor) -> str:
    networks = [sensor.network, *([f"{sensor.address6}/128"] if sensor.address6 else [])]
    return "\n".join(
        [
            "",
            "[[sensors]]",
            f'id = "{sensor.id}"',
            f'organisation = "{sensor.organisation}"',
            f'kind = "{HONEYPOT if sensor.honeypot else TELESCOPE}"',
            f"home = {str(sensor.home).lower()}",
            f'country = "{sensor.country}"',
            "networks = [" + ", ".join(f'"{network}"' for network in networks) + "]",
        ]
    )
