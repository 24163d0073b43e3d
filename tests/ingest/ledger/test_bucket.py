"""A ledger in object storage lives as one in a folder does."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from killing import Killed
from ledgers import DAY, NOW, Site, day, empty_ledger, merged, packets, ramp, read
from objects import GOOGLE, S3, SCHEMES, SECRET
from objects import Bucket as Empty
from polars.testing import assert_frame_equal
from runs import run

from darkscope.api import keys
from darkscope.ingest.ledger import errors, upkeep
from darkscope.ingest.ledger import ledger as module
from darkscope.ingest.ledger.aside import Aside
from darkscope.ingest.ledger.backup import back_up
from darkscope.ingest.ledger.bucket import Bucket
from darkscope.ingest.ledger.errors import Away, LedgerError
from darkscope.ingest.ledger.expiry import expire, forget
from darkscope.ingest.ledger.ledger import Ledger, is_ledger, storage_of
from darkscope.ingest.ledger.plan import Plan
from darkscope.ingest.ledger.upkeep import clean, keep_up
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.objects import Objects
from darkscope.ingest.registry import RegistryError
from darkscope.ingest.series import COVERAGE, FLOWS, ROLLUP_PORTS, SEALS, SOURCES, TABLES
from darkscope.ingest.settings import Settings, Storage
from darkscope.ingest.values import Uri

AT_LENGTH = [S3, pytest.param(GOOGLE, marks=pytest.mark.soak)]
"""Schemes of what takes long, and asks storage for nothing that other tests do not ask it for."""


@dataclass
class Remote(Site):
    """A site whose ledger is in object storage; its folder has the near copies."""

    uri: str = ""

    @property
    def settings(self) -> Settings:
        storage = Storage(cache=self.folder / "cache")
        return super().settings.model_copy(update={"ledger": Uri(self.uri), "storage": storage})

    def opened(self) -> Ledger:
        storage = storage_of(self.settings)
        if not is_ledger(storage):  # the tables' logs say nothing of where they lie
            empty = empty_ledger()
            for path in sorted(empty.rglob("*.json")):
                storage.replace(path.relative_to(empty).as_posix(), path.read_bytes())
        return Ledger.open_or_create(storage)

    @property
    def elsewhere(self) -> Remote:
        """The same ledger as another machine sees it."""
        return replace(self, folder=self.folder / "elsewhere", _opened=None)


@pytest.fixture
def site(bucket: Empty, tmp_path: Path) -> Remote:
    return Remote(tmp_path, uri=f"{bucket.uri}/some/ledger")


@pytest.mark.parametrize("bucket", AT_LENGTH, indirect=True)
def test_its_life_is_that_of_a_ledger_in_a_folder(site: Remote, tmp_path: Path) -> None:
    site.take(ramp(0, 30))
    site.take(ramp(0, 30))  # the same capture
    site.take(ramp(100, 12), "/spool/a/2.pcap")
    assert packets(site) == 42
    assert keep_up(site.ledger, "w", NOW).days_closed == 1
    clean(site.ledger)
    other = site.elsewhere
    snapshot = other.ledger.snapshot()
    assert (snapshot.plan, snapshot.version) == (3, 2)
    assert snapshot.files(FLOWS).height == snapshot.files(ROLLUP_PORTS).height == 1
    assert packets(other) == 42
    assert forget(other.ledger, "w", "a", day("2020-06-24"), day("2020-06-24"), NOW)[FLOWS.name] > 0
    assert packets(site) == 0
    site.take(ramp(0, 30), again=True)
    site.take(ramp(100, 12), "/spool/a/2.pcap", again=True)
    keep_up(site.ledger, "w", NOW)
    assert packets(other) == 42
    copied = back_up(other.ledger, tmp_path / "copy")
    assert merged(Ledger(tmp_path / "copy").snapshot(), FLOWS).equals(merged(copied, FLOWS))
    gone = expire(site.ledger, "w", NOW.date() + timedelta(days=9), lambda _: 10, None)
    assert {one.table for one in gone} == {FLOWS.name, SOURCES.name}
    assert site.ledger.snapshot().scan(SEALS).select(pl.col("packets").sum()).collect().item() == 42
    verified = verify(other.ledger)
    assert (verified.frames, verified.packets, verified.faults) == (42, 42, ())


@pytest.mark.parametrize("bucket", SCHEMES, indirect=True)
def test_others_read_the_tables_as_the_delta_library_does(site: Remote) -> None:
    worker = site.worker()
    for number in range(11):  # the tenth commit has a checkpoint
        read(worker, ramp(number * 60, 3), f"/spool/a/{number}.pcap")
        worker.commit()
    options = site.ledger.storage.options
    delta = DeltaTable(site.ledger.storage.table(FLOWS.name), storage_options=options)
    assert delta.version() == 11
    checkpoint = Objects(site.uri.rpartition("/some")[0]).below("some/ledger/flows/_delta_log")
    assert any(one.key.endswith(f"{10:020}.checkpoint.parquet") for one in checkpoint)
    rows = pl.scan_delta(site.ledger.storage.table(FLOWS.name), storage_options=options)
    assert rows.select(pl.col("packets").sum()).collect().item() == 33
    assert verify(site.elsewhere.ledger).faults == ()


def test_damaged_objects_hold_up_their_days_and_no_other(site: Remote) -> None:
    """Who has a whole near copy needs no object; who has none passes over the day until it is whole again."""
    for number in range(4):
        site.take(ramp(number * DAY, 5), f"/spool/a/{number}.pcap")
    before = merged(site.ledger.snapshot(), FLOWS)
    objects, prefix = Objects(site.uri.rpartition("/some")[0]), "some/ledger/flows"
    paths = site.ledger.snapshot().files(FLOWS).sort("day")["path"].to_list()
    whole = {path: objects.read(f"{prefix}/{path}") for path in paths}
    cut, flipped, lost, _ = paths
    objects.put(f"{prefix}/{cut}", whole[cut][:-9])
    objects.put(f"{prefix}/{flipped}", whole[flipped][:500] + b"?" + whole[flipped][501:])
    objects.delete(f"{prefix}/{lost}")
    other, aside = site.elsewhere, Aside()
    assert keep_up(other.ledger, "w", NOW, aside=aside).days_closed == 1
    assert [(one.path, one.reason) for one in aside] == [
        (cut, module.CHANGED),
        (flipped, module.CHANGED),
        (lost, "is not there"),
    ]
    assert {fault.place for fault in verify(other.elsewhere.ledger).faults} == {one.place for one in aside}
    for path in (cut, flipped, lost):
        objects.put(f"{prefix}/{path}", whole[path])
    assert keep_up(other.ledger, "w", NOW, aside=aside).days_closed == 3
    assert list(aside) == []
    assert merged(other.ledger.snapshot(), FLOWS).equals(before)
    assert verify(other.elsewhere.ledger).faults == ()


def test_storage_that_does_not_answer_is_not_a_damaged_file(
    site: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.take(ramp(0, 5))
    snapshot = site.elsewhere.ledger.snapshot()
    snapshot.files(FLOWS)

    def refused(_: Objects, key: str) -> bytes:
        raise OSError(errno.EIO, "503 Slow Down", key)

    monkeypatch.setattr(Objects, "read", refused)
    monkeypatch.setattr(errors, "FAILURES", 1)
    with pytest.raises(Away, match="503 Slow Down"):
        snapshot.damaged(FLOWS, pl.lit(value=True))


@pytest.mark.parametrize("step", ["plan", FLOWS.name, COVERAGE.name])
def test_what_was_killed_is_completed_or_never_was(
    site: Remote, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, name = Bucket.put_new, "plans/" if step == "plan" else f"{step}/_delta_log/"

    def deadly(self: Bucket, put_name: str, data: bytes, *, secret: bool = False) -> bool:
        done = put(self, put_name, data, secret=secret)
        if put_name.startswith(name):
            raise Killed
        return done

    site.ledger.finish()
    with monkeypatch.context() as patched:
        patched.setattr(Bucket, "put_new", deadly)
        with pytest.raises(Killed):
            site.take(ramp(0, 30))
    other = site.elsewhere
    other.take(ramp(0, 30))
    assert packets(other) == packets(site) == 30
    assert other.ledger.snapshot().plan == 1
    assert verify(other.ledger).faults == ()


def test_a_put_whose_answer_was_lost_is_known_again(site: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the library tries again by itself, and finds what it put; and as it gives up."""
    put = Objects.put_new
    lost: list[str] = []

    def unheard(self: Objects, key: str, data: bytes) -> bool:
        if put(self, key, data) and key not in lost:
            lost.append(key)
            if len(lost) in {2, 5}:
                raise OSError(errno.EIO, "HTTP error: error sending request", self.address(key))
            return False
        return False

    site.ledger.finish()
    monkeypatch.setattr(Objects, "put_new", unheard)
    worker = site.worker()
    read(worker, ramp(0, 30))
    worker.commit()
    assert len(lost) == 5  # a plan and four tables: nothing twice
    assert packets(site.elsewhere) == 30
    assert verify(site.elsewhere.ledger).faults == ()


@pytest.mark.parametrize("bucket", SCHEMES, indirect=True)
def test_two_workers_commit_side_by_side(site: Remote) -> None:
    site.ledger.finish()
    failed: list[BaseException] = []

    def work(name: str, start: int) -> None:
        try:
            worker = site.worker()
            for number in range(3):
                read(worker, ramp(start + number * 60, 5), f"/spool/{name}/{number}.pcap")
                worker.commit()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(name, at)) for name, at in (("a", 0), ("b", 7))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert packets(site) == 30
    assert site.ledger.snapshot().version == 6
    assert verify(site.elsewhere.ledger).faults == ()


def test_damage_is_found_and_named_and_near_copies_are_not_believed(site: Remote) -> None:
    site.take(ramp(0, 30))
    (path,) = site.ledger.snapshot().files(FLOWS)["path"]
    storage = site.ledger.storage
    whole = storage.read(f"{FLOWS.name}/{path}")
    place = f"{site.uri}/{FLOWS.name}/{path}"
    (copy,) = (site.folder / "cache").rglob(path.rpartition("/")[2])
    copy.write_bytes(whole[:-1] + b"!")
    assert storage.near(f"{FLOWS.name}/{path}") == whole
    assert copy.read_bytes() == whole
    storage.replace(f"{FLOWS.name}/{path}", whole[:-1] + b"!")
    assert [fault.place for fault in verify(site.ledger).faults] == [place]
    assert packets(site) == 30  # by the copy, which is whole
    shutil.rmtree(site.folder / "cache")
    with pytest.raises(LedgerError, match=f"{place}: its bytes are not those that were written"):
        packets(site)
    storage.delete(f"{FLOWS.name}/{path}")
    with pytest.raises(LedgerError, match=f"{place}: is not there"):
        packets(site)


@pytest.mark.parametrize("bucket", SCHEMES, indirect=True)
def test_what_is_larger_than_all_room_for_copies_is_read_where_it_is(site: Remote) -> None:
    site.take(ramp(0, 30))
    settings = site.settings.model_copy(
        update={"storage": Storage(cache=site.folder / "small", cache_size=10)}
    )
    small = Ledger(storage_of(settings)).snapshot()
    rows = small.scan(FLOWS)
    assert rows.select(pl.col("packets").sum(), pl.col("day").max()).collect().row(0) == (
        30,
        day("2020-06-24"),
    )
    assert not (site.folder / "small").exists()
    for path in small.files(FLOWS)["path"]:
        site.ledger.storage.delete(f"{FLOWS.name}/{path}")
    with pytest.raises(OSError, match="not found") as error:
        rows.collect()
    assert small.told(error.value) == "the storage says 404 Not Found, NoSuchKey"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names that storage is asked for; `log of` a table where the Delta library reads that."""
    names: list[str] = []
    for name in ("look", "read", "below", "put"):
        real = getattr(Objects, name)

        def noted(self: Objects, key: str, *more: object, real: Callable[..., object] = real) -> object:
            names.append(key.removeprefix("some/ledger/"))
            return real(self, key, *more)

        monkeypatch.setattr(Objects, name, noted)
    update = DeltaTable.update_incremental

    def updated(self: DeltaTable) -> None:
        names.append(f"log of {self.table_uri.rstrip('/').rpartition('/')[2]}")
        update(self)

    monkeypatch.setattr(DeltaTable, "update_incremental", updated)
    return names


def test_a_reader_asks_once_whether_there_is_anything_new(site: Remote, asked: list[str]) -> None:
    site.take(ramp(0, 30))
    ledger = site.elsewhere.ledger
    first = merged(ledger.snapshot(), FLOWS)
    asked.clear()
    assert merged(ledger.snapshot(), FLOWS).equals(first)
    assert asked == [f"plans/{2:020}.json"]


def test_a_batch_that_comes_second_asks_what_came_first_and_reads_no_log(
    site: Remote, asked: list[str]
) -> None:
    one, two = site.worker("one"), site.elsewhere.worker("two")
    for number in range(2):  # then each has read all that does not change any more
        for worker, name, start in ((one, "a", 0), (two, "b", 7)):
            read(worker, ramp(60 * number + start, 30), f"/spool/{name}/{number}.pcap")
            worker.commit()
    read(two, ramp(127, 30), "/spool/b/2.pcap")
    for number in (2, 3):
        read(one, ramp(60 * number, 30), f"/spool/a/{number}.pcap")
        one.commit()
    asked.clear()
    two.commit()
    own, between = [name for name in asked if ".parquet" in name], [name for name in asked if ".json" in name]
    assert sorted(name.partition("/")[0] for name in own) == [
        *["captures"] * 3,  # its own, and those that came first
        "coverage",
        "flows",
        "sources",
    ]
    assert sorted(between) == [
        f"coverage/_delta_log/{6:020}.json",
        *(f"plans/{number:020}.json" for number in (5, 5, 6, 7)),
    ]
    assert sorted(set(asked) - {*own, *between}) == ["coverage/_delta_log"]  # listed from where it was
    assert packets(site.elsewhere) == 210


def test_a_state_that_is_long_past_is_read_without_all_that_came_since(
    site: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.take(ramp(0, 30))
    past = site.elsewhere.opened().snapshot()
    worker = site.worker()
    for number in range(1, 14):
        read(worker, ramp(60 * number, 30), f"/spool/a/{number}.pcap")
        worker.commit()
    loaded: list[int | None] = []
    load = module._load

    def counted(storage: Bucket, name: str, version: int | None = None) -> DeltaTable:
        loaded.append(version)
        return load(storage, name, version)

    monkeypatch.setattr(module, "_load", counted)
    assert past.files(FLOWS).height == 1
    assert loaded == [1]


def test_files_are_known_by_plans_as_by_the_logs(site: Remote, asked: list[str]) -> None:
    others = site.elsewhere
    site.take(ramp(0, 30))
    ledger, before = site.ledger, site.ledger.snapshot()
    first = {table: before.files(table) for table in TABLES}
    others.take(ramp(DAY, 30), "/spool/b/1.pcap")
    others.take(ramp(40, 30), "/spool/a/2.pcap")
    keep_up(others.ledger, "w", NOW)
    forget(others.ledger, "w", "b", day("2020-06-25"), day("2020-06-25"), NOW)
    now = ledger.snapshot()
    kinds = [plan.kind for plan in ledger.plans_since(before, now) or ()]
    assert kinds == ["ingest", "ingest", "upkeep", "forget"]
    asked.clear()
    known = {table for table, files in first.items() if files.height}
    found = {table: now.files(table).sort("path") for table in known}
    assert asked == []  # neither storage nor a log
    fresh = others.opened().snapshot()
    for table, files in found.items():
        assert_frame_equal(files, fresh.files(table).sort("path"))
    assert {table.name for table in known} == {"flows", "sources", "captures", "coverage"}


@pytest.mark.parametrize("bucket", SCHEMES, indirect=True)
def test_a_place_without_a_ledger_or_a_bucket_is_named_at_once(
    bucket: Empty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "time", None)  # nothing is waited for
    for place, why in (
        (f"{bucket.uri}/nothing", "no ledger here"),
        (f"{bucket.scheme}://no-such-bucket/ledger", "the storage says 404 Not Found, NoSuchBucket"),
    ):
        settings = Settings(ledger=Uri(place), storage=Storage(cache=tmp_path))
        with pytest.raises(LedgerError, match=f"^{place}.*{why}"):
            Ledger(storage_of(settings))


@pytest.mark.parametrize("bucket", SCHEMES, indirect=True)
def test_the_secret_is_in_no_text_of_it(bucket: Empty, tmp_path: Path) -> None:
    storage = storage_of(Settings(ledger=Uri(f"{bucket.uri}/x"), storage=Storage(cache=tmp_path)))
    assert SECRET in "".join(os.environ.values())
    assert SECRET not in f"{storage} {storage!r} {storage.place('x')} {Ledger.open_or_create(storage)!r}"
    lost = storage_of(
        Settings(ledger=Uri(f"{bucket.scheme}://no-such-bucket/x"), storage=Storage(cache=tmp_path))
    )
    with pytest.raises(LedgerError) as error:
        Ledger.open_or_create(lost)
    assert SECRET not in str(error.value)
    copied = pickle.dumps((Objects(bucket.uri), storage))
    assert SECRET.encode() not in copied
    assert pickle.loads(copied)[1].options == storage.options


def test_a_ledger_that_several_make_at_once_is_made_though_the_storage_asks_them_to_slow_down(
    bucket: Empty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Google does, where an object is written more than once a second."""
    put, refusals = Objects.put, [True]

    def refused(self: Objects, key: str, data: bytes) -> None:
        if key.endswith("ledger.json") and refusals:
            refusals.pop()
            raise OSError(errno.EBUSY, "the storage says 429 Too Many Requests, SlowDown", self.address(key))
        put(self, key, data)

    monkeypatch.setattr(module, "create", lambda *_: None)  # the tables
    monkeypatch.setattr(Objects, "put", refused)
    settings = Settings(ledger=Uri(f"{bucket.uri}/x"), storage=Storage(cache=tmp_path))
    Ledger.open_or_create(storage_of(settings))
    assert (bucket.keys(), refusals) == (["x/ledger.json"], [])


@pytest.mark.parametrize(
    ("place", "credentials", "why"),
    [
        ("az://b/x", {}, "Account must be specified"),
        (
            "az://b/x",
            {"AZURE_STORAGE_ACCOUNT_NAME": "a", "AZURE_STORAGE_ACCOUNT_KEY": "!hunter2"},
            "Invalid Access Key",
        ),
        (
            "az://b/x",
            {"AZURE_STORAGE_ACCOUNT_NAME": "a", "AZURE_STORAGE_SAS_TOKEN": "hunter2"},
            "SAS query pair",
        ),
        ("gs://b/x", {"GOOGLE_SERVICE_ACCOUNT_KEY": '"hunter2"'}, "invalid type: string (text)"),
        ("gs://b/x", {"GOOGLE_SERVICE_ACCOUNT": "/not/there"}, "/not/there"),
    ],
)
def test_credentials_that_cannot_be_read_are_told_in_a_sentence_that_has_none_of_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str, credentials: dict[str, str], why: str
) -> None:
    for name in os.environ:
        if name.startswith(("AZURE_", "GOOGLE_")):
            monkeypatch.delenv(name)
    for name, value in credentials.items():
        monkeypatch.setenv(name, value)
    settings = Settings(ledger=Uri(place), storage=Storage(cache=tmp_path))
    for ask, refusal in ((storage_of, LedgerError), (keys.place, RegistryError)):
        with pytest.raises(refusal) as error:
            ask(settings)
        assert why in str(error.value)
        assert "hunter2" not in str(error.value)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("obstore", "darkscope.ingest.objects", "darkscope.ingest.ledger.bucket"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(LedgerError, match=r"s3://b/x: needs .*: pip install 'darkscope\[s3\]'"):
        storage_of(Settings(ledger=Uri("s3://b/x")))


@pytest.mark.parametrize("bucket", AT_LENGTH, indirect=True)
def test_check_says_whether_it_can_be_used(bucket: Empty, tmp_path: Path) -> None:
    settings = tmp_path / "darkscope.toml"
    settings.write_text(f'ledger = "{bucket.uri}/x"')
    code, said, wrong = run("check", "--settings", settings)
    assert (code, wrong) == (0, "")
    assert f"{bucket.uri}/x  read, written, conditional puts hold  no ledger yet" in said
    assert SECRET not in said
    assert list(Objects(bucket.uri).below("")) == []
    settings.write_text(f'ledger = "{bucket.scheme}://no-such-bucket/x"')
    code, said, wrong = run("check", "--settings", settings)
    assert code == 2
    assert (
        f"{settings} line 1: ledger: {bucket.scheme}://no-such-bucket/x: cannot be read and written" in wrong
    )
    assert SECRET not in said + wrong


def test_storage_whose_conditional_puts_do_not_hold_is_refused(
    bucket: Empty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(self: Objects, key: str, data: bytes) -> bool:
        self.put(key, data)
        return True

    storage = storage_of(Settings(ledger=Uri(f"{bucket.uri}/x"), storage=Storage(cache=tmp_path)))
    monkeypatch.setattr(Objects, "put_new", careless)
    assert storage.inspect() == [
        "conditional puts do not hold: two workers would overwrite each other's changes"
    ]


def test_plans_that_say_the_same_are_told_apart(site: Remote) -> None:
    storage = site.ledger.storage
    assert Plan(1, 1, "one", "ingest", {}).publish(storage)
    assert not Plan(1, 1, "one", "ingest", {}).publish(storage)


def test_cleaning_deletes_what_nothing_names_and_commits_to_no_table(
    site: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        site.take(ramp(100 * number, 30), f"/spool/a/{number}.pcap")
    keep_up(site.ledger, "w", NOW)
    monkeypatch.setattr(upkeep, "VACUUM_HOURS", 0)
    clean(site.ledger)
    files = site.ledger.snapshot().files(FLOWS)["path"].to_list()
    there = [entry.name for entry in site.ledger.storage.entries(FLOWS.name)]
    assert [name for name in there if f"{FLOWS.name}/day=" in name] == [
        f"{FLOWS.name}/{path}" for path in files
    ]
    assert (f"{FLOWS.name}/_delta_log/{4:020}.json" in there, len(files)) == (True, 1)
    assert f"{FLOWS.name}/_delta_log/{5:020}.json" not in there
    assert packets(site.elsewhere) == 90
