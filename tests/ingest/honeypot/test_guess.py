"""Protocols by their first bytes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkscope.ingest.honeypot import guess
from darkscope.ingest.honeypot.rows import HTTP, TLS


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"SSH-2.0-Go\r\n", "ssh"),
        (bytes.fromhex("00000085ff534d4272000000"), "smb"),
        (bytes.fromhex("000000c0fe534d4240000000"), "smb"),
        (bytes.fromhex("0300002b26e00000000000") + b"Cookie: mstshash=hello\r\n", "rdp"),
        (bytes.fromhex("0300001300e00000000000010008000b000000")[:4] + b"\x0e\xe0\x00\x00\x00", "rdp"),
        (bytes.fromhex("1201002f0000010000001a0006"), "mssql"),
        (b"\xff\xfb\x1f\xff\xfb\x20", "telnet"),
        (b"\x05\x02\x00\x02", "socks5"),
        (b"\x04\x01\x00\x50\x01\x01\x01\x01\x00", "socks4"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2"),
        (b"OPTIONS sip:nm SIP/2.0\r\nVia: x\r\n", "sip"),
        (b"OPTIONS / RTSP/1.0\r\n\r\n", "rtsp"),
        (b"EHLO example.org\r\n", "smtp"),
        (b"*1\r\n$4\r\nINFO\r\n", "redis"),
        (bytes.fromhex("0000000804d2162f"), "postgresql"),
        (bytes.fromhex("3a000000a741000000000000d4070000") + b"admin.$cmd", "mongodb"),
        (bytes.fromhex("101000044d515454040200"), "mqtt"),
        (bytes.fromhex("300c020101600702010304008000"), "ldap"),
        (b"CNXN\x01\x00\x00\x01", "adb"),
        (b"JDWP-Handshake", "jdwp"),
        (b"RFB 003.008\n", "vnc"),
        (b"JRMI\x00\x02\x4b", "rmi"),
        (b"t3 12.1.2\nAS:2048\n", "t3"),
        (b"@RSYNCD: 31.0\n", "rsync"),
        (bytes.fromhex("5a470000000502 2b0e0100".replace(" ", "")), "modbus"),
        (bytes.fromhex("001e0006010000010000000000000776657273696f6e"), "dns"),
        (b"hello\r\n", "text"),
        (b"\x00", "unknown"),
    ],
)
def test_a_protocol_is_told_by_its_first_bytes(data: bytes, name: str) -> None:
    assert guess.guess(data) == name


def test_the_documentation_names_every_guess() -> None:
    told = Path(__file__).parents[3].joinpath("docs/honeypots.md").read_text(encoding="utf-8")
    row = next(line for line in told.split("\n") if line.startswith("| a protocol"))
    assert set(re.findall(r"`(\w+)`", row)) == {name for name, _ in guess._SIGNS} | {"text", guess.UNKNOWN}
    assert {f"| `{kind}` |" in told for kind in (HTTP, TLS)} == {True}


@given(st.binary(max_size=64))
def test_every_beginning_has_a_guess(data: bytes) -> None:
    assert guess.guess(data)
