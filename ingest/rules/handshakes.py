"""Marks of TCP handshakes at honeypots: equal for the sensor's offer (SYN+ACK) and its completion (ACK).

Whoever sends the right acknowledgement has seen the offer, so the source address is not forged. A mark is 62
bits made of client, sensor, ports and both initial sequence numbers; by chance two handshakes share one in
2^62.
"""

from __future__ import annotations

import numpy as np

from darkscope.ingest.compiled import compiled
from darkscope.ingest.decode.wire import Integer

_PRIME = (1 << 31) - 1
_LANES = (0x2C1B3C6D, 0x297A2D39)


@compiled
def _words(high: np.uint64, low: np.uint64) -> tuple[Integer, Integer, Integer, Integer]:
    """Four times 32 bits of an address, as signed integers."""
    shift, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    return (
        np.int64(high >> shift),
        np.int64(high & mask),
        np.int64(low >> shift),
        np.int64(low & mask),
    )


@compiled
def _mark(
    client_high: np.uint64,
    client_low: np.uint64,
    client_port: Integer,
    sensor_high: np.uint64,
    sensor_low: np.uint64,
    sensor_port: Integer,
    client_start: Integer,
    server_start: Integer,
) -> Integer:
    # Two polynomials modulo a prime: products stay below 2^63, with and without the compiler.
    mark: Integer = 0
    for multiplier in _LANES:
        lane: Integer = 1
        for word in _words(client_high, client_low):
            lane = (lane * multiplier + word) % _PRIME
        for word in _words(sensor_high, sensor_low):
            lane = (lane * multiplier + word) % _PRIME
        for word in (client_port << 16 | sensor_port, client_start, server_start):
            lane = (lane * multiplier + word) % _PRIME
        mark = mark << 31 | lane
    return mark


@compiled
def offered_mark(
    source_high: np.uint64,
    source_low: np.uint64,
    source_port: Integer,
    target_high: np.uint64,
    target_low: np.uint64,
    port: Integer,
    sequence: Integer,
    acknowledgement: Integer,
) -> Integer:
    """Mark of a SYN+ACK that the sensor sent, from that frame's own columns; positive, below 2^62."""
    return _mark(
        target_high,
        target_low,
        port,
        source_high,
        source_low,
        source_port,
        (acknowledgement - 1) & 0xFFFFFFFF,
        sequence,
    )


@compiled
def completed_mark(
    source_high: np.uint64,
    source_low: np.uint64,
    source_port: Integer,
    target_high: np.uint64,
    target_low: np.uint64,
    port: Integer,
    sequence: Integer,
    acknowledgement: Integer,
) -> Integer:
    """Mark of an ACK without SYN that reached the sensor, from that frame's columns; positive, below 2^62.

    Equal to the offer's for the acknowledgement that ends the handshake; later ones have other numbers.
    """
    return _mark(
        source_high,
        source_low,
        source_port,
        target_high,
        target_low,
        port,
        (sequence - 1) & 0xFFFFFFFF,
        (acknowledgement - 1) & 0xFFFFFFFF,
    )
