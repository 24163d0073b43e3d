"""Object storage: S3 and what speaks like it, Google Cloud Storage, Azure. Spoken to by obstore, the extra `s3`.

Nobody else imports obstore, and who needs this imports it where a bucket is named. Credentials come from where other
programs find them: the environment, the AWS files, else the machine's role; they are in no message.
Faults that may pass are retried for a while; what fails then raises OSError with the object's whole address and the
reason, FileNotFoundError where it is not there.
"""

from __future__ import annotations

import configparser
import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import obstore
from obstore import exceptions
from obstore.store import AzureStore, GCSStore, S3Store

from darkscope.ingest.far import NoObjectStorageError
from darkscope.ingest.settings import Storage
from darkscope.ingest.values import SCHEMES

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta, UpdateVersion
    from obstore.store import BackoffConfig, ClientConfig, ObjectStore, RetryConfig

TRIES, PATIENCE = 10, timedelta(seconds=60)
"""A request is made anew so often, with growing pauses, for so long."""

PAUSES: BackoffConfig = {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5)}
"""Between two tries, with jitter."""

TIMEOUT = timedelta(seconds=60)
"""For one try, its body included."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")

_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""Variables; the AWS files have the same in small letters."""

_STATUS = re.compile(r"status code: (\d{3}(?: [A-Z][A-Za-z-]*)*)")
_SLOW = "the storage says 429 "
_CODE = re.compile(r"<Code>(\w+)</Code>")
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound")
"""How S3, Google and Azure say that there is no such bucket."""

_ADDRESS = re.compile(r"\S+://\S+")
_QUOTED = re.compile(r'"[^"]*"')
_CAUSE = re.compile(r"\s*(?:\x1b\[\d+m)?↳(?:\x1b\[0m)?\s*")
"""Before each line but the first of what the Delta library says; others write a colon."""
_METADATA = re.compile(r"//169\.254\.\d+\.\d+/|//metadata\.")
"""Servers that are asked for credentials within a cloud, where nothing else has them."""


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
    modified: float = 0.0  # seconds since 1970


class Objects:
    """The objects of one bucket, by their keys. May be used by several threads, and copied into other processes."""

    def __init__(self, bucket: str, how: Storage | None = None) -> None:
        """`how`: what settings say of object storage. Raises NoObjectStorageError; nothing is asked yet."""
        self.bucket = bucket
        self._how = how or Storage()
        self._store = connect(bucket, self._how)

    def __reduce__(self) -> tuple[type[Objects], tuple[str, Storage]]:
        """Another process finds credentials where it is."""
        return Objects, (self.bucket, self._how)

    def address(self, key: str) -> str:
        """The whole address of an object."""
        return f"{self.bucket}/{key}"

    def look(self, key: str) -> Listed:
        """One object as it is now."""
        with told(self.address(key)):
            return _listed(obstore.head(self._store, key))

    def below(self, prefix: str, after: str | None = None) -> Iterator[Listed]:
        """Go through the objects whose keys go on after the prefix and a slash; all for an empty one.

        `after`: only keys that come after this one, in their order.
        """
        with told(self.address(prefix)):
            for page in obstore.list(self._store, prefix or None, offset=after):
                for one in page:
                    if (
                        after is None or one["path"] > after
                    ):  # Azure begins with it, its emulator with the first
                        yield _listed(one)

    def fetch(self, one: Listed, start: int, end: int) -> memoryview:
        """Bytes of an object that must still be the listed one."""
        with told(self.address(one.key)):
            options: GetOptions = {"range": (start, end)}
            if one.tag:
                options["if_match"] = one.tag
            return memoryview(obstore.get(self._store, one.key, options=options).bytes())

    def read(self, key: str) -> bytes:
        """All bytes of an object."""
        with told(self.address(key)):
            return bytes(obstore.get(self._store, key).bytes())

    def put(self, key: str, data: bytes | memoryview) -> None:
        """Put an object there, whole, in the place of one that has its key."""
        with told(self.address(key)):
            obstore.put(self._store, key, data, use_multipart=False)

    def put_new(self, key: str, data: bytes) -> bool:
        """Put an object there if there is none of its key; False where there is one."""
        try:
            with told(self.address(key)):
                obstore.put(self._store, key, data, mode="create", use_multipart=False)
        except FileExistsError:
            return False
        return True

    def read_marked(self, key: str) -> tuple[bytes, UpdateVersion | None]:
        """All bytes of an object, and what marks this state of it; none, and None, where it is not there."""
        try:
            with told(self.address(key)):
                found = obstore.get(self._store, key)
                mark: UpdateVersion = {}
                if tag := found.meta["e_tag"]:
                    mark["e_tag"] = tag
                if version := found.meta["version"]:
                    mark["version"] = version
                return bytes(found.bytes()), mark
        except FileNotFoundError:
            return b"", None

    def put_over(self, key: str, data: bytes, mark: UpdateVersion | None) -> bool:
        """Put an object in the place of that state of it, or where none is; False where it is another by now.

        False as well where the storage takes no change yet, as Google within a second of another.
        """
        try:
            with told(self.address(key)):
                obstore.put(
                    self._store, key, data, mode="create" if mark is None else mark, use_multipart=False
                )
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno in (errno.ESTALE, errno.EBUSY):
                return False
            raise
        return True

    def delete(self, key: str) -> None:
        """Delete an object, if it is there."""
        with suppress(FileNotFoundError), told(self.address(key)):
            obstore.delete(self._store, key)


def options(bucket: str, how: Storage, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """How a bucket is got at, by the names that obstore, the Delta library and polars all know.

    Of S3: server, region, credentials; of Google's and Azure's nothing, for each library finds it in the environment.
    Only a server on this machine is spoken to without TLS, unless AWS_ALLOW_HTTP says otherwise.
    """
    if not bucket.startswith("s3://"):
        return {}
    profile = _profile(environment)

    def first(*names: str) -> str:
        return next((environment[name] for name in names if environment.get(name)), "")

    endpoint = how.endpoint or first("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") or profile.get("endpoint_url")
    region = how.region or first("AWS_REGION", "AWS_DEFAULT_REGION") or profile.get("region")
    found = {"AWS_CONDITIONAL_PUT": "etag", "AWS_REGION": region or "us-east-1"}
    if endpoint:
        is_near = urlsplit(endpoint).hostname in _LOOPBACK
        allows = is_near or first("AWS_ALLOW_HTTP").lower() in ("true", "1")
        found |= {"AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": str(allows).lower()}
    given = (
        environment if first(_CREDENTIALS[0]) else {name.upper(): value for name, value in profile.items()}
    )
    return found | {name: given[name] for name in _CREDENTIALS if given.get(name)}


def _profile(environment: Mapping[str, str]) -> dict[str, str]:
    """What the AWS files say of the profile in force; nothing where there are none."""
    name = environment.get("AWS_PROFILE") or "default"
    folder = Path(environment.get("HOME") or "/") / ".aws"
    found: dict[str, str] = {}
    for variable, file, section in (
        ("AWS_CONFIG_FILE", "config", name if name == "default" else f"profile {name}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", name),
    ):
        parser = configparser.ConfigParser(interpolation=None)
        with suppress(configparser.Error, OSError, UnicodeDecodeError):  # as if it were not there
            parser.read(environment.get(variable) or folder / file, encoding="utf-8")
            found |= dict(parser[section]) if parser.has_section(section) else {}
    return found


def connect(bucket: str, how: Storage) -> ObjectStore:
    """A bucket's store; nothing is asked yet. Raises NoObjectStorageError."""
    scheme, _, name = bucket.partition("://")
    retries: RetryConfig = {"max_retries": TRIES, "retry_timeout": PATIENCE, "backoff": PAUSES}
    try:
        if scheme == "gs":
            return GCSStore(name, retry_config=retries)
        if scheme == "az":
            return AzureStore(name, retry_config=retries)
        given = options(bucket, how)
        client: ClientConfig = {"timeout": TIMEOUT, "allow_http": given.pop("AWS_ALLOW_HTTP", "") == "true"}
        config: Any = {name.lower(): value for name, value in given.items()}
        return S3Store(name, config=config, client_options=client, retry_config=retries)
    except exceptions.BaseError as error:
        raise NoObjectStorageError(f"{bucket}: {reason(str(error))}") from None


def _listed(found: ObjectMeta) -> Listed:
    return Listed(found["path"], found["size"], found["e_tag"] or "", found["last_modified"].timestamp())


@contextmanager
def told(address: str) -> Iterator[None]:
    """Have what obstore raises told as an OSError about an address, without what must not be seen."""
    try:
        yield
    except FileNotFoundError as error:
        if any(code in str(error) for code in _NO_BUCKET):
            raise OSError(errno.ENODEV, reason(str(error)), address) from None
        raise FileNotFoundError(errno.ENOENT, "is not there", address) from None
    except exceptions.AlreadyExistsError:
        raise FileExistsError(errno.EEXIST, "is there already", address) from None
    except exceptions.PreconditionError:
        raise OSError(errno.ESTALE, "changed while it was read", address) from None
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
        raise PermissionError(errno.EACCES, reason(str(error)), address) from None
    except (exceptions.BaseError, ValueError) as error:
        why = reason(str(error))
        kinds = {_SLOW: errno.EBUSY, **dict.fromkeys(_NO_BUCKET, errno.ENODEV)}
        kind = next((kind for what, kind in kinds.items() if what in why), errno.EIO)
        raise OSError(kind, why, address) from None


def reason(text: str) -> str:
    """Why it failed, of what a library says: its text may hold signed addresses, or repeat what a secret is in."""
    text = _CAUSE.sub(": ", text)
    if _METADATA.search(text):
        return "no credentials in the environment, and none from the machine's cloud"
    status, code = _STATUS.search(text), _CODE.search(text)
    if status:
        return f"the storage says {status[1]}" + (f", {code[1]}" if code else "")
    first = text.partition("\n")[0].rpartition(" - ")[2].partition(" (path: ")[0]
    return _QUOTED.sub("(text)", _ADDRESS.sub("(address)", first))[:200]
