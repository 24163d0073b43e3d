"""Every address that a sensor watches, the odds that a packet goes there, and when its files begin."""

from __future__ import annotations

from datetime import date
from ipaddress import IPv4Network, IPv6Address

import numpy as np
import numpy.typing as npt

from darkscope.ingest.simulate.frames import Wiring
from darkscope.ingest.simulate.scenario import Sensor


class Targets:
    """The watched addresses as columns; an IPv6 address goes with each of its sensor's IPv4 addresses."""

    def __init__(self, sensors: tuple[Sensor, ...]) -> None:
        hosts = [
            (number, int(host)) for number, one in enumerate(sensors) for host in IPv4Network(one.network)
        ]
        six = [int(IPv6Address(sensors[number].address6 or "::")) for number, _ in hosts]
        self.sensor = np.array([number for number, _ in hosts], np.int64)
        self.address = np.array([host for _, host in hosts], np.uint64)
        self.address6_high = np.array([address >> 64 for address in six], np.uint64)
        self.address6_low = np.array([address & (1 << 64) - 1 for address in six], np.uint64)
        self.honeypot = np.array([sensor.honeypot for sensor in sensors])  # by sensor
        self.network = np.array([int(IPv4Network(sensor.network)[0]) for sensor in sensors])  # by sensor
        self._sensors = sensors
        self._odds: list[npt.NDArray[np.float64]] = []
        self._audiences: dict[tuple[str, ...], int] = {}

    def audience(self, at: tuple[str, ...]) -> int:
        """Give a set of sensors its number; no ids stand for all. Raises ValueError for an unknown id."""
        ids = [sensor.id for sensor in self._sensors]
        if unknown := set(at) - set(ids):
            raise ValueError(f"no sensor {', '.join(sorted(unknown))}")
        if at not in self._audiences:
            chosen = np.array([not at or name in at for name in ids])[self.sensor]
            weights = np.array([sensor.attention for sensor in self._sensors])[self.sensor] * chosen
            self._audiences[at] = len(self._odds)
            self._odds.append(np.cumsum(weights) / weights.sum())
        return self._audiences[at]

    def pick(self, audience: npt.NDArray[np.int64], drawn: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Choose addresses by audience and random numbers from 0 to 1; 1 excluded."""
        picked = np.empty(len(drawn), np.int64)
        for number in np.unique(audience).tolist():
            of_audience = audience == number
            picked[of_audience] = np.searchsorted(self._odds[number], drawn[of_audience], side="right")
        return picked


def rotation(sensor: Sensor, day: date) -> int:
    """Tell how many hours a file of this sensor lasts on a UTC day."""
    hours = 24
    for change in sensor.rotations:
        if day >= change.since:
            hours = change.hours
    return hours


def wiring(sensors: tuple[Sensor, ...]) -> Wiring:
    """Make up locally administered MAC addresses, and a gateway beside each sensor."""
    mac = [[0x02, 0, 0, 0, 1, number] for number in range(len(sensors))]
    gateway_mac = [[0x02, 0, 0, 0, 2, number] for number in range(len(sensors))]
    gateway = [int(IPv4Network(sensor.network)[0]) & ~0xFF | 0xFE for sensor in sensors]
    return Wiring(np.array(mac, np.uint8), np.array(gateway_mac, np.uint8), np.array(gateway, np.uint64))
