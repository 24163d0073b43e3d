"""The vocabulary of the projection: every bucket, measurement, tag and field in InfluxDB, with unit and meaning.

Nothing here reads or writes. The projector makes its points from these definitions, dashboards their queries, the
documentation its tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from darkscope.ingest.series import Rejected

OTHER = "other"
"""Tag value of what has none of its own: folded ports, protocols and countries. Sums over all values stay whole."""

NONE = "none"
"""Tag value where there is none: InfluxDB knows no empty tag."""

HOME, ABROAD = "home", "abroad"
"""Values of the tag `home`."""


class Resolution(Enum):
    """Steps in which points are written, one bucket each."""

    MINUTE = 1
    HOUR = 60
    DAY = 1440

    @property
    def minutes(self) -> int:
        """Length of a step; steps begin at multiples of it since 1970, UTC."""
        return self.value

    def bucket(self, name: str) -> str:
        """Bucket of this resolution, where `name` is the one of the minutes."""
        return name if self is Resolution.MINUTE else f"{name}_{self.name.lower()}"

    @property
    def shard(self) -> int:
        """Days that a shard group of the bucket holds: as many as people ask of it at once, and no fewer.

        InfluxDB asks each shard for each series. Its own choice, a day or a week, makes a quarter cost four times.
        """
        return {Resolution.MINUTE: 1, Resolution.HOUR: 21, Resolution.DAY: 91}[self]


class FieldType(StrEnum):
    """What InfluxDB holds a field as. The first write fixes it."""

    INTEGER = "integer"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag: what a panel filters and groups by."""

    name: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field: what a panel draws."""

    name: str
    unit: str
    meaning: str
    type: FieldType = FieldType.INTEGER


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement. Every resolution's bucket has it, with times in whole seconds."""

    name: str
    meaning: str
    tags: tuple[Tag, ...]
    fields: tuple[Field, ...]

    @property
    def tag_names(self) -> tuple[str, ...]:
        """Names of the tags, in the order of the definition."""
        return tuple(tag.name for tag in self.tags)

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names of the fields, in the order of the definition."""
        return tuple(field.name for field in self.fields)


_SENSOR = Tag("sensor", "the sensor's stable id")
_PROTOCOL = Tag(
    "protocol", "IANA's keyword in lower case: `tcp`, `udp`, `icmp`, `icmpv6` ...; `other` where it is folded"
)
_PORT = Tag(
    "port",
    "destination port; `0` where the protocol has none, `none` where the packet's was not there; "
    "`other` where it is folded",
)
_COUNTRY = Tag("country", "source country, ISO 3166-1 alpha-2; `ZZ` unknown; `other` where it is folded")
_CLASS = Tag(
    "class",
    "what the packet is, from itself alone: `scan`, `backscatter`, `spoofable`, `other`, `research`",
)
_SUMS = (
    Field("packets", "packets", "packets in the step"),
    Field("bytes", "bytes", "bytes on the wire, link layer included"),
)

PACKETS = Measurement(
    "packets",
    "what was sent to the sensors, jointly by port and country: each port keeps its leading countries",
    (_SENSOR, _PROTOCOL, _PORT, _COUNTRY),
    _SUMS,
)

PORTS = Measurement(
    "ports", "the same by port, all countries together", (_SENSOR, _PROTOCOL, _PORT, _CLASS), _SUMS
)

COUNTRIES = Measurement(
    "countries", "the same by country, all ports together", (_SENSOR, _COUNTRY, _CLASS), _SUMS
)

TOTALS = Measurement(
    "totals",
    "the same in all, for panels that need no port and no country; protocols are `tcp`, `udp`, `icmp`, `icmpv6` and "
    "`other`",
    (_SENSOR, _PROTOCOL, _CLASS),
    _SUMS,
)

OWN = Measurement(
    "own",
    "which ports, countries, and countries of ports have tag values of their own on a UTC day, at its midnight: beside "
    "them a missing point is a true zero. The bucket of days alone has it",
    (
        Tag("protocol", "as in `packets`; `none` where a country is meant, whatever the port"),
        Tag("port", "as in `packets`; `none` where the protocol is"),
        Tag("country", "as in `packets`; `none` where the port is meant, whatever the country"),
    ),
    (Field("own", "", "1; 0 where it has none any more"),),
)

COVERAGE = Measurement(
    "coverage",
    "when sensors watched, and what became of every frame. A step that was watched and has no packets is a true "
    "zero; one without a point is an outage. What became of frames is known by the hour: in steps of a minute it "
    "stands at the hour's first. Frames without a believable time stand nowhere here",
    (_SENSOR,),
    (
        Field("watched", "seconds", "time of the step that the sensor watched"),
        Field("frames", "frames", "frames in the captures"),
        Field("inbound", "frames", "frames that became packets"),
        Field("own", "frames", "frames that the sensor itself sent"),
        Field("stray", "frames", "frames for addresses that the sensor does not watch"),
        Field("overlap", "frames", "frames left out because another capture of the point has their time"),
        *(
            Field(f"rejected_{reason}", "frames", f"frames rejected: {reason.replace('_', ' ')}")
            for reason in Rejected
        ),
        Field("dropped", "packets", "packets that the capturing program says it lost"),
    ),
)

SENSORS = Measurement(
    "sensors",
    "who the sensors are: one point a sensor and UTC day, at its midnight, for sensors that the settings have for that "
    "day or that were heard. Ask for 2 days at least, whatever stretch a panel shows",
    (
        _SENSOR,
        Tag("organisation", "who runs it; `none` where nobody is named"),
        Tag("home", "`home` or `abroad`"),
        Tag("kind", "`telescope` or `honeypot`"),
        Tag("country", "where it stands, ISO 3166-1 alpha-2; `ZZ` unknown"),
    ),
    (Field("listed", "", "1"),),
)

EVENTS = Measurement(
    "events",
    "what analysis found or a person noted, at its start: annotations",
    (
        Tag("kind", "the detector's word"),
        Tag("subject", "port, country or sensor it is about, as in the tags of these; else `other`"),
    ),
    (
        Field("title", "text", "one line", FieldType.STRING),
        Field("text", "text", "what was found, in words", FieldType.STRING),
        Field(
            "tags", "text", "kind and subject, comma-separated, as annotations want them", FieldType.STRING
        ),
    ),
)

DARKSCOPE = Measurement(
    "darkscope",
    "the projection about itself, at the step in which it wrote",
    (),
    (
        Field("version", "", "version of the ledger that InfluxDB now has"),
        Field(
            "plan", "", "plan of the ledger up to which changes were taken: by this a lost disk is noticed"
        ),
        Field("lag", "seconds", "age of the oldest change that is not in InfluxDB; 0 where all are"),
        Field("waiting", "", "stretches of an hour or a day that wait to be written"),
        Field(
            "series", "series", "series of `packets`, `ports`, `countries` and `totals` in the newest UTC day"
        ),
        Field("folded", "packets", "packets of the newest UTC day whose port has no value of its own"),
        Field("points", "points", "points written since the projector began"),
        Field("rejected", "points", "points that InfluxDB refused, since the projector began"),
        Field("failures", "requests", "requests that failed, since the projector began"),
        Field("damaged", "files", "files of the ledger that are damaged: what they bear on waits"),
    ),
)

MEASUREMENTS = (PACKETS, PORTS, COUNTRIES, TOTALS, OWN, COVERAGE, SENSORS, EVENTS, DARKSCOPE)
