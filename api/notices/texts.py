"""A notice's text for people, from Jinja2 templates in Japanese and English that can be replaced.

Pure but for reading templates: notices in, text out. Templates run in a sandbox; a name that does not exist is an
error. What strangers wrote is made visible before a template sees it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from traceback import extract_tb
from typing import Any

from jinja2 import ChoiceLoader, FileSystemLoader, PackageLoader, StrictUndefined, Template
from jinja2.exceptions import TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from darkscope.api.cases import Case
from darkscope.api.dimension import port_text
from darkscope.api.grades import NAMED
from darkscope.api.notices import words
from darkscope.api.notices.notice import Kind, Notice, Notices, kinds_of
from darkscope.api.visible import visible
from darkscope.ingest.series import NO_PORT
from darkscope.ingest.values import Language

LISTED = 20
"""Sources that the text has; the attachments have all."""


NAME = "notice.{}.txt"
"""Of the template in a language."""

PORTS = 10
"""Destination ports that the text has, by how many sources asked for them."""


class TextError(Exception):
    """A template that cannot be used; the message names its file and line."""


class Texts:
    """Templates, of a folder where it has them, else those that ship."""

    def __init__(self, folder: Path | None = None) -> None:
        """Raises TextError where there is no such folder."""
        if folder is not None and not folder.is_dir():
            raise TextError(f"notices.templates: {folder}: is no folder")
        shipped = PackageLoader("darkscope.api.notices", "templates")
        loaders = [FileSystemLoader(folder), shipped] if folder else [shipped]
        self._environment = ImmutableSandboxedEnvironment(
            loader=ChoiceLoader(loaders),
            undefined=StrictUndefined,
            autoescape=False,
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def check(self) -> None:
        """See whether all templates can be read. Raises TextError for the first that cannot."""
        for language in Language:
            self._read(language)

    def _read(self, language: Language) -> Template:
        name = NAME.format(language.value)
        try:
            return self._environment.get_template(name)
        except (TemplateError, UnicodeDecodeError) as error:
            raise TextError(f"{_place(error, name)}: {_message(error)}") from error

    def text(self, notices: Notices, notice: Notice, attachments: Mapping[str, str]) -> str:
        """Write a notice; `attachments` are file names and what they are. Raises TextError."""
        told = _variables(notices, notice, attachments)
        variables = {key: _visible(value) for key, value in told.items()}
        template = self._read(notice.recipient.language)
        try:
            return template.render(variables)
        except Exception as error:  # an observer's template may raise whatever Python does
            raise TextError(f"{_place(error, str(template.name))}: {_message(error)}") from error


def _message(error: Exception) -> str:
    return str(error) if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"


def _place(error: Exception, name: str) -> str:
    """Name the template's file and line, by what Jinja2 says, else by where it was when the error came."""
    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename or name} line {error.lineno}"
    lines = [one for one in extract_tb(error.__traceback__) if Path(one.filename).name == name]
    return f"{lines[-1].filename} line {lines[-1].lineno}" if lines else name


def _visible(value: object) -> object:
    match value:
        case str():
            return visible(value)
        case dict():
            return {name: _visible(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_visible(inner) for inner in value]
    return value


def _port(case: Case) -> str:
    """Where the case's packet went, as filters take it; empty where that is not known."""
    sample = case.sample
    if sample is None or sample.protocol is None:
        return ""
    return port_text(sample.protocol, NO_PORT if sample.port is None else sample.port)


def _variables(notices: Notices, notice: Notice, attachments: Mapping[str, str]) -> dict[str, Any]:
    """Everything that a template may say: docs/notices.md has the list."""
    zone = notice.recipient.zone

    def local(moment: datetime) -> str:
        return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %z}"

    window = notices.provenance.period.window
    ports = Counter(target.text for case in notice.cases for target in case.targets)
    kinds = Counter(kind.value for case in notice.cases for kind in kinds_of(case))
    grades = Counter(case.grade.value for case in notice.cases)
    return {
        "provider": notices.sender.provider,
        "reply_to": notices.sender.reply_to,
        "recipient": notice.recipient.name,
        "email": ", ".join(notice.recipient.email),
        "tlp": f"TLP:{notice.recipient.tlp.value}",
        "zone": zone.key,
        "period": {
            "start": local(window.start),
            "end": local(notices.until),
            "start_utc": words.utc(window.start),
            "end_utc": words.utc(notices.until),
        },
        "sources": len(notice.cases),
        "packets": sum(case.packets for case in notice.cases),
        "kinds": {kind.value: kinds[kind.value] for kind in Kind if kinds[kind.value]},
        "grades": {grade.value: grades[grade.value] for grade in NAMED if grades[grade.value]},
        "ports": sorted(ports.items(), key=lambda one: (-one[1], one[0]))[:PORTS],
        "width": max((len(case.address) for case in notice.cases[:LISTED]), default=0),
        "more": max(0, len(notice.cases) - LISTED),
        "attachments": dict(attachments),
        "cases": [
            {
                "address": case.address,
                "owner": " ".join(filter(None, (f"AS{case.asn}", notices.owners.get(case.asn))))
                if case.asn
                else "",
                "country": case.country,
                "grade": case.grade.value,
                "kinds": [kind.value for kind in kinds_of(case)],
                "time": local(words.time_of(case)),
                "time_utc": words.utc(words.time_of(case)),
                "source_port": case.sample.source_port if case.sample else None,
                "port": _port(case),
                "packets": case.packets,
                "sensors": case.sensors,
                "tools": list(case.tools),
                "device": case.device,
                "vulnerabilities": list(
                    dict.fromkeys(name for one in case.attempts for name in one.cves or one.rules)
                ),
            }
            for case in notice.cases[:LISTED]
        ],
    }
