"""Simulated captures, as sensors would write them. Whatever shows them says that they are simulated."""

from __future__ import annotations

from darkscope.ingest.simulate.autumn_2014 import SCENARIO as _AUTUMN_2014
from darkscope.ingest.simulate.engine import SETTINGS, Written, simulate
from darkscope.ingest.simulate.live import feed
from darkscope.ingest.simulate.scenario import Compression, Scenario
from darkscope.ingest.simulate.spring_2020 import SCENARIO as _SPRING_2020

__all__ = ["SETTINGS", "Compression", "Scenario", "Written", "feed", "scenario", "scenarios", "simulate"]

_SCENARIOS: dict[str, Scenario] = {one.name: one for one in (_AUTUMN_2014, _SPRING_2020)}


def scenarios() -> tuple[str, ...]:
    """Names of the scenarios that ship."""
    return tuple(_SCENARIOS)


def scenario(name: str) -> Scenario:
    """Look up a scenario by its name. Raises KeyError for a name that none has."""
    return _SCENARIOS[name]
