"""Points of every series, as the projector writes them, for tests of what is asked of InfluxDB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from darkscope.ingest.measurements import (
    COVERAGE,
    DARKSCOPE,
    EVENTS,
    MEASUREMENTS,
    SENSORS,
    FieldType,
    Measurement,
)

NAMES: dict[str, Measurement] = {one.name: one for one in MEASUREMENTS}


def line(measurement: Measurement, time: int, named: Mapping[str, str], /, **fields: int | str) -> str:
    """One point in InfluxDB's line protocol; names are held against the vocabulary."""
    assert set(named) == set(measurement.tag_names), measurement.name
    types = {field.name: field.type for field in measurement.fields}
    values = (
        f"{name}={value}i" if types[name] is FieldType.INTEGER else f'{name}="{value}"'
        for name, value in fields.items()
    )
    tags = "".join(f",{name}={escaped(named[name])}" for name in measurement.tag_names)
    return f"{measurement.name}{tags} {','.join(values)} {time}"


def escaped(text: str) -> str:
    for letter in ",= ":
        text = text.replace(letter, f"\\{letter}")
    return text


def watched(time: int, sensor: str, seconds: int, **fates: int) -> str:
    """A point of `coverage`; fates that are not named are 0."""
    counts = dict.fromkeys(COVERAGE.field_names, 0) | {"watched": seconds} | fates
    return line(COVERAGE, time, {"sensor": sensor}, **counts)


def listed(time: int, sensor: str, **tags: str) -> str:
    """A point of `sensors`."""
    some = {"organisation": "Example CERT", "home": "home", "kind": "telescope", "country": "JP"}
    return line(SENSORS, time, some | tags | {"sensor": sensor}, listed=1)


def event(time: int, kind: str, subject: str, title: str) -> str:
    """A point of `events`."""
    return line(
        EVENTS, time, {"kind": kind, "subject": subject}, title=title, text=title, tags=f"{kind},{subject}"
    )


def itself(time: int, lag: int = 3, damaged: int = 0) -> str:
    """A point of `darkscope`."""
    said = {"lag": lag, "damaged": damaged}
    return line(DARKSCOPE, time, {}, **(dict.fromkeys(DARKSCOPE.field_names, 1) | said))


def packets(
    time: int, sensor: str, protocol: str, port: str, country: str, count: int, traffic: str = "scan"
) -> Iterator[str]:
    """Points of one port and country in every measurement of packets: exact where nothing else sends."""
    sums = {"packets": count, "bytes": 60 * count}
    tags = {"sensor": sensor, "protocol": protocol, "port": port, "country": country, "class": traffic}
    for name in ("packets", "ports", "countries", "totals"):
        measurement = NAMES[name]
        yield line(measurement, time, {tag: tags[tag] for tag in measurement.tag_names}, **sums)
