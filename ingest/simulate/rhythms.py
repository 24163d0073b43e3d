"""Days and weeks of sources, to be used by any scenario: who sleeps, who goes to work, who does neither."""

from __future__ import annotations

from darkscope.ingest.simulate.scenario import Rhythm

STEADY = Rhythm()
"""Servers and scanners."""

HOMES = Rhythm(
    (0.9, 0.8, 0.75, 0.7, 0.7, 0.75, 0.8, 0.9, 1, 1, 1, *(1.05,) * 5, 1.1, 1.1, 1.2, 1.25, 1.3, 1.3, 1.2, 1)
)
"""Devices at home that are switched off at times."""

WAKING = Rhythm((0.55, 0.45, 0.4, 0.4, 0.45, 0.7, *(1.15,) * 18))
"""Never a pause but deep in the night, and no day of rest."""

OFFICES = Rhythm(
    (*(0.25,) * 7, 0.8, 1.7, 2.1, 2.1, 2.0, 0.75, 1.9, 2.0, 2.0, 1.9, 1.5, 0.9, *(0.3,) * 5), rest=0.4
)
"""Computers at work: on from 7 or 8, idle at noon, off by 19, seldom on where nobody works."""
