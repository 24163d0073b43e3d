"""How sure it is that a source address is the sender's own: the rule by which others are told of it.

Pure: polars expressions over what is known of a source, see `store.Senders.accounts`. A handshake proves an address. A
telescope sees none; there an address is likely where several sensors saw it, over some minutes, from one distance: who
forges addresses at random repeats none, and who forges a certain one would have to do so from one place, for long.
"""

from __future__ import annotations

from enum import StrEnum

import polars as pl

from darkscope.ingest.series import Traffic

SENSORS = 2
"""Sensors that must have seen a likely source."""

MINUTES = 3
"""Minutes that must lie between its first and its last packet."""

HOPS = 16
"""Most by which the hop limits of its packets may differ.

Paths from one host to several sensors differ by some hops; the values that systems begin with (32, 64, 128, 255) are at
least 32 apart, so half of that tells hosts of one kind from those of several (after Jin, Wang, Shin: Hop-Count
Filtering, 2003).
"""

_MINUTE = 60_000_000_000  # nanoseconds


class Grade(StrEnum):
    """How sure it is that the address is the sender's own; the order is that of certainty."""

    CONFIRMED = "confirmed"  # completed a handshake with a honeypot
    LIKELY = "likely"  # several sensors, some minutes, one distance, nothing that only forged packets have
    FORGEABLE = "forgeable"  # nothing speaks against its being forged


NAMED = (Grade.CONFIRMED, Grade.LIKELY)
"""Grades of which others are told."""

CONFIDENCE = {Grade.CONFIRMED: 90, Grade.LIKELY: 70}
"""The same in numbers: STIX 2.1, appendix A, Admiralty credibility `Confirmed` and `Probably True`."""


class Reason(StrEnum):
    """Why nobody is told of a source; the order is that in which they are asked about."""

    RESEARCH = "research"  # measures the Internet openly
    BACKSCATTER = "backscatter"  # sent no scan, but replies to forged packets: a victim
    SPOOFABLE = "spoofable"  # sent no scan, but packets whose source is forged or easily forged
    OTHER = "other"  # sent no scan
    FORGEABLE = "forgeable"  # of that grade
    BEYOND = "beyond"  # more sources than are told of at once
    NOTIFIED = "notified"  # was named to the recipient not long ago
    NO_CONTACT = "no_contact"  # nobody is known who could act


def grade() -> pl.Expr:
    """Grade a source; where nothing is known of it, it is forgeable.

    Columns `is_confirmed`, `is_spoofable`, `seen_by`, `seen_from`, `seen_until`, `ttl_least`, `ttl_most`.
    """
    is_likely = (
        ~pl.col("is_spoofable")
        & (pl.col("seen_by") >= SENSORS)
        & (pl.col("seen_until") - pl.col("seen_from") >= MINUTES * _MINUTE)
        & (pl.col("ttl_most") - pl.col("ttl_least") <= HOPS)
    )
    return (
        pl.when(pl.col("is_confirmed"))
        .then(pl.lit(Grade.CONFIRMED.value))
        .when(is_likely.fill_null(value=False))
        .then(pl.lit(Grade.LIKELY.value))
        .otherwise(pl.lit(Grade.FORGEABLE.value))
    )


def reason() -> pl.Expr:
    """Why nobody is told of a source, as far as the source itself decides: null where somebody should be.

    Columns `grade`, `research` (a name, or empty), and packets by class.
    """
    return (
        pl.when(pl.col("research") != "")
        .then(pl.lit(Reason.RESEARCH.value))
        .when(pl.col(Traffic.SCAN) > 0)
        .then(
            pl.when(pl.col("grade") == Grade.FORGEABLE.value)
            .then(pl.lit(Reason.FORGEABLE.value))
            .otherwise(pl.lit(None, pl.String))
        )
        .when(pl.col(Traffic.BACKSCATTER) > 0)
        .then(pl.lit(Reason.BACKSCATTER.value))
        .when(pl.col(Traffic.SPOOFABLE) > 0)
        .then(pl.lit(Reason.SPOOFABLE.value))
        .otherwise(pl.lit(Reason.OTHER.value))
    )
