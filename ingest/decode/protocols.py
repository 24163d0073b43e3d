"""IP protocol numbers (IANA protocol-numbers) that decoding tells apart."""

from __future__ import annotations

ICMP, TCP, UDP, FRAGMENT, AUTHENTICATION, ICMPV6 = 1, 6, 17, 44, 51, 58

WITH_PORTS = (TCP, UDP, 33, 132, 136)
"""Those whose header begins with source and destination port: also DCCP, SCTP, UDP-Lite."""

EXTENSIONS = (0, 43, FRAGMENT, AUTHENTICATION, 60, 135, 139, 140)
"""IPv6 extension headers (IANA ipv6-parameters) that can be walked; behind ESP (50) all is encrypted."""
