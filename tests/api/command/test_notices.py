"""Notices as somebody makes them: a command over a ledger in memory, with a registry in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from noticed import COVERAGE, FLOWS, LOW, SOURCES

from darkscope.ingest.registry import FILE

Run = Callable[..., tuple[int, str, str]]

CONTACTS = """
ledger = "ledger"
[notices]
provider = "Example CSIRT"
[[contacts]]
id = "vn"
name = "Viet Nam"
email = ["cert@vn.example"]
countries = ["VN"]
[[contacts]]
id = "isp"
email = ["abuse@isp.example"]
owners = ["AS64501"]
language = "ja"
tlp = "GREEN"
"""
ASKED = "notices --period 2020-06-24 --port 445/tcp"

TABLE = """\
Notices, 2020-06-24, ports 445/TCP

 recipient  sources  confirmed  likely  infected  exploits  packets  tlp
 ─────────────────────────────────────────────────────────────────────────
 Viet Nam         1          0       1         0         0        3  AMBER
 isp              1          1       0         1         0        1  GREEN

5 sources, 2 of them in notices; left out:
  1 only replies to forged packets (victims)
  1 may be forged
  1 no contact
without a contact: US AS64502 1
written to out
2020-06-24 00:00 to 2020-06-25 00:00 (UTC); 3 sensors, 33.3% of their time
watched; outages: abroad-1, pot
ledger version 7"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with settings and a ledger's folder. Asked for after `run`, which makes the file."""
    file = tmp_path / "darkscope.toml"
    file.write_text(CONTACTS + file.read_text())
    (tmp_path / "ledger").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def events(place: Path, recipient: str, out: str = "out") -> list[dict[str, Any]]:
    text = (place / out / recipient / "intelmq.ndjson").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_notices_are_written_one_folder_a_recipient(run: Run, place: Path) -> None:
    assert run(f"{ASKED} --out out", FLOWS, COVERAGE, SOURCES) == (0, TABLE, "")
    (likely,), (bot,) = events(place, "vn"), events(place, "isp")
    assert (likely["source.ip"], likely["source.port"], likely["time.source"]) == (
        "192.0.2.7",
        50_000,
        "2020-06-24T13:15:07Z",
    )
    assert [one["time"] for one in likely["extra.samples"]] == [
        "2020-06-24T13:15:07Z",
        "2020-06-24T10:15:07Z",
    ]
    assert (bot["malware.name"], bot["extra.grade"], bot["tlp"]) == ("mirai", "confirmed", "GREEN")
    assert (place / "out" / "isp" / "notice.txt").read_text().startswith("TLP:GREEN\n宛先: ")
    index = json.loads((place / "out" / "index.json").read_text())
    assert index["sources"] == index["named"] + sum(index["left_out"].values()) == 5


def test_the_same_is_not_notified_twice(run: Run, place: Path) -> None:
    run(f"{ASKED} --out out", FLOWS, COVERAGE, SOURCES)
    code, said, _ = run(f"{ASKED} --out two", FLOWS, COVERAGE, SOURCES)
    assert code == 0
    assert "  2 named not long ago (--again names them once more)\n" in said
    assert not (place / "two" / "vn").exists()
    infected = [{**one, "mirai": 1} if one["source_low"] == LOW + 7 else one for one in SOURCES]
    run(f"{ASKED} --out three", FLOWS, COVERAGE, infected)
    assert [one["classification.type"] for one in events(place, "vn", "three")] == ["infected-system"]
    assert not (place / "three" / "isp").exists()
    run(f"{ASKED} --out four --again", FLOWS, COVERAGE, SOURCES)
    assert events(place, "vn", "four") == events(place, "vn")


def test_after_the_time_of_the_settings_it_may_be_named_again(run: Run, place: Path) -> None:
    file = place / "darkscope.toml"
    file.write_text(file.read_text().replace("[notices]", '[notices]\nagain = "0s"'))
    for out in ("one", "two"):
        run(f"{ASKED} --out {out}", FLOWS, COVERAGE, SOURCES)
        assert len(events(place, "vn", out)) == 1


def test_a_dry_run_shows_and_neither_writes_nor_records(run: Run, place: Path) -> None:
    shown = TABLE.replace("written to out", "nothing was written")
    for _ in range(2):
        assert run(f"{ASKED} --dry-run", FLOWS, COVERAGE, SOURCES) == (0, shown, "")
    assert run(f"{ASKED} --out out --dry-run", FLOWS, COVERAGE, SOURCES)[0] == 0
    assert sorted(path.name for path in place.iterdir()) == ["darkscope.toml", "ledger"]
    assert list((place / "ledger").iterdir()) == []


def test_the_language_of_all_texts_can_be_said(run: Run, place: Path) -> None:
    run(f"{ASKED} --out out --lang en", FLOWS, COVERAGE, SOURCES)
    assert (place / "out" / "isp" / "notice.txt").read_text().startswith("TLP:GREEN\nTo: isp ")


def test_what_is_wrong_is_said_and_nothing_is_recorded(run: Run, place: Path) -> None:
    (place / "out").mkdir()
    assert run(f"{ASKED} --out out", FLOWS, COVERAGE, SOURCES) == (
        2,
        "",
        "darkscope: out: is there already; notices are made in a folder of their own\n",
    )
    assert run(ASKED, FLOWS, COVERAGE, SOURCES) == (
        2,
        "",
        "darkscope: --out names the folder of the notices; --dry-run shows what they would be\n",
    )
    (place / "texts").mkdir()
    (place / "texts" / "notice.ja.txt").write_text("{{ nobody }}")
    file = place / "darkscope.toml"
    file.write_text(file.read_text().replace("[notices]", '[notices]\ntemplates = "texts"'))
    code, said, wrong = run(f"{ASKED} --out two", FLOWS, COVERAGE, SOURCES)
    assert (code, said) == (2, "")
    assert wrong == f"darkscope: {place / 'texts' / 'notice.ja.txt'} line 1: 'nobody' is undefined\n"
    (place / "ledger" / FILE).write_bytes(b"no database at all, but long enough to be looked at" * 100)
    code, _, wrong = run(f"{ASKED} --out three", FLOWS, COVERAGE, SOURCES)
    assert (code, "registry.sqlite" in wrong) == (1, True)
    assert sorted(path.name for path in place.iterdir() if path.is_dir()) == ["ledger", "out", "texts"]


def test_settings_without_contacts_are_said_to_have_none_and_the_sources_are_listed(
    run: Run, place: Path
) -> None:
    file = place / "darkscope.toml"
    file.write_text("[[sensors]]" + file.read_text().partition("[[sensors]]")[2])
    code, said, wrong = run(f"{ASKED} --out out", FLOWS, COVERAGE, SOURCES)
    assert (code, wrong) == (0, "darkscope: the settings have no [[contacts]]: nobody can be told\n")
    assert "  3 no contact\n" in said
    assert (place / "out" / "no-contact.csv").read_text() == (
        "country,asn,owner,sources,packets\nJP,64501,,1,1\nUS,64502,,1,1\nVN,64500,,1,3\n"
    )
    assert sorted(path.name for path in (place / "out").iterdir()) == ["index.json", "no-contact.csv"]


def test_research_scanners_are_never_named(run: Run, place: Path) -> None:
    (place / "research.csv").write_text("192.0.2.8/32,Example Measurement Project\n")
    file = place / "darkscope.toml"
    file.write_text('research = "research.csv"\n' + file.read_text())
    said = run(f"{ASKED} --out out", FLOWS, COVERAGE, SOURCES)[1]
    assert "  1 research scanners\n" in said
    assert not (place / "out" / "isp").exists()


def test_sources_beyond_the_most_are_counted(run: Run, place: Path) -> None:
    file = place / "darkscope.toml"
    file.write_text(file.read_text().replace("[notices]", "[notices]\nmost = 1"))
    said = run(f"{ASKED} --dry-run", FLOWS, COVERAGE, SOURCES)[1]
    assert "  2 beyond notices.most: narrow the question, or raise it\n" in said
