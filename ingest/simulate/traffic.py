"""One UTC day of a scenario as packets: streams, replies, attacks, visits and the sensors' own surroundings.

Every day is made from its own seed alone: days may be made in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from darkscope.ingest.simulate.clock import HOUR, SECOND
from darkscope.ingest.simulate.events import events
from darkscope.ingest.simulate.frames import ARP, Batch, Layout, Layouts, batch, joined
from darkscope.ingest.simulate.rates import plan
from darkscope.ingest.simulate.replies import replies
from darkscope.ingest.simulate.scenario import ACK, TCP, UDP, Scenario
from darkscope.ingest.simulate.sources import mixed, population
from darkscope.ingest.simulate.targets import Targets, rotation
from darkscope.ingest.simulate.tools import Tools

AGAIN = np.array([0, 1, 3, 7]) * SECOND
"""When an operating system repeats a SYN that nobody answered."""

LAG = 2 * SECOND
"""How late a file is closed: its last frames may be this much later than the next file's first ones."""

BUSY = 1.6
"""How unequal the members of a population are: place in it = size x a random number to this power."""

_NEIGHBOUR = 0xF7  # last byte of an address beside the sensor
_SHOUT = Layout(UDP, payload=bytes(68))  # a NetBIOS datagram to everybody on the local network

_Ints = npt.NDArray[np.int64]


class Traffic:
    """A scenario made ready: asked for a day, it gives the day's packets."""

    def __init__(self, scenario: Scenario, *, scale: float, seed: int) -> None:
        """Prepare what all days share. Raises ValueError where the scenario contradicts itself."""
        self.scenario = scenario
        self.scale = scale
        self.seed = seed
        self.plan = plan(scenario, seed)
        self.layouts = Layouts()
        self.targets = Targets(scenario.sensors)
        self.audience = np.array(
            [self.targets.audience(stream.at) for stream in scenario.streams]
        )  # by stream
        self.out = self._outages()  # sensors x days
        self._tools = Tools(scenario.streams, self.layouts)
        users = [scenario.streams[index] for index in self.plan.stream.tolist()]
        self._members = np.array([stream.pool.members for stream in users])
        self._each = np.array([stream.pool.each for stream in users])
        self._population = population(
            [stream.pool for stream in users],
            [stream.name for stream in users],
            list(self.plan.country),
            [stream.tools[0][0].version for stream in users],
            seed,
        )
        self._ports, self._port_start, self._port_count = _port_table([one.ports for one in scenario.streams])
        first = self.plan.day(0)
        self._events = events(scenario, first, self.targets, self.layouts, scale=scale, seed=seed)

    def day(self, index: int) -> Batch:
        """Make the packets of a UTC day, ordered by sensor, hour of the file and time; none of an outage."""
        random = np.random.default_rng([self.seed, 2, index])
        streams = self._streams(index, random)
        answers = replies(streams, self.scenario.sensors, self.layouts, random)
        start = self._start(index)
        begin, end = np.searchsorted(self._events.time, [start, start + 24 * HOUR]).tolist()
        parts = joined(
            [streams, answers, self._events.take(slice(begin, end)), self._surroundings(index, random)]
        )
        parts = parts.take(~self.out[parts.sensor, index])
        return parts.take(np.lexsort((parts.time, parts.hour, parts.sensor)))

    def senders(self, name: str, countries: Sequence[str], index: int) -> npt.NDArray[np.uint64]:
        """IPv4 sources, in order, whose packets of a stream over TCP reached sensors on a UTC day."""
        number = [stream.name for stream in self.scenario.streams].index(name)
        is_meant = (self.plan.stream == number) & np.isin(np.array(self.plan.country), countries)
        size = self._size(self._expected(index)).astype(np.int64)
        row = np.repeat(np.flatnonzero(is_meant), size[is_meant])
        slot = np.arange(len(row)) - np.searchsorted(row, row)
        could = self._population.address(row, self._population.member(row, slot, index))

        packets = self.day(index)
        is_tcp = np.array([(one.version, one.protocol) == (4, TCP) for one in self.layouts.known])
        asks = (
            ~packets.own & is_tcp[packets.layout] & np.isin(packets.port, self.scenario.streams[number].ports)
        )
        return np.intersect1d(could, packets.source[asks])

    def _expected(self, index: int) -> npt.NDArray[np.float64]:
        """Packets of a UTC day, rows x its hours."""
        expected: npt.NDArray[np.float64] = self.plan.packets[:, index * 24 : (index + 1) * 24] * self.scale
        return expected

    def _size(self, expected: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Of each row, how many members its population has on a day with these packets."""
        fixed = np.ceil(self._members * max(self.scale, 1.0))
        grown = np.ceil(expected.sum(axis=1) / self._each)
        size: npt.NDArray[np.float64] = np.where(self._members > 0, fixed, grown).clip(1)
        return size

    def _start(self, index: int) -> int:
        return int((self.plan.start + timedelta(days=index)).timestamp()) * SECOND

    def _outages(self) -> npt.NDArray[np.bool_]:
        out = np.zeros((len(self.scenario.sensors), self.plan.days), np.bool_)
        ids = [sensor.id for sensor in self.scenario.sensors]
        for outage in self.scenario.outages:
            first, last = (self.plan.index(day) for day in (outage.first, outage.last))
            out[ids.index(outage.sensor), first : last + 1] = True
        return out

    def _streams(self, index: int, random: np.random.Generator) -> Batch:
        """Draw packets by the hour, give each a source, a target and a moment; repeat what is repeated."""
        expected = self._expected(index)
        counts = random.poisson(expected)
        row = np.repeat(np.arange(len(counts)), counts.sum(axis=1))
        hour = np.repeat(np.tile(np.arange(24), len(counts)), counts.ravel())

        size = self._size(expected)
        slot = np.floor(size[row] * random.random(len(row)) ** BUSY).astype(np.int64)
        member = self._population.member(row, slot, index)
        probe = self._tools.used(self.plan.stream[row], member)
        target = self.targets.pick(self.audience[self.plan.stream[row]], random.random(len(row)))

        # Who repeats packets comes less often, so that a rate counts packets.
        comes = random.random(len(row)) * self._tools.tries[probe] < 1
        row, hour, member, probe, target = (column[comes] for column in (row, hour, member, probe, target))
        # A honeypot answers at once: nothing to repeat.
        is_answered = self.targets.honeypot[self.targets.sensor[target]]
        tries = np.where(is_answered, 1, self._tools.tries[probe])
        room = HOUR + LAG - AGAIN[tries - 1]
        time = self._start(index) + hour * HOUR + (random.random(len(row)) * room).astype(np.int64)
        packets = self._asked(row, member, probe, target, index, random)
        packets = replace(packets, time=time, hour=hour)

        repeated = np.repeat(np.arange(len(packets)), tries)
        again = np.arange(len(repeated)) - np.repeat(np.cumsum(tries) - tries, tries)
        packets = packets.take(repeated)
        return replace(packets, time=packets.time + AGAIN[again])

    def _asked(
        self,
        row: _Ints,
        member: npt.NDArray[np.uint64],
        probe: _Ints,
        target: _Ints,
        index: int,
        random: np.random.Generator,
    ) -> Batch:
        """Write what each packet asks for into its headers; the time stays 0."""
        tools, targets, length = self._tools, self.targets, len(row)
        stream = self.plan.stream[row]
        drawn = np.floor(random.random(length) * self._port_count[stream]).astype(np.int64)
        port = self._ports[self._port_start[stream] + drawn]
        to = targets.address[target]
        sequence = tools.sequence(probe, member, index, to, random.integers(0, 1 << 32, length, np.uint64))
        address = self._population.address(row, member)
        is_v6 = tools.version[probe] == 6
        flags = tools.flags[probe]
        return batch(
            length,
            sensor=targets.sensor[target],
            layout=tools.layout[probe],
            source=np.where(is_v6, mixed(member, 12), address),
            source_high=np.where(is_v6, address, 0),
            target=np.where(is_v6, targets.address6_low[target], to),
            target_high=np.where(is_v6, targets.address6_high[target], 0),
            source_port=tools.source_port(probe, random.random(length)),
            port=port,
            sequence=sequence,
            acknowledgement=np.where(flags & ACK, random.integers(0, 1 << 32, length), 0),
            flags=flags,
            window=tools.window(probe, member),
            ttl=tools.ttl(probe, member),
            ip_id=tools.ip_id(probe, to, port, sequence, random.integers(0, 1 << 16, length)),
        )

    def _surroundings(self, index: int, random: np.random.Generator) -> Batch:
        """Let the gateway ask for each sensor at its files' edges, and a neighbour shout now and then."""
        sensors, network = self.scenario.sensors, self.targets.network
        lasting = [rotation(sensor, self.plan.day(index)) for sensor in sensors]
        number = np.repeat(np.arange(len(sensors)), [24 // hours for hours in lasting])
        begin = np.concatenate([np.arange(0, 24, hours) for hours in lasting])
        end = begin + np.array(lasting)[number]
        # The last request may come after the next file's first: the old file is closed late.
        first = begin * HOUR + random.integers(0, LAG // 2, len(begin))
        last = end * HOUR + random.integers(-LAG, LAG, len(begin))
        requests = batch(
            2 * len(begin),
            time=self._start(index) + np.concatenate([first, last]),
            hour=np.concatenate([begin, end - 1]),
            sensor=np.tile(number, 2),
            layout=self.layouts.number(Layout(ARP)),
            target=np.tile(network[number], 2),
        )
        length = 2 * len(sensors)
        hour = random.integers(0, 24, length)
        shouts = batch(
            length,
            time=self._start(index) + hour * HOUR + random.integers(0, HOUR, length),
            hour=hour,
            sensor=np.arange(length) // 2,
            layout=self.layouts.number(_SHOUT),
            source=np.repeat(network, 2) | _NEIGHBOUR,
            target=0xFFFFFFFF,
            source_port=138,
            port=138,
            ttl=128,
        )
        return joined([requests, shouts])


def _port_table(ports: Sequence[tuple[int, ...] | range]) -> tuple[_Ints, _Ints, _Ints]:
    """Put all streams' ports in one column; where each begins, how many it has. ICMP: sequence number 1."""
    listed = [list(of_stream) or [1] for of_stream in ports]
    count = np.array([len(of_stream) for of_stream in listed])
    return np.concatenate([np.array(one, np.int64) for one in listed]), np.cumsum(count) - count, count
