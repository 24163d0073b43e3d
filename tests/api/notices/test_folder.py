from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import blake2s
from pathlib import Path

import pytest
from told import ATTEMPT, CASE, RECIPIENT, case, notices

from darkscope.api.grades import Grade, Reason
from darkscope.api.notices import folder
from darkscope.api.notices.export import Export
from darkscope.api.notices.notice import Notice, Unaddressed
from darkscope.api.notices.record import Known, Overtaken, Record, known
from darkscope.api.notices.texts import TextError, Texts

ALL = tuple(Export)
JP = replace(RECIPIENT, id="jp", name="Japan", email=("a@jp.example", "b@jp.example"))
TOLD = replace(
    notices(CASE, case("192.0.2.7", tools=("mirai",), grade=Grade.CONFIRMED)),
    unaddressed=(Unaddressed("US", 64500, 2, 9), Unaddressed("ZZ", 0, 1, 1)),
    left_out={Reason.FORGEABLE: 1, Reason.NO_CONTACT: 3},
    sources=7,
)
TOLD = replace(TOLD, notices=(*TOLD.notices, Notice(JP, (case("192.0.2.8", attempts=(ATTEMPT,)),))))


NOTHING = Known(0, frozenset())


def contents() -> dict[str, bytes]:
    """All files but the index."""
    return {path: b"".join(parts) for path, parts in folder.files(TOLD, ALL, Texts())}


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    (tmp_path / "ledger").mkdir()
    with closing(Record(tmp_path / "ledger")) as record:
        yield record


def names(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.iterdir() if path.name != "ledger")


def tree(path: Path) -> dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()}


def test_a_folder_has_one_for_each_recipient_an_index_and_who_has_no_contact(
    tmp_path: Path, record: Record
) -> None:
    folder.make(tmp_path / "out", TOLD, ALL, Texts(), record, 100.0, NOTHING)
    files = tree(tmp_path / "out")
    attached = [folder.ATTACHMENTS[one].file for one in Export]
    wanted = {f"{name}/{file}" for name in ("vn", "jp") for file in ("notice.txt", *attached)}
    wanted.remove("vn/event4_honeypot_http_scan.csv")  # there are no requests
    assert {path: data for path, data in files.items() if path != "index.json"} == contents()
    assert set(files) == wanted | {"index.json", "no-contact.csv"}
    assert files["no-contact.csv"].decode() == (
        "country,asn,owner,sources,packets\nUS,64500,Example Networks,2,9\nZZ,,,1,1\n"
    )
    index = json.loads(files["index.json"])
    first, second = index.pop("notices")
    assert index.pop("provenance")["ledger_version"] == 7
    assert index == {
        "provider": "Example CSIRT",
        "until": "2020-06-25T00:00:00Z",
        "sources": 7,
        "named": 3,
        "left_out": {"forgeable": 1, "no_contact": 3},
    }
    assert first.pop("files") == {
        path: blake2s(files[path]).hexdigest() for path in sorted(files) if path.startswith("vn/")
    }
    assert first == {
        "recipient": "vn",
        "name": "Viet Nam",
        "email": ["cert@vn.example"],
        "language": "en",
        "zone": "Asia/Ho_Chi_Minh",
        "tlp": "TLP:AMBER",
        "sources": 2,
        "packets": 6,
    }
    assert (second["recipient"], second["email"]) == ("jp", ["a@jp.example", "b@jp.example"])
    assert known(tmp_path / "ledger", 0.0) == Known(
        1,
        frozenset(
            {
                ("vn", "scanner", CASE.sender),
                ("vn", "infected-system", (4, 0, 0xC0000207)),
                ("jp", "scanner", (4, 0, 0xC0000208)),
                ("jp", "exploit", (4, 0, 0xC0000208)),
            }
        ),
    )


def test_the_same_notices_have_the_same_bytes(tmp_path: Path, record: Record) -> None:
    for number, name in enumerate(("one", "two")):
        folder.make(tmp_path / name, TOLD, ALL, Texts(), record, 1.0, Known(number, frozenset()))
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_no_file_says_which_sensor_saw_it() -> None:
    assert CASE.samples[0].sensor == "tokyo-1"
    assert not [path for path, data in contents().items() if b"tokyo" in data or b"pot-1" in data]


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path, record: Record) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(folder.FolderError, match="is there already"):
        folder.make(tmp_path / "out", TOLD, ALL, Texts(), record, 1.0, NOTHING)
    assert (names(tmp_path), record.pending()) == (["out"], [])


def test_an_unfinished_folder_of_somebody_else_is_left_alone(tmp_path: Path, record: Record) -> None:
    (tmp_path / "out.unfinished").mkdir()
    (tmp_path / "out.unfinished" / "thesis.txt").write_text("x")
    with pytest.raises(folder.FolderError, match="was not made by `darkscope notices`"):
        folder.make(tmp_path / "out", TOLD, ALL, Texts(), record, 1.0, NOTHING)
    assert tree(tmp_path / "out.unfinished") == {"thesis.txt": b"x"}


def test_where_nothing_can_be_written_nothing_is_recorded(tmp_path: Path, record: Record) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(folder.FolderError, match="file"):
        folder.make(tmp_path / "file" / "out", TOLD, ALL, Texts(), record, 1.0, NOTHING)
    assert known(tmp_path / "ledger", 0.0) == Known(0, frozenset())


CHILD = """
import os, signal, sys
from contextlib import closing
from pathlib import Path
from darkscope.api.notices import folder
from darkscope.api.notices.record import Known, Record

place, step = Path(sys.argv[1]), int(sys.argv[2])
calls = 0

def dying(function):
    def called(*given, **how):
        global calls
        calls += 1
        if calls == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*given, **how)
    return called

folder._write = dying(folder._write)
folder._settle = dying(folder._settle)
Record.begin = dying(Record.begin)
Path.rename = dying(Path.rename)
Record.end = dying(Record.end)
with closing(Record(place / "ledger")) as record:
    folder.recover(record)
    contents = [("vn/notice.txt", [b"text"]), ("no-contact.csv", [b""])]
    names, latest = [("vn", "scanner", (4, 0, 7))], Known(0, frozenset())
    folder.write(place / "out", contents, lambda _: b"{}", record, names, 100.0, latest)
print(calls)
"""


def killed(place: Path, step: int) -> int:
    """Make notices in a process that is killed before its step of a number; 0 is never."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(place), str(step)], capture_output=True, text=True, check=False
    )
    assert done.returncode == (-signal.SIGKILL if step else 0), done.stderr
    return int(done.stdout or 0)


STEPS = 9
"""Four writes, the folders' names on the disk, the record, the name, that on the disk, the record's end."""


def test_these_are_all_the_steps(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    assert killed(tmp_path, 0) == STEPS


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_whatever_is_killed_when_a_source_counts_as_named_just_if_its_folder_is_there(
    tmp_path: Path, step: int
) -> None:
    (tmp_path / "ledger").mkdir()
    killed(tmp_path, step)
    with closing(Record(tmp_path / "ledger")) as record:
        folder.recover(record)
        assert record.pending() == []
        is_named = bool(known(tmp_path / "ledger", 0.0).named)
        assert is_named == (tmp_path / "out").exists()
        if not is_named:
            folder.make(tmp_path / "out", TOLD, ALL, Texts(), record, 1.0, NOTHING)
    assert names(tmp_path) == ["out"]


def test_what_was_recorded_and_taken_away_may_be_named_again(tmp_path: Path, record: Record) -> None:
    record.begin(tmp_path / "out", folder.named(TOLD), 1.0, 0)
    assert folder.recover(record) == [
        f"{tmp_path / 'out'}: was recorded, and is gone; whom it named may be named again"
    ]
    assert known(tmp_path / "ledger", 0.0).named == frozenset()


def test_where_a_text_fails_or_others_were_first_nothing_is_left(tmp_path: Path, record: Record) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notice.en.txt").write_text("{{ nobody }}")
    with pytest.raises(TextError):
        folder.make(tmp_path / "out", TOLD, ALL, Texts(tmp_path / "texts"), record, 1.0, NOTHING)
    folder.make(tmp_path / "first", TOLD, ALL, Texts(), record, 1.0, NOTHING)
    with pytest.raises(Overtaken):
        folder.make(tmp_path / "out", TOLD, ALL, Texts(), record, 1.0, NOTHING)
    assert names(tmp_path) == ["first", "texts"]
