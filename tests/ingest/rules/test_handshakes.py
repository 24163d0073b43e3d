"""Marks of handshakes: the same for offer and completion, different for everything else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkscope.ingest.rules.handshakes import completed_mark, offered_mark

words = st.integers(0, (1 << 64) - 1).map(np.uint64)
ports = st.integers(0, 65535)
numbers = st.integers(0, (1 << 32) - 1)


@given(words, words, ports, words, words, ports, numbers, numbers)
@settings(deadline=None)
def test_the_acknowledgement_that_ends_a_handshake_has_the_mark_of_the_offer(
    client_high: np.uint64,
    client_low: np.uint64,
    client_port: int,
    sensor_high: np.uint64,
    sensor_low: np.uint64,
    sensor_port: int,
    client_start: int,
    server_start: int,
) -> None:
    after_client, after_server = (client_start + 1) % (1 << 32), (server_start + 1) % (1 << 32)
    sensor, client = (sensor_high, sensor_low, sensor_port), (client_high, client_low, client_port)
    offered = offered_mark(*sensor, *client, server_start, after_client)
    completed = completed_mark(*client, *sensor, after_client, after_server)
    assert offered == completed
    assert 0 <= offered < 1 << 62


CLIENT = (np.uint64(0), np.uint64(0xC6290004), 40000)
SENSOR = (np.uint64(0), np.uint64(0x85080009), 23)


@pytest.mark.parametrize(
    "other",
    [
        ((np.uint64(0), np.uint64(0xC6290005), 40000), SENSOR, 101, 501),
        ((np.uint64(1), np.uint64(0xC6290004), 40000), SENSOR, 101, 501),
        ((np.uint64(0), np.uint64(0xC6290004), 40001), SENSOR, 101, 501),
        (CLIENT, (np.uint64(0), np.uint64(0x8508000A), 23), 101, 501),
        (CLIENT, (np.uint64(0), np.uint64(0x85080009), 24), 101, 501),
        (CLIENT, SENSOR, 102, 501),
        (CLIENT, SENSOR, 101, 502),
        (CLIENT, SENSOR, 501, 101),
    ],
)
def test_an_acknowledgement_of_anything_else_has_another_mark(
    other: tuple[tuple[np.uint64, np.uint64, int], tuple[np.uint64, np.uint64, int], int, int],
) -> None:
    offered = offered_mark(*SENSOR, *CLIENT, 500, 101)
    client, sensor, sequence, acknowledgement = other
    assert completed_mark(*CLIENT, *SENSOR, 101, 501) == offered
    assert completed_mark(*client, *sensor, sequence, acknowledgement) != offered


def test_ten_thousand_handshakes_share_no_mark() -> None:
    marks = {
        offered_mark(*SENSOR, CLIENT[0], CLIENT[1], port, start * 7919, 1)
        for port in range(100)
        for start in range(100)
    }
    assert len(marks) == 10_000
