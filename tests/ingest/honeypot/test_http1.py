"""HTTP requests, as plain clients and as attackers send them."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from darkscope.ingest.honeypot.http1 import MOST, Request, read, value


def one(data: bytes) -> Request:
    (found,) = read(data)
    return found


def test_a_request_is_read_whole() -> None:
    data = b"POST /cgi?a=b HTTP/1.1\r\nHost: x.example:80\r\nuser-agent:  me \r\nContent-Length: 3\r\n\r\nabc"
    assert read(data) == [
        Request(
            b"POST",
            b"/cgi?a=b",
            b"Host: x.example:80\nuser-agent:  me \nContent-Length: 3",
            b"abc",
            len(data),
        )
    ]


@pytest.mark.parametrize(
    ("line", "method", "target"),
    [
        (b"GET / HTTP/1.1\r\n", b"GET", b"/"),
        (b"GET /a b c HTTP/1.0\n", b"GET", b"/a b c"),
        (b"get  /x\tHTTP/1.1\r\n", b"get", b"/x"),
        (b"GET /old\r\n", b"GET", b"/old"),
        (b"GET /", b"GET", b"/"),
        (b"GET / HTT", b"GET", b"/"),
        (b"GET / HTTP/1", b"GET", b"/"),
        (b"GET / HTT\r\n", b"GET", b"/ HTT"),
        (b"\r\n\r\nGET / HTTP/1.1\r\n", b"GET", b"/"),
        (b"CONNECT example.org:443 HTTP/1.1\r\n", b"CONNECT", b"example.org:443"),
        (b"GET http://example.org/ HTTP/1.1\r\n", b"GET", b"http://example.org/"),
        (b"PATCH /x HTTP/1.1\r\n", b"PATCH", b"/x"),
        (b"HNAP1 /x HTTP/1.1\r\n", b"", b""),
        (b"ABCD /x HTTP/1.1\r\n", b"ABCD", b"/x"),
        (b"GET /\xe3\x81\x82 HTTP/1.1\r\n", b"GET", b"/\xe3\x81\x82"),
        (b"OPTIONS / RTSP/1.0\r\n", b"OPTIONS", b"/ RTSP/1.0"),
        (b"OPTIONS sip:nm SIP/2.0\r\n", b"", b""),
        (b"PRI * HTTP/2.0\r\n", b"", b""),
        (b"EHLO example.org\r\n", b"", b""),
        (b"GET\r\n", b"", b""),
        (b"\x16\x03\x01", b"", b""),
    ],
)
def test_first_lines(line: bytes, method: bytes, target: bytes) -> None:
    found = read(line)
    assert [(request.method, request.target) for request in found] == ([(method, target)] if method else [])


GRAMMAR = re.compile(
    rb"(?:\r?\n)*([A-Z][A-Z_\-]{0,31})[ \t]+([^\r\n]*?)"
    rb"(?:[ \t]+(HTTP/[0-9.]{1,8}|H(?:T(?:TP?)?)?(?=\Z)))?[ \t]*(?:\r?\n|\Z)",
    re.IGNORECASE,
)
"""A first line as one pattern says it, which takes the square of its length."""


@given(
    st.lists(
        st.sampled_from(
            [
                b" ",
                b"\t",
                b"/",
                b"a",
                b"*",
                b"HTTP/1.1",
                b"HTTP/",
                b"HTT",
                b"h",
                b"\r\n",
                b"\n",
                b"\r",
                b"\x0b",
            ]
        ),
        max_size=8,
    )
)
@example([b" " * 64, b"x"])
@example([b"/", b" ", b"HTTP/1.1", b" ", b" "])
def test_a_first_line_is_what_the_grammar_says(parts: list[bytes]) -> None:
    data = b"".join((b"GET ", *parts))
    line = GRAMMAR.match(data)
    is_one = line and (line[2] if b"/" in (line[3] or b"") else re.match(rb"/|\*|https?://", line[2]))
    expected = (line[1], line[2]) if line and is_one else None
    assert next(((found.method, found.target) for found in read(data)), None) == expected


@pytest.mark.parametrize("ends", [b"x", b"HTTP/1.1 x", b"\rx", b""])
def test_a_line_of_spaces_is_read_in_one_go(ends: bytes) -> None:
    """Not in the fifteen seconds that the square of its length would take: strangers send what they like."""
    line = b"GET /" + b" " * 16_000 + ends
    found = [] if b"\r" in ends else [(b"GET", line[4:].rstrip())]
    assert [(request.method, request.target) for request in read(line)] == found


@pytest.mark.parametrize(
    ("fields", "host", "agent"),
    [
        (b"Host:a\r\n", b"a", b""),
        (b"HOST : a\r\nHost: b\r\n", b"a", b""),
        (b"no field\r\n: x\r\nHost: a\r\n", b"a", b""),
        (b"User-Agent: () { :;}; /bin/x\r\n", b"", b"() { :;}; /bin/x"),
        (b"User-Agent: ${jndi:ldap://x}\r\nHost: \r\n", b"", b"${jndi:ldap://x}"),
        (b"User-Agent: \xe3\x81\x82x\r\n", b"", b"\xe3\x81\x82x"),
        (b"Host: a", b"a", b""),
    ],
)
def test_fields(fields: bytes, host: bytes, agent: bytes) -> None:
    found = one(b"GET / HTTP/1.1\r\n" + fields + (b"\r\n" if fields.endswith(b"\n") else b""))
    assert (value(found.fields, b"host"), value(found.fields, b"user-agent")) == (host, agent)
    assert found.fields == fields.replace(b"\r\n", b"\n").rstrip(b"\n")


@pytest.mark.parametrize(
    ("fields", "rest", "body"),
    [
        (b"", b"stray", b"stray"),
        (b"Content-Length: 3\r\n", b"ab", b"ab"),
        (b"Content-Length: 99999999999\r\n", b"ab", b"ab"),
        (b"Content-Length: -1\r\n", b"ab", b"ab"),
        (b"Content-Length: x\r\n", b"ab", b"ab"),
        (b"Content-Length: 1\r\nContent-Length: 2\r\n", b"ab", b"ab"),
        (b"Transfer-Encoding: chunked\r\n", b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n", b"abcde"),
        (b"Transfer-Encoding: chunked\r\n", b"2\r\na", b"2\r\na"),
        (b"Transfer-Encoding: gzip\r\n", b"ab", b"ab"),
    ],
)
def test_bodies(fields: bytes, rest: bytes, body: bytes) -> None:
    found = one(b"POST / HTTP/1.1\r\n" + fields + b"\r\n" + rest)
    assert (found.body, found.size) == (body, len(b"POST / HTTP/1.1\r\n" + fields + b"\r\n" + rest))


def test_pipelined_requests_are_read_one_after_another() -> None:
    first = b"POST /1 HTTP/1.1\r\nContent-Length: 2\r\n\r\nab"
    second = b"GET /2 HTTP/1.1\n\n"
    third = b"POST /3 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nc\r\n0\r\n\r\n"
    found = read(first + second + third + b"GET /4 HT")
    assert [(request.target, request.body, request.size) for request in found] == [
        (b"/1", b"ab", len(first)),
        (b"/2", b"", len(second)),
        (b"/3", b"c", len(third)),
        (b"/4", b"", 9),
    ]


def test_a_flood_of_requests_is_read_so_far() -> None:
    assert len(read(b"GET / HTTP/1.1\r\n\r\n" * 1000)) == MOST


@given(
    st.lists(
        st.sampled_from(
            [
                b"GET ",
                b"/",
                b" HTTP/1.1",
                b"\r\n",
                b"\n",
                b":",
                b"Host",
                b"\0",
                b"\xff",
                b"Content-Length: 1",
                b"Transfer-Encoding: chunked",
                b"5",
            ]
        )
        | st.binary(max_size=5)
    )
)
def test_nothing_that_may_come_fails_or_is_lost(parts: list[bytes]) -> None:
    data = b"".join(parts)
    found = read(data)
    assert sum(request.size for request in found) <= len(data)
    assert all(request.size > 0 for request in found)
