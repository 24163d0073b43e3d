"""Rooms that need object storage, the extra `s3`, are loaded where a bucket is named: who has none needs no package.

What they raise where an address, or what is to open it, is wrong has its home here as well.
"""

from __future__ import annotations

import importlib
from types import ModuleType


class NoObjectStorageError(Exception):
    """An address that leads nowhere, or credentials that cannot be read; the message says why, and no secret."""


def room(name: str, address: str, refusal: type[Exception]) -> ModuleType:
    """A module of `ingest`, for an address. Where a package is missing, raises `refusal`: what to install."""
    try:
        return importlib.import_module(f"darkscope.ingest.{name}")
    except ModuleNotFoundError as error:
        raise refusal(f"{address}: needs {error.name}: pip install 'darkscope[s3]'") from None
