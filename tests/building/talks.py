"""Connections to a honeypot, segment by segment, as captures have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from capture_files import record
from ledgers import NOON
from packets import ethernet, ipv4, tcp

CLIENT, HONEYPOT = "198.41.0.4", "133.8.0.9"
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
