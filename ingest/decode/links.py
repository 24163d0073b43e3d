"""Where in a frame the outermost IP header lies, whatever the link layer is.

One frame and its LINKTYPE_ number (tcpdump.org/linktypes.html) in; the header's offset out, or the reason why
there is none. Tags and tunnels *below* IP are walked through (VLAN, MPLS, PPPoE, SNAP, PPP and the like).
**The outermost IP header decides**: what that packet carries (IP in IP, GRE, VXLAN ...) is never looked into,
for its outer addresses are those that reached the sensor.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import dpkt

from darkscope.ingest.series import Rejected

EITHER = 0
"""The IP version is what the header's first four bits say."""


@dataclass(frozen=True, slots=True)
class Network:
    """Where the IP header should begin."""

    offset: int  # in the frame; may be its end
    version: int = EITHER  # 4 or 6 where the link layer names it


Found = Network | Rejected
Reader = Callable[[bytes, int], Found]


def locate(frame: bytes, link_type: int) -> Found:
    """Find the outermost IP header, or say why there is none."""
    reader = _LINKS.get(link_type)
    if reader is None:
        return Rejected.LINK_TYPE
    try:
        return reader(frame, 0)
    except (dpkt.UnpackError, struct.error):
        # Every header here is read whole, with dpkt or struct: what is missing was cut off.
        return Rejected.TRUNCATED


def _number(frame: bytes, at: int) -> int:
    """Sixteen bits in network order; struct.error where they are cut off."""
    (value,) = struct.unpack_from(">H", frame, at)
    return int(value)


def _ether(frame: bytes, at: int, ether_type: int) -> Found:
    """Walk from an EtherType (IEEE, IANA ieee-802-numbers) to what it announces at `at`."""
    reader = _ETHER_TYPES.get(ether_type)
    if reader is not None:
        return reader(frame, at)
    if ether_type <= 1500:
        return _llc(frame, at)  # IEEE 802.3: a length, not a type
    return Rejected.NOT_IP


def _ipv4(_: bytes, at: int) -> Found:
    return Network(at, 4)


def _ipv6(_: bytes, at: int) -> Found:
    return Network(at, 6)


def _raw(_: bytes, at: int) -> Found:
    return Network(at)


def _vlan(frame: bytes, at: int) -> Found:
    # dpkt.ethernet.Ethernet stops after two tags and at a 0x88a8 within 0x8100: one tag at a time.
    tag = dpkt.ethernet.VLANtag8021Q(frame[at : at + 4])
    return _ether(frame, at + 4, tag.type)


def _ethernet(frame: bytes, at: int) -> Found:
    # Headers are cut out before dpkt reads them: its Ethernet goes on into the payload and forgets offsets.
    header = dpkt.ethernet.Ethernet(frame[at : at + 12] + b"\x08\x00")
    if len(header.dst + header.src) < 12:
        return Rejected.TRUNCATED
    return _ether(frame, at + 14, _number(frame, at + 12))


def _mpls(frame: bytes, at: int) -> Found:
    """RFC 3032: labels down to the bottom of the stack, which does not say what follows."""
    while True:
        label = dpkt.ethernet.MPLSlabel(frame[at : at + 4])
        at += 4
        if label.s:
            break
    if at >= len(frame):
        return Rejected.TRUNCATED
    # RFC 4928: first bits 4 and 6 are IP; a pseudowire (0) does not say what it carries.
    return Network(at) if frame[at] >> 4 in (4, 6) else Rejected.NOT_IP


def _pppoe(frame: bytes, at: int) -> Found:
    """RFC 2516: six bytes, then PPP without its framing."""
    dpkt.struct.unpack_from(">BBHH", frame, at)
    return _ppp_protocol(frame, at + 6)


def _ppp_protocol(frame: bytes, at: int) -> Found:
    """RFC 1661: a protocol of two bytes, or one where it is odd (compressed)."""
    if at < len(frame) and frame[at] & 1:
        number, at = frame[at], at + 1
    else:
        number, at = _number(frame, at), at + 2
    reader = _PPP.get(number)
    return Rejected.NOT_IP if reader is None else reader(frame, at)


def _ppp(frame: bytes, at: int) -> Found:
    """RFC 1662's address and control where they were kept, Cisco's framing (RFC 1547), or neither."""
    if frame[at : at + 2] == b"\xff\x03":
        return _ppp_protocol(frame, at + 2)
    if frame[at : at + 1] in (b"\x0f", b"\x8f"):
        return _cisco_hdlc(frame, at)
    return _ppp_protocol(frame, at)


def _cisco_hdlc(frame: bytes, at: int) -> Found:
    return _ether(frame, at + 4, _number(frame, at + 2))


def _llc(frame: bytes, at: int) -> Found:
    """IEEE 802.2: SNAP (RFC 1042) leads to an EtherType, SAP 6 is IP (RFC 948)."""
    head = frame[at : at + 3]
    if len(head) < 3:
        return Rejected.TRUNCATED
    if head == b"\xaa\xaa\x03":
        organisation = frame[at + 3 : at + 6]
        ether_type = _number(frame, at + 6)
        known = organisation in (b"\0\0\0", b"\0\0\xf8") and ether_type > 1500
        return _ether(frame, at + 8, ether_type) if known else Rejected.NOT_IP
    return Network(at + 3, 4) if head == b"\x06\x06\x03" else Rejected.NOT_IP


def _sll(frame: bytes, at: int) -> Found:
    header = dpkt.sll.SLL(frame[at : at + 16])
    return _cooked(frame, at + 16, header.hrd, header.ethtype)


def _sll2(frame: bytes, at: int) -> Found:
    header = dpkt.sll2.SLL2(frame[at : at + 20])
    return _cooked(frame, at + 20, header.hrd, header.ethtype)


def _cooked(frame: bytes, at: int, hardware: int, ether_type: int) -> Found:
    # Frame relay, radiotap and netlink: there the protocol field is not an EtherType (tcpdump.org).
    return Rejected.NOT_IP if hardware in (770, 803, 824) else _ether(frame, at, ether_type)


def _loopback(frame: bytes, at: int) -> Found:
    """Read the address family, in the byte order of whoever wrote it; IPv6 differs by system."""
    # dpkt.loopback.Loopback takes an unknown family for Ethernet: a guess.
    (family,) = struct.unpack_from(">I", frame, at)
    if family > 0xFFFF:
        (family,) = struct.unpack_from("<I", frame, at)
    # The header's own version bits decide: captures with a wrong family exist.
    return Network(at + 4) if family in (2, 10, 24, 28, 30) else Rejected.NOT_IP


_ETHER_TYPES: dict[int, Reader] = {
    0x0800: _ipv4,
    0x86DD: _ipv6,
    0x8100: _vlan,  # IEEE 802.1Q
    0x88A8: _vlan,  # IEEE 802.1ad
    0x9100: _vlan,  # its forerunners
    0x9200: _vlan,
    0x8847: _mpls,
    0x8848: _mpls,
    0x880B: _ppp_protocol,
    0x8864: _pppoe,
    0x6558: _ethernet,  # transparent bridging
}

_PPP: dict[int, Reader] = {0x21: _ipv4, 0x57: _ipv6, 0x281: _mpls, 0x283: _mpls}

_LINKS: dict[int, Reader] = {
    0: _loopback,
    1: _ethernet,
    9: _ppp,
    12: _raw,
    14: _raw,
    50: _ppp,
    51: _pppoe,
    101: _raw,
    104: _cisco_hdlc,
    108: _loopback,
    113: _sll,
    228: _ipv4,
    229: _ipv6,
    276: _sll2,
}

LINK_TYPES = frozenset(_LINKS)
"""LINKTYPE_ numbers that are read; any other is counted by its number, never guessed."""
