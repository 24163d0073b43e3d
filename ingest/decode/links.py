"""Where in a frame the outermost IP header lies, whatever the link layer is.

One frame and its LINKTYPE_ number (tcpdump.org/linktypes.html) in; the header's offset out, or the reason why
there is none. Tags and tunnels *below* IP are walked through (VLAN, MPLS, PPPoE, SNAP, PPP and the like).
**The outermost IP header decides**: what that packet carries (IP in IP, GRE, VXLAN ...) is never looked into,
for its outer addresses are those that reached the sensor.

Each layer names the next one and where it begins, always further on, so the longest stack comes to an end.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import dpkt

from darkscope.ingest.series import Rejected

EITHER = 0
"""The IP version is what the header's first four bits say."""


@dataclass(frozen=True, slots=True)
class Network:
    """Where the IP header should begin."""

    offset: int  # in the frame; may be its end
    version: int = EITHER  # 4 or 6 where the link layer names it


@dataclass(frozen=True, slots=True)
class Layer:
    """What to read next, and where it begins."""

    reader: Reader
    offset: int


Found: TypeAlias = Network | Rejected
Reader: TypeAlias = Callable[[bytes, int], Layer | Found]


def locate(frame: bytes, link_type: int) -> Found:
    """Find the outermost IP header, or say why there is none."""
    first = LINKS.get(link_type)
    if first is None:
        return Rejected.LINK_TYPE
    found: Layer | Found = Layer(first, 0)
    try:
        while isinstance(found, Layer):
            found = found.reader(frame, found.offset)
    except (dpkt.UnpackError, struct.error):
        # Every header here is read whole, by dpkt or struct: what is missing was cut off.
        return Rejected.TRUNCATED
    return found


def _number(frame: bytes, at: int, form: str = ">H") -> int:
    """One number, sixteen bits in network order unless told; struct.error where it is cut off."""
    (value,) = struct.unpack_from(form, frame, at)
    return int(value)


def _ipv4(_: bytes, at: int) -> Found:
    return Network(at, 4)


def _ipv6(_: bytes, at: int) -> Found:
    return Network(at, 6)


def _raw(_: bytes, at: int) -> Found:
    return Network(at)


def _ether(at: int, ether_type: int) -> Layer | Found:
    """Go by an EtherType (IANA ieee-802-numbers) to what begins at `at`."""
    if ether_type <= 1500:  # IEEE 802.3: a length, not a type
        return Layer(_llc, at)
    reader = _ETHER_TYPES.get(ether_type)
    return Rejected.NOT_IP if reader is None else Layer(reader, at)


def _ethernet(frame: bytes, at: int) -> Layer | Found:
    # dpkt.ethernet.Ethernet goes on into the payload and guesses; only the two bytes of the type matter.
    return _ether(at + 14, _number(frame, at + 12))


def _vlan(frame: bytes, at: int) -> Layer | Found:
    # dpkt.ethernet.Ethernet stops after two tags and at a 0x88a8 within 0x8100: one tag at a time.
    tag = dpkt.ethernet.VLANtag8021Q(frame[at : at + 4])
    return _ether(at + 4, tag.type)


def _backbone(_: bytes, at: int) -> Layer:
    """IEEE 802.1ah: four bytes of service, then the customer's frame."""
    return Layer(_ethernet, at + 4)


def _fabric_path(_: bytes, at: int) -> Layer:
    """Cisco FabricPath: two bytes, then the frame that it carries."""
    return Layer(_ethernet, at + 2)


def _port_tag(frame: bytes, at: int) -> Layer | Found:
    """IEEE 802.1BR E-TAG: six bytes, then an EtherType."""
    return _ether(at + 8, _number(frame, at + 6))


def _network_tag(frame: bytes, at: int) -> Layer | Found:
    """Cisco VN-Tag: four bytes, then an EtherType."""
    return _ether(at + 6, _number(frame, at + 4))


def _service_chain(frame: bytes, at: int) -> Layer | Found:
    """RFC 8300: the length in words, and what comes next."""
    words, following = struct.unpack_from(">HxB", frame, at)
    length = (words & 0x3F) * 4
    if length < 8:
        return Rejected.MALFORMED
    reader = _SERVICE_CHAIN.get(following)
    return Rejected.NOT_IP if reader is None else Layer(reader, at + length)


def _mpls(frame: bytes, at: int) -> Layer | Found:
    """RFC 3032: labels down to the bottom of the stack, which does not say what follows."""
    label = dpkt.ethernet.MPLSlabel(frame[at : at + 4])
    at += 4
    if not label.s:
        return Layer(_mpls, at)
    if at >= len(frame):
        return Rejected.TRUNCATED
    # RFC 4928: first bits 4 and 6 are IP; a pseudowire (0) does not say what it carries.
    return Network(at) if frame[at] >> 4 in (4, 6) else Rejected.NOT_IP


def _pppoe(frame: bytes, at: int) -> Layer:
    """RFC 2516: six bytes, then PPP without its framing."""
    struct.unpack_from(">BBHH", frame, at)
    return Layer(_ppp_protocol, at + 6)


def _ppp_protocol(frame: bytes, at: int) -> Layer | Found:
    """RFC 1661: a protocol of two bytes, or one where it is odd (compressed)."""
    if at < len(frame) and frame[at] & 1:
        number, at = frame[at], at + 1
    else:
        number, at = _number(frame, at), at + 2
    reader = _PPP.get(number)
    return Rejected.NOT_IP if reader is None else Layer(reader, at)


def _ppp(frame: bytes, at: int) -> Layer:
    """RFC 1662's address and control where they were kept, Cisco's framing (RFC 1547), or neither."""
    if frame[at : at + 2] == b"\xff\x03":
        return Layer(_ppp_protocol, at + 2)
    if frame[at : at + 1] in (b"\x0f", b"\x8f"):
        return Layer(_cisco_hdlc, at)
    return Layer(_ppp_protocol, at)


def _cisco_hdlc(frame: bytes, at: int) -> Layer | Found:
    return _ether(at + 4, _number(frame, at + 2))


def _frame_relay(frame: bytes, at: int) -> Layer | Found:
    """An address of two bytes or more (Q.922), then RFC 2427's control and NLPID, or Cisco's EtherType."""
    at += 2
    while not frame[at - 1 : at] or not frame[at - 1] & 1:
        if at >= len(frame):
            return Rejected.TRUNCATED
        at += 1
    if _number(frame, at, "B") != 3:
        return _ether(at + 2, _number(frame, at))
    following = _number(frame, at + 1, "B")
    if following == 0:  # padding
        at += 1
        following = _number(frame, at + 1, "B")
    reader = _FRAME_RELAY.get(following)
    return Rejected.NOT_IP if reader is None else Layer(reader, at + 2)


def _llc(frame: bytes, at: int) -> Layer | Found:
    """IEEE 802.2: SNAP (RFC 1042) leads to an EtherType, SAP 6 is IP (RFC 948)."""
    head = frame[at : at + 3]
    if len(head) < 3:
        return Rejected.TRUNCATED
    if head == b"\xaa\xaa\x03":
        return Layer(_snap, at + 3)
    return Network(at + 3, 4) if head == b"\x06\x06\x03" else Rejected.NOT_IP


def _snap(frame: bytes, at: int) -> Layer | Found:
    ether_type = _number(frame, at + 3)
    known = frame[at : at + 3] in (b"\0\0\0", b"\0\0\xf8") and ether_type > 1500
    return _ether(at + 5, ether_type) if known else Rejected.NOT_IP


def _fddi(frame: bytes, at: int) -> Layer | Found:
    """ISO 9314-2: frame control, two addresses, LLC."""
    return Layer(_llc, at + 13) if _number(frame, at, "B") & 0xF0 == 0x50 else Rejected.NOT_IP


def _wireless(frame: bytes, at: int) -> Layer | Found:
    """IEEE 802.11: LLC within data frames that are neither encrypted nor bundled."""
    kind, flags = struct.unpack_from("BB", frame, at)
    if kind & 0x4C != 0x08 or flags & 0x40:  # not data, or without any, or encrypted
        return Rejected.NOT_IP
    length = 30 if flags & 3 == 3 else 24
    if kind & 0x80:  # quality of service
        if _number(frame, at + length, "B") & 0x80:  # several frames in one
            return Rejected.NOT_IP
        length += 6 if flags & 0x80 else 2
    return Layer(_llc, at + length)


def _radiotap(frame: bytes, at: int) -> Layer | Found:
    """radiotap.org: version, padding, and the length of what the radio tells."""
    length = _number(frame, at + 2, "<H")
    return Layer(_wireless, at + length) if length >= 8 else Rejected.MALFORMED


def _sll(frame: bytes, at: int) -> Layer | Found:
    header = dpkt.sll.SLL(frame[at : at + 16])
    return _cooked(at + 16, header.hrd, header.ethtype)


def _sll2(frame: bytes, at: int) -> Layer | Found:
    header = dpkt.sll2.SLL2(frame[at : at + 20])
    return _cooked(at + 20, header.hrd, header.ethtype)


def _cooked(at: int, hardware: int, ether_type: int) -> Layer | Found:
    # Frame relay, radiotap and netlink: there the protocol field is not an EtherType (tcpdump.org).
    return Rejected.NOT_IP if hardware in (770, 803, 824) else _ether(at, ether_type)


def _loopback(frame: bytes, at: int) -> Found:
    """Read the address family, in the byte order of whoever wrote it; IPv6 differs by system."""
    # dpkt.loopback.Loopback takes an unknown family for Ethernet: a guess.
    family = _number(frame, at, ">I")
    if family > 0xFFFF:
        family = _number(frame, at, "<I")
    # The header's own version bits decide: captures with a wrong family exist.
    return Network(at + 4) if family in (2, 10, 24, 28, 30) else Rejected.NOT_IP


def _ipnet(frame: bytes, at: int) -> Found:
    """Solaris IP observability: 24 bytes, the second is the family (2, 26)."""
    version = {2: 4, 26: 6}.get(_number(frame, at + 1, "B"))
    return Rejected.NOT_IP if version is None else Network(at + 24, version)


def _infiniband(frame: bytes, at: int) -> Layer | Found:
    """RFC 4391: link addresses of 40 bytes, an EtherType, two reserved bytes."""
    return _ether(at + 44, _number(frame, at + 40))


def _nflog(frame: bytes, at: int) -> Found:
    """Linux netfilter log: the family, then attributes in the host's byte order, taken for little-endian."""
    version = {2: 4, 10: 6}.get(_number(frame, at, "B"))
    if version is None:
        return Rejected.NOT_IP
    at += 4
    while True:
        length, kind = struct.unpack_from("<HH", frame, at)
        if length < 4:
            return Rejected.MALFORMED
        if kind == 9:  # the packet
            return Network(at + 4, version)
        at += -(-length // 4) * 4


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
    0x88E7: _backbone,
    0x8903: _fabric_path,
    0x8926: _network_tag,
    0x893F: _port_tag,
    0x894F: _service_chain,
}

_PPP: dict[int, Reader] = {0x21: _ipv4, 0x57: _ipv6, 0x281: _mpls, 0x283: _mpls}
_SERVICE_CHAIN: dict[int, Reader] = {1: _ipv4, 2: _ipv6, 3: _ethernet, 5: _mpls}
_FRAME_RELAY: dict[int, Reader] = {0xCC: _ipv4, 0x8E: _ipv6, 0x80: _snap}

LINKS: dict[int, Reader] = {
    0: _loopback,
    1: _ethernet,
    9: _ppp,
    10: _fddi,
    12: _raw,
    14: _raw,
    50: _ppp,
    51: _pppoe,
    101: _raw,
    104: _cisco_hdlc,
    105: _wireless,
    107: _frame_relay,
    108: _loopback,
    113: _sll,
    127: _radiotap,
    226: _ipnet,
    228: _ipv4,
    229: _ipv6,
    239: _nflog,
    242: _infiniband,
    276: _sll2,
}
"""LINKTYPE_ numbers that are read; any other is counted by its number, never guessed."""
