"""A document that several machines change loses no change, whatever happens between two of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import obstore
import pytest
from objects import SCHEMES, Bucket
from obstore import exceptions

from darkscope.ingest import document as module
from darkscope.ingest.document import Document, document
from darkscope.ingest.objects import Objects
from darkscope.ingest.settings import Storage

CHANGES = 15

CHANGER = """
import json
import sys
from darkscope.ingest.document import Document
from darkscope.ingest.settings import Storage

shared = Document(sys.argv[1], Storage())
for number in range(int(sys.argv[3])):
    entry = f"{sys.argv[2]} {number}"
    shared.change(lambda text: json.dumps(sorted({*json.loads(text or "[]"), entry})))
    print(entry, flush=True)
"""


def adding(entry: str) -> Callable[[str], str]:
    return lambda text: json.dumps(sorted({*json.loads(text or "[]"), entry}))


@pytest.fixture
def shared(bucket: Bucket) -> Document:
    return Document(f"{bucket.uri}/ledger/notes.json", Storage())


def test_it_is_empty_until_somebody_changes_it_and_one_for_all_who_ask(
    shared: Document, bucket: Bucket
) -> None:
    assert (shared.read(), bucket.keys()) == ("", [])
    shared.change(adding("one"))
    shared.change(adding("two"))
    assert (shared.read(), bucket.keys()) == ('["one", "two"]', ["ledger/notes.json"])
    assert document(shared.address, Storage()) is document(shared.address, Storage())


def test_processes_that_race_lose_nothing_and_neither_does_one_that_is_killed(shared: Document) -> None:
    def changer(name: str, changes: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", CHANGER, shared.address, name, str(changes)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    racers = [changer(name, CHANGES) for name in ("a", "b")]
    killed = changer("killed", 10**6)
    assert killed.stdout
    for _ in range(CHANGES // 3):
        killed.stdout.readline()
    told = [line for racer in racers for line in racer.communicate()[0].splitlines()]
    killed.kill()
    rest = killed.communicate()[0].splitlines()
    found = set(json.loads(shared.read()))
    assert {f"{name} {number}" for name in "ab" for number in range(CHANGES)} == set(told) <= found
    said = {f"killed {number}" for number in range(CHANGES // 3)} | {
        line for line in rest if line.startswith("killed")
    }
    of_it = {entry for entry in found if entry.startswith("killed")}
    assert said <= of_it
    assert len(of_it) <= len(said) + 1  # put, and killed before it said so


@pytest.mark.parametrize("bucket", SCHEMES, indirect=True)
def test_a_change_whose_answer_was_lost_is_made_once(
    shared: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, lost = Objects.put_over, [True]

    def put_and_be_told_nothing(self: Objects, key: str, data: bytes, mark: Any) -> bool:
        return put(self, key, data, mark) and not (lost and lost.pop())

    monkeypatch.setattr(Objects, "put_over", put_and_be_told_nothing)
    shared.change(adding("one"))
    assert (shared.read(), lost) == ('["one"]', [])


def test_who_is_asked_to_slow_down_goes_on(shared: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    """Google takes a change of an object a second, whoever makes it; its library gives up after some seconds."""
    put, refusals = obstore.put, [True, True]

    def refused(*what: Any, **how: Any) -> Any:
        if refusals and refusals.pop():
            raise exceptions.GenericError("status code: 429 Too Many Requests: <Code>SlowDown</Code>")
        return put(*what, **how)

    shared.change(adding("one"))
    monkeypatch.setattr(obstore, "put", refused)
    shared.change(adding("two"))
    assert (shared.read(), refusals) == ('["one", "two"]', [])


def test_who_is_never_first_is_told_so(shared: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    monkeypatch.setattr(Objects, "put_over", lambda *_: False)
    with pytest.raises(OSError, match="others change it all the time") as error:
        shared.change(adding("one"))
    assert error.value.filename == shared.address


def test_a_change_that_fails_changes_nothing(shared: Document) -> None:
    shared.change(adding("one"))
    with pytest.raises(ZeroDivisionError):
        shared.change(lambda _: str(1 / 0))
    assert shared.read() == '["one"]'
