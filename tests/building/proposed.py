"""Proposals with chosen figures."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from darkscope.api.breadth import Verdict
from darkscope.api.periods import Period, Window, midnight
from darkscope.api.phenomena.proposal import Kind, Part, Phenomena, Proposal, Standing, subject_text
from darkscope.api.ranking import Provenance
from darkscope.api.store import Filter

TOKYO = ZoneInfo("Asia/Tokyo")

FIGURES: dict[str, Any] = {
    "id": "23-tcp-up-2014-10-01",
    "kind": Kind.ROSE,
    "ports": ("23/TCP",),
    "countries": (),
    "start": date(2014, 11, 3),
    "end": None,
    "base": 378.04,
    "level": 816.6,
    "peak": 900.0,
    "factor": 2.16,
    "excess": 3842,
    "share": 0.1,
    "score": 15.8,
    "peaks": 1,
    "verdict": Verdict.WIDE,
    "reason": "8 of 8 sensors share the rise",
    "growth": 2.1,
    "compared_sensors": 8,
    "sharing_sensors": 8,
    "regions": (Part("CN", "CN China", 3266, 0.85), Part("KR", "KR Korea", 150, 0.04)),
    "services": (),
    "sensors": (Part("tokyo-2", "tokyo-2", 960, 0.25),),
    "tools": (Part("none", "none", 3800, 0.99),),
    "spoofable": 0.0,
    "backscatter": 0.0,
    "ranks": (Standing("23/TCP", 1, 1),),
    "relations": (),
    "office_hours": (),
    "includes": (),
}


def proposal(**changes: Any) -> Proposal:
    """23/TCP as it rose in November 2014, but for some changes."""
    told = {**FIGURES, **changes}
    return Proposal(**{"subject": subject_text(told["ports"], told["countries"]), **told})


def phenomena(*rows: Proposal, first: date = date(2014, 10, 1), after: date = date(2015, 1, 1)) -> Phenomena:
    """What is proposed for some days of Tokyo."""
    window = Window(midnight(first, TOKYO), midnight(after, TOKYO))
    provenance = Provenance(1, Period("asked", TOKYO, window, window), Filter(), None, None)
    return Phenomena(rows, 1000, 0, 0, provenance)
