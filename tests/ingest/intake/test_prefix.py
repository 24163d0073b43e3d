"""A prefix that is watched gives each object once, whatever comes, is replaced, fails or is deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from ledgers import Site, capture, packets
from objects import SCHEMES, Bucket
from runs import many, session

from darkscope.ingest.intake import prefix as module
from darkscope.ingest.intake.prefix import Prefix
from darkscope.ingest.intake.session import Outcome, Session
from darkscope.ingest.intake.spool import Done
from darkscope.ingest.intake.stored import IntakeError
from darkscope.ingest.objects import Listed, Objects


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK", 0.0)
    monkeypatch.setattr(module, "TRY_AGAIN", 0.0)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "ledger")


def turned(feed: Prefix, run: Session, times: int = 4) -> None:
    """Let it read what is there, and commit."""
    for _ in range(times):
        while feed.turn(run):
            pass
        run.commit()


def test_what_comes_is_read_once_and_what_is_replaced_is_a_new_capture(site: Site, bucket: Bucket) -> None:
    bucket.put("spool/s/1.pcap", many(100))
    bucket.put("spool/s/README", b"captures of a sensor")
    feed, run = Prefix.of(f"{bucket.uri}/spool/", None, "stay"), session(site)
    turned(feed, run)
    bucket.put("spool/s/2.pcap", many(50, start=60))
    bucket.put("elsewhere/3.pcap", many(10, start=90))
    turned(feed, run)
    bucket.put("spool/s/1.pcap", many(20, start=120))
    turned(feed, run)
    assert packets(site) == 170
    assert {o: n for o, n in run.summary.captures.items() if n} == {Outcome.READ: 3, Outcome.PASSED_OVER: 1}
    again = session(site)
    turned(Prefix.of(f"{bucket.uri}/spool", None, "stay"), again)
    assert (packets(site), again.summary.captures[Outcome.KNOWN]) == (170, 2)


@pytest.mark.parametrize("bucket", SCHEMES, indirect=True)
def test_deleted_is_what_the_ledger_has_and_nothing_else(site: Site, bucket: Bucket) -> None:
    bucket.put("spool/s/1.pcap", many(100))
    bucket.put("spool/s/2.pcap", many(100, start=60))
    bucket.put("spool/s/README", b"captures of a sensor")
    feed, run = Prefix.of(f"{bucket.uri}/spool", None, "delete"), session(site)
    while feed.turn(run):
        pass
    assert len(bucket.keys()) == 3  # nothing is committed yet
    bucket.put("spool/s/2.pcap", capture(200))
    turned(feed, run)
    assert (bucket.keys(), packets(site)) == (["spool/s/README"], 201)


def test_what_fails_is_tried_again_and_hinders_nothing(
    site: Site, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fetch, below, failures = Objects.fetch, Objects.below, [True] * 3

    def fails(self: Objects, one: Listed, start: int, end: int) -> memoryview:
        if one.key.endswith("1.pcap") and failures and failures.pop():
            raise OSError(5, "the storage says 503 Slow Down", self.address(one.key))
        return fetch(self, one, start, end)

    monkeypatch.setattr(Objects, "fetch", fails)
    bucket.put("spool/s/1.pcap", many(100))
    bucket.put("spool/s/2.pcap", many(100, start=60))
    feed, run = Prefix.of(f"{bucket.uri}/spool", None, "stay"), session(site)
    turned(feed, run)
    assert (packets(site), failures) == (200, [])

    def no_listing(self: Objects, prefix: str) -> None:
        raise OSError(5, "the storage says 503 Slow Down", self.address(prefix))

    monkeypatch.setattr(Objects, "below", no_listing)
    turned(feed, run)
    monkeypatch.setattr(Objects, "below", below)
    bucket.put("spool/s/3.pcap", many(10, start=120))
    turned(feed, run)
    assert packets(site) == 210
    assert [record.message for record in caplog.records].count("spool") == 1


def test_what_cannot_be_watched_is_said(bucket: Bucket) -> None:
    done: Done
    for address, done, said in (
        ("s3://not-there/x", "stay", "s3://not-there/x: the storage says 404 Not Found, NoSuchBucket"),
        ("ftp://host/x", "stay", "ftp://host: object storage is one of s3://, gs://, az:// and a bucket"),
        (
            bucket.uri,
            "move",
            f'{bucket.uri}: ingest.done = "move" is of files: objects stay, or "delete" deletes them',
        ),
    ):
        with pytest.raises(IntakeError) as error:
            Prefix.of(address, None, done)
        assert str(error.value) == said
