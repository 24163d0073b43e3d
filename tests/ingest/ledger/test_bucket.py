"""A ledger in object storage lives as one in a folder does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ledgers import NOW, Site, empty_ledger, packets, ramp
from objects import Bucket

from darkscope.ingest.ledger.ledger import Ledger, LedgerError, is_ledger, storage_of
from darkscope.ingest.ledger.upkeep import clean, keep_up
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.series import FLOWS, ROLLUP_PORTS
from darkscope.ingest.settings import Settings, Storage
from darkscope.ingest.values import Uri


@dataclass
class Remote(Site):
    """A site whose ledger is in object storage, below a name."""

    bucket: str = ""

    @property
    def settings(self) -> Settings:
        ledger = Uri(f"{self.bucket}/ledger")
        return super().settings.model_copy(
            update={"ledger": ledger, "storage": Storage(cache=self.folder / "cache")}
        )

    def opened(self) -> Ledger:
        storage = storage_of(self.settings)
        if not is_ledger(storage):  # the tables' logs say nothing of where they lie
            empty = empty_ledger()
            for path in empty.rglob("*.json"):
                storage.put(path.relative_to(empty).as_posix(), path.read_bytes())
        return Ledger.open_or_create(storage)


@pytest.fixture
def site(bucket: Bucket, tmp_path: Path) -> Remote:
    return Remote(tmp_path, bucket=bucket.uri)


def test_what_is_read_is_there_once_and_is_kept_up(site: Remote) -> None:
    site.take(ramp(0, 30))
    site.take(ramp(0, 30))
    site.take(ramp(100, 12), "/spool/a/2.pcap")
    assert packets(site) == 42
    assert keep_up(site.ledger, "w", NOW).days_closed == 1
    clean(site.ledger)
    other = replace(site, folder=site.folder / "elsewhere", _opened=None)
    assert packets(other) == 42
    snapshot = other.ledger.snapshot()
    assert (snapshot.plan, snapshot.version) == (3, 2)
    assert snapshot.files(FLOWS).height == snapshot.files(ROLLUP_PORTS).height == 1
    verified = verify(other.ledger)
    assert (verified.frames, verified.packets, verified.faults) == (42, 42, ())


def test_a_place_without_a_ledger_or_a_bucket_is_named(bucket: Bucket, tmp_path: Path) -> None:
    for place, why in (
        (f"{bucket.uri}/nothing", "no ledger here"),
        ("s3://no-such-bucket/ledger", "the storage says 404 Not Found, NoSuchBucket"),
    ):
        settings = Settings(ledger=Uri(place), storage=Storage(cache=tmp_path))
        with pytest.raises(LedgerError, match=f"^{place}.*{why}"):
            Ledger(storage_of(settings))
