"""Small disks of their own, to fill and to enlarge: where root runs the tests and may mount."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="needs root, to mount")


def mount(folder: Path, size: str, *options: str) -> None:
    """Mount a disk in memory; with `remount` as an option it gets another size."""
    joined = ",".join((f"size={size}", *options))
    subprocess.run(["mount", "-t", "tmpfs", "-o", joined, "tmpfs", folder], check=True)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A folder that is a disk of that size as long as this lasts; the test is skipped where nobody may mount."""
    folder.mkdir()
    try:
        mount(folder, size)
    except subprocess.CalledProcessError:
        pytest.skip("may not mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path, left: int) -> Path:
    """Write a file that leaves about so many bytes."""
    filler = disk / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(disk).free - left))
    return filler
