"""IP protocol numbers (IANA protocol-numbers) that decoding tells apart."""

from __future__ import annotations

ICMP, TCP, UDP, FRAGMENT, AUTHENTICATION, ICMPV6 = 1, 6, 17, 44, 51, 58

WITH_PORTS = (TCP, UDP, 33, 132, 136)
"""Those whose header begins with source and destination port: also DCCP, SCTP, UDP-Lite."""

EXTENSIONS = (0, 43, FRAGMENT, AUTHENTICATION, 60, 140)
"""IPv6 extension headers (IANA ipv6-parameters) that are passed over. Behind ESP (50) all is encrypted,
behind mobility (135) and HIP (139) nothing follows (RFC 6275, 7401): those are protocols."""
