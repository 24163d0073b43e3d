"""The file of investigated devices that goes with simulated captures: what stood behind some of their sources.

Whoever is named was drawn as a sender of the investigated stream on the day of the investigation.
"""

from __future__ import annotations

from datetime import date, timedelta
from ipaddress import IPv4Address
from operator import itemgetter

from darkscope.ingest.simulate.settings_file import MARK
from darkscope.ingest.simulate.sources import fraction, mixed
from darkscope.ingest.simulate.traffic import Traffic

INVESTIGATOR = "simulated investigation"
"""Stands in each line, so that nobody takes it for a finding."""

_HEADER = "prefix,vendor,product,kind,seen,by"
_LOOKED_AT = 13  # salt of the hash by which a source is among those that are looked at


def devices_text(traffic: Traffic, until: date | None = None, moved: int = 0) -> str:
    """Write the CSV of investigated devices, by day and address; who is known is not looked at again.

    `until` is the last UTC day of the scenario of which something is known; `moved` is added to all days.
    """
    scenario = traffic.scenario
    lines: dict[int, str] = {}
    looked = [(day, one) for one in scenario.investigations for day in one.days]
    for day, what in sorted(looked, key=itemgetter(0)):
        index = traffic.plan.index(day)
        if not 0 <= index < traffic.plan.days or (until is not None and day > until):
            continue
        sources = traffic.senders(what.stream, what.countries, index)
        seen = (day + timedelta(days=moved)).isoformat()
        for source in sources[fraction(mixed(sources, _LOOKED_AT)) < what.share].tolist():
            found = (str(IPv4Address(source)), what.vendor, what.product, what.kind, seen, INVESTIGATOR)
            lines.setdefault(source, ",".join(found))
    head = [
        f"# Devices behind sources of {MARK} of {scenario.title}: made up, as all of it.",
        "# The addresses are of real networks; nobody looked at them, and they did nothing of what is shown.",
    ]
    return "\n".join([*head, _HEADER, *lines.values()]) + "\n"
