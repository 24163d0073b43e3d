"""Small documents that lie beside the tables of a ledger in object storage, for all machines that answer questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkscope.ingest import far
from darkscope.ingest.settings import Settings
from darkscope.ingest.values import Uri

if TYPE_CHECKING:
    from darkscope.ingest.document import Document


def beside(settings: Settings, name: str, refusal: type[Exception]) -> Document | None:
    """The document of a name; None where the ledger is a folder. Raises `refusal` where it cannot be had."""
    if not isinstance(settings.ledger, Uri):
        return None
    room = far.room("document", settings.ledger, refusal)
    try:
        found: Document = room.document(f"{settings.ledger}/{name}", settings.storage)
    except far.NoObjectStorageError as error:
        raise refusal(str(error)) from None
    return found
