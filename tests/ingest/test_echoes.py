"""Backscatter becomes rows of whom it comes from, the same however it is read and cut."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from datetime import date
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Any

import dpkt
import numpy as np
import polars as pl
import pytest
from capture_files import pcap, record
from hypothesis import given
from hypothesis import strategies as st
from ledgers import NOON, PLACES, Site, at, read
from ledgers import packets as packets_of
from packets import (
    ETHERNET,
    RAW,
    SOURCE6,
    TARGET,
    TARGET6,
    ethernet,
    icmp,
    ipv4,
    ipv6,
    run,
    tcp,
    udp,
)

from darkscope.ingest.capture.frames import Frames, Interface
from darkscope.ingest.decode.decoder import Decoder
from darkscope.ingest.decode.protocols import ICMP, ICMPV6, TCP
from darkscope.ingest.decode.reference import read as read_frame
from darkscope.ingest.echoes import Echoes
from darkscope.ingest.ledger.expiry import expire, forget
from darkscope.ingest.ledger.upkeep import keep_up
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.observers import Run
from darkscope.ingest.rules import RULES_VERSION
from darkscope.ingest.rules.judge import Judge
from darkscope.ingest.sensors import INBOUND, OWN, Sensors
from darkscope.ingest.series import ECHOES, ECHOES_SINCE, ECHOING, Traffic
from darkscope.ingest.settings import Ingest, Retention, SensorEntry, Settings

SYN, RST, ACK = 0x02, 0x04, 0x10
VICTIM = "8.8.4.4"
VICTIM6 = "2001:4860::4"
ROUTER = "193.0.6.139"
LOW_64 = (1 << 64) - 1


def timed(frames: list[bytes], seconds: list[float] | None = None) -> Frames:
    made = run(frames)
    when = seconds if seconds is not None else [0.0] * len(frames)
    time = np.array([NOON * 10**9 + round(second * 1000) * 10**6 for second in when], np.int64)
    return Frames(made.buffer, made.offset, made.captured, made.wire, time, made.interface)


def echoed(frames: list[bytes], seconds: list[float] | None = None, fate: int = INBOUND) -> pl.DataFrame:
    echoes = Echoes()
    note(echoes, timed(frames, seconds), fate)
    return taken(echoes)


def taken(echoes: Echoes) -> pl.DataFrame:
    rows = dict(echoes.take(PLACES))
    assert rows.keys() <= {ECHOES}
    return rows.get(ECHOES, pl.DataFrame(schema={"day": pl.Date(), **ECHOES.schema}))


def note(echoes: Echoes, frames: Frames, fate: int = INBOUND, sensor: str = "a") -> None:
    packets = Decoder().decode(frames, [Interface(ETHERNET)])
    fates = np.where(packets.outcome == 0, fate, 200).astype(np.uint8)
    who = Sensors(Settings(sensors=(SensorEntry(id=sensor),))).of_id(sensor)
    echoes.see(Run(who, "", frames, packets, Judge().judge(packets, frames), fates))


def answer(flags: int = SYN | ACK, port: int = 80, source: str = VICTIM, **how: Any) -> bytes:
    """A TCP packet that a victim sends back."""
    return ethernet(ipv4(tcp(40000, source_port=port, flags=flags, **how), source=source))


def error(quote: bytes, kind: int = 3, source: str = ROUTER) -> bytes:
    """An ICMP error about a packet."""
    return ethernet(ipv4(icmp(kind, 1, quote), 1, source=source))


def forged(payload: bytes, protocol: int = 6, target: str = VICTIM, **how: Any) -> bytes:
    """The packet that somebody sent in the sensor's name."""
    return ipv4(payload, protocol, source=how.pop("source", TARGET), target=target, **how)


def row(rows: pl.DataFrame) -> dict[str, Any]:
    assert rows.height == 1
    return rows.drop("targets", "country", "asn").to_dicts()[0]


def about(**how: Any) -> dict[str, Any]:
    """One echo of VICTIM's port 80 at noon, but for what is given."""
    plain: dict[str, Any] = {
        "day": pl.Series([NOON // 86_400], dtype=pl.Int32).cast(pl.Date)[0],
        "minute": NOON // 60,
        "slot": 0,
        "sensor": "a",
        "version": 4,
        "victim_high": 0,
        "victim_low": int(ip_address(VICTIM)),
        "protocol": 6,
        "port": 80,
        "packets": 1,
        "syn_acks": 0,
        "resets": 0,
        "first": 0,
        "last": 0,
    }
    return plain | how


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (SYN | ACK, {"syn_acks": 1}),
        (RST, {"resets": 1}),
        (RST | ACK, {"resets": 1}),
    ],
    ids=str,
)
def test_an_answer_is_an_echo_of_its_sender_and_the_port_it_comes_from(
    flags: int, what: dict[str, int]
) -> None:
    assert row(echoed([answer(flags)])) == about(**what)


@pytest.mark.parametrize("kind", [3, 4, 5, 11, 12])
def test_an_error_is_an_echo_of_whom_the_quoted_packet_was_for(kind: int) -> None:
    """All that RFC 792 promises of it are its IP header and 8 bytes more."""
    assert row(echoed([error(forged(tcp(443))[:28], kind)])) == about(port=443)


def test_the_protocol_of_an_error_is_that_of_the_quoted_packet() -> None:
    assert row(echoed([error(forged(udp(53), 17))])) == about(protocol=17, port=53)
    assert row(echoed([error(forged(icmp(), 1))])) == about(protocol=1, port=-1)
    assert row(echoed([error(forged(b"", 47))])) == about(protocol=47, port=-1)


def test_a_quoted_later_fragment_has_no_port() -> None:
    assert row(echoed([error(forged(tcp(443), flags=0x0010))])) == about(port=-1)


def test_options_before_the_quoted_ports_are_passed_over() -> None:
    assert row(echoed([error(forged(tcp(443), options=bytes(8)))])) == about(port=443)


def test_a_quote_is_cut_where_the_capture_is() -> None:
    assert row(echoed([error(forged(tcp(443)))[: 14 + 28 + 23]])) == about(port=-1)
    sender = about(victim_low=int(ip_address(ROUTER)), protocol=1, port=-1)
    assert row(echoed([error(forged(tcp(443)))[: 14 + 28 + 19]])) == sender
    assert row(echoed([error(forged(tcp(443)))[: 14 + 20 + 7]])) == sender


@pytest.mark.parametrize(
    "quote",
    [
        forged(tcp(443), source="133.8.0.10"),  # somebody else's
        forged(tcp(443))[1:],
        ipv6(tcp(443)),
        b"",
    ],
    ids=["of another sender", "shifted", "of another version", "empty"],
)
def test_an_error_that_quotes_nothing_of_the_sensor_is_an_echo_of_its_sender(quote: bytes) -> None:
    expected = about(victim_low=int(ip_address(ROUTER)), protocol=1, port=-1)
    assert row(echoed([error(quote)])) == expected


@pytest.mark.parametrize("kind", [0, 14, 16, 18])
def test_an_icmp_reply_is_an_echo_of_its_sender_whatever_it_carries(kind: int) -> None:
    expected = about(victim_low=int(ip_address(ROUTER)), protocol=1, port=-1)
    assert row(echoed([error(forged(tcp(443)), kind)])) == expected


def test_over_ipv6_it_is_the_same() -> None:
    victim = int(ip_address(VICTIM6))
    quote = ipv6(tcp(443), source=TARGET6)
    quote = quote[:24] + ip_address(VICTIM6).packed + quote[40:]
    expected = about(version=6, victim_high=victim >> 64, victim_low=victim & LOW_64, port=443)
    frame = ethernet(ipv6(icmp(1, 0, quote), 58), 0x86DD)
    assert row(echoed([frame])) == expected
    sender = int(ip_address(SOURCE6))
    its = about(version=6, victim_high=sender >> 64, victim_low=sender & LOW_64, syn_acks=1)
    assert row(echoed([ethernet(ipv6(tcp(1025, source_port=80, flags=SYN | ACK)), 0x86DD)])) == its


@pytest.mark.parametrize(
    "frame",
    [
        answer(SYN),
        answer(ACK),
        answer(source="10.0.0.1"),  # forged: class spoofable
        ethernet(ipv4(icmp(8), 1)),
        ethernet(ipv4(udp(40000, source_port=53), 17)),
    ],
    ids=["SYN", "ACK", "bogon", "ping", "reflector"],
)
def test_what_flows_do_not_call_backscatter_and_replies_of_reflectors_are_no_echoes(frame: bytes) -> None:
    assert echoed([frame]).is_empty()
    assert not echoed([frame, answer()]).is_empty()


def test_what_does_not_count_as_a_packet_is_no_echo() -> None:
    assert echoed([answer()], fate=OWN).is_empty()


def test_packets_of_ten_seconds_are_one_row_with_the_time_of_the_first_and_the_last() -> None:
    frames = [answer(flags) for flags in (SYN | ACK, RST, SYN | ACK, RST)]
    rows = echoed(frames, [9.999, 0.25, 3.5, 10.0]).sort("slot")
    assert row(rows.head(1)) == about(packets=3, syn_acks=2, resets=1, first=250, last=9999)
    assert row(rows.tail(1)) == about(slot=1, resets=1)


def test_victims_ports_and_sensors_are_apart() -> None:
    frames = [answer(), answer(port=443), answer(source="8.8.8.8"), error(forged(udp(80), 17))]
    echoes = Echoes()
    for sensor in ("a", "b"):
        note(echoes, timed(frames), sensor=sensor)
    rows = taken(echoes).select("sensor", "victim_low", "protocol", "port").rows()
    eights, fours = int(ip_address("8.8.8.8")), int(ip_address(VICTIM))
    assert sorted(rows) == [
        (sensor, *what)
        for sensor in ("a", "b")
        for what in [(fours, 6, 80), (fours, 6, 443), (fours, 17, 80), (eights, 6, 80)]
    ]


def test_a_victim_has_the_country_of_its_address() -> None:
    assert echoed([error(forged(tcp(443)))])["country"].to_list() == ["US"]


def test_the_mark_of_targets_tells_addresses_apart_and_is_the_one_of_flows() -> None:
    one, other = (
        answer(),
        ethernet(ipv4(tcp(1, source_port=80, flags=RST), source=VICTIM, target="133.8.0.77")),
    )
    (mark,) = echoed([one, one])["targets"]
    (both,) = echoed([one, other])["targets"]
    assert (mark.bit_count(), both.bit_count()) == (1, 2)
    assert mark & both == mark


def test_rows_do_not_depend_on_how_the_packets_came_in_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darkscope.ingest.echoes.PENDING", 3)
    frames = [answer(port=port) for port in (80, 81, 82, 80, 81)] + [error(forged(tcp(80)))] * 3
    seconds = [0.1, 1.0, 2.0, 9.0, 12.0, 13.0, 3.0, 0.0]
    echoes = Echoes()
    for frame, second in zip(frames, seconds, strict=True):
        note(echoes, timed([frame], [second]))
    rows, whole = taken(echoes), echoed(frames, seconds)
    assert rows.sort(rows.columns).equals(whole.sort(whole.columns))
    assert rows["packets"].sum() == 8
    assert taken(echoes).is_empty()


def test_it_is_full_when_it_holds_as_many_rows_as_it_has_room_for() -> None:
    echoes = Echoes(rows=3)
    for port in (80, 80, 80, 81):
        note(echoes, timed([answer(port=port)]))
        assert not echoes.is_full
    note(echoes, timed([answer(port=82)]))
    assert echoes.is_full
    assert taken(echoes)["packets"].sum() == 5
    assert not echoes.is_full


def expected(frame: bytes) -> tuple[int, int, int] | None:
    """Victim, protocol and port by dpkt, where the frame is backscatter of a kind that counts."""
    ip = dpkt.ethernet.Ethernet(frame).data
    inner = ip.data
    if ip.p == 6:
        is_echo = inner.flags & RST or inner.flags & (SYN | ACK) == SYN | ACK
        return (int.from_bytes(ip.src), 6, inner.sport) if is_echo else None
    if inner.type not in (0, 3, 4, 5, 11, 12, 14, 16, 18):
        return None
    if inner.type in (3, 4, 5, 11, 12):
        data = frame[14 + 20 + 8 : 14 + ip.len]
        if len(data) >= 20 and data[0] >> 4 == 4 and data[0] & 15 >= 5:
            quote = dpkt.ip.IP(data[:20])
            length = quote.hl * 4
            if quote.src == ip.dst and (not quote.len or quote.len >= length):
                end = min(len(data), quote.len) if quote.len else len(data)
                has_port = quote.p in (6, 17, 33, 132, 136) and not quote.offset and end >= length + 4
                port = int.from_bytes(data[length + 2 : length + 4]) if has_port else -1
                return int.from_bytes(quote.dst), quote.p, port
    return int.from_bytes(ip.src), 1, -1


QUOTES = st.binary(max_size=60) | st.builds(
    lambda head, rest, protocol, fragment, total: (
        bytes([head, 0])
        + total.to_bytes(2)
        + b"\0\7"
        + fragment.to_bytes(2)
        + bytes([64, protocol, 0, 0])
        + ip_address(TARGET).packed
        + ip_address(VICTIM).packed
        + rest
    ),
    st.integers(0x40, 0x4F) | st.just(0x45),
    st.binary(max_size=48),
    st.integers(0, 255) | st.sampled_from([1, 6, 17]),
    st.sampled_from([0, 0x4000, 0x2000, 0x0001, 0x1FFF]),
    st.sampled_from([0, 19, 20, 22, 24, 28, 40, 1500]),
)


@given(
    frames=st.lists(
        st.builds(answer, st.integers(0, 63).filter(bool), st.integers(1, 65535))
        | st.builds(error, QUOTES, st.integers(0, 18)),
        max_size=8,
    )
)
def test_victims_are_those_that_dpkt_reads(frames: list[bytes]) -> None:
    found = echoed(frames)
    classes = Judge().judge(Decoder().decode(run(frames), [Interface(ETHERNET)]), run(frames)).traffic
    is_backscatter = classes == list(Traffic).index(Traffic.BACKSCATTER)
    wanted: dict[tuple[int, int, int], int] = {}
    for frame, counts in zip(frames, is_backscatter.tolist(), strict=True):
        victim = expected(frame)
        assert not counts or victim is not None
        if counts and victim is not None:
            wanted[victim] = wanted.get(victim, 0) + 1
    rows = found.select("victim_low", "protocol", "port", "packets").rows()
    assert {tuple(key): packets for *key, packets in rows} == wanted


def hostile_errors(count: int) -> list[bytes]:
    """ICMP errors whose quotes are bent and cut, of packets that are the sensor's and of others'."""
    random = Random(20261130)
    version6 = ipv6(tcp(443), source=TARGET6)
    quotes = [
        forged(tcp(443)),
        forged(udp(53), 17),
        forged(icmp(), 1),
        forged(tcp(443), options=bytes(12)),
        forged(tcp(443), flags=0x2000),
        forged(tcp(443), source=ROUTER),
        ipv6(bytes((6, 0, 1, 4)) + bytes(4) + tcp(443), 0, source=TARGET6),
        version6,
    ]
    frames = []
    for _ in range(count):
        quote = bytearray(random.choice(quotes))
        for _ in range(random.choice((0, 1, 1, 2, 5))):
            at = int(len(quote) * random.random() ** 1.5)
            quote[at] = random.choice(
                (0, 1, 4, 5, 6, 17, 0x40, 0x45, 0x4F, 0x60, 0xFF, random.randrange(256))
            )
        cut = bytes(quote[: random.randrange(len(quote) + 1)] if random.random() < 0.4 else quote)
        if random.random() < 0.5:
            frames.append(error(cut, random.choice((3, 4, 5, 11, 12))))
        else:
            frames.append(ethernet(ipv6(icmp(random.choice((1, 2, 3, 4)), 0, cut), 58), 0x86DD))
    return frames


def test_of_hostile_quotes_victims_are_those_that_the_reference_reads() -> None:
    frames = hostile_errors(20_000)
    wanted: Counter[tuple[int, int, int, int]] = Counter()
    followed = 0
    for frame in frames:
        of_error = read_frame(frame, ETHERNET)
        quote = read_frame(frame[of_error.payload : of_error.payload + of_error.payload_length], RAW)
        is_its = quote.rejected is None and (quote.version, quote.source) == (
            of_error.version,
            of_error.target,
        )
        followed += is_its
        victim = quote.target if is_its else of_error.source
        told = (quote.protocol, quote.port) if is_its else (of_error.protocol, -1)
        wanted[(of_error.version, victim, *told)] += 1
    assert 3_000 < followed < 15_000
    rows = echoed(frames).select("version", "victim_high", "victim_low", "protocol", "port", "packets").rows()
    found = Counter(
        {
            (version, (high % (1 << 64) << 64) | low % (1 << 64), protocol, port): packets
            for version, high, low, protocol, port, packets in rows
        }
    )
    assert found == wanted


def test_the_protocols_that_echo_are_tcp_and_those_of_icmp() -> None:
    assert ECHOING == (ICMP, TCP, ICMPV6)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "ledger", sensors=[SensorEntry(id="a"), SensorEntry(id="b")])


def answers(seconds: Sequence[float], port: int = 80) -> list[bytes]:
    """Records of a capture: a victim's answers, and a router's errors about packets to it, in turn."""
    frames = [answer(port=port), error(forged(tcp(port)))]
    return [at_time(frames[number % 2], second) for number, second in enumerate(seconds)]


def at_time(frame: bytes, second: float) -> bytes:
    return record(frame, NOON + int(second), round(second % 1 * 1_000_000))


def echoes_of(site: Site) -> list[dict[str, Any]]:
    return site.rows(ECHOES)


def test_the_echoes_of_a_ledger_are_its_backscatter_however_it_came_in(site: Site, tmp_path: Path) -> None:
    records = [*answers([number / 2 for number in range(100)]), *(at(100 + number) for number in range(20))]
    whole = Site(tmp_path / "whole", sensors=site.sensors)
    whole.take(pcap(records))
    worker = site.worker()
    for cut in (10, 11, 57):
        read(worker, pcap(records[:cut]), following=True)
        worker.commit()
    site.take(pcap(records))
    site.take(pcap(records))
    assert echoes_of(site) == echoes_of(whole)
    assert sum(row["packets"] for row in echoes_of(site)) == 100
    assert {(row["port"], row["protocol"], row["victim_low"]) for row in echoes_of(site)} == {
        (80, 6, int(ip_address(VICTIM)))
    }
    assert verify(site.ledger).faults == ()


def test_upkeep_merges_echoes_and_changes_none(site: Site) -> None:
    for number in range(6):
        site.take(pcap(answers([number + step * 7 for step in range(9)])), f"/spool/a/{number}.pcap")
        site.take(pcap(answers([number + step * 7 for step in range(9)], 443)), f"/spool/b/{number}.pcap")
    before = echoes_of(site)
    assert site.ledger.snapshot().files(ECHOES).height > 1
    keep_up(site.ledger, "w", site.now)
    assert site.ledger.snapshot().files(ECHOES).height == 1
    assert echoes_of(site) == before
    assert site.ledger.snapshot().scan(ECHOES).collect().height == len(before)
    assert verify(site.ledger).faults == ()


def test_many_rows_are_written_before_they_are_too_many(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A router that reports of ever other hosts makes one flow a minute, and a row of echoes for each."""
    monkeypatch.setattr("darkscope.ingest.capture.reader.LONGEST_RUN", 50)
    site.ingest = Ingest(flows_per_file=1000)
    victims = [f"8.8.{number >> 8}.{number & 255}" for number in range(3000)]
    records = [at_time(error(forged(tcp(80), target=victim)), 1.0) for victim in victims]
    worker = site.worker()
    held = []
    reading = worker.open(io.BytesIO(pcap(records)), "/spool/a/1.pcap")
    while worker.read(reading):
        held.append(next(one for one in worker._observers if isinstance(one, Echoes))._packets)
    worker.commit()
    assert max(held) < 1500
    assert len(echoes_of(site)) == 3000
    assert site.ledger.snapshot().files(ECHOES).height > 1
    assert verify(site.ledger).faults == ()


def test_echoes_are_forgotten_and_come_again_with_their_day(site: Site) -> None:
    captures = {
        f"/spool/{sensor}/{day}.pcap": pcap(answers([day * 86_400 + step for step in range(30)], port))
        for sensor, port in (("a", 80), ("b", 443))
        for day in (0, 1)
    }
    for name, data in captures.items():
        site.take(data, name)
    before = echoes_of(site)
    first = date(2020, 6, 24)
    assert forget(site.ledger, "w", "a", first, first, site.now)["echoes"] == 3
    assert {(row["day"], row["sensor"]) for row in echoes_of(site)} == {
        (first, "b"),
        (date(2020, 6, 25), "a"),
        (date(2020, 6, 25), "b"),
    }
    assert verify(site.ledger).faults == ()
    worker = site.worker(again=True, clock=lambda: int(site.now.timestamp() + 60) * 10**9)
    for name, data in captures.items():
        read(worker, data, name)
    worker.commit()
    assert echoes_of(site) == before
    assert verify(site.ledger).faults == ()


def test_echoes_expire_by_their_own_age(site: Site) -> None:
    for day in (0, 1):
        site.take(pcap(answers([day * 86_400])), f"/spool/a/{day}.pcap")
    expire(site.ledger, "w", date(2020, 6, 26), Retention(echoes=1).days, None)
    assert {row["day"] for row in echoes_of(site)} == {date(2020, 6, 25)}
    assert packets_of(site) == 2
    assert verify(site.ledger).faults == ()


def test_the_rules_of_today_are_those_with_which_captures_have_echoes() -> None:
    assert RULES_VERSION >= ECHOES_SINCE
