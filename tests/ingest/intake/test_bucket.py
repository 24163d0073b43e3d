"""Captures in object storage are found, read and counted as files are."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from ledgers import Site, capture, packets
from objects import SCHEMES, SECRET, Bucket
from runs import assert_same, many, session

from darkscope.ingest.capture import ranges
from darkscope.ingest.intake.files import find
from darkscope.ingest.intake.session import Capture, Outcome, Problem, Session
from darkscope.ingest.intake.stored import IntakeError
from darkscope.ingest.objects import Listed, Objects


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "ledger")


def names(*addresses: str) -> tuple[str, ...]:
    return tuple(one.name for one in find(addresses).captures)


def ingest(site: Site, *addresses: str) -> Session:
    run = session(site)
    for one in find(addresses).captures:
        run.read_all(Capture.of(one))
    run.end()
    return run


def outcomes(run: Session) -> dict[Outcome, int]:
    return {outcome: count for outcome, count in run.summary.captures.items() if count}


def failing(monkeypatch: pytest.MonkeyPatch, fails: Callable[[Listed, int], bool]) -> None:
    """Let fetches fail for good, by object and first byte."""
    fetch = Objects.fetch

    def fetch_or_fail(self: Objects, one: Listed, start: int, end: int) -> memoryview:
        if fails(one, start):
            raise OSError(5, "the storage says 503 Service Unavailable", self.address(one.key))
        return fetch(self, one, start, end)

    monkeypatch.setattr(Objects, "fetch", fetch_or_fail)


def test_captures_come_by_the_time_of_their_first_frame_then_by_name(bucket: Bucket) -> None:
    late = bucket.put("2020/a/1.pcap", capture(20))
    early = bucket.put("2020/b/2", gzip.compress(capture(10)))
    same = bucket.put("2020/b/1 ü%", capture(10))
    without = bucket.put("2020/c.pcap", capture())
    bucket.put("2020-06/1.pcap", capture(1))
    assert names(f"{bucket.uri}/2020/") == names(f"{bucket.uri}/2020") == (without, same, early, late)
    assert len(names(bucket.uri)) == 5


def test_what_is_no_capture_is_passed_over_below_a_prefix_and_a_mistake_where_it_is_named(
    bucket: Bucket,
) -> None:
    one = bucket.put("a/1.pcap", capture(1))
    readme = bucket.put("a/README.md", b"captures of a sensor")
    bucket.put("a/empty", b"")
    found = find([bucket.uri])
    assert ([capture.name for capture in found.captures], found.passed_over) == ([one], 2)
    with pytest.raises(IntakeError, match=f"{readme}: no pcap or pcapng at byte 0"):
        find([readme])


def test_drafts_hidden_folders_and_ledgers_are_left_alone(bucket: Bucket) -> None:
    for key in (
        *(".1.pcap", "1.pcap.tmp", ".git/1.pcap"),
        *("ledger/ledger.json", "ledger/flows/day=2020-06-24/1.parquet", "ledger/spool/eth0/1.pcap"),
    ):
        bucket.put(key, capture(1))
    assert find([bucket.uri]) == find([])


def test_a_pattern_names_objects_and_prefixes(bucket: Bucket) -> None:
    one = bucket.put("2020-05/1.pcap", capture(1))
    two = bucket.put("2020-06/day/2.pcap", capture(2))
    three = bucket.put("2020-07/3[1].pcap", capture(3))
    assert names(f"{bucket.uri}/2020-0[56]") == (one, two)
    assert names(f"{bucket.uri}/*/*.pcap") == (one, three)
    assert names(f"{bucket.uri}/**/[23][.[]*") == (two, three)
    assert names(f"{bucket.uri}/2020-07/3[1].pcap") == (three,)
    assert names(bucket.uri, one, f"{bucket.uri}/*/*") == (one, two, three)
    with pytest.raises(IntakeError, match=r"\*\.pcapng: nothing matches"):
        find([f"{bucket.uri}/*.pcapng"])


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("{}/missing", "no such object, and none below"),
        ("s3://not-there/x/", "the storage says 404 Not Found, NoSuchBucket"),
        ("http://host/x.pcap", "object storage is one of s3://, gs://, az:// and a bucket"),
        ("s3:///x.pcap", "object storage is one of"),
    ],
)
def test_an_address_that_leads_nowhere_is_named(bucket: Bucket, address: str, why: str) -> None:
    with pytest.raises(IntakeError) as error:
        find([address.format(bucket.uri)])
    assert str(error.value).startswith(address.format(bucket.uri).removesuffix("/").removesuffix("/x.pcap"))
    assert why in str(error.value)


def test_a_password_in_an_address_is_not_repeated() -> None:
    with pytest.raises(IntakeError) as error:
        find(["s3://key:hunter2@host/x.pcap"])
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.ZstdCompressor().compress])
def test_what_is_read_by_ranges_is_what_a_file_gives(
    site: Site,
    bucket: Bucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pack: Callable[[bytes], bytes],
) -> None:
    monkeypatch.setattr(ranges.Ranges.__init__, "__kwdefaults__", {"piece": 10_000, "ahead": 2})
    data = pack(many(5000))
    path = tmp_path / "captures" / "1.pcap"
    path.parent.mkdir()
    path.write_bytes(data)
    bucket.put("captures/1.pcap", data)
    other = Site(tmp_path / "other")
    ingest(other, str(path))
    run = ingest(site, f"{bucket.uri}/captures")
    assert_same(site, other)
    assert (packets(site), run.summary.bytes) == (5000, len(data))


def test_a_capture_counts_once_under_every_name_and_packing(
    site: Site, bucket: Bucket, tmp_path: Path
) -> None:
    data = many(300)
    one = bucket.put("s/1.pcap", data)
    assert outcomes(ingest(site, one)) == {Outcome.READ: 1}
    bucket.put("s/1.pcap", data)  # put there again
    bucket.put("s/2.pcap.gz", gzip.compress(data))
    (tmp_path / "3.pcap").write_bytes(data)
    again = ingest(site, f"{bucket.uri}/s", str(tmp_path / "3.pcap"))
    assert (outcomes(again), packets(site)) == ({Outcome.KNOWN: 3}, 300)
    bucket.put("s/1.pcap", data + capture(900)[24:])
    assert (outcomes(ingest(site, one)), packets(site)) == ({Outcome.READ: 1}, 301)


def test_an_object_that_cannot_be_read_on_stops_no_other_and_loses_nothing(
    site: Site, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges.Ranges.__init__, "__kwdefaults__", {"piece": 10_000, "ahead": 1})
    bad = bucket.put("s/1.pcap", many(1000))
    bucket.put("s/2.pcap", many(1000, start=60, seed=1))
    with monkeypatch.context() as only:
        failing(only, lambda one, start: one.key == "s/1.pcap" and start >= 50_000)
        run = ingest(site, bucket.uri)
    assert list(run.summary.problems) == [Problem(bad, None, "the storage says 503 Service Unavailable")]
    assert outcomes(run) == {Outcome.READ: 1, Outcome.REFUSED: 1}
    assert packets(site) >= 1000
    assert outcomes(ingest(site, bucket.uri)) == {Outcome.READ: 1, Outcome.KNOWN: 1}
    other = Site(tmp_path / "other")
    ingest(other, bucket.uri)
    assert_same(site, other)
    assert packets(site) == 2000


@pytest.mark.parametrize("bucket", SCHEMES, indirect=True)
def test_an_object_that_is_replaced_while_it_is_read_is_refused_and_its_new_bytes_are_read_next(
    site: Site, bucket: Bucket
) -> None:
    address = bucket.put("s/1.pcap", many(100))
    (found,) = find([address]).captures
    bucket.put("s/1.pcap", many(50, seed=1))
    run = session(site)
    run.read_all(Capture.of(found))
    run.end()
    assert list(run.summary.problems) == [Problem(address, None, "changed while it was read")]
    assert (outcomes(ingest(site, address)), packets(site)) == ({Outcome.READ: 1}, 50)


def test_an_object_that_was_found_is_read_in_another_process_as_well(site: Site, bucket: Bucket) -> None:
    bucket.put("s/1.pcap", many(100))
    (found,) = find([bucket.uri]).captures
    sent = pickle.dumps(found)
    assert SECRET.encode() not in sent
    run = session(site)
    run.read_all(Capture.of(pickle.loads(sent)))
    run.end()
    assert packets(site) == 100
