"""Notices from a question: cases asked of an observer, addressed by the settings, with the names of owners.

What the command and the endpoint share. Reads owner databases; writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC

from darkscope.api.ask import Observer, Question
from darkscope.api.cases import Case
from darkscope.api.notices.attempts import attempted
from darkscope.api.notices.notice import Directory, Notices, Recipient, address, kinds_of
from darkscope.api.notices.record import Named
from darkscope.ingest.owners import OwnersError, names
from darkscope.ingest.settings import Settings
from darkscope.ingest.values import Language


def made(
    settings: Settings,
    observer: Observer,
    question: Question,
    *,
    most: int,
    named: frozenset[Named] = frozenset(),
    language: Language | None = None,
    unreadable: Callable[[OwnersError], None] | None = None,
) -> Notices:
    """Give the notices of a question, of so many sources at most, without those that were `named`.

    Raises StoreError, RulesError, and OwnersError where nobody wants to be told of an `unreadable` database.
    """

    def was_named(recipient: Recipient, case: Case) -> bool:
        return all((recipient.id, kind.value, case.sender) in named for kind in kinds_of(case))

    def owners(cases: Iterable[Case]) -> Mapping[int, str]:
        seen = {case.asn: (case.address, case.last.astimezone(UTC).date()) for case in cases if case.asn}
        try:
            return names(settings.geo.owner, seen)
        except OwnersError as error:
            if unreadable is None:
                raise
            unreadable(error)
            return {}

    found = attempted(observer, question, observer.cases(question, most))
    return address(found, Directory(settings, language), was_named, owners)
