"""Requests in real captures are those that tshark finds; nothing in any of them stops the reading."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import pytest
from real_captures import FOLDER, manifest

from darkscope.ingest.capture.reader import CaptureReader
from darkscope.ingest.decode.columns import DECODED
from darkscope.ingest.decode.decoder import Decoder
from darkscope.ingest.fates import REJECTED
from darkscope.ingest.honeypot.listener import Listener
from darkscope.ingest.honeypot.masking import Masker
from darkscope.ingest.honeypot.rows import Asker, Request
from darkscope.ingest.honeypot.sealing import Seal
from darkscope.ingest.ledger.storage import Folder
from darkscope.ingest.observers import Run
from darkscope.ingest.rules.judge import Judge
from darkscope.ingest.sensors import INBOUND, Sensors
from darkscope.ingest.settings import Kind, SensorEntry, Settings

pytestmark = [
    pytest.mark.real_captures,
    pytest.mark.skipif(not FOLDER.exists(), reason="the real captures are not here"),
]

WITH_REQUESTS = (
    "scan/nDPI__dotenv.pcap",
    "scan/nDPI__log4j-webapp-exploit.pcap",
    "scan/packet-captures__amp.dns.RRSIG.fragmented.pcap",
    "scan/mercury__emix.pcap",
    "formats/PcapPlusPlus__four_ipv6_http_streams.pcap",
    "formats/PcapPlusPlus__nanosecs_big_endian.pcap",
    "formats/PcapPlusPlus__raw_ip.pcap",
    "formats/arkime__twovlan.pcap",
    "formats/filesamples__simple_http.pcap",
    "formats/mercury__http_rawip.pcap",
    "formats/nDPI__hls.pcapng",
    "formats/packetnet__ipv6_http.pcap",
    "formats/pcapng-decoder__pcapfile__name_resolution_test.pcapng",
    "formats/suricata-verify__bug-814__input.pcap",
    "formats/suricata-verify__decode-sll2-01__input.pcap",
    "formats/zeek__http-qinq-0.pcap",
    "formats/zeek__vlan-collisions.pcap",
    "ipv6/arkime__v6-http.pcap",
    "ipv6/python-libtrace__doc__examples__anon-v4.pcap",
    "ipv6/python-libtrace__doc__examples__anon-v6.pcap",
    "ipv6/python-libtrace__test__v2-test-cases__home-test.pcap",
)
"""Confirmed captures whose connections begin in them, and begin with requests."""

SETTINGS = Settings(sensors=(SensorEntry(id="a", kind=Kind.HONEYPOT),))

Found = Counter[tuple[str, str, str]]  # method, target, host


def ours(path: Path) -> list[tuple[Asker, Request]]:
    """What a honeypot without networks, and so all of whose frames are inbound, was asked."""
    sensors = Sensors(SETTINGS)
    listener, decoder, judge = Listener(sensors, Seal(Folder(Path()))), Decoder(), Judge()
    with path.open("rb") as stream:
        reader = CaptureReader(stream, str(path))
        while (frames := reader.read()) is not None:
            packets = decoder.decode(frames, reader.interfaces)
            fate = np.where(packets.outcome == DECODED, INBOUND, REJECTED).astype(np.uint8)
            judged = judge.judge(packets, frames)
            listener.see(Run(sensors.of_id("a"), "", frames, packets, judged, fate))
    listener.finish(("a", ""))
    return listener._rows


@dataclass
class Stream:
    """One connection as tshark sees it."""

    client: str = ""
    server: str = ""
    is_answered: bool = False
    requests: list[tuple[str, str, str]] = field(default_factory=list)


FIELDS = (
    "tcp.stream", "tcp.flags", "tcp.len", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport",
    "frame.protocols", "http.request.method", "http.request.uri", "http.host",
)  # fmt: skip
BETWEEN = "\x1f"


def theirs(path: Path) -> Found:
    """Requests before the first answer, of connections whose SYN is there, outside of tunnels and proxies."""
    command = ["tshark", "-n", "-r", str(path), "-Y", "tcp", "-T", "fields"]
    command += ["-E", "separator=\t", "-E", f"aggregator={BETWEEN}"]
    command += [word for name in FIELDS for word in ("-e", name)]
    told = subprocess.run(command, capture_output=True, check=False, text=True, errors="replace").stdout
    streams: dict[str, Stream] = {}
    for line in told.splitlines():
        number, flags, length, source, target, source6, target6, port, protocols, *request = line.split("\t")
        layers = protocols.split(":")
        if layers.count("ip") + layers.count("ipv6") != 1 or "socks" in layers:
            continue
        stream = streams.setdefault(number, Stream())
        sender = f"{source or source6} {port}"
        if int(flags, 16) & 0x12 == 0x02 and not stream.client:
            stream.client, stream.server = sender, target or target6
        if not stream.client:
            continue
        if sender != stream.client:
            stream.is_answered |= bool(int(length) and stream.requests)
        elif request[0] and not stream.is_answered:
            methods, targets, hosts = (text.split(BETWEEN) for text in request)
            hosts = hosts if len(hosts) == len(methods) else [""] * len(methods)
            stream.requests += [
                (method, target, masked(host, stream.server))
                for method, target, host in zip(methods, targets, hosts, strict=True)
            ]
    return Counter(request for stream in streams.values() for request in stream.requests)


def masked(host: str, server: str) -> str:
    address = ip_address(server)
    return Masker([]).mask(host.encode(), address.version, int(address)).decode()


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not here")
@pytest.mark.parametrize("name", WITH_REQUESTS)
def test_the_requests_of_a_confirmed_capture_are_those_that_tshark_finds(name: str) -> None:
    statuses = {row["file"]: row["oracle_status"] for row in manifest()}
    assert statuses[name] == "confirmed"
    found = Counter(
        (told.method, told.path, told.host) for _, told in ours(FOLDER / name) if told.kind == "http"
    )
    assert found == theirs(FOLDER / name)
    assert found or "emix" not in name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tunnel/zeek__pppoe-over-qinq.pcap", {("xp.apple.com", "t12d2011h2_2a284e3b0c56_8c799273bd37")}),
        (
            "formats/gopacket__pcapgo__tests__le__test300.pcapng",
            {("www.baidu.com", "t13d3113h2_e8f1e7e78f70_ce5650b735ce")},
        ),
    ],
)
def test_tls_clients_of_real_captures_have_names_and_fingerprints(
    name: str, expected: set[tuple[str, str]]
) -> None:
    found = {(told.host, told.fingerprint) for _, told in ours(FOLDER / name) if told.kind == "tls"}
    assert found == expected


SMALL = [row["file"] for row in manifest() if int(row["bytes"]) < 200_000]


@pytest.mark.parametrize("part", range(8))
def test_no_capture_stops_the_reading(part: int) -> None:
    assert SMALL
    for name in SMALL[part::8]:
        path = FOLDER / name
        try:
            rows = ours(path)
        except Exception as error:
            if type(error).__name__ in ("UnknownFormat", "CaptureError"):
                continue
            raise AssertionError(name) from error
        assert all(told.size > 0 for _, told in rows), name
