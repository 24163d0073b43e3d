"""What several packets of a source say about it: polars expressions over rows of `sources`.

Rows must be merged first (`series.SOURCES.merged`), of one day or of many; the verdict is then the same
however the packets were cut into batches, for it looks at sums and at the smallest members of sets alone.
"""

from __future__ import annotations

import polars as pl

from darkscope.ingest.series import Tool

BROAD_PORTS = 10
"""More ports than this in a calendar day make a source a broad scanner (TSUBAME)."""

LEAST_HITS = 2
LEAST_SHARE = 256
"""A rule of 16 bits that holds by chance once in 65536 packets: ask two hits, and one in 256 packets."""


def is_broad() -> pl.Expr:
    """Whether the source tried more than 10 ports; of a row of one day, after TSUBAME."""
    return pl.col("ports").list.len() > BROAD_PORTS


def is_confirmed() -> pl.Expr:
    """Whether the source completed a handshake that a honeypot offered it: then it is not forged."""
    return pl.col("offered").list.set_intersection(pl.col("completed")).list.len() > 0


def tool_of_source() -> pl.Expr:
    """Tool of a source, empty where none is known; the order is that of `Tool`."""
    return (
        pl.when(pl.col("mirai") > 0)
        .then(pl.lit(str(Tool.MIRAI)))
        .when(_often("zmap"))
        .then(pl.lit(str(Tool.ZMAP)))
        .when(_often("masscan"))
        .then(pl.lit(str(Tool.MASSCAN)))
        .when(_pair("nmap") & _near("nmap"))
        .then(pl.lit(str(Tool.NMAP)))
        .when(_pair("unicornscan"))
        .then(pl.lit(str(Tool.UNICORNSCAN)))
        .otherwise(pl.lit(str(Tool.NONE)))
    )


def _often(hits: str) -> pl.Expr:
    return (pl.col(hits) >= LEAST_HITS) & (pl.col(hits) * LEAST_SHARE >= pl.col("packets"))


def _near(keys: str) -> pl.Expr:
    """Numbers that differ in the lowest 8 bits of each half alone: nmap counts its tries in those.

    Source: nmap, scan_engine_raw.cc. Without it, one source of 65536 random numbers would be taken for nmap.
    """
    first, second = pl.col(keys).list.get(0, null_on_oob=True), pl.col(keys).list.get(1, null_on_oob=True)
    return ((first.xor(second) % (1 << 16)) < 1 << 8).fill_null(value=False)


def _pair(keys: str) -> pl.Expr:
    """Two different sequence numbers under one key; the set holds (key << 32 | sequence number)."""
    kept = pl.col(keys)
    first, second = kept.list.get(0, null_on_oob=True), kept.list.get(1, null_on_oob=True)
    return ((first // (1 << 32)) == (second // (1 << 32))).fill_null(value=False)
