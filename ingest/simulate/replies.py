"""What honeypots answer to single packets, and how a scanner then lets go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from darkscope.ingest.simulate.frames import Batch, Layout, Layouts, joined
from darkscope.ingest.simulate.scenario import ACK, ICMP, RST, SYN, TCP, UDP, Sensor

MSS = bytes.fromhex("020405b4")
_ACCEPTED, _CLOSED = Layout(TCP, options=MSS), Layout(TCP)
_ECHO = Layout(ICMP, icmp=(0, 0), payload=bytes(32))
_REFUSED = Layout(UDP, payload=bytes.fromhex("12348105 0000 0000 0000 0000"))  # DNS


def replies(
    packets: Batch, sensors: tuple[Sensor, ...], layouts: Layouts, random: np.random.Generator
) -> Batch:
    """Answer SYNs, DNS queries and echo requests (IPv4) to honeypots; reset what a port accepted."""
    asked = packets.take(np.array([sensor.honeypot for sensor in sensors])[packets.sensor])
    known = list(layouts.known)
    protocol = np.array([layout.protocol if layout.version == 4 else 0 for layout in known])[asked.layout]
    is_echo = np.array([layout.icmp == (8, 0) for layout in known])[asked.layout]
    is_syn = (protocol == TCP) & (asked.flags == SYN)
    is_open = np.zeros(len(asked), np.bool_)
    for number, sensor in enumerate(sensors):
        is_open |= (asked.sensor == number) & np.isin(asked.port, sensor.open_ports)

    accepted = asked.take(is_syn & is_open)
    released = replace(
        accepted,
        time=accepted.time + random.integers(20_000, 250_000, len(accepted)),
        layout=_all(accepted, layouts.number(_CLOSED)),
        sequence=_next(accepted),
        flags=_all(accepted, RST),
        window=_all(accepted, 0),
        ip_id=_all(accepted, 0),
    )
    initial = random.integers(0, 1 << 32, len(accepted), np.uint64)
    pinged = _answer(asked.take(is_echo), layouts.number(_ECHO), 0, random)
    return joined(
        [
            replace(_answer(accepted, layouts.number(_ACCEPTED), SYN | ACK, random), sequence=initial),
            _answer(asked.take(is_syn & ~is_open), layouts.number(_CLOSED), RST | ACK, random),
            _answer(asked.take((protocol == UDP) & (asked.port == 53)), layouts.number(_REFUSED), 0, random),
            # An echo reply repeats identifier and sequence number where they were.
            replace(pinged, source_port=pinged.port, port=pinged.source_port),
            released,
        ]
    )


def _answer(to: Batch, layout: int, flags: int, random: np.random.Generator) -> Batch:
    return replace(
        to,
        time=to.time + random.integers(40, 400, len(to)),
        own=np.ones(len(to), np.bool_),
        layout=_all(to, layout),
        source=to.target,
        target=to.source,
        source_port=to.port,
        port=to.source_port,
        sequence=np.zeros(len(to), np.uint64),
        acknowledgement=_next(to),
        flags=_all(to, flags),
        window=_all(to, 29200 if flags & SYN else 0),
        ttl=_all(to, 64),
        ip_id=_all(to, 0),
    )


def _all(packets: Batch, value: int) -> npt.NDArray[np.int64]:
    return np.full(len(packets), value)


def _next(packets: Batch) -> npt.NDArray[np.uint64]:
    return packets.sequence + np.uint64(1) & np.uint64(0xFFFFFFFF)
