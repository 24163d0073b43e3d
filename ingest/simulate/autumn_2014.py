"""Scenario `2014-q4`: what JPCERT/CC's report on October to December 2014 describes, and the quarter before.

23/TCP stands high for a week in early November and swings widely from December on, when sources in Japan
join; NAS devices ask for 8080/TCP from the turn to December and for 10000/TCP from late December; one sensor
receives the leftovers of a peer-to-peer network. Amounts that the report does not state are made up.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from darkscope.ingest.simulate.network import sensors
from darkscope.ingest.simulate.probes import (
    DNS,
    LINUX,
    MASSCAN,
    MDNS,
    NMAP,
    NTP,
    PEER,
    PEER_TCP,
    PING,
    PING_LINUX,
    PING_V6,
    RAW,
    RAW_V6,
    RESET,
    SIP,
    SSDP,
    SYN_ACK,
    UNREACHABLE,
    WINDOWS_7,
    WINDOWS_XP,
    ZMAP,
)
from darkscope.ingest.simulate.rhythms import HOMES
from darkscope.ingest.simulate.scenario import (
    Attack,
    Decoy,
    Investigation,
    Outage,
    Pool,
    Rank,
    Scenario,
    Stream,
    Truth,
    Visit,
    every,
    level,
    ranks,
)
from darkscope.ingest.simulate.world import BOGUS

_YEAR = 2014
_DEVICES = Pool("devices", lifetime=4, each=5)
_WORMS = Pool("worms", lifetime=9, each=4)
_HOSTED = Pool("hosted", lifetime=20, each=12, blocks=12)
_SCANNERS = Pool("scanners", lifetime=60, each=40, blocks=4)
_PEERS = Pool("peers", lifetime=2, each=2)
_NAS = Pool("nas", lifetime=400, members=14, blocks=5)

_TELNET_CHINA = level(
    _YEAR, ("11-02", 1), ("11-04", 3), ("11-11", 3), ("11-13", 1.3), ("11-30", 1.2), ("12-02", 2.5),
    ("12-04", 6.4), ("12-06", 1.3), ("12-07", 1.2), ("12-10", 5.4), ("12-12", 1.2), ("12-13", 1.2),
    ("12-16", 6.6), ("12-18", 1.6), ("12-19", 0.9), ("12-20", 1), ("12-23", 5.8), ("12-25", 0.9), ("12-26", 0.9),
    ("12-29", 5.2), ("12-31", 2.5),
)  # fmt: skip
_TELNET_OTHERS = level(
    _YEAR, ("11-02", 1), ("11-04", 1.4), ("11-11", 1.4), ("11-13", 1), ("12-01", 1), ("12-05", 1.3)
)
_WEB_CHINA = level(
    _YEAR, ("11-03", 1), ("11-05", 3.4), ("11-07", 3.4), ("11-09", 1), ("11-12", 1), ("11-14", 3.2),
    ("11-16", 3.2), ("11-18", 1), ("11-22", 1), ("11-24", 2.8), ("11-26", 2.8), ("11-28", 1), ("12-02", 1),
    ("12-04", 3.6), ("12-07", 3.6), ("12-10", 1.1), ("12-14", 1.1), ("12-16", 3.2), ("12-18", 3.2), ("12-22", 1.1),
    ("12-26", 1.1), ("12-29", 2.8),
)  # fmt: skip
_NAS_RISE = level(_YEAR, ("11-27", 0), ("12-03", 1), ("12-09", 1.3), ("12-20", 0.9), ("12-31", 1))
_NAS_TELNET = level(_YEAR, ("12-01", 0), ("12-04", 1), ("12-10", 0.8), ("12-16", 1.3), ("12-24", 0.9))
_NAS_THIRD_PORT = level(_YEAR, ("12-23", 0), ("12-25", 1))
_DECOY = level(
    _YEAR,
    ("10-13", 0),
    ("10-14", 0.8),
    ("10-15", 1),
    ("10-17", 1),
    ("10-18", 0.25),
    ("10-20", 0.02),
    ("10-26", 0),
)


def _up(factor: float) -> tuple[tuple[str, float], ...]:
    """Change with the quarter."""
    return ("09-28", 1.0), ("10-06", factor)


_BASELINE = (
    Stream(
        "telnet", (23,), ((LINUX, 6), (RAW, 3), (MASSCAN, 0.5), (ZMAP, 0.3)), _DEVICES,
        {"CN": 230, "TW": 50, "KR": 40, "US": 30, "RU": 22, "BR": 30, "TR": 20, "VN": 20, "IN": 20, "JP": 12,
         "FR": 5, "DE": 6, "NL": 4, "TH": 10, "IT": 10, "MX": 10},
        HOMES, _TELNET_OTHERS,
        {"CN": _TELNET_CHINA, "TW": level(_YEAR, *_up(0.5)), "JP": level(_YEAR, ("07-01", 1))},
    ),
    Stream(
        "smb", (445,), ((WINDOWS_XP, 5), (WINDOWS_7, 2), (RAW, 1)), _WORMS,
        {"TW": 60, "US": 55, "RU": 38, "CN": 40, "JP": 36, "BR": 32, "VN": 20, "IN": 25, "KR": 16, "DE": 10,
         "ID": 20, "FR": 5, "IT": 15, "AR": 11, "UA": 10},
        HOMES, level(_YEAR, *_up(0.78)), {"JP": level(_YEAR, ("07-01", 1))},
    ),
    Stream(
        "ssh", (22,), ((LINUX, 6), (RAW, 2), (ZMAP, 1), (MASSCAN, 0.6), (NMAP, 0.4)), _HOSTED,
        {"CN": 190, "US": 45, "KR": 24, "FR": 14, "DE": 14, "NL": 14, "HK": 20, "JP": 8, "TW": 10, "RU": 7},
        levels={
            "FR": level(_YEAR, *_up(5)),
            "CN": level(_YEAR, *_up(1.2)),
            "US": level(_YEAR, *_up(1.15)),
        },
    ),
    Stream(
        "echo", (), ((PING, 4), (PING_LINUX, 6)), _HOSTED,
        {"US": 78, "CN": 60, "JP": 50, "TW": 18, "KR": 12, "DE": 10, "NL": 12, "FR": 8, "GB": 10},
    ),
    Stream(
        "sql server", (1433,), ((RAW, 5), (WINDOWS_XP, 3), (MASSCAN, 0.5)), _HOSTED,
        {"CN": 172, "US": 20, "TW": 8, "KR": 8, "HK": 8, "JP": 6},
    ),
    Stream(
        "remote desktop", (3389,), ((WINDOWS_7, 5), (RAW, 2), (MASSCAN, 1), (NMAP, 0.3)), _HOSTED,
        {"CN": 45, "US": 30, "NL": 15, "RU": 12, "DE": 9, "FR": 6, "KR": 7, "GB": 6},
    ),
    Stream(
        "web", (80,), ((LINUX, 4), (ZMAP, 2), (RAW, 2), (MASSCAN, 1)), _HOSTED,
        {"US": 40, "CN": 25, "NL": 14, "DE": 8, "FR": 8, "JP": 9, "RU": 6, "TW": 10},
    ),
    Stream(
        "web, other port", (8080,), ((LINUX, 5), (RAW, 3), (ZMAP, 0.5)), _DEVICES,
        {"CN": 42, "US": 10, "TW": 5, "DE": 3, "FR": 2.5, "JP": 2, "BR": 5, "KR": 2, "RU": 4},
        levels={"CN": _WEB_CHINA},
    ),
    Stream("mysql", (3306,), ((RAW, 3), (LINUX, 2)), _HOSTED, {"CN": 52, "US": 10, "HK": 8}),
    Stream(
        "tls", (443,), ((ZMAP, 5), (LINUX, 2), (MASSCAN, 1)), _SCANNERS,
        {"US": 40, "CN": 10, "NL": 8, "DE": 4, "FR": 3},
    ),
    Stream("mail", (25,), ((WINDOWS_XP, 2), (LINUX, 1)), _WORMS, {"TW": 25, "CN": 10, "US": 10},
           levels={"TW": level(_YEAR, *_up(0.4))}),
    Stream("file transfer", (21,), ((LINUX, 3), (NMAP, 1)), _HOSTED, {"CN": 15, "US": 15, "DE": 5, "FR": 5}),
    Stream("screen", (5900,), ((RAW, 3), (LINUX, 2)), _HOSTED, {"CN": 15, "US": 15, "NL": 10, "RU": 10}),
    Stream("proxies", (3128, 8088, 8118, 1080), ((RAW, 3), (ZMAP, 1)), _SCANNERS, {"CN": 36, "US": 4}),
    Stream(
        "rpc", (135,), ((WINDOWS_XP, 3), (RAW, 1)), _WORMS, {"CN": 25, "RU": 10, "TW": 15, "JP": 10}, HOMES,
    ),
    Stream("netbios", (139,), ((WINDOWS_XP, 1),), _WORMS, {"TW": 22, "JP": 14, "BR": 8, "RU": 6}, HOMES),
    Stream(
        "names", (53,), ((DNS, 1),), _SCANNERS, {"US": 25, "CN": 20, "NL": 15, "DE": 6, "FR": 6, "RU": 8},
    ),
    Stream("clocks", (123,), ((NTP, 1),), _SCANNERS, {"US": 25, "NL": 15, "DE": 8, "FR": 6, "CN": 6}),
    Stream(
        "plug and play", (1900,), ((SSDP, 1),), _SCANNERS, {"US": 18, "NL": 12, "CN": 12, "DE": 4, "FR": 4},
    ),
    Stream(
        "telephony", (5060,), ((SIP, 1),), _SCANNERS, {"FR": 14, "DE": 22, "US": 25, "NL": 20, "GB": 9},
        levels={"FR": level(_YEAR, *_up(3)), "NL": level(_YEAR, *_up(0.4))},
    ),
    Stream("multicast names", (5353,), ((MDNS, 1),), _SCANNERS, {"US": 6, "CN": 3}),
    Stream(
        "many ports", range(1, 50000), ((RAW, 4), (MASSCAN, 2), (NMAP, 2), (ZMAP, 1)), _SCANNERS,
        {"US": 85, "CN": 75, "NL": 65, "DE": 18, "RU": 16, "FR": 14, "GB": 15},
        levels={"FR": level(_YEAR, *_up(3)), "NL": level(_YEAR, *_up(0.75))},
    ),
    Stream(
        "replies to forged packets", range(1024, 65536), ((SYN_ACK, 3), (RESET, 2)), _HOSTED,
        {"CN": 50, "US": 24, "FR": 6, "DE": 6, "KR": 5, "HK": 9},
    ),
    Stream(
        "undeliverable", range(1024, 65536), ((UNREACHABLE, 1),), _HOSTED,
        {"CN": 6, "US": 5, "RU": 2, "BR": 2},
    ),
    Stream(
        "peers", range(10000, 60000), ((PEER, 3), (PEER_TCP, 1)), _PEERS,
        {"JP": 22, "CN": 18, "TW": 12, "US": 10, "KR": 8, "RU": 10}, HOMES,
    ),
    Stream("forged sources", (80, 53413, 22, 8080), ((RAW, 1),), _PEERS, {BOGUS: 6}),
    Stream("IPv6", (22, 80, 443), ((RAW_V6, 1),), _SCANNERS, {"US": 2, "DE": 1, "NL": 0.5}, at=("tokyo-1",)),
    Stream("IPv6 echo", (), ((PING_V6, 1),), _SCANNERS, {"US": 1, "CN": 0.5}, at=("tokyo-1",)),
)  # fmt: skip

_PHENOMENA = (
    Stream(
        "NAS devices, 8080", (8080,), ((LINUX, 1),), _NAS,
        {"US": 80, "TW": 55, "DE": 42, "FR": 32, "JP": 24, "KR": 8}, level=_NAS_RISE,
    ),
    Stream(
        "NAS devices, 23", (23,), ((LINUX, 1),), _NAS,
        {"JP": 110, "US": 12, "TW": 12, "DE": 12, "FR": 14, "KR": 14}, level=_NAS_TELNET,
    ),
    Stream(
        "NAS devices, 10000", (10000,), ((LINUX, 1),), _NAS,
        {"US": 20, "TW": 14, "DE": 10, "FR": 8, "JP": 7, "KR": 3}, level=_NAS_THIRD_PORT,
    ),
    Stream(
        "leftover peers, TCP", (12543,), ((PEER_TCP, 1),), _PEERS, {"JP": 560},
        level=_DECOY, at=("sapporo-1",),
    ),
    Stream(
        "leftover peers, UDP", (12543,), ((PEER, 1),), _PEERS, {"JP": 560},
        level=_DECOY, at=("sapporo-1",),
    ),
)  # fmt: skip

_SHELLSHOCK = "() { :; }; /bin/true"
_BROWSER = "Mozilla/5.0 (Windows NT 6.1; rv:31.0) Gecko/20100101 Firefox/31.0"
_NAS_COUNTRIES = ("US", "TW", "JP", "DE", "FR", "KR")


_VISITS = (
    *(
        Visit(
            day,
            8080,
            1 + number % 2,
            "GET",
            "/cgi-bin/authLogin.cgi",
            _SHELLSHOCK,
            _NAS,
            _NAS_COUNTRIES[number % 6],
        )
        for number, day in enumerate(every(date(2014, 11, 26), date(2014, 12, 31), 1))
    ),
    *(
        Visit(day, 80, 1, "GET", path, _BROWSER, _SCANNERS, country)
        for first, path, country in (
            (date(2014, 7, 2), "/phpMyAdmin/scripts/setup.php", "CN"),
            (date(2014, 7, 4), "/", "US"),
            (date(2014, 7, 9), "/manager/html", "CN"),
        )
        for day in every(first, date(2014, 12, 31), 6)
    ),
    Visit(date(2014, 10, 22), 80, 1, "GET", "/robots.txt", _BROWSER, _PEERS, "GB", sweep=0),
)

_NOVEMBER = tuple(every(date(2014, 11, 1), date(2014, 11, 24), 1))

_INVESTIGATIONS = (
    Investigation(
        "web, other port", _NOVEMBER, ("JP", "KR", "TW", "US", "DE", "FR"), "network camera", share=0.35
    ),
    Investigation("web, other port", _NOVEMBER, ("CN", "BR", "RU"), "broadband router", share=0.2),
    *(
        Investigation(
            stream, tuple(every(first, date(2014, 12, 31), 3)), _NAS_COUNTRIES, "NAS", "QNAP", share=0.7
        )
        for stream, first in (
            ("NAS devices, 8080", date(2014, 12, 2)),
            ("NAS devices, 10000", date(2014, 12, 26)),
        )
    ),
)
"""What the report says of the senders to 8080/TCP, section 2.1; how many of them were looked at is made up."""

SCENARIO = Scenario(
    name="2014-q4",
    title="October to December 2014, and the quarter before",
    seed=20144,
    zone="Asia/Tokyo",
    sensors=sensors(six_hourly=date(2014, 9, 1), hourly=date(2014, 12, 10), daily=date(2014, 12, 17)),
    streams=(*_BASELINE, *_PHENOMENA),
    attacks=(
        Attack(datetime(2014, 8, 27, 4, 10, tzinfo=UTC), 6, "US", 80, 420),
        Attack(datetime(2014, 11, 18, 13, 0, tzinfo=UTC), 12, "CN", 80, 900),
    ),
    visits=_VISITS,
    investigations=_INVESTIGATIONS,
    outages=(
        Outage("taipei-1", date(2014, 9, 2), date(2014, 9, 4)),
        Outage("nagoya-1", date(2014, 11, 20), date(2014, 11, 23)),
    ),
    truth=Truth(
        period=(date(2014, 10, 1), date(2014, 12, 31)),
        before=(date(2014, 7, 1), date(2014, 9, 30)),
        ports=(
            Rank("23/TCP", 1),
            Rank("22/TCP", 3),
            Rank("445/TCP", 2),
            Rank("0/ICMP", 4),
            Rank("1433/TCP", 5),
        ),
        countries=ranks(CN=1, US=2, JP=5, FR=9, TW=3),
        decoys=(Decoy("sapporo-1", 12543, "JP", (date(2014, 10, 13), date(2014, 10, 25))),),
    ),
)
