"""Which program sent a packet, by what it leaves in a TCP SYN; and keys of the programs that need two.

Each rule is a pure function of a few columns of one SYN without ACK; `tool` puts them in order. Addresses, ports and
numbers are as on the wire, big-endian. A fingerprint is a label, never a reason to drop.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from darkscope.ingest.compiled import compiled
from darkscope.ingest.series import Tool

_TOOLS = tuple(Tool)
NONE = _TOOLS.index(Tool.NONE)
MIRAI = _TOOLS.index(Tool.MIRAI)
ZMAP = _TOOLS.index(Tool.ZMAP)
MASSCAN = _TOOLS.index(Tool.MASSCAN)
ZMAP_LIKE = _TOOLS.index(Tool.ZMAP_LIKE)

NO_NMAP = -1
NO_UNICORNSCAN = int(np.iinfo(np.int64).min)

SYN_WITHOUT_ACK, SYN_AND_ACK = 0x02, 0x12


@compiled
def is_mirai(version: int, target: int, sequence: int) -> bool:
    """Sequence number equal to the destination address.

    Source: Mirai's published scanner.c (`tcph->seq = iph->daddr`). Confidence: high, by chance 2^-32 a packet;
    TSUBAME, CAIDA, Merit and Japan's police use it. Caveat: descendants that randomise it are missed.
    """
    return version == 4 and sequence == target


@compiled
def is_zmap(version: int, ip_id: int) -> bool:
    """IP id 54321.

    Source: ZMap before 4.1, probe_modules/packet.c. Confidence: high, by chance 2^-16 a packet.
    Caveat: newer versions no longer do it; usually TTL at start 255 and window 65535 go with it.
    """
    return version == 4 and ip_id == 54321


@compiled
def keeps_masscan_id(version: int, target: int, port: int, sequence: int, ip_id: int) -> bool:
    """IP id equal to destination address, port and sequence number, XORed, in the low 16 bits.

    Source: masscan, templ-pkt.c. By chance 2^-16 a packet: alone it is only evidence to be counted.
    """
    return version == 4 and ip_id == (target ^ port ^ sequence) & 0xFFFF


@compiled
def is_masscan(
    version: int, target: int, port: int, sequence: int, ip_id: int, ttl: int, window: int, tcp_header: int
) -> bool:
    """The rule of the IP id together with the header its versions send.

    Source: masscan's default templates: TTL 255 at the start; up to 1.3.2 window 1024 and no options; since 2023-11
    window 1025 and MSS alone. Confidence: high.
    Caveat: who changes the template with options is seen in `sources` only, by two hits.
    """
    return (
        keeps_masscan_id(version, target, port, sequence, ip_id)
        and ttl > 128
        and ((window == 1024 and tcp_header == 20) or (window == 1025 and tcp_header == 24))
    )


@compiled
def is_zmap_like(
    version: int,
    source_port: int,
    ttl: int,
    window: int,
    tcp_header: int,
    buffer: npt.NDArray[np.uint8],
    options: int,
) -> bool:
    """TTL 64 at the start, window 65535, MSS 1460, NOP, WS 8, NOP, NOP, SACK permitted, source port 32768-61000.

    Source: ZMap 4.1 and later. Confidence: low, it resembles Windows (whose TTL starts at 128).
    `options` is where the TCP options lie in the buffer, which must hold all of the header.
    """
    return (
        version == 4
        and window == 65535
        and tcp_header == 32
        and ttl <= 64
        and 32768 <= source_port <= 61000
        and buffer[options] == 2
        and buffer[options + 1] == 4
        and buffer[options + 2] == 0x05
        and buffer[options + 3] == 0xB4
        and buffer[options + 4] == 1
        and buffer[options + 5] == 3
        and buffer[options + 6] == 3
        and buffer[options + 7] == 8
        and buffer[options + 8] == 1
        and buffer[options + 9] == 1
        and buffer[options + 10] == 4
        and buffer[options + 11] == 2
    )


@compiled
def nmap_key(sequence: int, window: int, tcp_header: int, buffer: npt.NDArray[np.uint8], options: int) -> int:
    """(key << 32 | sequence number) of a SYN shaped like nmap's, else NO_NMAP.

    Shape: window 1024, MSS 1460 alone. nmap masks one 16-bit number, put twice side by side, with 32 bits of the
    scan, so both halves of all its sequence numbers XOR to one key: two different numbers with one key are evidence.
    Source: nmap, scan_engine_raw.cc (seq32_encode). By chance 2^-16 a pair.
    """
    if window != 1024 or tcp_header != 24:
        return NO_NMAP
    if (
        buffer[options] != 2
        or buffer[options + 1] != 4
        or buffer[options + 2] != 0x05
        or buffer[options + 3] != 0xB4
    ):
        return NO_NMAP
    return ((sequence >> 16) ^ (sequence & 0xFFFF)) << 32 | sequence


@compiled
def unicornscan_key(version: int, target: int, source_port: int, port: int, sequence: int) -> int:
    """(key << 32 | sequence number) of a SYN as unicornscan would key it, else NO_UNICORNSCAN.

    Key: sequence number XOR byte-swapped destination XOR (destination port << 16 | source port), constant for one
    scan; two different sequence numbers with one key are evidence. By chance 2^-32 a pair.
    Source: unicornscan, as described by Ghiëtte et al. (2016). Caveat: of a little-endian scanner only.
    """
    if version != 4:
        return NO_UNICORNSCAN
    swapped = (target & 0xFF) << 24 | (target & 0xFF00) << 8 | (target >> 8) & 0xFF00 | target >> 24
    key = sequence ^ swapped ^ (port << 16 | source_port)
    if key >= 1 << 31:
        key -= 1 << 32  # signed, so that it fits 64 bits
    return key << 32 | sequence


@compiled
def tool(
    version: int,
    target: int,
    source_port: int,
    port: int,
    ttl: int,
    ip_id: int,
    sequence: int,
    window: int,
    tcp_header: int,
    buffer: npt.NDArray[np.uint8],
    options: int,
) -> int:
    """Tool of one SYN as the index in `Tool`, whose order is the precedence: rarest by chance first."""
    if is_mirai(version, target, sequence):
        return MIRAI
    if is_zmap(version, ip_id):
        return ZMAP
    if is_masscan(version, target, port, sequence, ip_id, ttl, window, tcp_header):
        return MASSCAN
    if is_zmap_like(version, source_port, ttl, window, tcp_header, buffer, options):
        return ZMAP_LIKE
    return NONE
