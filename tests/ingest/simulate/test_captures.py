from __future__ import annotations

from dataclasses import replace
from datetime import date
from hashlib import blake2b
from pathlib import Path

import dpkt
import polars as pl
import pytest
from observation import observed
from simulated import written

from darkscope.ingest.settings import load
from darkscope.ingest.simulate import SETTINGS, Compression, Scenario, scenario, scenarios, simulate
from darkscope.ingest.simulate.scenario import Truth

AUTUMN, SPRING = scenario("2014-q4"), scenario("2020-q2")


def briefly(shown: Scenario, first: date, last: date) -> Scenario:
    """The same scenario over a few days."""
    empty = Truth(period=(first, last), before=(first, first), ports=(), countries=())
    return replace(shown, truth=empty, outages=(), attacks=(), visits=())


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): blake2b(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def may(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """The days in which the honeypots were asked for the album, an attack's day, hourly files, as captured."""
    folder = tmp_path_factory.mktemp("may")
    days = [date(2020, 5, day) for day in (14, 26, 27, 28, 29, 30, 31)]
    written(SPRING, folder, days)
    return observed(folder)


@pytest.fixture(scope="module")
def december(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Two days of hourly and six-hourly files."""
    folder = tmp_path_factory.mktemp("december")
    written(AUTUMN, folder, [date(2014, 12, 11), date(2014, 12, 12)])
    return observed(folder)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    shown = briefly(SPRING, date(2020, 6, 4), date(2020, 6, 5))
    for name, seed in (("one", 5), ("again", 5), ("other", 6)):
        simulate(shown, tmp_path / name, scale=0.2, seed=seed)
    one, again, other = (digests(tmp_path / name) for name in ("one", "again", "other"))
    assert one == again
    assert one.keys() == other.keys()
    assert not {name for name in one if name != SETTINGS and one[name] == other[name]}


def test_days_come_out_the_same_in_any_order(tmp_path: Path) -> None:
    days = [date(2020, 5, day) for day in (27, 28, 29)]
    written(SPRING, tmp_path / "forward", days, scale=0.1)
    written(SPRING, tmp_path / "backward", days[::-1], scale=0.1)
    assert digests(tmp_path / "forward") == digests(tmp_path / "backward")


def test_a_scale_of_ten_gives_ten_times_the_packets(tmp_path: Path) -> None:
    shown = briefly(AUTUMN, date(2014, 7, 1), date(2014, 7, 1))
    small, large = (simulate(shown, tmp_path / str(scale), scale=scale) for scale in (0.5, 5.0))
    assert 9 < large.packets / small.packets < 11


def test_what_was_written_is_what_is_there(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    shown = briefly(SPRING, date(2020, 6, 4), date(2020, 6, 5))
    result = simulate(shown, tmp_path, scale=0.1, progress=lambda done, days: told.append((done, days)))
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != SETTINGS]
    assert (result.files, result.bytes) == (len(files), sum(path.stat().st_size for path in files))
    assert result.packets == len(observed(tmp_path))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("compression", "ends"),
    [(Compression.NONE, {".pcap", ".pcapng"}), (Compression.GZIP, {".gz"}), (Compression.ZSTD, {".zst"})],
)
def test_compression_can_be_chosen_for_all(compression: Compression, ends: set[str], tmp_path: Path) -> None:
    shown = briefly(AUTUMN, date(2014, 7, 1), date(2014, 7, 1))
    result = simulate(shown, tmp_path, scale=0.1, compression=compression)
    assert {path.suffix for path in tmp_path.glob("*/*")} == ends
    assert len(observed(tmp_path)) == result.packets


def test_sensors_write_different_formats_of_which_each_is_read(may: pl.DataFrame) -> None:
    endings = may.select("sensor", end=pl.col("file").str.extract(r"(\..*)$")).unique().rows()
    assert {end for _, end in endings} == {".pcap", ".pcapng", ".pcap.gz"}
    assert {sensor for sensor, _ in endings} == {sensor.id for sensor in SPRING.sensors}


@pytest.mark.parametrize("name", scenarios())
def test_the_settings_beside_the_captures_are_valid_and_say_that_all_is_simulated(
    name: str, tmp_path: Path
) -> None:
    simulate(briefly(scenario(name), date(2020, 6, 4), date(2020, 6, 4)), tmp_path, scale=0.01)
    text = (tmp_path / SETTINGS).read_text()
    assert "SIMULATED" in text.splitlines()[0]
    settings = load(tmp_path / SETTINGS, {}, {}).settings
    assert [entry.id for entry in settings.sensors] == [sensor.id for sensor in scenario(name).sensors]
    assert settings.retention.days("flows") is None


def test_settings_of_somebodys_own_are_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / SETTINGS).write_text("ledger = 'mine'\n")
    with pytest.raises(FileExistsError, match="choose another folder"):
        simulate(briefly(SPRING, date(2020, 6, 4), date(2020, 6, 4)), tmp_path, scale=0.01)
    assert [path.name for path in tmp_path.iterdir()] == [SETTINGS]


def test_every_frame_is_a_packet_or_arp(may: pl.DataFrame) -> None:
    assert set(may["outcome"].unique()) == {0, 2}
    assert set(may.filter(pl.col("outcome") == 0)["direction"].unique()) == {"inbound", "own", "stray"}
    inbound = may.filter(pl.col("direction") == "inbound")
    assert set(inbound["version"].unique()) == {4, 6}
    assert inbound.filter(pl.col("version") == 6)["sensor"].unique().to_list() == ["tokyo-1"]
    assert set(inbound["traffic"].unique()) == {"scan", "backscatter", "spoofable", "other"}


def test_sources_are_of_the_countries_that_the_shipped_database_names(may: pl.DataFrame) -> None:
    wanted = {country for stream in SPRING.streams for country in stream.rates}
    assert set(may.filter(pl.col("direction") == "inbound")["country"].unique()) == wanted


def test_all_checksums_are_right(tmp_path: Path) -> None:
    written(SPRING, tmp_path, [date(2020, 5, 29)], scale=0.5)
    checked = set()
    for path in (tmp_path / "tokyo-1" / "2020-05-29.pcap", tmp_path / "honeypot-1" / "2020-05-29.pcap"):
        with path.open("rb") as file:
            for _, frame in dpkt.pcap.Reader(file):
                packet = dpkt.ethernet.Ethernet(frame).data
                if isinstance(packet, dpkt.arp.ARP):
                    continue
                before = bytes(packet.data)
                if isinstance(packet, dpkt.ip.IP):
                    assert dpkt.in_cksum(bytes(packet)[:20]) == 0
                packet.data.sum = 0
                packet.sum = 0  # dpkt computes both anew
                assert bytes(packet)[-len(before) :] == before
                checked.add(type(packet.data).__name__)
    assert checked == {"TCP", "UDP", "ICMP", "ICMP6"}


def test_files_of_one_sensor_overlap_by_seconds_and_repeat_nothing(december: pl.DataFrame) -> None:
    edges = december.group_by("sensor", "file").agg(first=pl.col("time").min(), last=pl.col("time").max())
    edges = edges.sort("sensor", "first").with_columns(before=pl.col("last").shift(1).over("sensor"))
    late = edges.select(late=(pl.col("before") - pl.col("first")) / 1e9).drop_nulls()["late"]
    assert late.max() < 5
    assert late.min() > -10
    assert (late > 0).sum() > 5
    files = december.select("sensor", "file").unique().group_by("sensor").len()
    assert dict(files.rows())["sendai-1"] == 48
    assert dict(files.rows())["osaka-1"] == 8
    received = december.filter(pl.col("direction") == "inbound")
    assert received.select("sensor", "time", "source_low", "target_low", "sequence", "port").is_unique().all()


def test_an_outage_leaves_no_file(tmp_path: Path) -> None:
    for shown in (AUTUMN, SPRING):
        for outage in shown.outages:
            folder = tmp_path / f"{shown.name} {outage.sensor}"
            written(shown, folder, [outage.first, outage.last], scale=0.01)
            sensors = {path.parent.name for path in folder.glob("*/*")}
            assert sensors == {sensor.id for sensor in shown.sensors} - {outage.sensor}


def test_honeypots_got_the_requests_of_the_reports_table(may: pl.DataFrame) -> None:
    (wanted,) = SPRING.truth.requests
    found = may.filter(pl.col("request") == wanted.path, pl.col("direction") == "inbound")
    table = (
        found.group_by(pl.col("at").dt.convert_time_zone("Asia/Tokyo").dt.date(), "port")
        .len()
        .sort("at", "port")
    )
    assert table.rows() == list(wanted.counts)
    assert set(found["country"]) == {wanted.country}
    assert set(found["sensor"]) <= {"honeypot-1", "honeypot-2"}
    assert wanted.counts == (
        (date(2020, 5, 27), 8080, 1),
        (date(2020, 5, 28), 8080, 3),
        (date(2020, 5, 29), 5000, 1),
        (date(2020, 5, 29), 5001, 4),
        (date(2020, 5, 29), 8083, 4),
        (date(2020, 5, 30), 5000, 3),
        (date(2020, 5, 31), 8080, 3),
    )


def test_each_request_is_a_whole_connection_in_both_directions(may: pl.DataFrame) -> None:
    tcp = may.filter(pl.col("protocol") == 6).sort("time")
    asked = may.filter(pl.col("request").is_not_null()).select(
        "sensor", "source_low", "source_port", "port", "time"
    )
    for sensor, source, source_port, port, time in asked.rows():
        theirs = (
            (pl.col("source_low") == source)
            & (pl.col("source_port") == source_port)
            & (pl.col("port") == port)
        )
        ours = (
            (pl.col("target_low") == source)
            & (pl.col("port") == source_port)
            & (pl.col("source_port") == port)
        )
        steps = tcp.filter(
            pl.col("sensor") == sensor, theirs | ours, (pl.col("time") - time).abs() < 2_000_000_000
        ).select("direction", "tcp_flags", "sequence", "acknowledgement")
        assert steps.select("direction", "tcp_flags").rows() == [
            ("inbound", 0x02),
            ("own", 0x12),
            ("inbound", 0x10),
            ("inbound", 0x18),
            ("own", 0x10),
            ("own", 0x18),
            ("inbound", 0x10),
            ("inbound", 0x11),
            ("own", 0x11),
            ("inbound", 0x10),
        ]
        syn, accepted, confirmed = steps.head(3).rows()
        assert accepted[3] == syn[2] + 1
        assert confirmed[2:] == (syn[2] + 1, accepted[2] + 1)


def test_the_albums_visitors_are_seen_by_telescopes_the_same_day(may: pl.DataFrame) -> None:
    day = pl.col("at").dt.convert_time_zone("Asia/Tokyo").dt.date()
    visitors = (
        may.filter(pl.col("request") == "/photo/p/api/album.php")
        .select("source_low", "port", day=day)
        .unique()
    )
    scans = may.filter(pl.col("tcp_flags") == 2, ~pl.col("sensor").str.starts_with("honeypot"))
    scans = scans.select("source_low", "port", day=day)
    assert visitors.join(scans, on=["source_low", "port", "day"], how="anti").is_empty()


def test_an_attack_is_seen_by_its_backscatter(may: pl.DataFrame) -> None:
    replies = may.filter(
        pl.col("traffic") == "backscatter", pl.col("direction") == "inbound", pl.col("protocol") == 6
    )
    by_victim = replies.group_by("source_low", "country").agg(
        packets=pl.len(),
        seconds=(pl.col("time").max() - pl.col("time").min()) / 1e9,
        sensors=pl.col("sensor").n_unique(),
        fullest=pl.col("at").dt.truncate("1m").value_counts(sort=True).struct.field("count").first(),
        ports=pl.col("source_port").n_unique(),
    )
    (victim,) = by_victim.filter(pl.col("packets") > 500).rows(named=True)
    assert victim["country"] == "US"
    assert victim["seconds"] > 600
    assert victim["fullest"] > 60
    assert victim["sensors"] == len(SPRING.sensors)
    assert victim["ports"] == 1


def test_tools_leave_their_marks_in_2020(may: pl.DataFrame) -> None:
    inbound = may.filter(pl.col("direction") == "inbound")
    shares = dict(inbound.group_by("tool").agg(pl.len() / len(inbound)).rows())
    assert set(shares) == {"", "mirai", "zmap", "masscan"}
    assert shares["mirai"] > 0.05
    assert shares["zmap"] > 0.03
    assert shares["masscan"] > 0.1


def test_mirai_leaves_no_mark_in_2014(december: pl.DataFrame) -> None:
    inbound = december.filter(pl.col("direction") == "inbound")
    assert set(inbound["tool"]) == {"", "zmap", "masscan"}


def test_pairs_of_nmaps_sequence_numbers_differ_by_the_same_halves(may: pl.DataFrame) -> None:
    nmap = may.filter(
        pl.col("protocol") == 6, pl.col("tcp_flags") == 2, pl.col("window") == 1024, pl.col("tool") == ""
    ).with_columns(
        half=(pl.col("sequence") // 65536).xor(pl.col("sequence") % 65536), day=pl.col("at").dt.date()
    )
    pairs = nmap.group_by("source_low", "day").agg(packets=pl.len(), masks=pl.col("half").n_unique())
    scans = pairs.filter(pl.col("packets") >= 8, pl.col("masks") == 1)
    assert len(scans) > 10


def test_honeypots_answer_and_telescopes_never_do(may: pl.DataFrame) -> None:
    own = may.filter(pl.col("direction") == "own")
    assert set(own["sensor"]) == {"honeypot-1", "honeypot-2"}
    assert set(own["protocol"]) == {1, 6, 17}
    assert set(own.filter(pl.col("protocol") == 17)["source_port"]) == {53}
