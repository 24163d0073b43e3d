"""Scenario `2020-q2`: what JPCERT/CC's report on April to June 2020 describes, and the quarter before.

445/TCP rises from 28 April, Vietnam first, in the rhythm of offices there and in Indonesia, while 1433/TCP
falls; Russia and the Netherlands ask for many ports; requests for a NAS product's album reach honeypots
within two days of the published proof of concept. Amounts that the report does not state are made up.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from darkscope.ingest.simulate.network import sensors
from darkscope.ingest.simulate.probes import (
    DNS,
    LINUX,
    MASSCAN,
    MDNS,
    MIRAI,
    NMAP,
    NTP,
    PEER,
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
from darkscope.ingest.simulate.rhythms import HOMES, OFFICES, WAKING
from darkscope.ingest.simulate.scenario import (
    Attack,
    Outage,
    Pool,
    Rank,
    Requests,
    Scenario,
    Stream,
    Truth,
    Visit,
    every,
    level,
    ranks,
)
from darkscope.ingest.simulate.world import BOGUS

_YEAR = 2020
_DEVICES = Pool("devices", lifetime=4, each=5)
_OFFICE_PCS = Pool("computers", lifetime=14, each=4)
_HOSTED = Pool("hosted", lifetime=20, each=12, blocks=12)
_SCANNERS = Pool("scanners", lifetime=60, each=45, blocks=4)
_PEERS = Pool("peers", lifetime=2, each=2)
_ALBUM = Pool("album", lifetime=400, members=5, blocks=2)

_SMB_OTHERS = level(_YEAR, ("04-29", 1), ("05-06", 1.8))
_SQL_FALL = level(_YEAR, ("04-27", 1), ("05-01", 0.5))


def _from_april(factor: float) -> tuple[tuple[str, float], ...]:
    """Change with the quarter."""
    return ("03-28", 1.0), ("04-05", factor)


_BASELINE = (
    Stream(
        "telnet", (*(23,) * 10, 2323), ((MIRAI, 13), (LINUX, 5), (ZMAP, 1), (MASSCAN, 1)), _DEVICES,
        {"CN": 130, "TW": 60, "KR": 75, "BR": 75, "US": 60, "RU": 45, "IN": 70, "VN": 25, "TR": 35, "IR": 35,
         "JP": 25, "TH": 25, "IT": 30, "EG": 35, "MX": 25, "ID": 22, "GB": 20, "UA": 20, "NL": 8, "DE": 15,
         "FR": 12},
        HOMES, levels={"TW": level(_YEAR, *_from_april(2.7))},
    ),
    Stream(
        "smb, offices", (445,), ((WINDOWS_7, 7), (WINDOWS_XP, 2)), _OFFICE_PCS, {"VN": 45, "ID": 22},
        OFFICES, levels={
            "VN": level(_YEAR, ("04-28", 1), ("04-29", 4.5), ("05-06", 6.2), ("06-30", 6.5)),
            "ID": level(_YEAR, ("04-28", 1), ("04-30", 2), ("05-06", 4.5)),
        },
    ),
    Stream(
        "smb, Japan", (445,), ((WINDOWS_7, 5), (WINDOWS_XP, 1)), _OFFICE_PCS, {"JP": 10},
        WAKING, level(_YEAR, ("04-28", 1), ("05-02", 4)),
    ),
    Stream(
        "smb", (445,), ((WINDOWS_7, 6), (WINDOWS_XP, 2), (MASSCAN, 0.3)), _OFFICE_PCS,
        {"IN": 35, "RU": 18, "TW": 25, "BR": 25, "CN": 22, "US": 22, "TH": 18, "TR": 14, "PH": 10, "MY": 8,
         "KR": 8, "NL": 3, "MX": 8, "AR": 6},
        HOMES, _SMB_OTHERS, {"RU": level(_YEAR, ("04-29", 1), ("05-06", 1.3))},
    ),
    Stream(
        "sql server", (1433,), ((RAW, 5), (WINDOWS_7, 3), (MASSCAN, 0.5), (ZMAP, 0.5)), _HOSTED,
        {"CN": 200, "US": 60, "KR": 25, "IN": 25, "BR": 22, "TW": 12, "RU": 18, "DE": 16, "FR": 14, "JP": 10,
         "NL": 8, "VN": 12, "HK": 15, "SG": 12},
        level=_SQL_FALL,
    ),
    Stream(
        "web", (80,), ((LINUX, 4), (ZMAP, 3), (MASSCAN, 2), (RAW, 1)), _HOSTED,
        {"US": 75, "CN": 32, "NL": 12, "RU": 14, "DE": 18, "FR": 12, "GB": 14, "BR": 12, "TW": 8, "JP": 8,
         "KR": 8},
    ),
    Stream(
        "ssh", (22,), ((LINUX, 6), (ZMAP, 2), (MASSCAN, 1), (NMAP, 0.5)), _HOSTED,
        {"CN": 46, "US": 40, "FR": 14, "DE": 12, "SG": 12, "NL": 8, "RU": 9, "KR": 10, "VN": 9, "IN": 6,
         "BR": 6},
    ),
    Stream(
        "echo", (), ((PING, 3), (PING_LINUX, 7)), _HOSTED,
        {"US": 40, "CN": 22, "JP": 16, "DE": 8, "FR": 6, "TW": 6, "RU": 5, "NL": 6},
    ),
    Stream(
        "remote desktop", (3389,), ((MASSCAN, 4), (WINDOWS_7, 3), (RAW, 2)), _HOSTED,
        {"RU": 30, "US": 22, "CN": 18, "NL": 20, "DE": 12, "FR": 8, "GB": 10},
    ),
    Stream(
        "web, other ports", (8080, 8080, 81, 88, 8081, 8443), ((LINUX, 5), (ZMAP, 2), (RAW, 1)), _DEVICES,
        {"CN": 40, "BR": 22, "US": 24, "TW": 12, "KR": 14, "IN": 14, "IR": 12, "RU": 8}, HOMES,
    ),
    Stream(
        "tls", (443,), ((ZMAP, 5), (MASSCAN, 3), (LINUX, 2)), _SCANNERS,
        {"US": 45, "CN": 12, "NL": 10, "DE": 8, "GB": 6},
    ),
    Stream(
        "debug bridge", (5555,), ((LINUX, 4), (RAW, 2)), _DEVICES,
        {"CN": 20, "KR": 18, "TW": 10, "HK": 8, "US": 6}, HOMES,
    ),
    Stream(
        "routers", (37215, 52869, 7547), ((LINUX, 3), (RAW, 2)), _DEVICES,
        {"EG": 20, "CN": 12, "BR": 12, "IR": 8}, HOMES,
    ),
    Stream(
        "key values", (6379, 8545, 9200, 27017), ((MASSCAN, 3), (LINUX, 2), (ZMAP, 1)), _HOSTED,
        {"CN": 25, "US": 18, "NL": 8},
    ),
    Stream("mysql", (3306,), ((RAW, 3), (MASSCAN, 1)), _HOSTED, {"CN": 30, "US": 9}),
    Stream("screen", (5900, 5901), ((MASSCAN, 2), (RAW, 2)), _HOSTED, {"RU": 12, "NL": 10, "US": 10}),
    Stream(
        "mail, files", (25, 21, 110, 143), ((LINUX, 3), (NMAP, 1)), _HOSTED,
        {"US": 15, "CN": 10, "RU": 8, "FR": 6},
    ),
    Stream("telephony", (5060,), ((SIP, 1),), _SCANNERS, {"FR": 18, "US": 25, "NL": 14, "DE": 22, "GB": 6}),
    Stream("names", (53,), ((DNS, 1),), _SCANNERS, {"US": 22, "CN": 12, "NL": 8, "RU": 8, "DE": 4}),
    Stream("clocks", (123,), ((NTP, 1),), _SCANNERS, {"US": 20, "CN": 8, "NL": 8, "GB": 4}),
    Stream("plug and play", (1900,), ((SSDP, 1),), _SCANNERS, {"US": 20, "CN": 8, "NL": 6, "DE": 4}),
    Stream("multicast names", (5353,), ((MDNS, 1),), _SCANNERS, {"US": 10, "CN": 4, "NL": 3}),
    Stream(
        "many ports", range(1, 65536), ((MASSCAN, 5), (RAW, 3), (NMAP, 2), (ZMAP, 1)), _SCANNERS,
        {"RU": 850, "NL": 720, "US": 220, "CN": 40, "DE": 42, "GB": 34, "FR": 20, "SG": 24, "RO": 40,
         "SE": 20},
        levels={"US": level(_YEAR, *_from_april(1.6)), "NL": level(_YEAR, *_from_april(0.88))},
    ),
    Stream(
        "replies to forged packets", range(1024, 65536), ((SYN_ACK, 3), (RESET, 2)), _HOSTED,
        {"CN": 25, "US": 20, "FR": 8, "DE": 6, "NL": 4, "HK": 8},
    ),
    Stream(
        "undeliverable", range(1024, 65536), ((UNREACHABLE, 1),), _HOSTED,
        {"CN": 5, "US": 5, "RU": 3, "BR": 3},
    ),
    Stream("peers", range(10000, 60000), ((PEER, 1),), _PEERS, {"JP": 8, "CN": 10, "RU": 8, "KR": 5}, HOMES),
    Stream("forged sources", (80, 22, 8080), ((RAW, 1),), _PEERS, {BOGUS: 6}),
    Stream(
        "IPv6", (22, 80, 443, 8080), ((RAW_V6, 1),), _SCANNERS,
        {"US": 5, "DE": 2, "NL": 1, "CN": 1}, at=("tokyo-1",),
    ),
    Stream("IPv6 echo", (), ((PING_V6, 1),), _SCANNERS, {"US": 3, "CN": 1}, at=("tokyo-1",)),
)  # fmt: skip

_PHENOMENA = (
    Stream(
        "NAS album", (8080, 8080, 5000, 5001, 8083), ((LINUX, 1),), _ALBUM, {"RU": 40},
        level=level(_YEAR, ("05-25", 0), ("05-27", 1), ("06-20", 1), ("06-25", 0)),
    ),
)  # fmt: skip

_ALBUM_PATH = "/photo/p/api/album.php"
_AGENT = "python-requests/2.23.0"


_ALBUM_REQUESTS = (
    (date(2020, 5, 27), 8080, 1),
    (date(2020, 5, 28), 8080, 3),
    (date(2020, 5, 29), 5000, 1),
    (date(2020, 5, 29), 5001, 4),
    (date(2020, 5, 29), 8083, 4),
    (date(2020, 5, 30), 5000, 3),
    (date(2020, 5, 31), 8080, 3),
)
"""Table 4 of the report: day, port, requests."""

_VISITS = (
    *(
        Visit(day, port, count, "GET", _ALBUM_PATH, _AGENT, _ALBUM, "RU")
        for day, port, count in _ALBUM_REQUESTS
    ),
    *(
        Visit(day, port, 1, method, path, agent, pool, country)
        for first, port, method, path, agent, pool, country in (
            (date(2020, 1, 3), 80, "GET", "/", "Mozilla/5.0 zgrab/0.x", _SCANNERS, "US"),
            (date(2020, 1, 5), 8080, "GET", "/manager/html", "Mozilla/5.0 (Windows NT 10.0)", _HOSTED, "CN"),
            (date(2020, 1, 6), 80, "GET", "/boaform/admin/formLogin", "polaris botnet", _DEVICES, "IN"),
            (date(2020, 1, 8), 80, "GET", "/solr/admin/info/system?wt=json", "Mozilla/5.0", _HOSTED, "NL"),
        )
        for day in every(first, date(2020, 6, 30), 7)
    ),
    Visit(date(2020, 6, 11), 80, 1, "GET", "/robots.txt", "curl/7.68.0", _PEERS, "GB", sweep=0),
)  # fmt: skip

SCENARIO = Scenario(
    name="2020-q2",
    title="April to June 2020, and the quarter before",
    seed=20202,
    zone="Asia/Tokyo",
    sensors=sensors(six_hourly=date(2020, 3, 1), hourly=date(2020, 6, 3), daily=date(2020, 6, 10)),
    streams=(*_BASELINE, *_PHENOMENA),
    attacks=(
        Attack(datetime(2020, 2, 12, 19, 40, tzinfo=UTC), 5, "NL", 443, 380),
        Attack(datetime(2020, 5, 14, 8, 20, tzinfo=UTC), 15, "US", 80, 1100),
    ),
    visits=_VISITS,
    outages=(
        Outage("saopaulo-1", date(2020, 2, 3), date(2020, 2, 5)),
        Outage("fukuoka-1", date(2020, 6, 13), date(2020, 6, 16)),
    ),
    holidays={
        "VN": (date(2020, 4, 30), date(2020, 5, 1)),
        "ID": tuple(
            date(2020, month, day)
            for month, day in ((5, 1), (5, 7), (5, 21), (5, 22), (5, 24), (5, 25), (6, 1))
        ),
    },
    announced=(("ID", date(2020, 5, 22), "Joint leave"),),
    truth=Truth(
        period=(date(2020, 4, 1), date(2020, 6, 30)),
        before=(date(2020, 1, 1), date(2020, 3, 31)),
        ports=(
            Rank("23/TCP", 1),
            Rank("445/TCP", 3),
            Rank("1433/TCP", 2),
            Rank("80/TCP", 4),
            Rank("22/TCP", 5),
        ),
        countries=ranks(RU=1, US=3, NL=2, CN=4, TW=9),
        requests=(Requests(_ALBUM_PATH, "RU", _ALBUM_REQUESTS),),
    ),
)
