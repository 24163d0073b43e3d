"""One unit of work inside a Spark task: bytes in, bytes out.

Loaded by Spark's Python workers before anything else of ours, so it loads nothing itself: what polars may take of the
machine is said before the work, whatever it is, loads polars.
"""

from __future__ import annotations

import logging
import os
import pickle
from typing import TypeVar

Kind = TypeVar("Kind")

LOG = logging.getLogger("darkscope.ingest.engine")


def unpacked(data: bytes, kind: type[Kind]) -> Kind:
    """What was pickled by whoever hands out work, or by a task of theirs. Raises TypeError where it is no `kind`."""
    found = pickle.loads(data)  # noqa: S301 - nobody else is listened to, and functions need it
    if not isinstance(found, kind):
        raise TypeError(f"a {type(found).__name__} came where a {kind.__name__} should")
    return found


def done(work: bytes, attempt: int, attempts: int, processors: int) -> bytes:
    """Do a pickled function to a pickled unit; gives the pickled pair of result and error text, one of them None.

    What fails is raised, so that Spark tries again, as long as an attempt is left; the last gives the error as a text,
    for Spark's own would be many lines of traces.
    """
    os.environ.setdefault("POLARS_MAX_THREADS", str(max(1, processors)))
    try:
        function, unit = unpacked(work, tuple)
        return pickle.dumps((function(unit), None))
    except Exception as error:
        if attempt + 1 < attempts:
            raise
        LOG.exception("task failed")
        return pickle.dumps((None, f"{type(error).__name__}: {error}"))
