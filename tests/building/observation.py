"""A folder of captures read with the project's own rooms, one row a frame: no ledger, no reduction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from darkscope.ingest.capture.reader import CaptureReader
from darkscope.ingest.decode.columns import DECODED, Packets
from darkscope.ingest.decode.decoder import Decoder
from darkscope.ingest.geo import Places
from darkscope.ingest.rules.judge import Judge
from darkscope.ingest.sensors import INBOUND, OWN, STRAY, Sensors
from darkscope.ingest.series import Tool, Traffic
from darkscope.ingest.settings import load

_COLUMNS = (
    "outcome",
    "version",
    "source_high",
    "source_low",
    "target_low",
    "protocol",
    "source_port",
    "port",
)
_TCP = ("tcp_flags", "sequence", "acknowledgement", "ttl", "window")
_DIRECTIONS = {INBOUND: "inbound", OWN: "own", STRAY: "stray"}


def observed(folder: Path) -> pl.DataFrame:
    """All frames below a folder that has a `darkscope.toml`, with country, class and tool of the inbound ones."""
    settings = load(folder / "darkscope.toml", {}, {}).settings
    sensors = Sensors(settings)
    decoder, judge = Decoder(), Judge()
    tables = []
    for path in sorted(folder.glob("*/*")):
        sensor = sensors.of_capture(str(path.relative_to(folder)))
        reader = CaptureReader(path.open("rb"), str(path), chunk=1 << 20)
        while (frames := reader.read()) is not None:
            packets = decoder.decode(frames, reader.interfaces)
            judged = judge.judge(packets, frames)
            columns = {name: getattr(packets, name).copy() for name in (*_COLUMNS, *_TCP)}
            columns["direction"] = sensor.direction(packets, frames.time)
            columns["traffic"], columns["tool"] = judged.traffic.copy(), judged.tool.copy()
            columns["time"] = frames.time.copy()
            table = pl.DataFrame(columns).with_columns(
                pl.lit(sensor.id).alias("sensor"),
                pl.lit(path.name).alias("file"),
                pl.Series("request", _requests(packets, frames.buffer, frames.offset), pl.String),
            )
            tables.append(table)
        assert reader.damage == []
        reader.close()
    return _explained(pl.concat(tables), Places(settings.geo))


def _requests(packets: Packets, buffer: np.ndarray, offset: np.ndarray) -> list[str | None]:
    """The HTTP request target of each frame that brings one."""
    lines: list[str | None] = [None] * len(packets)
    bears = (packets.outcome == DECODED) & (packets.tcp_flags == 0x18) & (packets.payload_length > 0)
    for row in np.flatnonzero(bears).tolist():
        begin = int(offset[row]) + int(packets.payload[row])
        text = buffer[begin : begin + int(packets.payload_length[row])].tobytes()
        if text.startswith((b"GET ", b"POST ")):
            lines[row] = text.split(b" ")[1].decode()
    return lines


def _explained(table: pl.DataFrame, places: Places) -> pl.DataFrame:
    sources = table.select("version", "source_high", "source_low").unique()
    country, _ = places.look_up(
        sources["version"].to_numpy(),
        sources["source_high"].to_numpy(),
        sources["source_low"].to_numpy(),
        18_000,
    )
    named = pl.when(pl.col("outcome") == DECODED)
    port = pl.format("{}/{}", "port", pl.col("protocol").replace_strict({6: "TCP", 17: "UDP"}, default="?"))
    return table.join(
        sources.with_columns(country=country), on=["version", "source_high", "source_low"], how="left"
    ).with_columns(
        at=pl.from_epoch("time", time_unit="ns").dt.replace_time_zone("UTC"),
        direction=named.then(pl.col("direction").replace_strict(_DIRECTIONS, default="?")),
        traffic=pl.col("traffic").replace_strict(dict(enumerate(map(str, Traffic)))),
        tool=pl.col("tool").replace_strict(dict(enumerate(map(str, Tool)))),
        service=pl.when(pl.col("protocol").is_in([1, 58])).then(pl.lit("0/ICMP")).otherwise(port),
    )
