"""The vocabulary: every table and column of the ledger, with type, unit and meaning.

Nothing here reads or writes. The writer makes its schemas from these definitions, compaction its merging,
the documentation its tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import polars as pl

EPOCH = date(1970, 1, 1)
"""The UTC day that numbers of days and minutes count from; under it lie rows that are of no day."""

FORMAT = 4
"""Version of the tables' layout; a ledger written by a newer one is refused, an older one gets what it lacks."""

NO_PORT = -1
"""A packet without a port: ICMP, any protocol that has none, a later fragment, a header cut off."""

QUARTER_HOUR = 15
"""Minutes of a rollup's finest step: the days and hours of every zone (UTC+5:30, +5:45) fall on it."""

TELESCOPE, HONEYPOT = "telescope", "honeypot"


class Rejected(StrEnum):
    """Why a frame became no packet. `coverage` has one column for each."""

    TRUNCATED = "truncated"  # the capture cut the frame before the fixed part of its IP header ended
    NOT_IP = "not_ip"  # ARP, spanning tree and the like
    MALFORMED = "malformed"  # an IP header that contradicts itself
    LINK_TYPE = "link_type"  # a link type nobody here reads
    IMPLAUSIBLE_TIME = "implausible_time"  # no time, before the sensor's life, or after now + 1 day
    SEALED = "sealed"  # came after its day had expired, and late data were not asked for


class Traffic(StrEnum):
    """What a packet is, judged from itself alone; the order is the precedence, but for the last."""

    SPOOFABLE = "spoofable"  # the source is forged or easily forged
    BACKSCATTER = "backscatter"  # a reply to someone who forged the sensor's address
    SCAN = "scan"  # asks for a service: SYN, UDP to a port, ICMP echo request
    OTHER = "other"
    RESEARCH = "research"  # scan or other, of a source on the observer's list of research scanners


class Tool(StrEnum):
    """The program that sent a packet, by its fingerprint in that packet; the order is the precedence."""

    NONE = ""  # no known fingerprint
    MIRAI = "mirai"
    ZMAP = "zmap"
    MASSCAN = "masscan"
    NMAP = "nmap"  # never of one packet alone: judged in `sources`
    UNICORNSCAN = "unicornscan"  # likewise
    ZMAP_LIKE = "zmap-like"  # low confidence: resembles Windows


class Merge(StrEnum):
    """How two rows of one key become one."""

    KEY = "key"  # equal keys make rows the same
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    OR = "or"  # bitwise
    FIRST = "first"  # taken from the row whose `first` is the earliest
    SMALLEST = "smallest"  # union of two sets, of which the `limit` smallest members stay


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    type: pl.DataType
    meaning: str
    merge: Merge = Merge.KEY
    limit: int = 0  # members a SMALLEST column keeps
    is_long: bool = False  # no question skips files by it: the log has no smallest and largest value


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the ledger. Every table is partitioned by `day`, a UTC date that no file repeats."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    order: tuple[str, ...]  # how compaction sorts rows: for the questions, not for size
    mergeable: bool = True  # rows of one key merge; otherwise rows are facts and stay as they are
    since: int = 1  # format of the ledger that brought it; in an older one it is empty

    def __reduce__(self) -> tuple[Callable[[str], Table], tuple[str]]:
        """Sent to another process, a table is that process's own."""
        return table_named, (self.name,)

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Columns of a file, in order, without the partition column."""
        return {column.name: column.type for column in self.columns}

    @property
    def keys(self) -> list[str]:
        """Columns that make two rows the same."""
        return [column.name for column in self.columns if column.merge is Merge.KEY]

    def merged(self) -> Iterator[pl.Expr]:
        """Aggregations that turn the rows of one key into one."""
        for column in self.columns:
            value = pl.col(column.name)
            match column.merge:
                case Merge.KEY:
                    continue
                case Merge.SUM:
                    yield value.sum()
                case Merge.MIN:
                    yield value.min()
                case Merge.MAX:
                    yield value.max()
                case Merge.OR:
                    yield value.bitwise_or()
                case Merge.FIRST:
                    yield value.sort_by("first").first()
                case Merge.SMALLEST:
                    yield (
                        value.explode(empty_as_null=False, keep_nulls=False)
                        .unique()
                        .sort()
                        .head(column.limit)
                    )


INT16, INT32, INT64, TEXT = pl.Int16(), pl.Int32(), pl.Int64(), pl.String()
INT64_SET = pl.List(pl.Int64())

_MINUTE = Column("minute", INT32, "minutes since 1970-01-01T00:00Z")
_SENSOR = Column("sensor", TEXT, "the sensor's stable id")
_SOURCE = (
    Column("version", INT16, "IP version of the source address, 4 or 6"),
    Column("source_high", INT64, "upper 64 bits of the source address; 0 for IPv4"),
    Column("source_low", INT64, "lower 64 bits of the source address; an IPv4 address in the lowest 32"),
)
_PROTOCOL = Column(
    "protocol", INT16, "IP protocol number (IANA); for IPv6 the one after the extension headers"
)
_PORT = Column("port", INT32, "destination port; -1 where the packet has none")
_CLASS = Column(
    "class", TEXT, "what the packet is, from itself alone: scan, backscatter, spoofable, other, research"
)
_TOOL = Column("tool", TEXT, "fingerprint of the sending program; empty where none is known")
_COUNTRY = Column("country", TEXT, "source country, ISO 3166-1 alpha-2; ZZ unknown")
_ASN = Column("asn", INT64, "source's autonomous system number; 0 unknown")
_PACKETS = Column("packets", INT64, "packets", Merge.SUM)
_BYTES = Column("bytes", INT64, "bytes on the wire, link layer included", Merge.SUM)

FLOWS = Table(
    "flows",
    "what was sent to the sensors: one row per minute, sensor, source, protocol, port, class and tool",
    (
        _MINUTE,
        _SENSOR,
        *_SOURCE,
        _PROTOCOL,
        _PORT,
        _CLASS,
        _TOOL,
        _COUNTRY,
        _ASN,
        _PACKETS,
        _BYTES,
        Column("targets", INT64, "64-bit mark of the destination addresses: one bit each, by hash", Merge.OR),
    ),
    order=("protocol", "port", "minute", "sensor", "country"),
)

COVERAGE = Table(
    "coverage",
    "when a sensor point was watched, and what became of every frame: one row per stretch inside an hour. "
    "Frames without a believable time stand at minute 0",
    (
        _MINUTE,
        Column("minutes", INT32, "length of the stretch; 0 where only frames are booked, no time", Merge.MAX),
        Column(
            "bridge",
            INT32,
            "minutes of silence after the stretch that still count as watched, "
            "when the point is heard again by then",
            Merge.MAX,
        ),
        _SENSOR,
        Column("point", TEXT, "where the sensor listens: the capture's interface; empty where it names none"),
        Column("frames", INT64, "frames in the captures", Merge.SUM),
        Column("inbound", INT64, "frames that became packets of `flows`", Merge.SUM),
        Column("own", INT64, "frames that the sensor itself sent", Merge.SUM),
        Column("stray", INT64, "frames for addresses that the sensor does not watch", Merge.SUM),
        Column(
            "overlap", INT64, "frames left out because another capture of the point has their time", Merge.SUM
        ),
        *(
            Column(f"rejected_{reason}", INT64, f"frames rejected: {reason.replace('_', ' ')}", Merge.SUM)
            for reason in Rejected
        ),
        Column("dropped", INT64, "packets that the capturing program says it lost", Merge.SUM),
    ),
    order=("sensor", "point", "minute"),
)

SOURCES = Table(
    "sources",
    "evidence about a source that one packet does not give: one row per day, sensor and source",
    (
        _SENSOR,
        *_SOURCE,
        Column("country", TEXT, "as in `flows`", Merge.FIRST),
        Column("asn", INT64, "as in `flows`", Merge.FIRST),
        _PACKETS,
        _BYTES,
        Column("first", INT64, "time of the first packet, nanoseconds since 1970", Merge.MIN),
        Column("last", INT64, "time of the last packet, nanoseconds since 1970", Merge.MAX),
        Column("source_port", INT32, "source port of the first packet; -1 where it has none", Merge.FIRST),
        Column("ttl", INT16, "TTL or hop limit of the first packet", Merge.FIRST),
        Column("scan", INT64, "packets of class scan, a research scanner's likewise", Merge.SUM),
        Column("backscatter", INT64, "packets of class backscatter", Merge.SUM),
        Column("spoofable", INT64, "packets of class spoofable", Merge.SUM),
        Column("mirai", INT64, "SYNs whose sequence number is the destination address", Merge.SUM),
        Column("zmap", INT64, "SYNs with IP id 54321", Merge.SUM),
        Column(
            "masscan",
            INT64,
            "SYNs that keep masscan's rule of the IP id; two or more are evidence",
            Merge.SUM,
        ),
        Column(
            "nmap",
            INT64_SET,
            "the 2 smallest (scan key << 32 | sequence number) of SYNs like nmap's; "
            "two with one key are evidence",
            Merge.SMALLEST,
            2,
        ),
        Column("unicornscan", INT64_SET, "likewise with unicornscan's key", Merge.SMALLEST, 2),
        Column(
            "ports", INT64_SET, "the 16 smallest (protocol << 16 | port): exact up to 15", Merge.SMALLEST, 16
        ),
        Column(
            "offered",
            INT64_SET,
            "honeypots: the 16 smallest marks of handshakes that the sensor offered",
            Merge.SMALLEST,
            16,
        ),
        Column(
            "completed",
            INT64_SET,
            "honeypots: the 16 smallest marks of acknowledgements; one that is also "
            "offered confirms the source; 0 in both where both sides were seen one after the other",
            Merge.SMALLEST,
            16,
        ),
    ),
    order=("version", "source_high", "source_low", "sensor"),
)

CAPTURES = Table(
    "captures",
    "what was read of each capture: one row per batch, capture, point and stretch without an hour of silence",
    (
        Column("head", TEXT, "BLAKE3 of the decompressed bytes up to the end of the first frame"),
        Column("start", INT64, "decompressed byte at which this batch began to read"),
        Column("reach", INT64, "decompressed byte up to which the capture has been read"),
        Column("digest", TEXT, "BLAKE3 of the decompressed bytes up to the reach"),
        Column("name", TEXT, "the capture's path as it was then"),
        _SENSOR,
        Column("point", TEXT, "as in `coverage`"),
        Column("frames", INT64, "frames of this point in this batch"),
        Column("first", INT64, "earliest plausible time, nanoseconds since 1970; 0 where there is none"),
        Column("last", INT64, "latest plausible time, nanoseconds since 1970; 0 where there is none"),
        Column("link_types", TEXT, "frames of unknown link types, as `number=frames`, comma-separated"),
        Column("damage", TEXT, "what could not be read, as `byte offset: reason`, one a line"),
        Column("dropped", INT64, "packets that the capturing program said it lost, up to the reach"),
        Column(
            "again",
            INT64,
            "time of the `ledger forget` that this reading refills, as in `forgotten`; 0 for none",
        ),
        Column("taken", INT64, "time of the batch, nanoseconds since 1970"),
        Column("geo", TEXT, "build dates of the country and owner databases"),
        Column("rules", TEXT, "version of the classes and fingerprints"),
    ),
    order=("head", "reach"),
    mergeable=False,
)

FORGOTTEN = Table(
    "forgotten",
    "days that were taken out on request; `ingest --again` may fill each once per capture",
    (
        _SENSOR,
        Column("at", INT64, "time of the request, nanoseconds since 1970"),
    ),
    order=("sensor", "at"),
    mergeable=False,
)

SEALS = Table(
    "seals",
    "totals of expired flows, kept for `ledger verify`: one row per day and sensor",
    (_SENSOR, _PACKETS, _BYTES, Column("flows", INT64, "rows that expired", Merge.SUM)),
    order=("sensor",),
)

REQUESTS = Table(
    "requests",
    "first data that clients sent to honeypot-type sensors: one row for each HTTP request in it, else one for all. "
    "Sensor addresses are masked; of all texts only printable ASCII stands as it came, the rest as \\xHH, a backslash "
    "as \\\\",
    (
        Column("time", INT64, "of the connection's first data, nanoseconds since 1970"),
        _SENSOR,
        *_SOURCE,
        _COUNTRY,
        _ASN,
        Column("source_port", INT32, "source port"),
        _PORT,
        Column("number", INT32, "which request of its connection, from 0"),
        Column("kind", TEXT, "http, tls, or a guess at the protocol; unknown"),
        Column("method", TEXT, "HTTP method; empty elsewhere", is_long=True),
        Column("path", TEXT, "HTTP request target with its query; empty elsewhere", is_long=True),
        Column("host", TEXT, "HTTP Host field, or TLS server name", is_long=True),
        Column("agent", TEXT, "HTTP User-Agent field", is_long=True),
        Column("headers", TEXT, "HTTP fields as sent, one a line of `Name: value`", is_long=True),
        Column("fingerprint", TEXT, "JA4 of a TLS client"),
        Column("body", TEXT, "BLAKE3 of the HTTP body as masked; empty where there is none", is_long=True),
        Column("size", INT64, "bytes of this request; elsewhere of the first data"),
        Column("preview", TEXT, "first bytes of the HTTP body; elsewhere of the first data", is_long=True),
    ),
    order=("time", "sensor", "source_port", "number"),
    mergeable=False,
)

HEARD = Table(
    "heard",
    "which bytes of captures were read for `requests`: one row per batch, capture and point of a honeypot-type sensor",
    (
        Column("head", TEXT, "as in `captures`"),
        Column("start", INT64, "decompressed byte from which on they were read"),
        Column("reach", INT64, "and up to which"),
        Column("digest", TEXT, "BLAKE3 of the decompressed bytes up to the reach"),
        _SENSOR,
        Column("point", TEXT, "as in `coverage`"),
    ),
    order=("head", "reach"),
    mergeable=False,
    since=3,
)

UNFINISHED = Table(
    "unfinished",
    "what was open at a point when a batch was committed: whoever reads on there goes on with it, and withdraws it",
    (
        _SENSOR,
        Column("point", TEXT, "as in `coverage`"),
        Column("reading", TEXT, "empty, or `again` and `requests` where captures are read again"),
        Column("time", INT64, "up to which the point had been read, nanoseconds since 1970"),
        Column("taken", INT64, "time of the batch, nanoseconds since 1970"),
        Column("observer", TEXT, "what is put together: `requests`, `handshakes`"),
        Column("state", TEXT, "the observer's own", is_long=True),
    ),
    order=("sensor", "point", "time", "observer"),
    mergeable=False,
    since=4,
)

EVENTS = Table(
    "events",
    "what analysis found or a person noted; shown as annotations",
    (
        Column("start", INT64, "nanoseconds since 1970"),
        Column("end", INT64, "nanoseconds since 1970; 0 while it lasts"),
        Column("kind", TEXT, "the detector's word"),
        Column("subject", TEXT, "port, country or sensor it is about"),
        Column("title", TEXT, "one line"),
        Column("text", TEXT, "what was found, in words"),
        Column("numbers", TEXT, "the figures behind it, JSON"),
    ),
    order=("start",),
    mergeable=False,
)

ECHOES = Table(
    "echoes",
    "backscatter by whom it comes from, the victims of forged addresses: one row per 10 seconds, sensor, victim, "
    "protocol and port attacked. TCP and ICMP that `flows` call backscatter, each packet once",
    (
        _MINUTE,
        Column("slot", INT16, "which 10 seconds of the minute, 0 to 5"),
        _SENSOR,
        Column("version", INT16, "IP version of the victim's address, 4 or 6"),
        Column("victim_high", INT64, "upper 64 bits of the victim's address; 0 for IPv4"),
        Column(
            "victim_low", INT64, "lower 64 bits of the victim's address; an IPv4 address in the lowest 32"
        ),
        Column(
            "protocol",
            INT16,
            "IP protocol of what the victim was sent: that of the reply, or of the packet that an ICMP error quotes",
        ),
        Column(
            "port", INT32, "the victim's port that it was sent to; -1 where there is none, or it is not known"
        ),
        Column("country", TEXT, "the victim's country, ISO 3166-1 alpha-2; ZZ unknown"),
        Column("asn", INT64, "the victim's autonomous system number; 0 unknown"),
        _PACKETS,
        Column("syn_acks", INT64, "of the packets, TCP SYN+ACK: the port is open", Merge.SUM),
        Column("resets", INT64, "of the packets, TCP RST; the rest is ICMP", Merge.SUM),
        Column("first", INT16, "first of the packets, milliseconds after the 10 seconds begin", Merge.MIN),
        Column("last", INT16, "last of the packets, likewise", Merge.MAX),
        Column("targets", INT64, "64-bit mark of the addresses that were forged, as in `flows`", Merge.OR),
    ),
    order=("version", "victim_high", "victim_low", "protocol", "minute", "slot", "sensor"),
    since=3,
)

ECHOES_SINCE = "2026-11-30"
"""Version of the rules, as `captures` tells it, with which captures must have been read to be in `echoes`."""

ECHOING = (1, 6, 58)
"""IP protocols whose backscatter is in `echoes`: ICMP, TCP, ICMPv6. Replies of UDP reflectors are not: whoever they
are meant for, the forged address is the victim's, and a sensor's is forged by nobody for that."""

PROMOTIONS = Table(
    "promotions",
    "what has a tag value of its own in InfluxDB: decided for a UTC day, and shown on all days back to `since`",
    (
        Column(
            "protocol", INT16, "IP protocol number (IANA); -1 where a country is meant, whatever the port"
        ),
        Column("port", INT32, "destination port; -1 where there is none, or a country is meant"),
        Column(
            "country",
            TEXT,
            "a leading country of the port, or a country alone; empty where the port is meant",
        ),
        Column("since", INT32, "first UTC day that shows it, days since 1970"),
        Column("earned", INT32, "last UTC day on which it was heard widely enough, days since 1970"),
    ),
    order=("protocol", "port", "country"),
    mergeable=False,
)


_QUARTER = Column("minute", INT32, "start of the quarter of an hour, minutes since 1970-01-01T00:00Z")
_DAY = Column("minute", INT32, "start of the UTC day, minutes since 1970-01-01T00:00Z")
_MONTH = Column("minute", INT32, "start of the UTC month, minutes since 1970-01-01T00:00Z")


def _rollup(name: str, meaning: str, step: Column, keys: tuple[Column, ...]) -> Table:
    return Table(
        name,
        f"flows by {meaning}, sensor and class: only of closed days, and only while true",
        (step, _SENSOR, _CLASS, *keys, _PACKETS, _BYTES),
        order=(*(key.name for key in keys), step.name, "sensor", "class"),
    )


def _month_rollup(name: str, meaning: str, keys: tuple[Column, ...], split: tuple[Column, ...]) -> Table:
    return Table(
        name,
        f"flows by month, {meaning}: only of closed months, and only while true. "
        "A month lies under its first day",
        (_MONTH, *split, *keys, _PACKETS, _BYTES),
        order=(*(key.name for key in keys), "minute", *(column.name for column in split)),
        since=2,
    )


ROLLUP_PORTS = _rollup("rollup_ports", "quarter of an hour, protocol, port", _QUARTER, (_PROTOCOL, _PORT))
ROLLUP_COUNTRIES = _rollup("rollup_countries", "quarter of an hour, country", _QUARTER, (_COUNTRY,))
ROLLUP_COUNTRIES_DAY = _rollup("rollup_countries_day", "day, country", _DAY, (_COUNTRY,))
ROLLUP_OWNERS = _rollup("rollup_owners", "quarter of an hour, owner", _QUARTER, (_ASN,))
ROLLUP_TOOLS = _rollup("rollup_tools", "quarter of an hour, tool", _QUARTER, (_TOOL,))
ROLLUP_PORT_COUNTRIES = _rollup(
    "rollup_port_countries", "day, protocol, port, country", _DAY, (_PROTOCOL, _PORT, _COUNTRY)
)
ROLLUP_PORTS_DAY = _rollup("rollup_ports_day", "day, protocol, port", _DAY, (_PROTOCOL, _PORT))

ROLLUPS = (
    ROLLUP_PORTS,
    ROLLUP_PORTS_DAY,
    ROLLUP_COUNTRIES,
    ROLLUP_COUNTRIES_DAY,
    ROLLUP_OWNERS,
    ROLLUP_TOOLS,
    ROLLUP_PORT_COUNTRIES,
)
"""What a closed day has."""

ROLLUP_PORTS_MONTH = _month_rollup(
    "rollup_ports_month", "protocol, port, sensor and class", (_PROTOCOL, _PORT), (_SENSOR, _CLASS)
)
ROLLUP_ALL_PORTS_MONTH = _month_rollup(
    "rollup_all_ports_month",
    "protocol, port and class, all sensors together",
    (_PROTOCOL, _PORT),
    (_CLASS,),
)
ROLLUP_COUNTRIES_MONTH = _month_rollup(
    "rollup_countries_month", "country, sensor and class", (_COUNTRY,), (_SENSOR, _CLASS)
)
ROLLUP_OWNERS_MONTH = _month_rollup(
    "rollup_owners_month", "owner, sensor and class", (_ASN,), (_SENSOR, _CLASS)
)
ROLLUP_TOOLS_MONTH = _month_rollup(
    "rollup_tools_month", "tool, sensor and class", (_TOOL,), (_SENSOR, _CLASS)
)

MONTH_ROLLUPS = (
    ROLLUP_PORTS_MONTH,
    ROLLUP_ALL_PORTS_MONTH,
    ROLLUP_COUNTRIES_MONTH,
    ROLLUP_OWNERS_MONTH,
    ROLLUP_TOOLS_MONTH,
)
"""What a closed month has, where it is worth it."""

TABLES = (
    FLOWS,
    COVERAGE,
    SOURCES,
    CAPTURES,
    FORGOTTEN,
    SEALS,
    REQUESTS,
    HEARD,
    UNFINISHED,
    EVENTS,
    PROMOTIONS,
    ECHOES,
    *ROLLUPS,
    *MONTH_ROLLUPS,
)


def table_named(name: str) -> Table:
    """The table of a name. Raises KeyError."""
    return _BY_NAME[name]


_BY_NAME = {table.name: table for table in TABLES}
