"""Which program sent a packet, by what it leaves in a TCP SYN; and keys of the programs that need two.

Each rule is a pure function of a few columns of one SYN without ACK; `tool` puts them in order. Addresses,
ports and numbers are as on the wire, big-endian; the TCP options are three words of 32 bits, 0 where the
header ends before. A fingerprint is a label, never a reason to drop.
"""

from __future__ import annotations

import numpy as np

from darkscope.ingest.compiled import compiled
from darkscope.ingest.decode.wire import Integer
from darkscope.ingest.series import Tool

_TOOLS = tuple(Tool)
NONE = _TOOLS.index(Tool.NONE)
MIRAI = _TOOLS.index(Tool.MIRAI)
ZMAP = _TOOLS.index(Tool.ZMAP)
MASSCAN = _TOOLS.index(Tool.MASSCAN)
ZMAP_LIKE = _TOOLS.index(Tool.ZMAP_LIKE)

NO_NMAP = -1
NO_UNICORNSCAN = int(np.iinfo(np.int64).min)

MSS_1460 = 0x020405B4
NOP_WINDOW_SCALE_8 = 0x01030308
NOP_NOP_SACK_PERMITTED = 0x01010402


@compiled
def is_mirai(version: Integer, target: Integer, sequence: Integer) -> bool:
    """Tell Mirai: sequence number equal to the destination address.

    Source: Mirai's published scanner.c (`tcph->seq = iph->daddr`). Confidence: high, by chance 2^-32 a
    packet; TSUBAME, CAIDA, Merit and Japan's police use it. Caveat: descendants that randomise it are missed.
    """
    return bool(version == 4 and sequence == target)


@compiled
def is_zmap(version: Integer, ip_id: Integer) -> bool:
    """Tell ZMap: IP id 54321.

    Source: ZMap before 4.1, probe_modules/packet.c. Confidence: high, by chance 2^-16 a packet.
    Caveat: newer versions no longer do it; usually TTL 255 at the start and window 65535 go with it.
    """
    return bool(version == 4 and ip_id == 54321)


@compiled
def keeps_masscan_id(
    version: Integer, target: Integer, port: Integer, sequence: Integer, ip_id: Integer
) -> bool:
    """Tell masscan's IP id: destination address, port and sequence number XORed, of which the low 16 bits.

    Source: masscan, templ-pkt.c. Confidence: by chance 2^-16 a packet, so that alone it is only counted.
    Caveat: none of the address's upper half takes part.
    """
    return bool(version == 4 and ip_id == (target ^ port ^ sequence) & 0xFFFF)


@compiled
def is_masscan_header(ttl: Integer, window: Integer, tcp_header: Integer, option: Integer) -> bool:
    """Tell the TCP header of masscan's templates; only together with its IP id is it masscan.

    Source: masscan, templ-pkt.c: TTL 255 at the start; up to 1.3.2 window 1024 and no options; since 2023-11
    window 1025 and MSS 1460 alone. Confidence: high with the IP id.
    Caveat: who changes the template by options is seen in `sources` only, by two hits of the IP id.
    """
    old = window == 1024 and tcp_header == 20
    new = window == 1025 and tcp_header == 24 and option == MSS_1460
    return bool(ttl > 128 and (old or new))


@compiled
def is_zmap_like(
    version: Integer,
    source_port: Integer,
    ttl: Integer,
    window: Integer,
    tcp_header: Integer,
    first: Integer,
    second: Integer,
    third: Integer,
) -> bool:
    """Tell what newer ZMaps send: TTL 64 at the start, window 65535, the options of Windows in its order.

    Options: MSS 1460, NOP, window scale 8, NOP, NOP, SACK permitted; source port 32768 to 61000.
    Source: ZMap 4.1 and later, probe_modules/packet.c. Confidence: low.
    Caveat: it resembles Windows, whose TTL starts at 128 and whose source port at 49152.
    """
    return bool(
        version == 4
        and window == 65535
        and tcp_header == 32
        and ttl <= 64
        and 32768 <= source_port <= 61000
        and first == MSS_1460
        and second == NOP_WINDOW_SCALE_8
        and third == NOP_NOP_SACK_PERMITTED
    )


@compiled
def nmap_key(sequence: Integer, window: Integer, tcp_header: Integer, option: Integer) -> Integer:
    """Give (key << 32 | sequence number) of a SYN shaped like nmap's, else NO_NMAP.

    Shape: window 1024, MSS 1460 alone. nmap puts one 16-bit number of the try twice side by side and masks it
    with 32 bits of the scan, so both halves of all its sequence numbers XOR to one key: two different numbers
    with one key are evidence. Source: nmap, scan_engine_raw.cc (seq32_encode). Confidence: high for a pair,
    by chance 2^-16. Caveat: it repeats a probe only where nothing answers, so one answered probe gives no
    pair.
    """
    if window != 1024 or tcp_header != 24 or option != MSS_1460:
        return NO_NMAP
    return ((sequence >> 16) ^ (sequence & 0xFFFF)) << 32 | sequence


@compiled
def unicornscan_key(
    version: Integer, target: Integer, source_port: Integer, port: Integer, sequence: Integer
) -> Integer:
    """Give (key << 32 | sequence number) of a SYN as unicornscan would key it, else NO_UNICORNSCAN.

    Key: sequence number XOR byte-swapped destination XOR (destination port << 16 | source port), constant for
    one scan; two different sequence numbers with one key are evidence. Source: Ghiette, Blenn, Doerr, "Remote
    Identification of Port Scan Toolchains" (2016). Confidence: high for a pair, by chance 2^-32.
    Caveat: of a little-endian scanner only.
    """
    if version != 4:
        return NO_UNICORNSCAN
    swapped = (target & 0xFF) << 24 | (target & 0xFF00) << 8 | target >> 8 & 0xFF00 | target >> 24
    key = sequence ^ swapped ^ (port << 16 | source_port)
    signed = (key ^ 0x80000000) - 0x80000000  # so that the whole fits 64 bits
    return signed << 32 | sequence


@compiled
def tool(
    version: Integer,
    target: Integer,
    source_port: Integer,
    port: Integer,
    ttl: Integer,
    ip_id: Integer,
    sequence: Integer,
    window: Integer,
    tcp_header: Integer,
    first: Integer,
    second: Integer,
    third: Integer,
) -> int:
    """Tool of one SYN as the index in `Tool`, whose order is the precedence.

    The rule that is rarest by chance comes first; ZMap's fixed IP id before masscan's, which a ZMap packet
    also keeps once in 65536; the one of low confidence last.
    """
    if is_mirai(version, target, sequence):
        return MIRAI
    if is_zmap(version, ip_id):
        return ZMAP
    if keeps_masscan_id(version, target, port, sequence, ip_id) and is_masscan_header(
        ttl, window, tcp_header, first
    ):
        return MASSCAN
    if is_zmap_like(version, source_port, ttl, window, tcp_header, first, second, third):
        return ZMAP_LIKE
    return NONE
