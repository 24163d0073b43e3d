"""One UTC day of a scenario as packets: streams, replies, attacks, visits and the local network around the sensors.

Every day is made from its own seed alone: days may be made in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Address
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from darkscope.ingest.simulate.frames import ARP, Batch, Layout, Layouts, Wiring, batch, joined
from darkscope.ingest.simulate.rates import Plan, plan
from darkscope.ingest.simulate.scenario import (
    ACK,
    FIN,
    ICMP,
    ICMPV6,
    PSH,
    RST,
    SYN,
    TCP,
    UDP,
    Attack,
    Mark,
    Pool,
    Probe,
    Scenario,
    Sensor,
    Visit,
)
from darkscope.ingest.simulate.sources import Population, fraction, mixed, population

SECOND = 1_000_000
HOUR = 3600 * SECOND
AGAIN = np.array([0, 1, 3, 7]) * SECOND
"""When an operating system repeats a SYN that nobody answered."""

LAG = 2 * SECOND
"""How late a file is closed: its last frames may be this much later than the next file's first ones."""

ZMAP_ID = 54321
_RESPONSE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_CONNECTING = bytes.fromhex("020405b4 01010402")  # MSS 1460, SACK permitted
_REFUSED_DNS = bytes.fromhex("12348105 0000 0000 0000 0000")

_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Probes:
    """The scenario's probes as columns."""

    probes: list[Probe]
    layout: _Ints
    shares: npt.NDArray[np.float64]  # streams x tools, cumulative, ends with 1
    numbers: _Ints  # streams x tools

    def column(self, name: str) -> npt.NDArray[np.generic]:
        return np.array([getattr(probe, name) for probe in self.probes])


class Traffic:
    """A scenario made ready: asks for a day, gives its packets."""

    def __init__(self, scenario: Scenario, *, scale: float, seed: int) -> None:
        """Prepare what all days share. Raises ValueError where the scenario contradicts itself."""
        self.scenario = scenario
        self.scale = scale
        self.seed = seed
        self.plan: Plan = plan(scenario, seed)
        self.layouts = Layouts()
        self.targets = Targets(scenario.sensors)
        streams = scenario.streams
        self._row_streams = [streams[index] for index in self.plan.stream.tolist()]
        self._population: Population = population(
            [stream.pool for stream in self._row_streams],
            [stream.name for stream in self._row_streams],
            list(self.plan.country),
            [stream.tools[0][0].version for stream in self._row_streams],
            seed,
        )
        self._probes = self._gather_probes()
        self._audience = np.array([self.targets.audience(stream.at) for stream in streams])
        self._ports, self._port_start, self._port_count = _port_table([stream.ports for stream in streams])
        self._members = np.array([stream.pool.members for stream in self._row_streams])
        self._each = np.array([stream.pool.each for stream in self._row_streams])
        self._out = self._outages()
        self._events = self._timeline()

    def day(self, index: int) -> Batch:
        """Packets of a UTC day, ordered by sensor, file hour and time; those of outages are not there."""
        random = np.random.default_rng([self.seed, 2, index])
        streams = self._streams(index, random)
        start = self._start(index)
        at = np.searchsorted(self._events.time, [start, start + 24 * HOUR])
        events = self._events.take(slice(int(at[0]), int(at[1])))
        parts = joined([streams, self._replies(streams, random), events, self._surroundings(index, random)])
        parts = parts.take(~self._out[parts.sensor, index])
        return parts.take(np.lexsort((parts.time, parts.hour, parts.sensor)))

    def _start(self, index: int) -> int:
        return int((self.plan.start + timedelta(days=index)).timestamp()) * SECOND

    def _gather_probes(self) -> _Probes:
        tools = [stream.tools for stream in self.scenario.streams]
        number: dict[Probe, int] = {}
        for probe, _ in (tool for of_stream in tools for tool in of_stream):
            number.setdefault(probe, len(number))
        most = max(map(len, tools))
        shares, numbers = np.ones((len(tools), most)), np.zeros((len(tools), most), np.int64)
        for row, of_stream in enumerate(tools):
            total = sum(share for _, share in of_stream)
            shares[row, : len(of_stream)] = np.cumsum([share / total for _, share in of_stream])
            numbers[row, : len(of_stream)] = [number[probe] for probe, _ in of_stream]
        layout = [self.layouts.number(_layout(probe)) for probe in number]
        return _Probes(list(number), np.array(layout), shares, numbers)

    def _outages(self) -> npt.NDArray[np.bool_]:
        out = np.zeros((len(self.scenario.sensors), self.plan.days), np.bool_)
        ids = [sensor.id for sensor in self.scenario.sensors]
        first = self.plan.day(0)
        for outage in self.scenario.outages:
            out[ids.index(outage.sensor), (outage.first - first).days : (outage.last - first).days + 1] = True
        return out

    def _streams(self, index: int, random: np.random.Generator) -> Batch:
        expected = self.plan.packets[:, index * 24 : (index + 1) * 24] * self.scale
        counts = random.poisson(expected)
        row = np.repeat(np.arange(len(counts)), counts.sum(axis=1))
        hour = np.repeat(np.tile(np.arange(24), len(counts)), counts.ravel())
        stream = self.plan.stream[row]

        fixed = np.ceil(self._members * max(self.scale, 1.0))
        size = np.maximum(np.where(self._members > 0, fixed, np.ceil(expected.sum(axis=1) / self._each)), 1)
        slot = np.floor(size[row] * random.random(len(row)) ** 1.6).astype(np.int64)
        member = self._population.member(row, slot, index)
        probe = self._probe_of(stream, member)

        # A source that repeats its packets comes less often, so that rates stay packets a day.
        tries = self._probes.column("tries")[probe].astype(np.int64)
        kept = random.random(len(row)) * tries < 1
        row, hour, stream, member, probe, tries = (
            column[kept] for column in (row, hour, stream, member, probe, tries)
        )
        target = self.targets.pick(self._audience[stream], random.random(len(row)))
        sensor = self.targets.sensor[target]
        # A honeypot answers at once: nothing to repeat.
        tries = np.where(self.targets.honeypot[sensor], 1, tries)
        last = AGAIN[tries - 1]
        time = (
            self._start(index)
            + hour * HOUR
            + (random.random(len(row)) * (HOUR - last + LAG)).astype(np.int64)
        )
        packets = self._asked(row, stream, member, probe, target, time, hour, index, random)
        repeated = np.repeat(np.arange(len(packets)), tries)
        again = np.arange(len(repeated)) - np.repeat(np.cumsum(tries) - tries, tries)
        packets = packets.take(repeated)
        return replace(packets, time=packets.time + AGAIN[again])

    def _probe_of(self, stream: _Ints, member: npt.NDArray[np.uint64]) -> _Ints:
        drawn = fraction(mixed(member, 9))
        tool = (drawn[:, None] >= self._probes.shares[stream]).sum(axis=1)
        return self._probes.numbers[stream, tool]

    def _asked(
        self,
        row: _Ints,
        stream: _Ints,
        member: npt.NDArray[np.uint64],
        probe: _Ints,
        target: _Ints,
        time: _Ints,
        hour: _Ints,
        index: int,
        random: np.random.Generator,
    ) -> Batch:
        length = len(row)
        probes = self._probes
        address = self._population.address(row, member)
        version = probes.column("version")[probe]
        six = version == 6
        sequence = random.integers(0, 1 << 32, length, np.uint64)
        ip_id = random.integers(0, 1 << 16, length)
        ip_id[ip_id == ZMAP_ID] = 0
        port = self._ports[
            self._port_start[stream]
            + np.floor(random.random(length) * self._port_count[stream]).astype(np.int64)
        ]
        to = self.targets.address[target]
        marks = [one.mark for one in probes.probes]
        mark = np.array([one.value for one in marks])[probe]

        sequence = np.where(mark == Mark.MIRAI.value, to, sequence)
        twice = (sequence & np.uint64(0xFFFF)) * np.uint64(0x10001)
        scan_mask = mixed(member + np.uint64(index), 10) >> np.uint64(32)
        sequence = np.where(mark == Mark.NMAP.value, scan_mask ^ twice, sequence)
        structure = (to ^ port.astype(np.uint64) ^ sequence) & np.uint64(0xFFFF)
        ip_id = np.where(mark == Mark.ZMAP.value, ZMAP_ID, ip_id)
        ip_id = np.where(mark == Mark.MASSCAN.value, structure.astype(np.int64), ip_id)

        low, high = probes.column("source_ports").T
        source_port = low[probe] + np.floor(random.random(length) * (high - low + 1)[probe]).astype(np.int64)
        ttl = _kept([one.ttls for one in probes.probes], probe, mixed(member, 11))
        return batch(
            length,
            time=time,
            hour=hour,
            sensor=self.targets.sensor[target],
            layout=probes.layout[probe],
            source=np.where(six, mixed(member, 12), address),
            source_high=np.where(six, address, 0),
            target=np.where(six, self.targets.address6_low[target], to),
            target_high=np.where(six, self.targets.address6_high[target], 0),
            source_port=source_port,
            port=port,
            sequence=sequence,
            acknowledgement=np.where(
                probes.column("flags")[probe] & ACK, random.integers(0, 1 << 32, length), 0
            ),
            flags=probes.column("flags")[probe],
            window=_kept([one.windows for one in probes.probes], probe, mixed(member, 13)),
            ttl=ttl - 5 - (mixed(member, 14) % np.uint64(20)).astype(np.int64),
            ip_id=ip_id,
        )

    def _replies(self, packets: Batch, random: np.random.Generator) -> Batch:
        """What honeypots answer to single packets, and the reset that a scanner then sends."""
        protocol = np.array([layout.protocol for layout in self.layouts.known])[packets.layout]
        asked = packets.take(
            self.targets.honeypot[packets.sensor]
            & np.isin(protocol, (TCP, ICMP, UDP))
            & (packets.source_high == 0)
        )
        protocol = np.array([layout.protocol for layout in self.layouts.known])[asked.layout]
        opened = np.zeros(len(asked), np.bool_)
        for number, sensor in enumerate(self.scenario.sensors):
            opened |= (asked.sensor == number) & np.isin(asked.port, sensor.open_ports)
        syn = (protocol == TCP) & (asked.flags == SYN)
        answers = []
        length = len(asked)
        mine = random.integers(0, 1 << 32, length, np.uint64)
        for chosen, layout, flags in (
            (syn & opened, Layout(TCP, options=_CONNECTING[:4]), SYN | ACK),
            (syn & ~opened, Layout(TCP), RST | ACK),
            (protocol == ICMP, Layout(ICMP, icmp=(0, 0), payload=bytes(32)), 0),
            ((protocol == UDP) & (asked.port == 53), Layout(UDP, payload=_REFUSED_DNS), 0),
        ):
            to = asked.take(chosen)
            echo = layout.protocol == ICMP
            answers.append(
                replace(
                    to,
                    time=to.time + random.integers(40, 400, len(to)),
                    own=np.ones(len(to), np.bool_),
                    layout=np.full(len(to), self.layouts.number(layout)),
                    source=to.target,
                    target=to.source,
                    source_port=to.source_port if echo else to.port,
                    port=to.port if echo else to.source_port,
                    sequence=mine[chosen] if flags == SYN | ACK else np.zeros(len(to), np.uint64),
                    acknowledgement=(to.sequence + np.uint64(1)) & np.uint64(0xFFFFFFFF),
                    flags=np.full(len(to), flags),
                    window=np.full(len(to), 29200 if flags == SYN | ACK else 0),
                    ttl=np.full(len(to), 64),
                    ip_id=np.zeros(len(to), np.int64),
                )
            )
        heard = asked.take(syn & opened)
        away = replace(
            heard,
            time=heard.time + random.integers(20_000, 250_000, len(heard)),
            layout=np.full(len(heard), self.layouts.number(Layout(TCP))),
            sequence=(heard.sequence + np.uint64(1)) & np.uint64(0xFFFFFFFF),
            flags=np.full(len(heard), RST),
            window=np.zeros(len(heard), np.int64),
            ip_id=np.zeros(len(heard), np.int64),
        )
        return joined([*answers, away])

    def _surroundings(self, index: int, random: np.random.Generator) -> Batch:
        """The gateway asks for the sensor at the edges of every file; a neighbour shouts now and then."""
        made = []
        for number, sensor in enumerate(self.scenario.sensors):
            hours = rotation(sensor, self.plan, index)
            begins = np.arange(0, 24, hours)
            first = begins * HOUR + random.integers(0, LAG // 2, len(begins))
            # The last one may come after the next file's first: the old file is closed late.
            last = (begins + hours) * HOUR + random.integers(-LAG, LAG, len(begins))
            time = self._start(index) + np.concatenate([first, last])
            made.append(
                batch(
                    len(time),
                    time=time,
                    hour=np.concatenate([begins, begins + hours - 1]),
                    sensor=number,
                    layout=self.layouts.number(Layout(ARP)),
                    target=int(IPv4Network(sensor.network)[0]),
                )
            )
            hour = random.integers(0, 24, 2)
            made.append(
                batch(
                    len(hour),
                    time=self._start(index) + hour * HOUR + random.integers(0, HOUR, len(hour)),
                    hour=hour,
                    sensor=number,
                    layout=self.layouts.number(Layout(UDP, payload=bytes(68))),
                    source=int(IPv4Network(sensor.network)[0]) | 0xF7,
                    target=0xFFFFFFFF,
                    source_port=138,
                    port=138,
                    ttl=128,
                    ip_id=random.integers(0, ZMAP_ID, len(hour)),
                )
            )
        return joined(made)

    def _timeline(self) -> Batch:
        """Attacks and visits of the whole scenario, by time."""
        random = np.random.default_rng([self.seed, 3])
        parts = [batch(0)]
        parts += [self._attack(attack, number, random) for number, attack in enumerate(self.scenario.attacks)]
        for visit in self.scenario.visits:
            parts += self._visit(visit, random)
        events = joined(parts)
        events = events.take(np.argsort(events.time, kind="stable"))
        return replace(events, hour=events.time // HOUR % 24)

    def _attack(self, attack: Attack, number: int, random: np.random.Generator) -> Batch:
        victims = population([Pool("victims", lifetime=1)], [str(number)], [attack.country], [4], self.seed)
        at = np.zeros(1, np.int64)
        victim = victims.address(at, victims.member(at, at, 0))[0]
        length = round(attack.packets * max(self.scale, 1.0))
        target = self.targets.pick(np.full(length, self.targets.audience(())), random.random(length))
        reset = random.random(length) < attack.resets
        start = int(attack.start.timestamp() * SECOND)
        spread = (random.random(length) * attack.minutes * 60 * SECOND).astype(np.int64)
        return batch(
            length,
            time=start + spread,
            sensor=self.targets.sensor[target],
            layout=np.where(
                reset,
                self.layouts.number(Layout(TCP)),
                self.layouts.number(Layout(TCP, options=_CONNECTING[:4])),
            ),
            source=victim,
            target=self.targets.address[target],
            source_port=attack.port,
            port=random.integers(1024, 65536, length),
            sequence=np.where(reset, 0, random.integers(0, 1 << 32, length, np.uint64)),
            acknowledgement=random.integers(0, 1 << 32, length, np.uint64),
            flags=np.where(reset, RST | ACK, SYN | ACK),
            window=np.where(reset, 0, 14600),
            ttl=51,
            ip_id=0,
        )

    def _visit(self, visit: Visit, random: np.random.Generator) -> list[Batch]:
        pots = np.array([number for number, sensor in enumerate(self.scenario.sensors) if sensor.honeypot])
        guests = population([visit.pool], [visit.path], [visit.country], [4], self.seed)
        midnight = datetime.combine(visit.day, datetime.min.time(), ZoneInfo(self.scenario.zone)).astimezone(
            UTC
        )
        day = (midnight.date() - self.plan.day(0)).days
        parts = []
        for _ in range(visit.count):
            row = np.zeros(1, np.int64)
            slot = random.integers(0, max(visit.pool.members, 1), 1)
            member = guests.member(row, slot, day)
            source = int(guests.address(row, member)[0])
            target = int(random.choice(np.flatnonzero(np.isin(self.targets.sensor, pots))))
            # Well inside the local day, and never so near to its edges that a connection crosses them.
            time = int(midnight.timestamp() * SECOND) + int(random.integers(2 * HOUR, 23 * HOUR))
            parts.append(self._connection(visit, source, target, time, random))
            parts.append(self._sweep(visit, source, time, random))
        return parts

    def _sweep(self, visit: Visit, source: int, before: int, random: np.random.Generator) -> Batch:
        length = visit.sweep
        target = self.targets.pick(np.full(length, self.targets.telescopes), random.random(length))
        return batch(
            length,
            time=before - random.integers(60 * SECOND, HOUR, length),
            sensor=self.targets.sensor[target],
            layout=self.layouts.number(Layout(TCP, options=_CONNECTING)),
            source=source,
            target=self.targets.address[target],
            source_port=random.integers(32768, 61000, length),
            port=visit.port,
            sequence=random.integers(0, 1 << 32, length, np.uint64),
            flags=SYN,
            window=29200,
            ttl=47,
            ip_id=random.integers(0, ZMAP_ID, length),
        )

    def _connection(
        self, visit: Visit, source: int, target: int, time: int, random: np.random.Generator
    ) -> Batch:
        """One TCP connection with one request, both directions, from SYN to the last ACK."""
        here = int(self.targets.address[target])
        host = ".".join(str(byte) for byte in here.to_bytes(4, "big"))
        request = (
            f"{visit.method} {visit.path} HTTP/1.1\r\nHost: {host}:{visit.port}\r\nUser-Agent: {visit.agent}\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n"
        ).encode()
        theirs, mine = (int(number) for number in random.integers(0, 1 << 31, 2))
        after_request, after_reply = theirs + 1 + len(request), mine + 1 + len(_RESPONSE)
        plain = Layout(TCP)
        # own, layout, flags, sequence, acknowledgement, milliseconds
        steps: Sequence[tuple[bool, Layout, int, int, int, int]] = (
            (False, Layout(TCP, options=_CONNECTING), SYN, theirs, 0, 0),
            (True, Layout(TCP, options=_CONNECTING), SYN | ACK, mine, theirs + 1, 1),
            (False, plain, ACK, theirs + 1, mine + 1, 181),
            (False, Layout(TCP, payload=request), PSH | ACK, theirs + 1, mine + 1, 182),
            (True, plain, ACK, mine + 1, after_request, 183),
            (True, Layout(TCP, payload=_RESPONSE), PSH | ACK, mine + 1, after_request, 190),
            (False, plain, ACK, after_request, after_reply, 371),
            (False, plain, FIN | ACK, after_request, after_reply, 372),
            (True, plain, FIN | ACK, after_reply, after_request + 1, 373),
            (False, plain, ACK, after_request + 1, after_reply + 1, 553),
        )
        own = np.array([step[0] for step in steps])
        theirs_port = int(random.integers(32768, 61000))
        return batch(
            len(steps),
            time=time + np.array([step[5] for step in steps]) * 1000,
            sensor=self.targets.sensor[target],
            own=own,
            layout=[self.layouts.number(step[1]) for step in steps],
            source=np.where(own, np.uint64(here), np.uint64(source)),
            target=np.where(own, np.uint64(source), np.uint64(here)),
            source_port=np.where(own, visit.port, theirs_port),
            port=np.where(own, theirs_port, visit.port),
            sequence=[step[3] for step in steps],
            acknowledgement=[step[4] for step in steps],
            flags=[step[2] for step in steps],
            window=29200,
            ttl=np.where(own, 64, 47),
            ip_id=random.integers(0, ZMAP_ID, len(steps)),
        )


class Targets:
    """Every address that a sensor watches, and the odds that a packet goes there."""

    def __init__(self, sensors: tuple[Sensor, ...]) -> None:
        """List the addresses. An IPv6 address goes with its sensor's first IPv4 address."""
        self._sensors = sensors
        hosts = [
            (number, int(host)) for number, one in enumerate(sensors) for host in IPv4Network(one.network)
        ]
        self.sensor = np.array([number for number, _ in hosts])
        self.address = np.array([host for _, host in hosts], np.uint64)
        six = [int(IPv6Address(sensors[number].address6 or "::")) for number, _ in hosts]
        self.address6_high = np.array([address >> 64 for address in six], np.uint64)
        self.address6_low = np.array([address & (1 << 64) - 1 for address in six], np.uint64)
        self.honeypot = np.array([sensor.honeypot for sensor in sensors])
        self._odds: list[npt.NDArray[np.float64]] = []
        self._known: dict[tuple[str, ...], int] = {}
        self.telescopes = self.audience(tuple(sensor.id for sensor in sensors if not sensor.honeypot))

    def audience(self, at: tuple[str, ...]) -> int:
        """The number of a set of sensors; an empty one stands for all. Raises ValueError for an unknown id."""
        ids = [sensor.id for sensor in self._sensors]
        if unknown := set(at) - set(ids):
            raise ValueError(f"no sensor {', '.join(sorted(unknown))}")
        if at not in self._known:
            chosen = [index for index, name in enumerate(ids) if not at or name in at]
            weights = np.array([sensor.attention for sensor in self._sensors])[self.sensor]
            weights = np.where(np.isin(self.sensor, chosen), weights, 0.0)
            self._known[at] = len(self._odds)
            self._odds.append(np.cumsum(weights) / weights.sum())
        return self._known[at]

    def pick(self, audience: _Ints, drawn: npt.NDArray[np.float64]) -> _Ints:
        """Targets by audience and random numbers from 0 to 1."""
        odds = np.array(self._odds)
        picked: _Ints = np.empty(len(drawn), np.int64)
        for number in np.unique(audience).tolist():
            of = audience == number
            picked[of] = np.searchsorted(odds[number], drawn[of], side="right")
        return picked


def rotation(sensor: Sensor, of: Plan, index: int) -> int:
    """Hours a file of this sensor lasts on a day."""
    hours = 24
    for change in sensor.rotations:
        if of.day(index) >= change.since:
            hours = change.hours
    return hours


def wiring(sensors: tuple[Sensor, ...]) -> Wiring:
    """Locally administered MAC addresses, and a gateway beside each sensor."""
    mac = [[0x02, 0, 0, 0, 1, number] for number in range(len(sensors))]
    gateway_mac = [[0x02, 0, 0, 0, 2, number] for number in range(len(sensors))]
    gateway = [int(IPv4Network(sensor.network)[0]) & ~0xFF | 0xFE for sensor in sensors]
    return Wiring(np.array(mac, np.uint8), np.array(gateway_mac, np.uint8), np.array(gateway, np.uint64))


def _layout(probe: Probe) -> Layout:
    is_icmp = probe.protocol in {ICMP, ICMPV6}
    return Layout(
        probe.protocol,
        probe.version,
        probe.options,
        probe.payload,
        probe.icmp if is_icmp else (0, 0),
        quotes=is_icmp and probe.version == 4 and probe.icmp[0] in {3, 11},
    )


def _port_table(ports: Sequence[tuple[int, ...] | range]) -> tuple[_Ints, _Ints, _Ints]:
    """All streams' ports in one column, where each begins, and how many it has. No ports: port 1 (ICMP sequence)."""
    listed = [list(of_stream) or [1] for of_stream in ports]
    count = np.array([len(of_stream) for of_stream in listed])
    return np.concatenate([np.array(one, np.int64) for one in listed]), np.cumsum(count) - count, count


def _kept(choices: Sequence[tuple[int, ...]], probe: _Ints, member: npt.NDArray[np.uint64]) -> _Ints:
    """Of each probe's choices, the one that a member keeps."""
    count = np.array([len(of_probe) for of_probe in choices], np.uint64)
    table = np.zeros((len(choices), int(count.max())), np.int64)
    for row, of_probe in enumerate(choices):
        table[row, : len(of_probe)] = of_probe
    return table[probe, (member % count[probe]).astype(np.int64)]
