"""How often properties are tried that cost much."""

from __future__ import annotations

import os

TRIES = int(os.environ.get("DARKSCOPE_TRIES", "1"))
"""How many times as often as they usually are; `make soak` says 10."""
