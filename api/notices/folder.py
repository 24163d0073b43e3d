"""A folder of notices: one folder a recipient with text and attachments, and an index for programs.

The folder gets its name once all is written and recorded; until then it is called `NAME.unfinished`. What was killed
in between is finished, or taken back, by whoever makes notices next.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2s
from pathlib import Path

from darkscope.api.formats import plain
from darkscope.api.notices import intelmq, misp, shadowserver, stix, words
from darkscope.api.notices.export import Export
from darkscope.api.notices.notice import Notice, Notices, kinds_of
from darkscope.api.notices.record import Known, Named, Record
from darkscope.api.notices.texts import Texts
from darkscope.ingest.values import Language

INDEX = "index.json"
UNADDRESSED = "no-contact.csv"
TEXT = "notice.txt"
UNFINISHED = ".unfinished"


class FolderError(Exception):
    """Notices cannot be written there; the message names the place."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A format that a notice's evidence is written in."""

    file: str
    what: Mapping[Language, str]  # in words
    write: Callable[[Notices, Notice], Iterator[bytes]]  # in parts
    of_requests: bool = False  # and of nothing else


ATTACHMENTS = {
    Export.INTELMQ: Attachment(
        "intelmq.ndjson",
        {Language.EN: "IntelMQ events, one a line", Language.JA: "IntelMQ のイベント (1 行に 1 件)"},
        intelmq.ndjson,
    ),
    Export.SHADOWSERVER: Attachment(
        "event4_honeypot_darknet.csv",
        {
            Language.EN: "CSV with the columns of Shadowserver's event4_honeypot_darknet",
            Language.JA: "Shadowserver の event4_honeypot_darknet と同じ列の CSV",
        },
        shadowserver.darknet,
    ),
    Export.SHADOWSERVER_HTTP: Attachment(
        "event4_honeypot_http_scan.csv",
        {
            Language.EN: "CSV with the columns of Shadowserver's event4_honeypot_http_scan",
            Language.JA: "Shadowserver の event4_honeypot_http_scan と同じ列の CSV",
        },
        shadowserver.http_scan,
        of_requests=True,
    ),
    Export.MISP: Attachment(
        "misp.json", {Language.EN: "MISP event", Language.JA: "MISP のイベント"}, misp.document
    ),
    Export.STIX: Attachment(
        "stix.json", {Language.EN: "STIX 2.1 bundle", Language.JA: "STIX 2.1 のバンドル"}, stix.document
    ),
}
"""Formats by name."""


def files(notices: Notices, formats: Sequence[Export], texts: Texts) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Give all files of the folder but its index, by their paths in it, each in parts. Raises TextError."""
    for notice in notices.notices:
        folder = notice.recipient.id
        has_requests = any(case.attempts for case in notice.cases)
        chosen = [one for one in map(ATTACHMENTS.__getitem__, formats) if has_requests or not one.of_requests]
        named = {one.file: one.what[notice.recipient.language] for one in chosen}
        yield f"{folder}/{TEXT}", [texts.text(notices, notice, named).encode()]
        for one in chosen:
            yield f"{folder}/{one.file}", one.write(notices, notice)
    yield UNADDRESSED, [_unaddressed(notices).encode()]


def index(notices: Notices, digests: Mapping[str, str]) -> bytes:
    """Tell programs what lies in the folder, and what became of all sources of the question."""
    told = {
        "provider": notices.sender.provider,
        "until": words.utc(notices.until),
        "sources": notices.sources,
        "named": notices.named,
        "left_out": {reason.value: count for reason, count in notices.left_out.items()},
        "notices": [
            {
                "recipient": notice.recipient.id,
                "name": notice.recipient.name,
                "email": list(notice.recipient.email),
                "language": notice.recipient.language.value,
                "zone": notice.recipient.zone.key,
                "tlp": f"TLP:{notice.recipient.tlp.value}",
                "sources": len(notice.cases),
                "packets": sum(case.packets for case in notice.cases),
                "files": {
                    path: digest
                    for path, digest in digests.items()
                    if path.startswith(f"{notice.recipient.id}/")
                },
            }
            for notice in notices.notices
        ],
        "provenance": plain(notices.provenance),
    }
    return (json.dumps(told, indent=2) + "\n").encode("ascii")


def _unaddressed(notices: Notices) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["country", "asn", "owner", "sources", "packets"])
    for row in notices.unaddressed:
        owner = words.cell(notices.owners.get(row.asn, ""))
        writer.writerow([row.country, row.asn or "", owner, row.sources, row.packets])
    return text.getvalue()


def named(notices: Notices) -> list[Named]:
    """What is to be recorded."""
    return [
        (notice.recipient.id, kind.value, case.sender)
        for notice in notices.notices
        for case in notice.cases
        for kind in kinds_of(case)
    ]


def check(folder: Path) -> None:
    """See whether notices can be made there: it must not exist. Raises FolderError."""
    if folder.exists():
        raise FolderError(f"{folder}: is there already; notices are made in a folder of their own")


def make(
    folder: Path,
    notices: Notices,
    formats: Sequence[Export],
    texts: Texts,
    record: Record,
    at: float,
    known: Known,
) -> None:
    """Make the folder: nothing of it is there under its name before all of it is, and recorded.

    Raises TextError, FolderError, Overtaken, RegistryError.
    """
    contents = files(notices, formats, texts)
    write(folder, contents, lambda digests: index(notices, digests), record, named(notices), at, known)


def write(
    folder: Path,
    contents: Iterable[tuple[str, Iterable[bytes]]],
    index: Callable[[Mapping[str, str]], bytes],
    record: Record,
    names: Sequence[Named],
    at: float,
    known: Known,
) -> None:
    """Write files, record whom they name, and only then give the folder its name.

    Raises FolderError, Overtaken, RegistryError.
    """
    check(folder)
    unfinished = _unfinished(folder)
    try:
        if unfinished.exists():
            _take_away(unfinished)
        _write(unfinished / INDEX, [])  # by it an unfinished folder is known as ours
        try:
            digests = {path: _write(unfinished / path, parts) for path, parts in contents}
            _write(unfinished / INDEX, [index(digests)])
            _settle(unfinished, *(part for part in unfinished.iterdir() if part.is_dir()))
            number = record.begin(folder.absolute(), names, at, known.latest)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    except OSError as error:
        raise FolderError(f"{error.filename or unfinished}: {error.strerror or error}") from error
    finish(record, number, folder)


def finish(record: Record, number: int, folder: Path) -> None:
    """Give the folder of a recorded batch its name. Raises FolderError, RegistryError."""
    try:
        _unfinished(folder).rename(folder)
        _settle(folder.parent)
    except FileNotFoundError:
        if not folder.exists():
            raise FolderError(f"{folder}: was taken away while it was made") from None
    except OSError as error:
        raise FolderError(f"{folder}: {error.strerror or error}") from error
    record.end(number)


def recover(record: Record) -> list[str]:
    """Finish what was killed, and take back what is gone; say what was done. Raises FolderError, RegistryError."""
    said = []
    for batch in record.pending():
        if batch.folder.exists() and not _unfinished(batch.folder).exists():
            record.end(batch.number)
        elif _unfinished(batch.folder).exists():
            finish(record, batch.number, batch.folder)
            said.append(f"{batch.folder}: was recorded and had no name yet; it has it now")
        else:
            record.withdraw(batch.number)
            said.append(f"{batch.folder}: was recorded, and is gone; whom it named may be named again")
    return said


def _unfinished(folder: Path) -> Path:
    return folder.with_name(folder.name + UNFINISHED)


def _take_away(unfinished: Path) -> None:
    """Take away what was never recorded. A folder without an index of ours is not touched."""
    if any(unfinished.iterdir()) and not (unfinished / INDEX).exists():
        raise FileExistsError(
            17, "is there already, and was not made by `darkscope notices`", str(unfinished)
        )
    shutil.rmtree(unfinished)


def _write(path: Path, parts: Iterable[bytes]) -> str:
    """Write a file, and give its digest."""
    digest = blake2s()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for part in parts:
            digest.update(part)
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _settle(*folders: Path) -> None:
    """See to it that the names in folders are on the disk."""
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
