"""Captures of what victims of forged addresses answer."""

from __future__ import annotations

from capture_files import record
from ledgers import NOON
from packets import TARGET, ethernet, icmp, ipv4, tcp

SYN_ACK, RST = 0x12, 0x04
VICTIM = "8.8.4.4"
ROUTER = "193.0.6.139"


def answers(
    count: int,
    step: float = 1.0,
    start: float = 0.0,
    victim: str = VICTIM,
    port: int = 80,
    targets: tuple[str, ...] = (TARGET, "133.8.0.77", "133.8.0.78"),
) -> list[bytes]:
    """Records of a capture at a steady pace, from so many seconds after noon: SYN+ACK, RST and errors in turn."""
    records = []
    for number in range(count):
        target = targets[number % len(targets)]
        if number % 5 == 4:
            quote = ipv4(tcp(port), source=target, target=victim)[:28]
            packet = ipv4(icmp(3, 1, quote), 1, source=ROUTER, target=target)
        else:
            flags = RST if number % 5 == 3 else SYN_ACK
            packet = ipv4(
                tcp(40_000 + number % 7, source_port=port, flags=flags), source=victim, target=target
            )
        microseconds = round((NOON + start + step * number) * 1_000_000)
        records.append(record(ethernet(packet), *divmod(microseconds, 1_000_000)))
    return records
