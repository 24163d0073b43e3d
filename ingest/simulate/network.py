"""The simulated observation network that both scenarios use: telescopes at home and abroad, two honeypots.

Addresses are from the ranges set aside for documentation (RFC 5737, RFC 3849) and benchmarks (RFC 2544): no
address shown is anybody's.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from darkscope.ingest.simulate.scenario import Compression, Container, Rotation, Sensor

_CSIRT, _PROVIDER, _UNIVERSITY = "Example CSIRT", "Example Provider", "Example University"


def sensors(six_hourly: date, hourly: date, daily: date) -> tuple[Sensor, ...]:
    """List all sensors; two change their rotation: one on a day, one from `hourly` until `daily`."""
    open_ports = (21, 22, 23, 80, 443, 445, 2323, 5000, 5001, 8080, 8083)
    honeypot = Sensor("honeypot-1", _CSIRT, "JP", "198.18.0.8/31", honeypot=True, open_ports=open_ports)
    return (
        Sensor("tokyo-1", _CSIRT, "JP", "192.0.2.0/29", address6="2001:db8:1::10"),
        Sensor("tokyo-2", _PROVIDER, "JP", "192.0.2.16/29", attention=1.1),
        Sensor("osaka-1", _PROVIDER, "JP", "192.0.2.32/30", rotations=(Rotation(six_hourly, 6),)),
        Sensor("nagoya-1", _PROVIDER, "JP", "192.0.2.48/30", attention=0.9, container=Container.PCAPNG),
        Sensor("fukuoka-1", _UNIVERSITY, "JP", "192.0.2.64/30", compression=Compression.GZIP),
        Sensor("sapporo-1", _UNIVERSITY, "JP", "203.0.113.0/30"),
        Sensor(
            "sendai-1",
            _UNIVERSITY,
            "JP",
            "203.0.113.16/31",
            rotations=(Rotation(hourly, 1), Rotation(daily, 24)),
        ),
        Sensor("naha-1", _PROVIDER, "JP", "203.0.113.32/32", attention=1.2),
        Sensor("taipei-1", "Example CSIRT, Taiwan", "TW", "198.51.100.0/30", home=False),
        Sensor("bangkok-1", "Example CSIRT, Thailand", "TH", "198.51.100.16/31", home=False),
        Sensor(
            "amsterdam-1",
            "Example CSIRT, Netherlands",
            "NL",
            "198.51.100.32/31",
            home=False,
            container=Container.PCAP_BIG,
        ),
        Sensor("saopaulo-1", "Example CSIRT, Brazil", "BR", "198.51.100.48/32", home=False),
        honeypot,
        replace(
            honeypot,
            id="honeypot-2",
            organisation=_UNIVERSITY,
            network="198.18.0.16/32",
            container=Container.PCAPNG,
        ),
    )
