"""The console's pages as they are sent, without a browser: what they show, to whom, and what they never do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from capture_files import pcap
from fastapi import Request
from fastapi.testclient import TestClient
from ledgers import NOW, Site, at, ramp, read
from talks import Talk

from darkscope.api import keys
from darkscope.api.console.words import words
from darkscope.api.deadline import Deadline, TooLong
from darkscope.api.http import access, kept, rates, sections, turns
from darkscope.api.http.access import OPEN
from darkscope.api.http.app import create
from darkscope.api.http.console import router
from darkscope.api.http.pages import POLICY, problem_of
from darkscope.api.http.sessions import COOKIE, LASTS, RENEWED
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope
from darkscope.api.store import NO_SENDERS, ExpiredError, NotHeldError, UnreachableError
from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.registry import RegistryError
from darkscope.ingest.settings import Api, Kind, SensorEntry, Settings
from darkscope.ingest.values import Language

HOSTILE = "<img src=x onerror=alert(1)>\"'&"
SENSORS = (
    SensorEntry(id="a", name="Tokyo", organisation="north"),
    SensorEntry(id="b", name=HOSTILE, organisation="south"),
    SensorEntry(id="c", organisation="south", kind=Kind.HONEYPOT, networks=("133.8.0.0/24",)),
)
DAY = "period=2020-06-24"
PAGES = {
    "/": Scope.READ,
    "/ports": Scope.READ,
    "/ports/{protocol}/{port}": Scope.READ,
    "/regions": Scope.READ,
    "/regions/{country}": Scope.READ,
    "/sources": Scope.SOURCES,
    "/sources/{address}": Scope.SOURCES,
    "/sensors": Scope.READ,
    "/sensors/{sensor}": Scope.READ,
    "/phenomena": Scope.READ,
    "/requests": Scope.READ,
    "/attacks": Scope.SOURCES,
    "/search": Scope.READ,
    "/login": None,
    "/logout": None,
    "/console/{digest}/{name}": None,
}
"""Pages, and what each needs."""

PARTS = {
    "{protocol}": "tcp",
    "{port}": "445",
    "{country}": "US",
    "{address}": "198.41.0.4",
    "{sensor}": "a",
}


def url(path: str) -> str:
    for part, value in PARTS.items():
        path = path.replace(part, value)
    return path


ASKED = [url(path) for path, scope in PAGES.items() if scope is not None and path != "/search"]


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def links(self) -> list[str]:
        return [str(one["href"]) for one in self.of("a") if "href" in one]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A ledger of three sensors: SYNs to 23/TCP and 445/TCP on two telescopes, one to a honeypot."""
    site = Site(tmp_path_factory.mktemp("console") / "ledger", SENSORS)
    site.take(ramp(0, 60, 60.0), "/spool/a/1.pcap")
    site.take(
        pcap([at(30, port=445), at(31, port=445), at(3600, port=445, source="198.41.0.5")]), "/spool/b/1.pcap"
    )
    target = f"/{HOSTILE}".replace(" ", "%20").encode()
    asked = b"GET %b HTTP/1.1\r\nHost: x\r\nUser-Agent: </code><script>alert(1)</script>\r\n\r\n" % target
    worker = site.worker()
    read(worker, pcap(Talk(port=8080).whole(asked, 40.0)), "/spool/c/1.pcap")
    worker.commit(is_last=True)
    return site


@pytest.fixture
def settings(site: Site, tmp_path: Path) -> Settings:
    """Settings whose keys are a test's own: the ledger's folder is one of links."""
    for part in site.folder.iterdir():
        (tmp_path / part.name).symlink_to(part)
    return site.settings.model_copy(update={"ledger": tmp_path, "api": Api(rate=0)})


@pytest.fixture(scope="module")
def shared(site: Site) -> Iterator[TestClient]:
    """A client for tests that leave no trace."""
    settings = site.settings.model_copy(update={"api": Api(rate=0)})
    with TestClient(
        create(settings, lambda: NOW), base_url="http://127.0.0.1", follow_redirects=False
    ) as one:
        yield one


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(
        create(settings, lambda: NOW), base_url="http://127.0.0.1", follow_redirects=False
    ) as one:
        yield one


Log = Callable[..., Any]


def key_of(settings: Settings, *scopes: Scope, **how: Any) -> str:
    return keys.create(settings.ledger, "one", scopes, NOW.timestamp(), **how)


def log_in(client: TestClient, key: str, to: str = "/") -> Any:
    return client.post("/login", data={"key": key, "to": to})


def test_every_page_says_what_it_needs_and_this_table_has_them_all() -> None:
    found = {}
    for route in router(Source(Settings(), lambda: NOW)).routes:
        (door,) = route.dependencies
        found[route.path] = None if door is OPEN else Scope(*door.scopes)
    assert found == PAGES


def test_the_documentations_table_of_pages_says_what_each_needs() -> None:
    told = (Path(__file__).parents[3] / "docs" / "console.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| (?:`(\w+)`)? ?\| .+ \|$", told, re.MULTILINE)
    assert dict(rows) == {path: scope.value for path, scope in PAGES.items() if scope is not None}


@pytest.mark.parametrize("page", ASKED)
def test_a_page_loads_its_own_files_alone_and_has_nothing_inline(shared: TestClient, page: str) -> None:
    answer = shared.get(f"{page}?{DAY}")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    shown = Page(answer.text)
    assert all("src" in one or one.get("type") == "application/json" for one in shown.of("script"))
    assert not shown.of("style")
    assert not [name for _, one in shown.elements for name in one if name == "style" or name.startswith("on")]
    loaded = [one.get("src") or one.get("href") for tag in ("script", "img", "link") for one in shown.of(tag)]
    files = [str(one) for one in loaded if one]
    assert files
    assert all(shared.get(one).status_code == 200 for one in files)
    assert {one.split("/")[1] for one in files} - {"v1"} == {"console"}  # v1: pictures where no script runs


def test_every_link_of_every_page_leads_to_an_answer(shared: TestClient) -> None:
    pages = [f"{page}?{DAY}&lang=ja" for page in ASKED]
    links = {link for page in pages for link in Page(shared.get(page).text).links if link[0] == "/"}
    assert len(links) > 50
    answers = {link: shared.get(link).status_code for link in sorted(links)}
    assert {link: status for link, status in answers.items() if status != 200} == {}


def test_every_link_between_pages_keeps_the_bar(shared: TestClient) -> None:
    given = {"period": ["2020-06-24"], "lang": ["ja"], "sensor": ["a", "b"], "time_zone": ["Asia/Tokyo"]}
    answer = shared.get("/?period=2020-06-24&lang=ja&sensor=a&sensor=b&time_zone=Asia/Tokyo")
    inner = [
        link for link in Page(answer.text).links if link.startswith(("/ports/", "/regions/", "/sources"))
    ]
    assert len(inner) >= 3
    for link in inner:
        assert {
            name: values for name, values in parse_qs(urlsplit(link).query).items() if name in given
        } == given


def test_figures_of_a_page_are_those_of_the_call_that_it_names(shared: TestClient) -> None:
    shown = Page(shared.get(f"/?{DAY}").text)
    (call,) = {link for link in shown.links if link.startswith("/v1/rankings/ports") and "format" not in link}
    rows = shared.get(call).json()["rows"]
    assert [(row["value"], row["packets"]) for row in rows] == [("23/TCP", 60), ("445/TCP", 3)]
    text = " ".join(" ".join(shown.texts).split())
    assert "1 new 23/TCP telnet 60" in text
    assert "2 new 445/TCP microsoft-ds 3" in text


def test_every_section_can_be_had_as_csv_as_a_picture_and_as_a_call(shared: TestClient) -> None:
    for page in ASKED:
        shown = Page(shared.get(f"{page}?{DAY}&home=true&class=scan").text)
        sections = [one for one in shown.of("section") if one.get("class", "") != "bar"]
        if page.startswith("/sources/"):  # its sections are of one answer
            sections = sections[-1:]
        menus = [one for one in shown.of("details") if one.get("class") == "exports"]
        pictures = [one for one in shown.of("button") if "data-png" in one]
        calls = [one["data-curl"] for one in shown.of("button") if "data-curl" in one]
        exports = [link for link in shown.links if "format=csv" in link]
        assert len(sections) == len(menus) == len(pictures) > 0, page
        assert min(len(calls), len(exports)) >= len(menus), page
        for call in [*calls, *exports]:
            assert shared.get(str(call)).status_code == 200, call


def test_a_list_goes_on_from_page_to_page_until_its_end(
    shared: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [row["address"] for row in shared.get(f"/v1/sources?{DAY}&kind=all").json()["rows"]]
    monkeypatch.setattr(sections, "MANY", 1)
    address, seen = f"/sources?{DAY}&kind=all", []
    while address:
        text = shared.get(address).text
        seen += re.findall(r'<th scope="row"><a class="address"[^>]*>([^<]+)', text)
        address = next((link for link in Page(text).links if "&after=" in link), "")
        assert len(seen) <= len(known)
    assert seen == known
    assert len(known) > 1


def test_where_a_list_goes_on_is_not_kept_by_links_to_other_questions(shared: TestClient) -> None:
    shown = Page(shared.get(f"/ports?{DAY}&rows=200").text)
    others = [link for link in shown.links if link.startswith("/ports?") and "#" not in link]
    assert others
    assert not [link for link in others if "rows=" in link]


def test_names_that_people_chose_are_shown_as_text(shared: TestClient) -> None:
    for page in ("/", "/sensors", "/sensors/b", "/ports/tcp/445"):
        shown = Page(shared.get(f"{page}?{DAY}").text)
        assert not [one for one in shown.of("img") if one.get("src") == "x"]
    assert HOSTILE in "".join(Page(shared.get(f"/sensors?{DAY}").text).texts)


def test_what_strangers_sent_to_honeypots_is_shown_as_text(shared: TestClient) -> None:
    answer = shared.get(f"/requests?{DAY}")
    text = "".join(Page(answer.text).texts)
    assert "GET /<img%20src=x%20onerror=alert(1)>" in text
    assert "</code><script>alert(1)</script>" in text
    assert "<script>alert" not in answer.text
    assert not [one for one in Page(answer.text).of("img") if "onerror" in one]


@pytest.mark.parametrize(
    "address",
    [
        f"/?period={HOSTILE}",
        f"/?{DAY}&sensor={HOSTILE}",
        f"/?{DAY}&port={HOSTILE}",
        f"/search?q={HOSTILE}",
        f"/login?to={HOSTILE}",
        f"/?{DAY}&lang={HOSTILE}",
        f"/?nothing={HOSTILE}",
        f"/regions/{HOSTILE.replace('/', '')}",
    ],
)
def test_what_stands_in_an_address_is_shown_as_text(shared: TestClient, address: str) -> None:
    answer = shared.get(address)
    assert answer.status_code in (200, 404, 422)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    assert "<img src=x" not in answer.text


def test_a_page_that_cannot_be_asked_says_why_in_the_readers_language(shared: TestClient) -> None:
    answer = shared.get("/?period=yesterday", headers={"Accept-Language": "ja"})
    assert answer.status_code == 422
    text = " ".join(Page(answer.text).texts)
    assert "この条件では表示できません" in text
    assert "期間 'yesterday' を解釈できません。四半期 (2020-Q2)、" in text


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/?period=2020-06-31", "期間 '2020-06-31' は存在しません。"),
        ("/?period=1960", "期間 '1960'、またはその前の期間が、1970 年から 2999 年の範囲の外にあります。"),
        ("/?period=2031", "期間 '2031' はまだ始まっていません。"),
        ("/?period=2000-01-01/2020-01-01", "期間 '2000-01-01/2020-01-01' は 3660 日を超えています。"),
        ("/?time_zone=Asia/Kyoto", "タイムゾーン 'Asia/Kyoto' は存在しません。"),
        ("/?port=nine", "ポート 'nine' を解釈できません。"),
        (
            "/?port=8/icmp",
            "ポート '8/icmp' はありません。ICMP にはポートがないため、0/icmp と指定してください。",
        ),
        ("/?protocol=teecp", "プロトコル 'teecp' を解釈できません。"),
        ("/?owner=AS-1", "AS 'AS-1' を解釈できません。"),
        ("/?country=JPN", "地域 'JPN' を解釈できません。"),
        ("/?tool=hammer", "ツール 'hammer' は登録されていません。指定できるもの: "),
        ("/sources/192.0.2", "アドレス '192.0.2' を解釈できません。"),
        ("/sources/fe80::1%25eth0", "アドレス 'fe80::1%eth0' のゾーンは"),
        ("/?sensor=d", "センサー 'd' はありません。あるもの: a, b, c"),
        ("/?organisation=east", "組織 'east' のセンサーはありません。あるもの: north, south"),
        (f"/sources?{DAY}&after=x", "一覧の位置 'x' を解釈できません。"),
    ],
)
def test_what_is_wrong_with_a_question_is_said_in_japanese(
    shared: TestClient, address: str, said: str
) -> None:
    text = " ".join(Page(shared.get(address, headers={"Accept-Language": "ja"}).text).texts)
    assert said in text


def test_what_goes_wrong_here_is_said_in_japanese() -> None:
    said = words(Language.JA)
    errors = (
        (
            access.Forbidden("this needs a key with the scope sources"),
            "スコープ sources を持つキーが必要です。",
        ),
        (
            access.Forbidden("this tells of all sensors, and the key is limited to organisations"),
            "全センサー",
        ),
        (rates.TooFast(3), "3 秒後に再読み込みしてください。"),
        (turns.Busy(), f"{turns.PATIENCE:g} 秒以内に順番が来ませんでした。"),
        (kept.Moved(), "先頭から表示し直してください。"),
        (
            ExpiredError("the flows of 2020-06-24 have expired, and only they have what is asked for"),
            "2020-06-24 の",
        ),
        (NotHeldError(NO_SENDERS), "InfluxDB にはこの項目に必要なデータがありません。"),
        (UnreachableError("secret"), "応答がないか、応答が正しくありません。"),
        (LedgerError("secret"), "台帳がまだないか、破損しています。"),
        (RegistryError("secret"), "キーを読み出せません。"),
    )
    app = create(Settings(), lambda: NOW)
    request = Request({"type": "http", "app": app})
    for error, told in errors:
        found = problem_of(request, error)
        assert found
        problem = found[0]
        assert told in (said.detail(problem.detail or "") or "")
        assert re.search("[ぁ-ん]", said.problem(problem.type, problem.status, problem.title))
    with pytest.raises(TooLong) as late:
        Deadline(-1).check()
    found = problem_of(request, late.value)
    assert found
    assert (
        said.detail(found[0].detail or "")
        == "-1 秒で打ち切りました。期間を短くするか、絞り込みを減らしてください。"
    )


def test_empty_fields_of_a_form_are_as_if_they_were_not_there(shared: TestClient) -> None:
    answer = shared.get("/?period=2020-06-24&kind=&home=&sensor=a")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?period=2020-06-24&sensor=a")


def test_a_period_without_packets_says_so_and_where_there_are_some(shared: TestClient) -> None:
    shown = Page(shared.get("/?period=2020-06-25").text)
    assert "No packets in this period by these sensors." in " ".join(shown.texts)


def test_without_a_period_old_data_are_shown_with_their_age(shared: TestClient) -> None:
    shown = Page(shared.get("/").text)
    text = " ".join(" ".join(shown.texts).split())
    assert "newest data 5 d old" in text
    assert "23/TCP telnet 60" in text


def test_what_goes_wrong_with_one_section_is_said_in_its_place(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from darkscope.api.ask import Observer
    from darkscope.api.store import ExpiredError

    def gone(*_: object) -> None:
        raise ExpiredError(f"flows of 2020-06-24 have expired {HOSTILE}")

    monkeypatch.setattr(Observer, "coverage", gone)
    answer = client.get(f"/?{DAY}")
    text = " ".join(Page(answer.text).texts)
    assert answer.status_code == 200
    assert "What this needs has expired" in text
    assert "flows of 2020-06-24 have expired" in text
    assert "<img src=x" not in answer.text
    assert "microsoft-ds" in text


def test_what_was_drawn_for_one_is_kept_for_the_next_who_may_see_it(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from darkscope.api.ask import Observer

    asked: list[str] = []
    top = Observer.top

    def noted(who: Observer, *how: Any) -> Any:
        asked.append("top")
        return top(who, *how)

    monkeypatch.setattr(Observer, "top", noted)
    first = client.get(f"/?{DAY}").text
    count = len(asked)
    assert count > 3
    assert client.get(f"/?{DAY}").text == first
    assert len(asked) == count


def test_nothing_is_shown_without_a_key_where_keys_are_asked_for(
    client: TestClient, settings: Settings
) -> None:
    key_of(settings, Scope.ADMIN)
    for page in ASKED:
        answer = client.get(f"{page}?{DAY}")
        assert answer.status_code == 303
        target = urlsplit(answer.headers["location"])
        assert target.path == "/login"
        assert parse_qs(target.query)["to"] == [f"{page}?{DAY}"]
        assert "23/TCP" not in answer.text


def test_a_session_is_a_cookie_that_no_script_reads_and_no_other_site_sends(
    client: TestClient, settings: Settings
) -> None:
    key = key_of(settings, Scope.SOURCES)
    answer = log_in(client, key, f"/ports/tcp/445?{DAY}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/ports/tcp/445?{DAY}")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert set(cookie.split("; ")[1:]) == {"HttpOnly", f"Max-Age={LASTS}", "Path=/", "SameSite=strict"}
    assert key.rpartition("_")[2] not in cookie
    shown = client.get(f"/sources?{DAY}")
    assert shown.status_code == 200
    assert "data-key" in Page(shown.text).of("body")[0]  # calls that are copied have a place for the key
    assert client.get(f"/v1/sources?{DAY}").status_code == 200
    assert client.post("/logout").headers["location"] == "/login"
    assert client.get(f"/?{DAY}").status_code == 303


def test_by_tls_a_session_is_sent_by_tls_alone(settings: Settings) -> None:
    key = key_of(settings, Scope.READ)
    with TestClient(
        create(settings, lambda: NOW), base_url="https://127.0.0.1", follow_redirects=False
    ) as client:
        assert "Secure" in log_in(client, key).headers["set-cookie"].split("; ")


def test_a_wrong_key_begins_nothing_and_is_not_shown_again(client: TestClient, settings: Settings) -> None:
    key_of(settings, Scope.READ)
    answer = log_in(client, f"darkscope_00000000_{48 * '0'}")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert 48 * "0" not in answer.text
    assert "There is no such key" in answer.text


def test_a_key_that_cannot_be_looked_at_is_not_called_wrong(
    client: TestClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RegistryError("registry.sqlite: disk I/O error")

    monkeypatch.setattr(access.Doors, "session", fail)
    answer = log_in(client, key_of(settings, Scope.READ))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert "The ledger cannot be read" in answer.text
    assert "There is no such key" not in answer.text
    assert "registry.sqlite" not in answer.text


def test_a_key_for_public_figures_alone_does_not_open_the_console(
    client: TestClient, settings: Settings
) -> None:
    answer = log_in(client, key_of(settings, Scope.PUBLIC))
    assert answer.status_code == 403
    assert "its scope is too small" in answer.text


def test_who_may_not_see_addresses_sees_the_rest(client: TestClient, settings: Settings) -> None:
    log_in(client, key_of(settings, Scope.READ))
    page = client.get(f"/ports/tcp/23?{DAY}")
    assert "Addresses need a key with the scope sources." in page.text
    assert "198.41.0.4" not in page.text
    assert client.get(f"/sources?{DAY}").status_code == 403


def test_a_key_of_an_organisation_shows_its_sensors_alone(client: TestClient, settings: Settings) -> None:
    log_in(client, key_of(settings, Scope.SOURCES, organisations=["north"]))
    for page in ("/", "/sensors", "/ports/tcp/23"):
        text = client.get(f"{page}?{DAY}").text
        assert "Tokyo" in text
        assert "south" not in text
        assert "445/TCP" not in text


def test_another_site_cannot_log_a_reader_in_or_out(client: TestClient, settings: Settings) -> None:
    key = key_of(settings, Scope.READ)
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    answer = client.post("/login", data={"key": key}, headers=elsewhere)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    log_in(client, key)
    assert "set-cookie" not in client.post("/logout", headers=elsewhere).headers
    assert client.get(f"/?{DAY}").status_code == 200


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_a_login_leads_to_this_site_alone(client: TestClient, settings: Settings, to: str) -> None:
    assert log_in(client, key_of(settings, Scope.READ), to).headers["location"] == "/"


def test_a_session_that_is_used_goes_on_and_one_of_a_revoked_key_ends(settings: Settings) -> None:
    now = [NOW]
    from datetime import timedelta

    with TestClient(
        create(settings, lambda: now[0]), base_url="http://127.0.0.1", follow_redirects=False
    ) as client:
        log_in(client, key_of(settings, Scope.READ))
        assert "set-cookie" not in client.get(f"/?{DAY}").headers
        now[0] += timedelta(seconds=RENEWED + 1)
        assert client.get(f"/?{DAY}").headers["set-cookie"].startswith(COOKIE)
        now[0] += timedelta(seconds=LASTS - 10)
        assert client.get(f"/?{DAY}").status_code == 200
        keys.revoke(settings.ledger, "one", now[0].timestamp())
        client.app.state.doors._read_at = None
        assert client.get(f"/?{DAY}").status_code == 303


def test_under_a_proxys_path_every_address_begins_with_it(settings: Settings) -> None:
    with TestClient(
        create(settings, lambda: NOW), base_url="http://127.0.0.1", root_path="/dark", follow_redirects=False
    ) as client:
        shown = Page(client.get(f"/?{DAY}").text)
        forms = [str(one["action"]) for one in shown.of("form") if "action" in one]
        assert all(link.startswith(("/dark/", "#")) for link in [*shown.links, *forms])
        key_of(settings, Scope.READ)
        client.app.state.doors._read_at = None
        assert client.get(f"/?{DAY}").headers["location"].startswith("/dark/login?to=%2F%3Fperiod")


def test_a_file_is_kept_for_ever_under_the_name_of_what_is_in_it(shared: TestClient) -> None:
    (style,) = [
        str(one["href"]) for one in Page(shared.get("/login").text).of("link") if one["rel"] == "stylesheet"
    ]
    assert "immutable" in shared.get(style).headers["cache-control"]
    assert shared.get(re.sub(r"/console/\w+/", "/console/000000000000/", style)).status_code == 404


def test_a_form_with_ever_more_fields_is_refused(client: TestClient) -> None:
    answer = client.post("/login", data={f"field{number}": "x" for number in range(11)})
    assert answer.status_code == 422
    assert "a form has 10 fields at most" in answer.text


@pytest.mark.parametrize("page", ["/", "/sources", "/ports/tcp/23"])
def test_an_owner_that_nobody_knows_is_said_in_the_pages_language(shared: TestClient, page: str) -> None:
    english, japanese = (shared.get(f"{page}?{DAY}&lang={lang}").text for lang in ("en", "ja"))
    assert ">unknown<" in english
    assert ">unknown<" not in japanese
    assert ">不明<" in japanese


def test_where_nobody_watched_it_is_not_said_that_nothing_stands_out(shared: TestClient) -> None:
    page = shared.get("/phenomena?period=2019-01&lang=en").text
    assert "No packets in this period by these sensors." in page
    assert "Nothing stands out" not in page
