"""What a scenario is made of: sensors, who sends to them, when, and what must be found afterwards.

Data only. The engine reads these descriptions and knows nothing of any year, port or country.
Days are days of the scenario's zone; rates are packets a day over all sensors a stream reaches, at scale 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum, StrEnum, auto

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10


class Mark(Enum):
    """What a program leaves in the headers of its packets (facts of the named projects' sources)."""

    NONE = auto()
    MIRAI = auto()  # sequence number = destination address
    ZMAP = auto()  # IP id 54321, before 4.1
    MASSCAN = auto()  # IP id = (destination ^ port ^ sequence) & 0xffff
    NMAP = auto()  # sequence = one mask a source and day, xored with twice the same 16 bits


class Container(StrEnum):
    """The capture format a sensor writes."""

    PCAP = "pcap"  # microseconds, little-endian
    PCAP_BIG = "pcap-big"  # microseconds, big-endian
    PCAPNG = "pcapng"  # microseconds, little-endian


class Compression(StrEnum):
    """How capture files are packed."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


@dataclass(frozen=True, slots=True)
class Rotation:
    """From a day on, a sensor begins a new file every so many hours (a divisor of 24)."""

    since: date
    hours: int

    def __post_init__(self) -> None:
        if self.hours < 1 or 24 % self.hours:
            raise ValueError(f"a rotation of {self.hours} hours does not divide the day")


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor as the observer's settings describe it, and how it writes."""

    id: str
    organisation: str
    country: str
    network: str  # the IPv4 addresses it watches, all of this network
    home: bool = True
    honeypot: bool = False
    address6: str = ""  # the IPv6 address it watches
    attention: float = 1.0  # share of the traffic an address gets, against the others
    container: Container = Container.PCAP
    compression: Compression = Compression.NONE
    rotations: tuple[Rotation, ...] = ()  # a file a UTC day before the first
    open_ports: tuple[int, ...] = ()  # TCP ports a honeypot answers on


@dataclass(frozen=True, slots=True)
class Probe:
    """How one kind of program asks: its headers, its repetitions."""

    protocol: int
    options: bytes = b""  # TCP options, a multiple of 4 bytes
    payload: bytes = b""  # UDP or ICMP data
    flags: int = SYN
    windows: tuple[int, ...] = (8192,)  # a source keeps one
    ttls: tuple[int, ...] = (64,)  # at the start; a source keeps one
    source_ports: tuple[int, int] = (1024, 65535)  # inclusive
    icmp: tuple[int, int] = (8, 0)  # type and code
    mark: Mark = Mark.NONE
    tries: int = 1  # up to 4: the same packet again after 1, 3 and 7 seconds, as a system does
    version: int = 4

    def __post_init__(self) -> None:
        if len(self.options) % 4 or len(self.options) > 40:
            raise ValueError(f"TCP options of {len(self.options)} bytes")
        if not 1 <= self.tries <= 4:
            raise ValueError(f"{self.tries} tries; 1 to 4 are known")


@dataclass(frozen=True, slots=True)
class Pool:
    """A population of sources in each country that uses it.

    With a fixed number of members it is one population, whoever uses it: the same sources in several streams.
    Without, it is a kind of population: each stream has its own, as large as its packets ask for.
    """

    name: str
    lifetime: float  # days until an address gives way to another
    each: float = 4.0  # packets a day that one member sends: makes the number of members
    members: int = 0  # a fixed number a country instead, at scale 1
    blocks: int = 0  # members live in so many /22 networks; 0 for anywhere in the country


@dataclass(frozen=True, slots=True)
class Rhythm:
    """A week and a day in the source's own time."""

    hours: tuple[float, ...] = (1.0,) * 24  # weights of the local hours
    rest: float = 1.0  # factor on rest days: Saturdays, Sundays and the scenario's holidays of that country


@dataclass(frozen=True, slots=True)
class Level:
    """A factor over time, linear between points: shifts, plateaus, swings and decoys are all of this kind."""

    points: tuple[tuple[date, float], ...]  # at the day's first moment


@dataclass(frozen=True, slots=True)
class Stream:
    """Packets of one intention: the ports it asks for, with which tools, from which countries, how often."""

    name: str
    ports: tuple[int, ...] | range  # repeat a port to make it more frequent; empty for ICMP
    tools: tuple[tuple[Probe, float], ...]  # and their share of the sources
    pool: Pool
    rates: dict[str, float]  # country -> packets a day
    rhythm: Rhythm = Rhythm()
    level: Level | None = None
    levels: dict[str, Level] | None = None  # countries whose factor differs from `level`
    at: tuple[str, ...] = ()  # sensor ids; empty for all


@dataclass(frozen=True, slots=True)
class Attack:
    """Backscatter: a victim answers packets that carried forged addresses, the sensors' among them."""

    start: datetime
    minutes: float
    country: str  # of the victim
    port: int
    packets: int  # at scale 1 and below
    resets: float = 0.3  # share of RST+ACK; the rest is SYN+ACK


@dataclass(frozen=True, slots=True)
class Visit:
    """HTTP requests to honeypots on one day, each a whole TCP connection. Visits do not scale."""

    day: date
    port: int
    count: int
    method: str
    path: str
    agent: str
    pool: Pool
    country: str
    sweep: int = 6  # SYNs to telescopes from the same source and to the same port, in the hour before


@dataclass(frozen=True, slots=True)
class Outage:
    """UTC days, both included, without any file of a sensor."""

    sensor: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Investigation:
    """Who looked at senders of a stream, on the day they sent, and what was found at some of them."""

    stream: str  # by its name
    days: tuple[date, ...]  # UTC
    countries: tuple[str, ...]
    kind: str
    vendor: str = ""
    product: str = ""
    share: float = 1.0  # of the senders of that day


@dataclass(frozen=True, slots=True)
class Rank:
    """An expected place in a ranking of packets at home telescopes."""

    name: str  # as a reader writes it: "23/TCP", "0/ICMP", "CN"
    before: int  # the rank in the period before


@dataclass(frozen=True, slots=True)
class Decoy:
    """A rise that only one sensor sees: nothing to report."""

    sensor: str
    port: int  # over TCP and UDP
    country: str
    days: tuple[date, date]  # both included


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests for one path that honeypots received, all from one country."""

    path: str
    country: str
    counts: tuple[tuple[date, int, int], ...]  # day, port, requests


@dataclass(frozen=True, slots=True)
class Truth:
    """What must be found in the captures of a scenario."""

    period: tuple[date, date]  # the quarter reported, both included, in the scenario's zone
    before: tuple[date, date]
    ports: tuple[Rank, ...]
    countries: tuple[Rank, ...]
    decoys: tuple[Decoy, ...] = ()
    requests: tuple[Requests, ...] = ()


Holiday = tuple[str, date, str]
"""A country's day off, and what it is called."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A stretch of simulated observation."""

    name: str
    title: str
    seed: int
    zone: str
    sensors: tuple[Sensor, ...]
    streams: tuple[Stream, ...]
    truth: Truth
    attacks: tuple[Attack, ...] = ()
    visits: tuple[Visit, ...] = ()
    outages: tuple[Outage, ...] = ()
    holidays: dict[str, tuple[date, ...]] | None = None  # country -> days
    announced: tuple[
        Holiday, ...
    ] = ()  # of these, what calendars lack: days that a government gave in addition
    investigations: tuple[Investigation, ...] = ()


def level(year: int, *points: tuple[str, float]) -> Level:
    """Make a level whose days are given as month and day: `level(2014, ("11-03", 1), ("11-05", 2.5))`."""
    return Level(tuple((date.fromisoformat(f"{year}-{day}"), factor) for day, factor in points))


def every(first: date, last: date, step: int) -> list[date]:
    """List every so many days, from the first to the last at most."""
    return [first + timedelta(days=days) for days in range(0, (last - first).days + 1, step)]


def ranks(**before: int) -> tuple[Rank, ...]:
    """Make a ranking of countries, in order, each with its rank in the period before."""
    return tuple(Rank(name, rank) for name, rank in before.items())
