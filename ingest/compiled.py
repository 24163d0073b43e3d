"""One decorator for the functions that numba compiles.

With numba they run as machine code that releases the interpreter's lock, kept in a cache folder between starts;
without it, or with `DARKSCOPE_NUMBA=off`, the very same functions run as plain Python, slowly.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import platformdirs
from blake3 import blake3

Function = TypeVar("Function", bound=Callable[..., Any])


def cache_folder() -> Path | None:
    """A folder for compiled code that can be written, or None where there is none (a read-only root).

    Its name holds a fingerprint of all that may be compiled: numba looks at a function's own file only, and would go
    on with the old code of another file's function that it had built in.
    """
    sources = blake3()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        sources.update(path.read_bytes())
    fingerprint = sources.hexdigest(8)
    for candidate in (
        os.environ.get("NUMBA_CACHE_DIR"),
        platformdirs.user_cache_path("darkscope") / "compiled",
    ):
        if not candidate:
            continue
        folder = Path(candidate)
        if folder.name != fingerprint:  # or a parent process has already named the very folder
            folder /= fingerprint
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return None


AVAILABLE = os.environ.get("DARKSCOPE_NUMBA") != "off" and find_spec("numba") is not None

CACHE = cache_folder() if AVAILABLE else None
if CACHE is not None:
    os.environ["NUMBA_CACHE_DIR"] = str(CACHE)  # before numba reads it
if AVAILABLE:
    import numba


def compiled(function: Function) -> Function:
    """Compile at the first call, or leave as it is where numba is not there."""
    if not AVAILABLE:  # machine words wrap around there, and hashes rely on it
        return np.errstate(over="ignore")(function)
    compile_it: Any = numba.njit(nogil=True, cache=CACHE is not None)
    return cast("Function", compile_it(function))


def is_first_start() -> bool:
    """Whether the functions are still to be compiled, which takes a while and should be announced."""
    return AVAILABLE and (CACHE is None or not any(CACHE.rglob("*.nbc")))
