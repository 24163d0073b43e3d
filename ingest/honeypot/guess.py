"""Which protocol a client speaks, guessed from the first bytes it sent. Pure."""

from __future__ import annotations

import re

UNKNOWN = "unknown"

_SIGNS = (
    ("ssh", rb"SSH-[12]\."),
    ("smb", rb"\x00.{3}[\xfe\xff]SMB"),
    ("rdp", rb"\x03\x00..[\x00-\xff]\xe0\x00\x00"),
    ("mssql", rb"[\x12\x10]\x01\x00.\x00\x00[\x00-\x02]\x00"),
    ("telnet", rb"\xff[\xfa-\xfe]"),
    ("socks5", rb"\x05[\x01-\x09][\x00-\x09]{1,9}\Z"),
    ("socks4", rb"\x04[\x01\x02].{6}"),
    ("http2", rb"PRI \* HTTP/2\.0\r\n"),
    ("sip", rb"[A-Z]+ [^\r\n]* SIP/2\.0\r?\n"),
    ("rtsp", rb"[A-Z_]+ [^\r\n]* RTSP/1\.0\r?\n"),
    ("smtp", rb"(?:EHLO|HELO|MAIL FROM:)"),
    ("redis", rb"\*[0-9]+\r\n\$[0-9]+\r\n|(?:INFO|PING|FLUSHALL)\r\n"),
    ("postgresql", rb"\x00\x00\x00\x08\x04\xd2\x16[\x2e\x2f\x30]|\x00\x00..\x00\x03\x00\x00user\x00"),
    ("mongodb", rb".{12}(?:\xd4\x07|\xdd\x07)\x00\x00"),
    ("mqtt", rb"\x10.{1,4}\x00\x04MQTT|\x10.{1,4}\x00\x06MQIsdp"),
    ("ldap", rb"\x30.{1,5}\x02\x01.[\x60\x63]"),
    ("adb", rb"CNXN"),
    ("jdwp", rb"JDWP-Handshake"),
    ("vnc", rb"RFB [0-9]{3}\.[0-9]{3}\n"),
    ("rmi", rb"JRMI\x00"),
    ("t3", rb"t3 [0-9.]+\n"),
    ("rsync", rb"@RSYNCD: "),
    ("modbus", rb"..\x00\x00\x00[\x02-\x0f].[\x01-\x2b]"),
    ("dns", rb"..[\x00\x01\x80]?.{1,3}\x00\x01\x00\x00\x00\x00"),
)
"""Names and how what they send begins; the first that fits is taken."""

_PATTERNS = tuple((name, re.compile(sign, re.DOTALL)) for name, sign in _SIGNS)
_TEXT = re.compile(rb"[\t\r\n\x20-\x7e]+\Z")


def guess(data: bytes) -> str:
    """A protocol's name, `text` for printable ASCII of no protocol known here, else `unknown`."""
    for name, pattern in _PATTERNS:
        if pattern.match(data):
            return name
    return "text" if _TEXT.match(data) else UNKNOWN
