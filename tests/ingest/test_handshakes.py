"""A source that completed a handshake with a honeypot is confirmed, however its frames were cut into batches."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from capture_files import pcap
from ledgers import Site, at, day, merged, read
from talks import SENSOR

from darkscope.ingest import handshakes
from darkscope.ingest.geo import Places
from darkscope.ingest.handshakes import WHOLE, Handshakes
from darkscope.ingest.ledger.upkeep import keep_up
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.rules.evidence import is_confirmed
from darkscope.ingest.series import SOURCES, Table
from darkscope.ingest.settings import SensorEntry

CLIENT, HONEYPOT = "198.41.0.4", "133.8.0.9"
SYN, ACK = 0x02, 0x10


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "ledger", sensors=[SENSOR])


def syn(second: float) -> bytes:
    return at(second, source=CLIENT, target=HONEYPOT, port=80, source_port=4000, sequence=1000)


def offer(second: float, sequence: int = (1 << 32) - 1) -> bytes:
    return at(
        second,
        source=HONEYPOT,
        target=CLIENT,
        port=4000,
        source_port=80,
        sequence=sequence,
        acknowledgement=1001,
        flags=SYN | ACK,
    )


def complete(second: float, acknowledgement: int = 0, sequence: int = 1001, port: int = 80) -> bytes:
    """The client's ACK; what acknowledges the offer is its sequence number plus one, which wraps to 0."""
    return at(
        second,
        source=CLIENT,
        target=HONEYPOT,
        port=port,
        source_port=4000,
        sequence=sequence,
        acknowledgement=acknowledgement,
        flags=ACK,
    )


def confirmed(site: Site) -> bool:
    rows = merged(site.ledger.finish(), SOURCES).select(is_confirmed()).to_series()
    assert len(rows) == 1
    return bool(rows[0])


def test_a_handshake_confirms_its_client(site: Site) -> None:
    site.take(pcap([syn(0), offer(1), complete(2)]))
    assert confirmed(site)
    assert verify(site.ledger).faults == ()


@pytest.mark.parametrize("cut", [1, 2])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_handshake_cut_into_batches_confirms_its_client(site: Site, cut: int, restarted: bool) -> None:
    frames = [syn(0), offer(1), complete(2)]
    worker = site.worker()
    read(worker, pcap(frames[:cut]), following=True)
    worker.commit()
    if restarted:
        worker = site.worker()
    read(worker, pcap(frames))
    worker.commit()
    assert confirmed(site)
    assert verify(site.ledger).faults == ()


def test_an_offer_alone_in_its_batch_is_kept_by_that_batch(site: Site) -> None:
    """No packet of flows is in it; what it says must not wait for the next batch."""
    site.take(pcap([syn(0)]), "/spool/a/1.pcap")
    site.take(pcap([offer(1)]), "/spool/a/2.pcap")
    site.take(pcap([complete(2)]), "/spool/a/3.pcap")
    assert confirmed(site)
    keep_up(site.ledger, "w", site.now)
    assert confirmed(site)
    assert verify(site.ledger).faults == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"acknowledgement": 1},
        {"acknowledgement": (1 << 32) - 1},
        {"sequence": 1002},
        {"port": 81},
    ],
    ids=str,
)
def test_an_acknowledgement_of_something_else_confirms_nobody(site: Site, wrong: dict[str, int]) -> None:
    site.take(pcap([syn(0), offer(1), complete(2, **wrong)]))
    assert not confirmed(site)


def test_one_handshake_among_many_acknowledgements_confirms_its_client(site: Site) -> None:
    """Whichever the smallest marks are: within a batch all of them are looked at."""
    data = [complete(3 + number / 100, number * 7919, 1002 + number) for number in range(400)]
    for number in range(5):
        site.take(pcap([offer(1), complete(2), *data[number * 80 :][:80]]), f"/spool/a/{number}.pcap")
    assert confirmed(site)
    (row,) = site.rows(SOURCES)
    assert row["offered"][0] == row["completed"][0] == WHOLE
    keep_up(site.ledger, "w", site.now)
    assert confirmed(site)


def busy(begin: float) -> list[bytes]:
    """Acknowledgements of other things, whose marks crowd out all others."""
    return [complete(begin + number / 1000, number * 7919, 1002 + number) for number in range(400)]


def halves() -> list[bytes]:
    """Two batches of one capture that cut the only handshake of a busy client."""
    frames = [syn(0), *busy(1), offer(2), complete(2.1), *busy(3)]
    return [pcap(frames[:402]), pcap(frames)]


def test_a_busy_client_whose_only_handshake_is_cut_by_two_batches_is_confirmed(site: Site) -> None:
    worker = site.worker()
    for data in halves():
        read(worker, data)
        worker.commit()
    assert confirmed(site)
    assert verify(site.ledger).faults == ()


def test_whoever_reads_on_knows_the_offers_that_wait(site: Site) -> None:
    for data in halves():
        site.take(data)
    assert confirmed(site)


def test_an_offer_waits_for_a_minute_however_batches_are_cut(tmp_path: Path) -> None:
    for seconds in (60, 61):
        frames = [syn(0), *busy(1), offer(2), complete(2 + seconds), *busy(3 + seconds)]
        for number, cut in enumerate((len(frames), 402)):
            site = Site(tmp_path / f"{seconds}-{number}", sensors=[SENSOR])
            for data in (pcap(frames[:cut]), pcap(frames)):
                site.take(data)
            assert confirmed(site) is (seconds == 60)


@pytest.mark.parametrize(("remembered", "is_remembered"), [(2, True), (1, False)])
def test_of_offers_that_wait_the_latest_are_remembered(
    site: Site, monkeypatch: pytest.MonkeyPatch, remembered: int, is_remembered: bool
) -> None:
    monkeypatch.setattr(handshakes, "MOST_OPEN", remembered)
    frames = [syn(0), *busy(1), offer(2), offer(2.1, sequence=7), complete(2.2), *busy(3)]
    worker = site.worker()
    for data in (pcap(frames[:403]), pcap(frames)):
        read(worker, data)
        worker.commit()
    assert confirmed(site) is is_remembered


def test_acknowledgements_without_end_are_taken_in_between(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = pcap([syn(0), offer(1), *(complete(2 + number, number) for number in range(20))])
    site.take(frames)
    takes = []
    take = Handshakes.take

    def counted(self: Handshakes, places: Places) -> list[tuple[Table, pl.DataFrame]]:
        rows = list(take(self, places))
        takes.append(len(rows))
        return rows

    monkeypatch.setattr(Handshakes, "take", counted)
    monkeypatch.setattr(handshakes, "MOST_FOUND", 4)
    monkeypatch.setattr("darkscope.ingest.capture.reader.LONGEST_RUN", 3)
    other = Site(site.folder.with_name("other"), sensors=site.sensors)
    other.take(frames)
    assert takes == [1, 1, 1, 1, 0]
    assert other.rows(SOURCES, "offered", "completed") == site.rows(SOURCES, "offered", "completed")
    assert confirmed(other)


def test_a_handshake_at_midnight_confirms_its_client_on_the_day_it_ended(site: Site) -> None:
    midnight = 12 * 3600
    site.take(
        pcap(
            [
                syn(midnight - 3),
                *busy(midnight - 2),
                offer(midnight - 1),
                complete(midnight),
                *busy(midnight + 1),
            ]
        )
    )
    rows = merged(site.ledger.finish(), SOURCES).select("day", confirmed=is_confirmed())
    assert rows.rows() == [(day("2020-06-24"), False), (day("2020-06-25"), True)]


def test_many_acknowledgements_without_an_offer_confirm_nobody(site: Site) -> None:
    site.take(pcap([offer(1), *(complete(3 + n / 100, n * 7919 + 1, 1002 + n) for n in range(400))]))
    assert not confirmed(site)


def test_without_an_offer_nobody_is_confirmed(site: Site) -> None:
    site.take(pcap([syn(0), complete(2)]))
    assert not confirmed(site)


def test_a_telescope_keeps_no_marks(site: Site) -> None:
    site.sensors = [SensorEntry(id="a", networks=("133.8.0.0/24",))]
    site.take(pcap([syn(0), offer(1), complete(2)]))
    assert not confirmed(site)
    (row,) = site.rows(SOURCES)
    assert (row["offered"], row["completed"]) == ([], [])


def test_marks_add_nothing_but_themselves(site: Site) -> None:
    site.take(pcap([syn(0), offer(1), complete(2)]))
    (row,) = site.rows(SOURCES)
    assert (row["packets"], row["bytes"], row["source_port"], row["ttl"]) == (2, 108, 4000, 64)
    assert row["country"] != "ZZ"
    assert row["last"] - row["first"] == 2_000_000_000
