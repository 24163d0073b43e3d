from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from darkscope.ingest import registry as registry_module
from darkscope.ingest.registry import FILE, Registry, RegistryError, State, heard

TABLE = "CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY, number INTEGER NOT NULL)"


def add(registry: Registry, name: str, number: int) -> None:
    with registry.change() as cursor:
        cursor.execute("INSERT INTO things VALUES (?, ?)", (name, number))


def things(registry: Registry) -> list[tuple[str, int]]:
    return registry.rows("SELECT name, number FROM things ORDER BY name")


def test_what_a_room_says_is_heard_by_others_and_the_last_word_counts(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.say("one", lag=3)
    registry.say("one", lag=0, trouble="")
    registry.say("other", lag=9)
    state = heard(tmp_path, "one")
    assert state == registry.said("one")
    assert state is not None
    assert state.values == {"lag": 0, "trouble": ""}
    assert heard(tmp_path, "third") is None
    registry.close()
    assert heard(tmp_path, "one") == state


def test_who_listens_makes_nothing(tmp_path: Path) -> None:
    assert heard(tmp_path, "one") is None
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_just_being_made_has_nothing_to_say(tmp_path: Path) -> None:
    file = tmp_path / FILE
    file.touch()
    assert heard(tmp_path, "one") is None
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        assert heard(tmp_path, "one") is None


def test_a_damaged_registry_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(RegistryError, match=FILE):
        heard(tmp_path, "one")


def test_it_is_heard_where_nothing_may_be_written() -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from darkscope.ingest.registry import heard\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "print(heard(Path(sys.argv[1]), 'one').values)"
    )
    with tempfile.TemporaryDirectory() as name:  # nobody may look into pytest's own
        folder = Path(name)
        registry = Registry(folder)
        registry.say("one", lag=3)
        registry.close()
        (folder / FILE).chmod(0o444)
        folder.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", code, folder], capture_output=True, text=True, check=False
        )
        folder.chmod(0o755)
    assert (done.stdout, done.stderr) == ("{'lag': 3}\n", "")


def test_one_that_another_has_for_itself_gives_no_old_answer(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.say("one", lag=3)
    registry.close()
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("UPDATE states SET state = '{}'")
        with pytest.raises(RegistryError, match=f"{FILE}: database is locked"):
            heard(tmp_path, "one")
    state = heard(tmp_path, "one")
    assert state is not None
    assert state.values == {}


def test_what_is_said_has_the_time_it_was_said_at(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    before = time.time()
    registry.say("one", lag=3)
    said = registry.said("one")
    registry.close()
    assert said == State(said.at if said else 0.0, {"lag": 3})
    assert said is not None
    assert before <= said.at <= time.time()


def test_a_room_keeps_a_table_of_its_own_which_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    registry = Registry(tmp_path, TABLE)
    add(registry, "b", 2)
    add(registry, "a", 1)
    registry.close()
    again = Registry(tmp_path, TABLE)
    assert things(again) == [("a", 1), ("b", 2)]
    assert again.rows("SELECT number FROM things WHERE name = ? AND number < ?", "b", 3) == [(2,)]
    again.close()


def test_a_change_that_fails_leaves_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    registry = Registry(tmp_path, TABLE)
    add(registry, "b", 2)

    def both() -> None:
        with registry.change() as cursor:
            cursor.execute("INSERT INTO things VALUES ('a', 1)")
            cursor.execute("INSERT INTO things VALUES ('b', 1)")

    with pytest.raises(RegistryError):
        both()
    assert things(registry) == [("b", 2)]
    add(registry, "c", 3)
    assert things(registry) == [("b", 2), ("c", 3)]
    registry.close()


def test_what_sqlite_refuses_is_told_with_the_file_and_its_words(tmp_path: Path) -> None:
    registry = Registry(tmp_path, TABLE)
    add(registry, "a", 1)
    with pytest.raises(RegistryError) as caught:
        add(registry, "a", 2)
    assert str(caught.value) == f"{tmp_path / FILE}: UNIQUE constraint failed: things.name"
    with pytest.raises(RegistryError) as caught:
        registry.rows("SELECT 1 FROM absent")
    assert str(caught.value) == f"{tmp_path / FILE}: no such table: absent"
    assert things(registry) == [("a", 1)]
    registry.close()


def test_a_process_that_dies_within_a_change_leaves_nothing_of_it(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from darkscope.ingest.registry import Registry\n"
        "registry = Registry(Path(sys.argv[1]), sys.argv[2])\n"
        "with registry.change() as cursor:\n"
        "    cursor.execute(\"INSERT INTO things VALUES ('a', 1)\")\n"
        "with registry.change() as cursor:\n"
        "    cursor.execute(\"INSERT INTO things VALUES ('b', 2)\")\n"
        "    os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path, TABLE], check=False)
    assert done.returncode == -9
    registry = Registry(tmp_path, TABLE)
    assert things(registry) == [("a", 1)]
    add(registry, "c", 3)  # and no lock is left
    registry.close()


def test_two_change_one_after_the_other_and_readers_do_not_wait(tmp_path: Path) -> None:
    one = Registry(tmp_path, TABLE)

    def change() -> None:
        other = Registry(tmp_path, TABLE)
        add(other, "b", 2)
        other.close()

    thread = Thread(target=change)
    with one.change() as cursor:
        cursor.execute("INSERT INTO things VALUES ('a', 1)")
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        assert heard(tmp_path, "one") is None
    thread.join(registry_module.PATIENCE)
    assert things(one) == [("a", 1), ("b", 2)]
    one.close()


def test_who_waits_too_long_for_another_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "PATIENCE", 0.1)
    one, other = Registry(tmp_path, TABLE), Registry(tmp_path, TABLE)
    with one.change(), pytest.raises(RegistryError, match=rf"{FILE}: database is locked"):
        add(other, "b", 2)
    add(other, "b", 2)
    assert things(one) == [("b", 2)]
    one.close()
    other.close()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegistryError) as caught:
        Registry(tmp_path / "none")
    assert str(caught.value) == f"{tmp_path / 'none' / FILE}: unable to open database file"


def test_a_damaged_registry_is_named_when_it_is_opened_too(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(RegistryError) as caught:
        Registry(tmp_path)
    assert str(caught.value) == f"{tmp_path / FILE}: file is not a database"


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "a b?mode=ro#c%20"
    folder.mkdir()
    registry = Registry(folder)
    registry.say("one", lag=3)
    registry.close()
    state = heard(folder, "one")
    assert state is not None
    assert state.values == {"lag": 3}
