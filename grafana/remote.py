"""A running Grafana, through grafana-api: what it has, and putting a dashboard there without losing anybody's work.

A pushed dashboard carries the digest of what was pushed. What is there and no longer has its digest was changed there,
and is not overwritten unless told; between looking and writing, Grafana's own check of versions holds. No state is
kept here.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from grafana_api.grafana_api import GrafanaClientError, GrafanaException
from grafana_api.grafana_face import GrafanaFace
from urllib3.exceptions import InsecureRequestWarning

from darkscope.grafana.difference import difference

Json = dict[str, Any]
Answer = TypeVar("Answer")

DIGEST = "digest"
"""Key of a pushed dashboard under which its digest stands; a browser that saves leaves it out or leaves it wrong."""

_NO_USER = 403
"""What a service account is told that asks for its user; nobody at all gets 401."""

_OF_GRAFANA = frozenset({"id", "version", DIGEST})


class RemoteError(Exception):
    """Grafana cannot be used as asked; the message says why, in a sentence."""


class ChangedThereError(RemoteError):
    """The dashboard was changed in Grafana since it was pushed."""


class ProvisionedError(RemoteError):
    """The dashboard is one of Grafana's own files."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who asks: a service account's token, or a user and password. Never shown."""

    token: str | None = field(default=None, repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """A dashboard as Grafana has it."""

    model: Json
    folder: str  # title; empty for the general one
    is_provisioned: bool
    changed_by: str

    @property
    def was_changed(self) -> bool:
        """Whether it is something else than what was pushed; so is what nobody pushed."""
        return self.model.get(DIGEST) != digest(self.model)


def digest(model: Json) -> str:
    """Digest of what a dashboard shows, without what Grafana counts."""
    shown = {key: value for key, value in model.items() if key not in _OF_GRAFANA}
    text = json.dumps(shown, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2s(text.encode()).hexdigest()


class Remote:
    """A running Grafana."""

    def __init__(self, url: str, login: Login, *, verify: bool | str = True, timeout: float = 10) -> None:
        """`verify`: a file of certificates to trust instead of the system's, or False to trust any."""
        if "@" in url:  # looked for first: what is said of other mistakes quotes the address
            raise RemoteError("the address holds a password; give it by a file instead")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RemoteError(f"{url!r} is no address of a Grafana, like https://grafana.example/prefix")
        if not login.token and not (login.user and login.password):
            raise RemoteError("neither a token nor a user and password are given")
        self.url = url.rstrip("/")
        self._login = login
        self._trusts_anybody = verify is False
        prefix = parts.path.strip("/")
        self._face = GrafanaFace(
            auth=login.token or (login.user, login.password),
            host=parts.hostname,
            port=port,
            protocol=parts.scheme,
            verify=verify,
            url_path_prefix=f"{prefix}/" if prefix else "",
            timeout=timeout,
        )

    def check(self) -> None:
        """Make sure that Grafana knows who asks: with anonymous access on, it answers a wrong token as well."""
        who = self._ask(lambda: self._face.api.GET("/user"), none_for=(_NO_USER,))
        if self._login.token and who is None:
            return
        if not who or not who.get("login") or self._login.user not in (None, who["login"], who.get("email")):
            raise RemoteError(f"{self.url} does not know who asks, and answers anybody")

    def find(self, uid: str) -> Stored | None:
        """A dashboard as it is stored; None where there is none."""
        answer = self._ask(lambda: self._face.dashboard.get_dashboard(uid), none_for=(404,))
        if answer is None:
            return None
        about = answer.get("meta", {})
        return Stored(
            answer["dashboard"],
            about.get("folderTitle", ""),
            bool(about.get("provisioned")),
            about.get("updatedBy", ""),
        )

    def push(self, model: Json, *, folder: str, message: str, overwrite: bool = False) -> str:
        """Store a dashboard in a folder and say what happened: `created`, `unchanged` or `updated`.

        Raises ChangedThereError where it was changed in Grafana and `overwrite` is not asked for, ProvisionedError
        where Grafana reads it from a file.
        """
        stored = self.find(model["uid"])
        if stored and stored.is_provisioned:
            raise ProvisionedError(
                f"{model['uid']} is read from a file by this Grafana: change the file, or push to another uid"
            )
        if stored and stored.was_changed and not overwrite and difference(model, stored.model):
            raise ChangedThereError(
                f"{model['uid']} was changed in Grafana by {stored.changed_by or 'somebody'}: look at "
                "`diff`, keep it by `pull`, or overwrite it with --force"
            )
        mark = digest(model)
        if stored and stored.model.get(DIGEST) == mark and not stored.was_changed:
            return "unchanged"
        sent = {
            "dashboard": {
                **model,
                "id": stored.model.get("id") if stored else None,
                "version": stored.model.get("version", 0) if stored else 0,
                DIGEST: mark,
            },
            "folderUid": self._folder(folder),
            "message": message,
            "overwrite": False,
        }
        self._ask(lambda: self._face.dashboard.update_dashboard(sent))
        return "updated" if stored else "created"

    def _folder(self, title: str) -> str:
        """Uid of a folder, made where there is none of this title."""
        for one in self._ask(self._face.folder.get_all_folders):
            if one["title"] == title:
                return str(one["uid"])
        return str(self._ask(lambda: self._face.folder.create_folder(title))["uid"])

    def _ask(self, ask: Callable[[], Any], none_for: tuple[int, ...] = ()) -> Any:
        """Ask, and turn whatever goes wrong into a sentence."""
        try:
            with warnings.catch_warnings():
                if self._trusts_anybody:
                    warnings.simplefilter("ignore", InsecureRequestWarning)
                return ask()
        except GrafanaClientError as error:
            if error.status_code in none_for:
                return None
            raise _refused(self.url, error) from None
        except GrafanaException as error:
            raise RemoteError(f"{self.url} failed: {error.message}") from None
        except requests.exceptions.SSLError:
            raise RemoteError(
                f"the certificate of {self.url} is not trusted: name its file by --ca-file"
            ) from None
        except requests.exceptions.JSONDecodeError:
            raise RemoteError(
                f"{self.url} answers, but not as Grafana's API: is a path prefix missing, or a login page before it?"
            ) from None
        except requests.exceptions.RequestException as error:
            raise RemoteError(f"{self.url} does not answer: {type(error).__name__}") from None


def _refused(url: str, error: GrafanaClientError) -> RemoteError:
    match error.status_code:
        case 401:
            return RemoteError(f"{url} does not know the token or password")
        case 403:
            return RemoteError(f"{url} does not allow it: the account needs the role Editor")
        case 404:
            return RemoteError(f"{url} is not where Grafana's API is: is a path prefix missing?")
        case 412:
            return ChangedThereError(f"somebody saved it in Grafana at this very moment: {error.message}")
    return RemoteError(f"{url} refuses: {error.message}")


def draft(model: Json, name: str) -> Json:
    """Give a dashboard a uid and a title of its own, so that it can be looked at beside the one in use."""
    return {
        **model,
        "uid": f"{model['uid']}-{name}"[:40],
        "title": f"{model['title']} ({name})",
        "editable": True,
    }
