"""Kernel and reference agree on frames that nobody sane would send."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from hostile import INTERFACES, compare, hostile
from hypothesis import given, settings
from hypothesis import strategies as st
from packets import differences, referred, run

from darkscope.ingest.capture.frames import Interface
from darkscope.ingest.decode.columns import LINK_TYPE, MALFORMED, NOT_IP, TRUNCATED
from darkscope.ingest.decode.decoder import Decoder
from darkscope.ingest.decode.links import LINKS

SLICE = 50_000


def test_kernel_and_reference_agree_on_every_field_of_hostile_frames() -> None:
    found, outcomes = compare(seed=20261122, count=SLICE)
    assert found == []
    assert outcomes.sum() == SLICE
    assert (outcomes[[0, TRUNCATED, NOT_IP, MALFORMED, LINK_TYPE]] > SLICE // 500).all()


@pytest.mark.soak
def test_kernel_and_reference_agree_on_millions_of_hostile_frames() -> None:
    count = int(os.environ.get("DARKSCOPE_SOAK_FRAMES", "10000000"))
    slices = -(-count // SLICE)
    outcomes = np.zeros(1, np.int64)
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as workers:
        for found, counted in workers.map(compare, range(slices), [SLICE] * slices):
            assert found == []
            outcomes = outcomes + counted
    assert outcomes.sum() == slices * SLICE


def test_decoding_in_one_run_or_in_many_gives_the_same() -> None:
    frames = hostile(seed=1, count=3000)
    whole = Decoder().decode(frames, INTERFACES)
    decoder = Decoder()
    for start in range(0, 3000, 1000):
        part = type(frames)(
            frames.buffer,
            *(
                getattr(frames, name)[start : start + 1000]
                for name in ("offset", "captured", "wire", "time", "interface")
            ),
        )
        packets = decoder.decode(part, INTERFACES)
        for name in ("outcome", "protocol", "port", "source_low", "payload"):
            assert (getattr(packets, name) == getattr(whole, name)[start : start + 1000]).all(), name


@given(st.lists(st.binary(max_size=80), min_size=1, max_size=20), st.sampled_from([*sorted(LINKS), 147]))
@settings(deadline=None, max_examples=200)
def test_any_bytes_of_any_link_type_have_an_outcome(frames: list[bytes], link_type: int) -> None:
    interfaces = [Interface(link_type)]
    packets = Decoder().decode(run(frames), interfaces)
    assert differences(packets, referred(run(frames), interfaces)) == []
    assert set(packets.outcome.tolist()) <= {0, TRUNCATED, NOT_IP, MALFORMED, LINK_TYPE}
