"""How many ports and countries may have tag values of their own, so that the series stay within their budget.

Pure. A series is a measurement with its tags. What every sensor has, however little there is to spend, are the
`other` series and those of coverage; the rest of the budget becomes slots.
"""

from __future__ import annotations

from dataclasses import dataclass

from darkscope.ingest.measurements import Resolution
from darkscope.ingest.protocols import ICMP, ICMPV6, TCP, UDP
from darkscope.ingest.series import Traffic

PORTLESS = (ICMP, ICMPV6)
"""Protocols without ports that are never folded."""

FOLDED_ALONE = (TCP, UDP)
"""Protocols whose folded ports keep the protocol's name."""

ALWAYS = len(PORTLESS) + len(FOLDED_ALONE) + 1
"""Ports that a sensor has without a slot: the portless, `tcp/other`, `udp/other`, `other/other`."""

CLASSES = len(Traffic)

OF_ITSELF = 4 + ALWAYS * CLASSES
"""Series of a sensor in `coverage`, `sensors` and `totals`; it may change its organisation, place or kind thrice."""

EVENTS_SHARE = 0.05
"""Part of the budget that `events` may take."""

PACKETS_SHARE, PORTS_SHARE = 0.5, 0.3
"""Parts of a sensor's series that `packets` and `ports` may take; `countries` takes the rest."""

ROUND = 10
FEWEST = 20
"""Sensors are rounded up to tens, and to twenty at least, so that a new one seldom changes the slots."""


@dataclass(frozen=True, slots=True)
class Slots:
    """How many values may be promoted."""

    ports: int  # ports with a tag value of their own, beside those that always have one
    pairs: int  # countries of ports in `packets`
    countries: int  # countries in `countries`
    events: int  # kinds and subjects of events

    @property
    def sensor(self) -> int:
        """Series that a sensor has at most in one bucket."""
        return OF_ITSELF + self.joint + CLASSES * (ALWAYS + self.ports + self.countries + 1)

    @property
    def joint(self) -> int:
        """Series that a sensor has at most in `packets`."""
        return ALWAYS + self.ports + self.pairs

    @property
    def own(self) -> int:
        """Series of `own`, which only the bucket of days has."""
        return len(PORTLESS) + self.ports + self.pairs + self.countries


def rounded(sensors: int) -> int:
    """Sensors that the budget is divided among where the settings do not say it."""
    return max(FEWEST, -(-sensors // ROUND) * ROUND)


def slots(series: int, sensors: int) -> Slots:
    """Divide a budget of series in all buckets among so many sensors.

    What has tags of its own is listed once, in `own`: that takes fewer series than a sensor, and gets as many.
    """
    bucket = series // len(Resolution)
    events = int(bucket * EVENTS_SHARE)
    each = (bucket - events - 1) // (sensors + 1) - OF_ITSELF
    ports = max(0, int(each * PORTS_SHARE) // CLASSES - ALWAYS)
    pairs = max(0, int(each * PACKETS_SHARE) - ALWAYS - ports)
    countries = max(0, int(each * (1 - PACKETS_SHARE - PORTS_SHARE)) // CLASSES - 1)
    return Slots(ports, pairs, countries, events)


def ceiling(series: int, sensors: int) -> int:
    """Series that all buckets together can come to, whatever is sent."""
    given = slots(series, sensors)
    return len(Resolution) * (given.sensor * sensors + given.events + 1) + given.own
