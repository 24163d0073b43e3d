from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from darkscope.ingest.registry import FILE, Registry, RegistryError, heard


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
