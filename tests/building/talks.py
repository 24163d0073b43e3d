"""Connections to a honeypot, segment by segment, as captures have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from capture_files import record
from ledgers import NOON, SECOND
from packets import ethernet, ipv4, tcp

from darkscope.ingest.honeypot.connections import IDLE
from darkscope.ingest.settings import Kind, SensorEntry

CLIENT, HONEYPOT = "198.41.0.4", "133.8.0.9"
SENSOR = SensorEntry(id="a", kind=Kind.HONEYPOT, networks=("133.8.0.0/24",))
"""The one that it is, as settings have it."""

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10


@dataclass
class Talk:
    """One connection. Offsets count from the first byte of data; each method gives one record of a pcap file."""

    source: str = CLIENT
    target: str = HONEYPOT
    source_port: int = 4000
    port: int = 80
    start: int = 1000  # the client's initial sequence number
    server: int = 77  # the sensor's

    def _record(self, second: float, frame: bytes) -> bytes:
        seconds, microseconds = divmod(round(second * 1_000_000), 1_000_000)
        return record(frame, NOON + seconds, microseconds)

    def theirs(
        self, second: float, offset: int = 0, data: bytes = b"", flags: int = PSH | ACK, **how: Any
    ) -> bytes:
        """A segment of the client."""
        sequence = (self.start + 1 + offset) % (1 << 32)
        segment = tcp(
            self.port, source_port=self.source_port, sequence=sequence, flags=flags, payload=data, **how
        )
        return self._record(second, ethernet(ipv4(segment, source=self.source, target=self.target)))

    def ours(
        self, second: float, seen: int = 0, data: bytes = b"", flags: int = ACK, offset: int = 0
    ) -> bytes:
        """A segment of the sensor, which has seen so many bytes."""
        segment = tcp(
            self.source_port,
            source_port=self.port,
            sequence=self.server + 1 + offset,
            acknowledgement=(self.start + 1 + seen) % (1 << 32),
            flags=flags,
            payload=data,
        )
        return self._record(second, ethernet(ipv4(segment, source=self.target, target=self.source)))

    def opening(self, second: float = 0.0) -> list[bytes]:
        """SYN, SYN+ACK, ACK."""
        return [
            self.theirs(second, -1, flags=SYN),
            self.ours(second + 0.001, flags=SYN | ACK, offset=-1),
            self.theirs(second + 0.002, flags=ACK),
        ]

    def whole(self, data: bytes, second: float = 0.0) -> list[bytes]:
        """A connection with all data in one segment, an answer, and its end."""
        size = len(data)
        return [
            *self.opening(second),
            self.theirs(second + 0.01, 0, data),
            self.ours(second + 0.02, size, b"HTTP/1.1 404 Not Found\r\n\r\n"),
            self.theirs(second + 0.03, size, flags=FIN | ACK),
            self.ours(second + 0.04, size + 1, flags=FIN | ACK, offset=26),
        ]


GET = b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nContent-Length: 6\r\n\r\nhello!"


def several() -> list[bytes]:
    """Connections side by side, with all that may happen to them, in order of time."""
    one, two, three, four = (Talk(source_port=port) for port in (4000, 4001, 4002, 4003))
    return [
        *one.opening(0),
        *two.opening(0.1),
        one.theirs(1, 9, GET[9:]),
        two.theirs(1.1, 0, POST[:5]),
        three.opening(1.2)[0],
        one.theirs(1.3, 0, GET[:12]),
        two.theirs(1.4, 3, b"XX" + POST[5:20]),
        one.ours(1.5, len(GET), b"200"),
        one.theirs(1.6, len(GET), POST),
        *four.opening(1.7),
        two.theirs(1.8, 20, POST[20:]),
        three.theirs(1.9, 0, b"EHLO x\r\n"),
        two.theirs(2.0, len(POST), flags=FIN | ACK),
        four.theirs(2.1, 0, GET),
        Talk(source_port=4000, start=9_000_000).opening(3)[0],
        Talk(source_port=4000, start=9_000_000).theirs(4, 0, b"GET /again HTTP/1.0\r\n\r\n"),
        *Talk(source_port=5000).whole(GET, 3 + IDLE / SECOND),
        four.theirs(4 + IDLE / SECOND, len(GET), b"too late"),
        three.theirs(5 + IDLE / SECOND, 8, b"too late"),
    ]
