"""The shipped rules on requests of real captures: a scanner's run through what was ever known, and others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from real_captures import FOLDER

from darkscope.api.requests.lens import marked
from darkscope.api.requests.rules import Rules
from darkscope.api.requests.wanted import Wanted
from darkscope.ingest import series
from darkscope.ingest.capture.reader import CaptureReader
from darkscope.ingest.decode.columns import DECODED
from darkscope.ingest.decode.decoder import Decoder
from darkscope.ingest.honeypot.masking import Masker
from darkscope.ingest.honeypot.rows import Asker, Reader, table

pytestmark = [
    pytest.mark.real_captures,
    pytest.mark.skipif(not FOLDER.exists(), reason="the real captures are not here"),
]
SENSOR = 0xCB007109  # 203.0.113.9


def requests(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of `requests` of segments that begin with an HTTP request."""
    read = Reader(Masker(())).read
    decoder, reader = Decoder(), CaptureReader(path.open("rb"), str(path), chunk=1 << 20)
    while (frames := reader.read()) is not None:
        packets = decoder.decode(frames, reader.interfaces)
        bears = (packets.outcome == DECODED) & (packets.payload_length > 0)
        for place in np.flatnonzero(bears).tolist():
            begin = int(frames.offset[place]) + int(packets.payload[place])
            data = frames.buffer[begin : begin + int(packets.payload_length[place])].tobytes()
            if data.startswith((b"GET ", b"POST ")):
                asker = Asker("pot", 4, 1, SENSOR, 40_000, 80, int(frames.time[place]))
                rows = table([(asker, told) for told in read(data, 4, SENSOR)])
                yield from ({"country": "ZZ", "asn": 0} | row for row in rows.iter_rows(named=True))
    reader.close()


def named(capture: str) -> Counter[str]:
    """How many requests each rule names."""
    found = pl.DataFrame(list(requests(FOLDER / "scan" / capture)), schema=series.REQUESTS.schema)
    rules = marked(Rules.read(None), Wanted())(found.lazy()).collect()["rules"].to_list()
    return Counter(name for names in rules for name in names or [""])


def test_a_scanners_requests_are_named_as_often_as_tshark_finds_them() -> None:
    # What tshark finds among the 797 requests, by text: 'contains "() {"' in the agent, "wls-wsat" in the target ...
    assert named("nDPI__WebattackRCE.pcap") == {
        "": 510,
        "cisco-ios-level-exec": 93,
        "phpbb-highlight": 67,
        "bash-shellshock": 62,
        "phpmoadmin-find": 16,
        "microsoft-iis-double-decode": 11,
        "microsoft-iis-unicode": 10,
        "oracle-weblogic-wls-wsat": 7,
        "phpmyadmin-server-sync": 5,
        "phpnuke-network-tools": 4,
        "apache-struts-content-type": 3,
        "php-cgi-arguments": 2,
        "vbulletin-decode-arguments": 2,
        "mvpower-dvr-shell": 2,
        "linksys-unblock-ttcp": 1,
        "vbulletin-forumdisplay-comma": 1,
        "sgi-irix-handler": 1,
        "dlink-dsl2750b-cli": 1,
    }


def test_log4shell_is_named_and_what_its_victim_fetches_is_not() -> None:
    assert named("nDPI__log4j-webapp-exploit.pcap") == {"apache-log4j-jndi": 1, "": 2}


def test_a_file_that_is_only_looked_for_is_no_vulnerability() -> None:
    assert named("nDPI__dotenv.pcap") == {"": 1}
