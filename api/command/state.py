"""The folder of small state: made here where it is not the ledger's, which `darkscope ingest` makes."""

from __future__ import annotations

from pathlib import Path

from darkscope.ingest.registry import RegistryError
from darkscope.ingest.settings import Settings


def state(settings: Settings) -> Path:
    """The folder, there to be written into. Raises RegistryError."""
    folder = settings.state_folder
    try:
        if folder != settings.ledger:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RegistryError(f"{folder}: {error.strerror}") from error
    return folder
