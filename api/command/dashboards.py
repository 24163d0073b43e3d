"""`darkscope dashboards`: build dashboards and alert rules, compare them with a running Grafana, push, pull.

Writes files below the folder that is named, and dashboards to the Grafana that is named; nothing else. Secrets come
from files and are never shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from darkscope.api.command.exits import FAILED, MISTAKE, UNCLEAN, stopped
from darkscope.grafana.dashboard import written
from darkscope.grafana.dashboards import DASHBOARDS
from darkscope.grafana.difference import difference, readable
from darkscope.grafana.overlays import OverlayError, overlaid, overlay
from darkscope.grafana.provisioned import files
from darkscope.grafana.remote import (
    ChangedThereError,
    Login,
    ProvisionedError,
    Remote,
    RemoteError,
    Stored,
    draft,
)

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

FOLDER = "darkscope, by push"
"""Folder of pushed dashboards: another than the one that Grafana fills from files."""

_WHERE = "Which Grafana"

Url = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="GRAFANA_URL",
        help="Grafana's address, with its path prefix if it has one.",
        rich_help_panel=_WHERE,
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        envvar="GRAFANA_TOKEN_FILE",
        help="File with a service account's token.",
        rich_help_panel=_WHERE,
    ),
]
User = Annotated[
    str | None, typer.Option("--user", help="User, where there is no token.", rich_help_panel=_WHERE)
]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", help="File with the user's password.", rich_help_panel=_WHERE),
]
CaFile = Annotated[
    Path | None,
    typer.Option("--ca-file", help="Certificates to trust, instead of the system's.", rich_help_panel=_WHERE),
]
Insecure = Annotated[bool, typer.Option("--insecure", help="Trust any certificate.", rich_help_panel=_WHERE)]
Uids = Annotated[
    list[str] | None, typer.Argument(metavar="UID", help="Only these dashboards.", show_default=False)
]
Draft = Annotated[
    str | None,
    typer.Option("--draft", help="Under a uid and title of their own, which end in this name."),
]


@app.command()
def build(
    to: Annotated[Path, typer.Option("--to", help="The folder that Grafana provisions from.")] = Path(
        "provisioning/grafana"
    ),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; say which files are not as the source is.")
    ] = False,
) -> None:
    """Write dashboards and alert rules as the files that Grafana reads at its start."""
    with _sentences():
        texts = files()
        stale = [
            path
            for path, text in texts.items()
            if not (to / path).is_file() or (to / path).read_text(encoding="utf-8") != text
        ]
        for path in stale:
            if not check:
                (to / path).parent.mkdir(parents=True, exist_ok=True)
                (to / path).write_text(texts[path], encoding="utf-8")
            typer.echo(f"{'differs' if check else 'written'}  {to / path}")
    typer.echo(f"{len(texts) - len(stale)} of {len(texts)} files were as the source is")
    if check and stale:
        raise typer.Exit(UNCLEAN)


@app.command()
def diff(
    uid: Uids = None,
    draft_name: Draft = None,
    url: Url = "http://localhost:3000",
    token_file: TokenFile = None,
    user: User = None,
    password_file: PasswordFile = None,
    ca_file: CaFile = None,
    insecure: Insecure = False,
) -> None:
    """Show what differs between the source and a running Grafana: `-` is the source, `+` is Grafana."""
    with _sentences():
        remote = _remote(url, token_file, user, password_file, ca_file, insecure)
        differs = False
        for model in _models(uid, draft_name):
            stored = remote.find(model["uid"])
            text = _differing(model, stored)
            differs = differs or bool(text)
            typer.echo(f"{model['uid']}  {_state(stored)}" + (f"\n{text}" if text else ", as the source is"))
    if differs:
        raise typer.Exit(UNCLEAN)


@app.command()
def push(
    uid: Uids = None,
    draft_name: Draft = None,
    folder: Annotated[
        str, typer.Option("--folder", help="Title of the folder, made where missing.")
    ] = FOLDER,
    message: Annotated[
        str, typer.Option("--message", "-m", help="What the dashboard's history shall say.")
    ] = "pushed by darkscope",
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite what was changed in Grafana since.")
    ] = False,
    url: Url = "http://localhost:3000",
    token_file: TokenFile = None,
    user: User = None,
    password_file: PasswordFile = None,
    ca_file: CaFile = None,
    insecure: Insecure = False,
) -> None:
    """Store dashboards in a running Grafana; what was changed there since is not overwritten."""
    kept = 0
    with _sentences():
        remote = _remote(url, token_file, user, password_file, ca_file, insecure)
        for model in _models(uid, draft_name):
            try:
                done = remote.push(model, folder=folder, message=message, overwrite=force)
            except (ChangedThereError, ProvisionedError) as error:
                kept += 1
                typer.echo(f"darkscope: {error}", err=True)
            else:
                typer.echo(f"{done:<9}  {remote.url}/d/{model['uid']}")
    if kept:
        raise typer.Exit(FAILED)


@app.command()
def pull(
    uid: Annotated[str, typer.Argument(metavar="UID", help="The dashboard in Grafana.")],
    of: Annotated[
        str | None,
        typer.Option("--of", help="The dashboard that it is a changed copy of; itself where left out."),
    ] = None,
    to: Annotated[Path, typer.Option("--to", help="The folder of the overlays.")] = Path("grafana/overlays"),
    url: Url = "http://localhost:3000",
    token_file: TokenFile = None,
    user: User = None,
    password_file: PasswordFile = None,
    ca_file: CaFile = None,
    insecure: Insecure = False,
) -> None:
    """Keep what was changed in the browser, as an overlay over the source."""
    with _sentences():
        remote = _remote(url, token_file, user, password_file, ca_file, insecure)
        stored = remote.find(uid)
        if stored is None:
            raise RemoteError(f"{remote.url} has no dashboard {uid}")
        source = next((one.model() for one in DASHBOARDS if one.uid == (of or uid)), None)
        if source is None:
            raise stopped(
                f"{of or uid} is none of darkscope's dashboards: say by --of which one it is a copy of",
                MISTAKE,
            )
        there = {**stored.model, "title": source["title"]} if of else stored.model
        found = difference(source, there)
        file = to / f"{source['uid']}.json"
        if not found:
            file.unlink(missing_ok=True)
            typer.echo(f"{uid} is as the source is: there is nothing to keep")
            return
        to.mkdir(parents=True, exist_ok=True)
        file.write_text(written(overlay(found)), encoding="utf-8")
        typer.echo(f"{readable(found)}\nwritten  {file}: build again, look at the change, commit it")


def _models(uids: list[str] | None, name: str | None) -> Iterator[dict[str, Any]]:
    known = {one.uid: one for one in DASHBOARDS}
    unknown = [one for one in uids or () if one not in known]
    if unknown:
        raise stopped(f"no dashboard {unknown[0]}; there are {', '.join(known)}", MISTAKE)
    for one in uids or known:
        model = overlaid(known[one].model())
        yield draft(model, name) if name else model


def _differing(model: dict[str, Any], stored: Stored | None) -> str:
    return "  is not in Grafana" if stored is None else readable(difference(model, stored.model))


def _state(stored: Stored | None) -> str:
    if stored is None:
        return "missing"
    if stored.is_provisioned:
        return "from Grafana's files"
    if stored.was_changed:
        return f"changed in Grafana by {stored.changed_by or 'somebody'}"
    return "as it was pushed"


def _remote(
    url: str,
    token_file: Path | None,
    user: str | None,
    password_file: Path | None,
    ca_file: Path | None,
    insecure: bool,
) -> Remote:
    login = Login(_secret(token_file), user, _secret(password_file))
    remote = Remote(url, login, verify=str(ca_file) if ca_file else not insecure)
    remote.check()
    return remote


def _secret(file: Path | None) -> str | None:
    """First line of a file."""
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise stopped(
            f"cannot read {file}: {getattr(error, 'strerror', None) or 'no text'}", MISTAKE
        ) from None


@contextmanager
def _sentences() -> Iterator[None]:
    """End the program with a sentence where Grafana or a file cannot be used."""
    try:
        yield
    except (RemoteError, OSError) as error:
        raise stopped(error, FAILED) from None
    except OverlayError as error:
        raise stopped(error, MISTAKE) from None
