"""From a scenario to the packets expected of each stream, country and hour.

Pure: the same scenario and seed give the same numbers, whatever is simulated of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from darkscope.ingest.simulate.scenario import Rhythm, Scenario, Stream
from darkscope.ingest.simulate.world import utc_offset

DAILY_NOISE = 0.1
"""Standard deviation of a stream's daily factor: days differ by more than counting noise."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Expected packets. A row is one stream from one country, in the order of the scenario."""

    start: datetime  # UTC midnight of the first day
    stream: npt.NDArray[np.int64]  # index of the row's stream
    country: tuple[str, ...]  # of the row
    packets: npt.NDArray[np.float64]  # rows x hours, at scale 1

    @property
    def days(self) -> int:
        """UTC days."""
        return int(self.packets.shape[1]) // 24

    def day(self, index: int) -> date:
        """Give the UTC date of a day."""
        return (self.start + timedelta(days=index)).date()

    def index(self, day: date) -> int:
        """Give the number of a UTC date; the first day is 0."""
        return (day - self.start.date()).days


def plan(scenario: Scenario, seed: int) -> Plan:
    """Expect packets for every whole UTC day that the scenario's two periods touch."""
    zone = ZoneInfo(scenario.zone)
    first = datetime.combine(scenario.truth.before[0], datetime.min.time(), zone).astimezone(UTC).date()
    days = (scenario.truth.period[1] - first).days + 1
    start = datetime.combine(first, datetime.min.time(), UTC)
    hours = np.arange(days * 24)
    random = np.random.default_rng([seed, 1])
    rows, streams, countries = [], [], []
    for index, stream in enumerate(scenario.streams):
        for country, rate in stream.rates.items():
            noise = np.repeat(random.lognormal(-(DAILY_NOISE**2) / 2, DAILY_NOISE, days), 24)
            factor = _rhythm(stream.rhythm, country, scenario, first, hours) * _level(
                stream, country, zone, start, hours
            )
            rows.append(rate / 24 * factor * noise)
            streams.append(index)
            countries.append(country)
    return Plan(start, np.array(streams), tuple(countries), np.array(rows))


def _rhythm(
    rhythm: Rhythm, country: str, scenario: Scenario, first: date, hours: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    local = np.floor(hours + utc_offset(country)).astype(np.int64)
    weights = np.array(rhythm.hours)
    day = np.floor_divide(local, 24) + first.toordinal()
    holidays = [holiday.toordinal() for holiday in (scenario.holidays or {}).get(country, ())]
    # The ordinal 1 is a Monday, so that 6 and 0 (mod 7) are Saturday and Sunday.
    rests = (day % 7 == 6) | (day % 7 == 0) | np.isin(day, holidays)
    factors: npt.NDArray[np.float64] = (
        weights[local % 24] / weights.mean() * np.where(rests, rhythm.rest, 1.0)
    )
    return factors


def _level(
    stream: Stream, country: str, zone: ZoneInfo, start: datetime, hours: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    level = (stream.levels or {}).get(country, stream.level)
    if level is None:
        return np.ones(len(hours))
    midnights = [datetime.combine(day, datetime.min.time(), zone) for day, _ in level.points]
    at = [(midnight - start) / timedelta(hours=1) for midnight in midnights]
    factors: npt.NDArray[np.float64] = np.interp(hours + 0.5, at, [factor for _, factor in level.points])
    return factors
