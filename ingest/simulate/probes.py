"""How programs ask: the headers of scanning tools, worms and operating systems, for any scenario."""

from __future__ import annotations

from darkscope.ingest.simulate.scenario import ACK, ICMP, ICMPV6, RST, SYN, TCP, UDP, Mark, Probe

_MSS = bytes.fromhex("020405b4")
_SACK_PERMITTED = bytes.fromhex("01010402")
_WINDOWS_7 = bytes.fromhex("020405b4 01030308 01010402")
_LINUX = bytes.fromhex("020405b4 0402 080a 00a1b2c3 00000000 01 030307")

RAW = Probe(TCP, windows=(1024, 5840, 14600, 65535), ttls=(64, 128, 255))
"""A program that makes its own packets, without options and without repeating them."""

LINUX = Probe(TCP, _LINUX, windows=(5840, 14600, 29200), ttls=(64,), source_ports=(32768, 61000), tries=2)
"""A program that lets a Linux system connect: cameras, routers and NAS devices among them."""

WINDOWS_XP = Probe(
    TCP, _MSS + _SACK_PERMITTED, windows=(16384, 65535), ttls=(128,), source_ports=(1025, 5000), tries=2
)
"""A worm on an old Windows."""

WINDOWS_7 = Probe(TCP, _WINDOWS_7, windows=(8192,), ttls=(128,), source_ports=(49152, 65535), tries=2)
"""A worm or a tool on a newer Windows."""

MIRAI = Probe(TCP, windows=tuple(range(2048, 65000, 5057)), ttls=(64,), mark=Mark.MIRAI)
"""Mirai and its heirs, since August 2016."""

ZMAP = Probe(TCP, windows=(65535,), ttls=(255,), source_ports=(32768, 61000), mark=Mark.ZMAP)
"""ZMap before 4.1."""

MASSCAN = Probe(TCP, windows=(1024,), ttls=(255,), source_ports=(40000, 60000), mark=Mark.MASSCAN)
"""masscan up to 1.3.2."""

NMAP = Probe(
    TCP, _MSS, windows=(1024,), ttls=(64, 60, 55, 50, 45, 41), source_ports=(33000, 65000), mark=Mark.NMAP
)
"""nmap's SYN scan, which starts with a random TTL."""

SYN_ACK = Probe(
    TCP, _MSS, flags=SYN | ACK, windows=(14600, 29200, 64240), ttls=(64, 128), source_ports=(80, 80)
)
"""A server answers someone who forged the sensor's address."""

RESET = Probe(TCP, flags=RST | ACK, windows=(0,), ttls=(64, 128), source_ports=(80, 80))
"""A closed port answers someone who forged the sensor's address."""

PING = Probe(ICMP, payload=bytes(range(0x61, 0x77)) + b"wabcdefghi", ttls=(128,))
"""An echo request as Windows sends it."""

PING_LINUX = Probe(ICMP, payload=bytes(8) + bytes(range(0x08, 0x38)), ttls=(64,))
"""An echo request as ping on Linux sends it."""

UNREACHABLE = Probe(ICMP, ttls=(64, 255), icmp=(3, 1))
"""A router could not deliver packets that carried the sensor's address."""

PING_V6 = Probe(ICMPV6, payload=bytes(32), ttls=(64,), icmp=(128, 0), version=6)
RAW_V6 = Probe(TCP, _MSS, windows=(14400, 65535), ttls=(64, 255), version=6)

DNS = Probe(
    UDP,
    payload=bytes.fromhex(
        "1234 0100 0001 0000 0000 0001 03697363 036f7267 00 00ff 0001 00 0029 2328 0000 0000 0000"
    ),
)
"""An ANY query of an open-resolver search."""

NTP = Probe(UDP, payload=bytes.fromhex("1700032a 00000000"))
"""monlist."""

SSDP = Probe(
    UDP,
    payload=b"M-SEARCH * HTTP/1.1\r\nHost:239.255.255.250:1900\r\nST:ssdp:all\r\n"
    b'Man:"ssdp:discover"\r\nMX:3\r\n\r\n',
)

SIP = Probe(
    UDP,
    payload=b"OPTIONS sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK-1;rport\r\n"
    b"From: <sip:100@192.0.2.2>;tag=1\r\nTo: <sip:100@192.0.2.1>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
    b"Max-Forwards: 70\r\nUser-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n",
    source_ports=(5060, 5090),
)

MDNS = Probe(
    UDP,
    payload=bytes.fromhex(
        "0000 0000 0001 0000 0000 0000 095f7365727669636573075f646e732d7364045f756470056c6f63616c00 000c 0001"
    ),
)

PEER = Probe(UDP, payload=b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe", ttls=(64, 128))
"""A peer of a file-sharing network looks for one that is no longer there."""

PEER_TCP = Probe(TCP, _WINDOWS_7, windows=(8192,), ttls=(128,), source_ports=(49152, 65535), tries=3)
"""The same over TCP."""
