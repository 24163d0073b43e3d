"""First data to rows: what each kind has, what bounds it, and that no address and no control character gets through."""

from __future__ import annotations

import re
from dataclasses import astuple
from ipaddress import IPv4Address, ip_network

from blake3 import blake3
from greetings import hello
from hypothesis import given
from hypothesis import strategies as st

from darkscope.ingest.honeypot.masking import Masker
from darkscope.ingest.honeypot.rows import (
    MOST_AGENT,
    MOST_FIELDS,
    MOST_NAME,
    MOST_PATH,
    MOST_PREVIEW,
    Reader,
    Request,
)
from darkscope.ingest.sensors import Watched

TARGET = "192.0.2.77"
MASKER = Masker([Watched.of([ip_network("192.0.2.64/26")])])


def asked(data: bytes) -> tuple[Request, ...]:
    return Reader(MASKER).read(data, 4, int(IPv4Address(TARGET)))


def test_a_tls_client_is_told_by_name_and_fingerprint() -> None:
    (row,) = asked(hello(name=b"192.0.2.77"))
    assert (row.kind, row.host, row.fingerprint) == (
        "tls",
        "[sensor]",
        "t13d1516h2_8daaf6152771_e5627efa2ab1",
    )
    assert (row.path, row.method, row.body, row.size) == ("", "", "", len(hello(name=b"192.0.2.77")))
    assert "[sensor]" in row.preview
    (cut,) = asked(hello()[:50])
    assert (cut.kind, cut.host, cut.fingerprint) == ("tls", "", "")


def test_what_is_neither_has_a_guess_and_a_preview() -> None:
    (row,) = asked(b"\x03\x00\x00\x2b\x26\xe0\x00\x00\x00\x00\x00Cookie: mstshash=192.0.2.77\r\n")
    assert row.kind == "rdp"
    assert row.preview == "\\x03\\x00\\x00+&\\xe0\\x00\\x00\\x00\\x00\\x00Cookie: mstshash=[sensor]\\x0d\\x0a"


def test_the_same_exploit_has_the_same_digest_at_every_sensor() -> None:
    bodies = [b"target=192.0.2.77&x=1", b"target=192.0.2.100&x=1"]
    made = [asked(b"POST / HTTP/1.1\r\n\r\n" + body)[0] for body in bodies]
    assert {row.body for row in made} == {blake3(b"target=[sensor]&x=1").hexdigest()}
    assert {row.preview for row in made} == {"target=[sensor]&x=1"}


def test_texts_are_bounded_and_cut_no_address_in_half() -> None:
    long = b"x" * 5000
    (row,) = asked(
        b"GET /" + long + b" HTTP/1.1\r\nHost: " + long + b"\r\nUser-Agent: " + long + b"\r\n\r\n" + long
    )
    lengths = len(row.path), len(row.host), len(row.agent), len(row.headers), len(row.preview)
    assert lengths == (MOST_PATH, MOST_NAME, MOST_AGENT, MOST_FIELDS, MOST_PREVIEW)
    for shift in range(16):
        (row,) = asked(b"GET /" + b"x" * (MOST_PATH - shift) + b"192.0.2.77/" * 300 + b" HTTP/1.1\r\n\r\n")
        assert "192.0" not in row.path
        (row,) = asked(b"?" * shift + b"192.0.2.77/" * 400)
        assert "192.0" not in row.preview


def test_what_was_read_before_is_read_the_same() -> None:
    reader = Reader(MASKER)
    for target in (TARGET, "203.0.113.9"):
        data = b"GET / HTTP/1.1\r\nHost: 203.0.113.9\r\n\r\n"
        first, again = (reader.read(data, 4, int(IPv4Address(target))) for _ in range(2))
        assert first == again
        assert first[0].host == ("203.0.113.9" if target == TARGET else "[sensor]")


def test_fields_stand_a_line_each() -> None:
    (row,) = asked(b"GET / HTTP/1.1\r\nX: a\x1b[2J\r\n folded\r\nHost: [192.0.2.77]\r\n\r\n")
    assert row.headers == "X: a\\x1b[2J\n folded\nHost: [[sensor]]"


def test_no_escape_is_cut_where_fields_are_too_long() -> None:
    for length in range(MOST_FIELDS - 4, MOST_FIELDS + 1):
        (row,) = asked(b"GET / HTTP/1.1\r\n" + b"a" * length + b"\xff\r\nb\r\n\r\n")
        assert row.headers == "a" * length + "\\xff" * (length + 4 <= MOST_FIELDS)


def test_a_method_names_no_sensor_either() -> None:
    """Letters alone are eight hexadecimal digits of some addresses."""
    address = "171.205.239.171"
    reader = Reader(Masker([Watched.of([ip_network(f"{address}/32")])]))
    (row,) = reader.read(b"ABCDEFAB / HTTP/1.1\r\n\r\n", 4, int(IPv4Address(address)))
    assert (row.kind, row.method, row.path) == ("http", "[sensor]", "/")


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"GET /", b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\n\r\n"]),
)
def test_every_text_is_printable_and_names_no_sensor(noise: bytes, before: bytes) -> None:
    data = before + noise + TARGET.encode() + noise
    for row in asked(data):
        for text in astuple(row):
            if isinstance(text, str):
                assert re.fullmatch(r"[ -~\n]*", text)
                assert re.search(r"(?<![0-9.])192\.0\.2\.77(?![0-9.])", text) is None
