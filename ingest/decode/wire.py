"""Numbers as they stand in packets, for compiled functions: big-endian reads and tables of members.

A read checks nothing: whoever calls has compared the index with the length.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from darkscope.ingest.compiled import compiled

Integer: TypeAlias = int | np.integer[Any]
"""A whole number as compiled functions get and give it; below 2^63 unless it says otherwise."""

Buffer: TypeAlias = npt.NDArray[np.uint8]


def members(size: int, values: Iterable[int]) -> npt.NDArray[np.bool_]:
    """Table of which numbers below `size` are among the values: one look-up, where `in` would be a search."""
    table = np.zeros(size, np.bool_)
    table[list(values)] = True
    return table


@compiled
def u8(buffer: Buffer, at: Integer) -> Integer:
    """Eight bits."""
    # An unsigned index is not looked at for being negative, so that neighbouring reads become one.
    return np.int64(buffer[np.uint64(at)])


@compiled
def u16(buffer: Buffer, at: Integer) -> Integer:
    """Sixteen bits."""
    return u8(buffer, at) << 8 | u8(buffer, at + 1)


@compiled
def u32(buffer: Buffer, at: Integer) -> Integer:
    """Thirty-two bits."""
    return u8(buffer, at) << 24 | u8(buffer, at + 1) << 16 | u8(buffer, at + 2) << 8 | u8(buffer, at + 3)


@compiled
def u64(buffer: Buffer, at: Integer) -> np.uint64:
    """Sixty-four bits, unsigned."""
    return np.uint64(u32(buffer, at)) << np.uint64(32) | np.uint64(u32(buffer, at + 4))
