"""Object storage: S3 and what speaks like it, Google Cloud Storage, Azure. Spoken to by obstore, the extra `s3`.

Nobody else imports obstore, and who needs this imports it where a bucket is named. Credentials come from where other
programs find them, and are in no message.
Faults that may pass are retried for a while; what fails then raises OSError with the object's whole address and the
reason, FileNotFoundError where it is not there.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore import exceptions
from obstore.store import AzureStore, GCSStore, S3Store

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3Config

SCHEMES = ("s3", "gs", "az")
"""Amazon's S3 and what speaks like it, Google's, Azure's."""

TRIES, PATIENCE = 10, timedelta(seconds=60)
"""A request is made anew so often, with growing pauses, for so long."""

_STATUS = re.compile(r"status code: (\d{3}(?: [A-Z][A-Za-z-]*)*)")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_ADDRESS = re.compile(r"\S+://\S+")
_METADATA = re.compile(r"//169\.254\.\d+\.\d+/|//metadata")
"""Servers that are asked for credentials within a cloud, where nothing else has them."""


class NoObjectStorageError(Exception):
    """An address that leads nowhere; the message says why."""


def split(address: str) -> tuple[str, str]:
    """Bucket, like `s3://bucket`, and key of an address. Raises NoObjectStorageError."""
    scheme, _, rest = address.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme not in SCHEMES or not bucket or "@" in bucket:
        schemes = ", ".join(f"{one}://" for one in SCHEMES)
        shown = f"{scheme}://{bucket.rpartition('@')[2]}"
        raise NoObjectStorageError(f"{shown}: object storage is one of {schemes} and a bucket")
    return f"{scheme}://{bucket}", key.strip("/")


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing has it."""

    key: str
    size: int  # bytes
    tag: str  # changes with its bytes; empty where the storage gives none


class Objects:
    """The objects of one bucket, by their keys. May be used by several threads, and copied into other processes."""

    def __init__(self, bucket: str, *, endpoint: str | None = None, region: str | None = None) -> None:
        """Raises NoObjectStorageError; nothing is asked yet."""
        self.bucket = bucket
        self._store = connect(bucket, endpoint, region)

    def address(self, key: str) -> str:
        """The whole address of an object."""
        return f"{self.bucket}/{key}"

    def look(self, key: str) -> Listed:
        """One object as it is now."""
        with told(self.address(key)):
            found = obstore.head(self._store, key)
        return Listed(found["path"], found["size"], found["e_tag"] or "")

    def below(self, prefix: str) -> Iterator[Listed]:
        """Go through the objects whose keys go on after the prefix and a slash; all for an empty one."""
        with told(self.address(prefix)):
            for page in obstore.list(self._store, prefix or None):
                for one in page:
                    yield Listed(one["path"], one["size"], one["e_tag"] or "")

    def fetch(self, one: Listed, start: int, end: int) -> memoryview:
        """Bytes of an object that must still be the listed one."""
        with told(self.address(one.key)):
            options: GetOptions = {"range": (start, end)}
            if one.tag:
                options["if_match"] = one.tag
            return memoryview(obstore.get(self._store, one.key, options=options).bytes())


def connect(bucket: str, endpoint: str | None = None, region: str | None = None) -> ObjectStore:
    """A bucket's store; nothing is asked yet. Raises NoObjectStorageError.

    Endpoint and region are of S3 alone; where left out, the environment's or the provider's own.
    """
    scheme, _, name = bucket.partition("://")
    retries: RetryConfig = {"max_retries": TRIES, "retry_timeout": PATIENCE}
    try:
        if scheme == "gs":
            return GCSStore(name, retry_config=retries)
        if scheme == "az":
            return AzureStore(name, retry_config=retries)
        config: S3Config = {}
        client: ClientConfig = {}
        if region:
            config["region"] = region
        if endpoint:
            config["endpoint"] = endpoint
            client["allow_http"] = endpoint.startswith("http://")
        return S3Store(name, config=config, client_options=client or None, retry_config=retries)
    except exceptions.BaseError as error:
        raise NoObjectStorageError(f"{bucket}: {_reason(str(error))}") from None


@contextmanager
def told(address: str) -> Iterator[None]:
    """Have what obstore raises told as an OSError about an address, without what must not be seen."""
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "is not there", address) from None
    except exceptions.PreconditionError:
        raise OSError(errno.ESTALE, "changed while it was read", address) from None
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
        raise PermissionError(errno.EACCES, _reason(str(error)), address) from None
    except (exceptions.BaseError, ValueError) as error:
        raise OSError(errno.EIO, _reason(str(error)), address) from None


def _reason(text: str) -> str:
    """Why it failed, of what obstore says: its text may hold signed addresses, which are secrets."""
    status, code = _STATUS.search(text), _CODE.search(text)
    if status:
        return f"the storage says {status[1]}" + (f", {code[1]}" if code else "")
    if _METADATA.search(text):
        return "no credentials in the environment, and none from the machine's cloud"
    first = text.partition("\n")[0].rpartition(" - ")[2]
    return _ADDRESS.sub("(address)", first)[:200]
