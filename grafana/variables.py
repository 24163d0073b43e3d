"""The variables of dashboards: who observed, what was sent, how much of it is shown.

Pure. A dashboard takes those that its queries use, in an order in which each may ask by those before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkscope.grafana import sources
from darkscope.grafana.influxql import Select, chosen, leading, own, tag_values, total
from darkscope.grafana.sources import BY_RANGE, DAYS, HOURS, MINUTES, Source
from darkscope.ingest.measurements import COUNTRIES, PORTS, SENSORS, TOTALS, Resolution
from darkscope.ingest.series import TELESCOPE

Json = dict[str, Any]

ALL = "$__all"
ANYTHING = ".*"
"""What All means where a list need not be spelt out; it matches a value that the list has not, too."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable, and whether people see it."""

    name: str
    label: str
    meaning: str
    body: Json
    seen: bool = True

    def model(self) -> Json:
        """The variable in Grafana's words."""
        return {
            "name": self.name,
            "label": self.label,
            "description": self.meaning,
            "hide": 0 if self.seen else 2,
            "skipUrlSync": False,
            **self.body,
        }


def constant(name: str, label: str, meaning: str, value: str) -> Variable:
    """A text that is the same everywhere; whoever needs another changes it in one place."""
    return Variable(
        name,
        label,
        meaning,
        {
            "type": "constant",
            "query": value,
            "current": _current(value),
            "options": [_option(value, selected=True)],
            "skipUrlSync": True,
        },
        seen=False,
    )


def typed(name: str, label: str, meaning: str, value: str) -> Variable:
    """A text that people type."""
    return Variable(
        name,
        label,
        meaning,
        {
            "type": "textbox",
            "query": value,
            "current": _current(value),
            "options": [_option(value, selected=True)],
        },
    )


def one_of(name: str, label: str, meaning: str, values: tuple[str, ...], default: str) -> Variable:
    """One of a few values that are known beforehand."""
    return Variable(
        name,
        label,
        meaning,
        {
            "type": "custom",
            "query": ",".join(values),
            "multi": False,
            "includeAll": False,
            "current": _current(default),
            "options": [_option(value, selected=value == default) for value in values],
        },
    )


def asked(
    name: str,
    label: str,
    meaning: str,
    query: str,
    *,
    source: Source = DAYS,
    multi: bool = True,
    anything: bool = True,
    default: str | None = None,
    by_number: bool = False,
    seen: bool = True,
) -> Variable:
    """Values that InfluxDB lists. `anything`: All is `.*`; otherwise it is the list, as where others narrow it."""
    value = ALL if multi and default is None else default
    many: Json = {
        "multi": multi,
        "includeAll": multi,
        **({"allValue": ANYTHING} if multi and anything else {}),
    }
    text = "All" if value == ALL else value
    return Variable(
        name,
        label,
        meaning,
        {
            "type": "query",
            "datasource": source.reference,
            "query": query,
            "definition": query,
            "refresh": 2,  # whenever the range changes
            "regex": "",
            "sort": 3 if by_number else 1,
            "current": {}
            if value is None
            else {
                "selected": True,
                "text": [text] if multi else text,
                "value": [value] if multi else value,
            },
            "options": [],
            **many,
        },
        seen,
    )


def _current(value: str) -> Json:
    return {"selected": True, "text": value, "value": value}


def _option(value: str, *, selected: bool) -> Json:
    return {"selected": selected, "text": value, "value": value}


SOURCE = constant("source", "Data sources", "How the uids of darkscope's data sources begin.", sources.PREFIX)
API = constant(
    "api",
    "API",
    "Where people's browsers reach darkscope's API; panels link to it.",
    "http://localhost:8000",
)
FINE = asked(
    "minutes",
    "Minutes serve",
    "1 where the range is short and the bucket of minutes still has it.",
    sources.has(Resolution.MINUTE, sources.LONGEST_IN_MINUTES),
    source=MINUTES,
    multi=False,
    seen=False,
)
MIDDLE = asked(
    "hours",
    "Hours serve",
    "60 where the range is not too long and the bucket of hours still has it.",
    sources.has(Resolution.HOUR, sources.LONGEST_IN_HOURS),
    source=HOURS,
    multi=False,
    seen=False,
)
STEP = asked(
    "step",
    "Minutes a point",
    "Which of the three resolutions serves the range shown: it follows the range, and what has not expired.",
    sources.step(),
    multi=False,
)
ANY_RANGE = (SOURCE, FINE, MIDDLE, STEP)
"""What picks the data source by the range."""

ORGANISATION = asked(
    "organisation", "Organisation", "Who runs the sensors.", tag_values(SENSORS, "organisation")
)
HOME = asked(
    "home",
    "Home or abroad",
    "Where the sensors stand.",
    tag_values(SENSORS, "home", (chosen("organisation"),)),
)
KIND = asked(
    "kind",
    "Kind",
    "Telescopes listen, honeypots answer; what answers attracts more, so telescopes are chosen at first.",
    tag_values(SENSORS, "kind", (chosen("organisation"), chosen("home"))),
    default=TELESCOPE,
)
SENSOR = asked(
    "sensor",
    "Sensor",
    "All means every sensor of the organisation, place and kind chosen before.",
    tag_values(SENSORS, "sensor", (chosen("organisation"), chosen("home"), chosen("kind"))),
    anything=False,
)
PROTOCOL = asked("protocol", "Protocol", "IP protocol.", tag_values(PORTS, "protocol"))
PROTOCOL_IN_ALL = asked(
    "protocol",
    "Protocol",
    "IP protocol: tcp, udp, icmp, icmpv6; all others together are `other`.",
    tag_values(TOTALS, "protocol"),
)
CLASS = asked(
    "class",
    "Class",
    "What a packet is, judged from itself alone. `packets` by port and country are not kept by class.",
    tag_values(PORTS, "class"),
)
PORT = asked(
    "port",
    "Port",
    "Destination port; 0 is ICMP and what else has no ports, `other` all ports without a series of their own.",
    tag_values(PORTS, "port", (chosen("protocol"),)),
    by_number=True,
)
COUNTRY = asked(
    "country",
    "Country",
    "Source country, ISO 3166-1 alpha-2; ZZ is unknown.",
    tag_values(COUNTRIES, "country"),
)
TOP = one_of("top", "Top", "How many ports or countries lead.", ("5", "10", "20", "50"), "10")
ZONE = typed("zone", "Days of", "Time zone in which days begin, by IANA's name.", "Asia/Tokyo")

OBSERVERS = (ORGANISATION, HOME, KIND, SENSOR)
"""The chain that ends in sensors."""

LEADING_PORTS = asked(
    "leading_ports",
    "Leading ports",
    "The ports with most packets of the range; it follows every other choice.",
    leading(
        Select(
            PORTS,
            (total("packets"),),
            (chosen("sensor"), chosen("protocol"), chosen("class"), own("port")),
        ),
        "port",
    ),
    source=BY_RANGE,
    anything=False,
    seen=False,
)
LEADING_COUNTRIES = asked(
    "leading_countries",
    "Leading countries",
    "The source countries with most packets of the range; it follows every other choice.",
    leading(
        Select(COUNTRIES, (total("packets"),), (chosen("sensor"), chosen("class"), own("country"))),
        "country",
    ),
    source=BY_RANGE,
    anything=False,
    seen=False,
)


def anyone(variable: Variable) -> Variable:
    """The same variable, of which all values are chosen at first."""
    many = {"selected": True, "text": ["All"], "value": [ALL]}
    return Variable(variable.name, variable.label, variable.meaning, {**variable.body, "current": many})


def one(variable: Variable, default: str) -> Variable:
    """The same variable, of which one value is chosen: what a drill-down is about."""
    body = {
        **variable.body,
        "multi": False,
        "includeAll": False,
        "current": _current(default) if default else {},
    }
    body.pop("allValue", None)
    return Variable(variable.name, variable.label, variable.meaning, body)
