"""Real captures, where they are, and the damage that is done to them."""

from __future__ import annotations

import csv
import os
import random
from pathlib import Path

FOLDER = Path(os.environ.get("DARKSCOPE_CAPTURES", Path(__file__).parents[3] / "shared" / "captures"))
MANIFEST = FOLDER / "manifest.csv"


def manifest() -> list[dict[str, str]]:
    if not MANIFEST.exists():
        return []
    with MANIFEST.open(newline="") as lines:
        return list(csv.DictReader(lines))


def mutate(data: bytes, dice: random.Random) -> bytes:
    """Do to a capture what disks, transfers and strangers do."""
    mutated = bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 5, 30])):
        at = dice.randrange(len(mutated) or 1)
        # Headers are few among the bytes: aim at the first of them half of the time.
        at = dice.randrange(min(len(mutated), 200) or 1) if dice.random() < 0.5 else at
        match dice.randrange(6):
            case 0:
                mutated[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                mutated[at : at + 4] = dice.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x80"])
            case 2:
                del mutated[at:]
            case 3:
                del mutated[at : at + dice.randrange(1, 20)]
            case 4:
                mutated[at:at] = dice.randbytes(dice.randrange(1, 20))
            case 5:
                mutated[at:at] = mutated[dice.randrange(len(mutated) or 1) :][:300]
    return bytes(mutated)
