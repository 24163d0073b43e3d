"""The console as a person uses it: a real browser over a real server."""

from __future__ import annotations

import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import browser
import httpx2
import pytest
from capture_files import pcap, record
from ledgers import DAY, Site, at, read, syn
from person import Person, barriers, chromium, somebody
from playwright.sync_api import Browser, Page, Route
from runs import running, stopped, until
from talks import Talk

from darkscope.api import keys
from darkscope.api.keys import Scope
from darkscope.ingest.settings import Kind, SensorEntry

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not browser.PROGRAM, reason="needs a browser: chromium"),
]

HOSTILE = "<img src=x onerror=alert(1)>"
SENSORS = (
    SensorEntry(id="a", name="Tokyo", organisation="north"),
    SensorEntry(id="b", name=HOSTILE, organisation="south"),
    SensorEntry(id="pot", kind=Kind.HONEYPOT, networks=("133.8.0.0/24",)),
)
WEEK = "/?period=2020-06-22/2020-06-28&time_zone=Asia/Tokyo"
PAGES = (
    "/",
    "/phenomena",
    "/requests",
    "/attacks",
    "/ports",
    "/ports/tcp/23",
    "/regions",
    "/regions/VN",
    "/sources",
    "/sources/198.41.0.4",
    "/sensors",
    "/sensors/a",
    "/search?q=telnet",
    "/login",
    "/?period=nonsense",
)
MANY = 60
"""Sources on one day: more than a page lists at first."""

MOST_BYTES = 1_500_000
"""Of the first page and all that it loads."""


class Server:
    """A server that can be lost and come back where it was."""

    def __init__(self, site: Site) -> None:
        self.site = site
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._running = ExitStack()
        self._process = None
        settings = site.folder.parent / "darkscope.toml"
        sensors = "".join(
            f"[[sensors]]\nid = '{one.id}'\nname = '{one.name}'\norganisation = '{one.organisation}'\n"
            f"kind = '{one.kind.value}'\nnetworks = {list(map(str, one.networks))}\n"
            for one in site.sensors
        )
        settings.write_text(f"ledger = 'ledger'\n[api]\nrate = 0\n{sensors}")
        self._settings = settings

    def begin(self) -> None:
        self._process = self._running.enter_context(
            running("serve", "--settings", self._settings, "--port", str(self.port))
        )
        until(self.answers)

    def end(self) -> None:
        assert self._process is not None
        stopped(self._process)
        self._running.close()

    def answers(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/readyz").status_code == 200
        except httpx2.HTTPError:
            return False


def site_of(folder: Path) -> Site:
    """Five days of two sensors: 23/TCP each hour, 445/TCP from Vietnam on the third day alone, many sources at once."""
    site = Site(folder / "ledger", SENSORS)
    hours = [at(3600.0 * hour) for hour in range(-48, 72)]
    site.take(pcap(hours), "/spool/a/1.pcap")
    some = [
        at(3600.0 * hour + 60 * n, port=445, source="14.160.0.7") for hour in range(-9, 3) for n in range(20)
    ]
    many = [at(DAY + n, port=2222, source=f"198.41.1.{n}") for n in range(MANY)]
    site.take(pcap([at(-2.0 * DAY), *some, *many, at(2.9 * DAY)]), "/spool/b/1.pcap")
    asked = f"GET /{HOSTILE.replace(' ', '%20')} HTTP/1.1\r\nHost: x\r\nUser-Agent: {HOSTILE}\r\n\r\n"
    worker = site.worker()
    read(worker, pcap(Talk(port=8080).whole(asked.encode(), 40.0)), "/spool/pot/1.pcap")
    worker.commit(is_last=True)
    return site


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(site_of(tmp_path_factory.mktemp("console")))
    server.begin()
    yield server
    server.end()


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture
def person(opened: Browser, server: Server) -> Iterator[Person]:
    """Somebody who complains of nothing in the end, and whose browser asked nobody else."""
    with somebody(opened, server.url, viewport={"width": 1280, "height": 900}) as one:
        yield one
        assert one.complaints == []
        assert {url for url in one.asked if not url.startswith((server.url, "data:", "blob:"))} == set()


def test_a_first_visit_shows_what_there_is_in_charts_and_in_numbers_and_is_light(person: Person) -> None:
    sizes: list[int] = []
    person.page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    person.page.goto("/")
    person.drawn(3)
    assert "newest data" in person.text
    assert "445/TCP microsoft-ds 240" in person.text
    assert "VN Vietnam 240" in person.text
    assert 50_000 < sum(sizes) < MOST_BYTES
    marks = person.page.locator("figure.chart").first.locator(".mark-line, .mark-symbol")
    assert marks.count() > 0


def test_a_chart_says_days_as_the_reader_has_them_and_values_under_the_pointer(person: Person) -> None:
    person.page.goto(f"{WEEK}&lang=ja")
    person.drawn()
    labels = person.page.locator("figure.chart").first.locator(".role-axis-label text").all_text_contents()
    assert {"23火", "24水", "25木"} <= set(labels)
    box = (
        person.page.locator("figure.chart")
        .first.locator(".mark-symbol.role-mark path")
        .nth(30)
        .bounding_box()
    )
    assert box is not None
    person.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    person.page.wait_for_selector(".tip:not([hidden])")
    assert "パケット数" in person.page.inner_text(".tip:not([hidden])")


def test_who_clicks_a_region_and_then_a_port_sees_that_port_from_that_region_and_can_widen_again(
    person: Person,
) -> None:
    person.page.goto(WEEK)
    person.page.click("main a:text-is('VN')")
    person.page.wait_for_url("**/regions/VN?*")
    assert person.page.inner_text("h1") == "Vietnam VN"
    person.page.click("main table a:text-is('445/TCP')")
    person.page.wait_for_url("**/ports/tcp/445?*")
    assert "country=VN" in person.page.url
    assert "from VN" in " ".join(person.page.inner_text(".chips").split())
    person.page.click(".chips a")
    person.page.locator(".chips").wait_for(state="detached")
    assert person.page.inner_text("h1") == "445/TCP"


def test_a_day_is_marked_in_a_chart_by_the_readers_clock(person: Person) -> None:
    person.page.goto(WEEK)
    person.drawn(3)
    figure = person.page.locator("figure.chart").first
    left, right = (
        box["x"] + box["width"] / 2
        for name in ("24", "25")
        if (box := figure.locator(f".role-axis-label text:has-text('{name}')").first.bounding_box())
    )
    plot = figure.bounding_box()
    assert plot is not None
    middle = plot["y"] + plot["height"] / 3
    person.page.mouse.move(left + 4, middle)
    person.page.mouse.down()
    person.page.mouse.move((left + right) / 2, middle, steps=4)
    person.page.mouse.move(right - 4, middle, steps=4)
    person.page.mouse.up()
    person.page.wait_for_url("**period=2020-06-24*")
    assert "2020-06-24 00:00 \N{EN DASH} 2020-06-25 00:00 Asia/Tokyo" in person.text


def test_a_link_shows_somebody_else_the_same(person: Person, opened: Browser, server: Server) -> None:
    person.page.goto(f"{WEEK}&lang=ja&theme=dark&as=stacked&sensor=b")
    person.drawn(3)
    shown = person.page.inner_text("main")
    assert "宛先ポート番号" in shown
    with somebody(opened, server.url, locale="fr-FR", color_scheme="light") as other:
        other.page.goto(person.page.url)
        other.drawn(3)
        assert other.page.inner_text("main") == shown
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        assert other.page.evaluate(ground) == person.page.evaluate(ground) == "rgb(14, 19, 22)"


def test_a_section_is_taken_along_as_csv_as_a_picture_and_as_a_call(person: Person) -> None:
    person.page.goto(WEEK)
    panel = person.page.locator("section.panel", has_text="Destination ports")
    panel.locator(".exports summary").click()
    with person.page.expect_download() as csv:
        panel.locator("a:text-is('CSV')").first.click()
    assert (
        Path(csv.value.path()).read_text().splitlines()[1].startswith("1,445/TCP,445/TCP (microsoft-ds),240,")
    )
    with person.page.expect_download() as png:
        panel.locator("a:text-is('PNG')").click()
    assert Path(png.value.path()).read_bytes().startswith(b"\x89PNG")
    with person.page.expect_download() as whole:
        panel.locator("button[data-png]").click()
    assert whole.value.suggested_filename == "rankings-ports-2020-06-22-2020-06-28.png"
    width, height, colours = seen(person.page, Path(whole.value.path()).read_bytes())
    box = panel.bounding_box()
    assert box is not None
    assert width == pytest.approx(2 * box["width"], abs=2)
    assert height == pytest.approx(2 * box["height"], rel=0.2)  # what only serves to act is not on it
    assert colours > 20  # letters, lines and marks
    person.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel.locator("button[data-curl]").first.click()
    person.page.wait_for_selector("button:text-is('Copied')")
    line = str(person.page.evaluate("navigator.clipboard.readText()"))
    assert line.startswith("curl 'http://127.0.0.1:")
    assert httpx2.get(line.split("'")[1]).json()["rows"][0]["packets"] == 240


def seen(page: Page, picture: bytes) -> tuple[int, int, int]:
    """Width and height of a picture, and how many colours are in it."""
    width, height, colours = page.evaluate(
        """async data => {
            const image = new Image(); image.src = data; await image.decode();
            const canvas = document.createElement("canvas");
            canvas.width = image.width; canvas.height = image.height;
            const pen = canvas.getContext("2d"); pen.drawImage(image, 0, 0);
            const pixels = new Uint32Array(pen.getImageData(0, 0, image.width, image.height).data.buffer);
            return [image.width, image.height, new Set(pixels).size];
        }""",
        f"data:image/png;base64,{b64encode(picture).decode()}",
    )
    return width, height, colours


def test_a_list_goes_on_where_it_is(person: Person) -> None:
    person.page.goto(f"/sources{WEEK[1:]}")
    rows = person.page.locator("#sources tbody tr")
    assert rows.count() == 50
    person.page.click("#sources [data-more]")
    person.page.locator("#sources [data-more]").wait_for(state="detached")
    assert len(set(rows.locator("th").all_text_contents())) == rows.count() == 2 + MANY


def test_everything_can_be_reached_with_keys(person: Person) -> None:
    person.page.goto(WEEK)
    person.page.keyboard.press("/")
    person.page.keyboard.type("445/tcp")
    person.page.keyboard.press("Enter")
    person.page.wait_for_url("**/ports/tcp/445?*")
    assert "period=2020-06-22" in person.page.url
    person.page.keyboard.press("[")
    person.page.wait_for_url("**period=2020-06-15*")
    person.page.keyboard.press("g")
    person.page.keyboard.press("n")
    person.page.wait_for_url("**/sensors?*")
    person.page.keyboard.press("l")
    person.page.wait_for_url("**lang=ja*")
    person.page.keyboard.press("?")
    assert person.page.locator("dialog[open]").inner_text().startswith("キーボード")


def test_names_addresses_and_requests_that_are_markup_are_shown_as_text(person: Person) -> None:
    for address in (
        f"/sensors{WEEK[1:]}",
        f"/requests{WEEK[1:]}",
        f"/search?q={HOSTILE}",
        f"/sensors/{HOSTILE}{WEEK[1:]}",
    ):
        person.page.goto(address)
        assert HOSTILE in person.text
        assert person.page.locator("img[src=x]").count() == 0
    person.complaints[:] = [said for said in person.complaints if "422" not in said]  # no sensor has that id


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("ja", "dark")])
def test_nothing_keeps_people_out(person: Person, language: str, theme: str) -> None:
    found = {}
    for page in PAGES if theme == "dark" else PAGES[:1]:
        also = "" if "?" in page else f"?period=2020-06-22/2020-06-28&theme={theme}&lang={language}"
        person.page.goto(page + also)
        found[page] = barriers(person.page)
    person.complaints[:] = [said for said in person.complaints if "422" not in said]  # of a page that is one
    assert {page: faults for page, faults in found.items() if faults} == {}


@pytest.mark.parametrize("width", [390, 1280, 3840])
def test_a_page_is_never_wider_than_its_window_and_does_not_jump(person: Person, width: int) -> None:
    person.page.set_viewport_size({"width": width, "height": width * 9 // 16 if width > 390 else 844})
    person.page.add_init_script(
        "window.jumps = 0; new PerformanceObserver(list => {"
        " for (const one of list.getEntries()) window.jumps += one.value;"
        "}).observe({type: 'layout-shift', buffered: true});"
    )
    for page in ("/", "/ports/tcp/445", "/regions/VN"):
        person.page.goto(f"{page}?period=2020-06-22/2020-06-28")
        person.drawn()
        assert person.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert person.page.evaluate("window.jumps") < 0.02


def test_a_chart_that_cannot_be_drawn_says_so_and_the_others_stand(person: Person) -> None:
    def broken(route: Route) -> None:
        answer = route.fetch()
        text = answer.text().replace('class="spec">', 'class="spec">{', 1)
        route.fulfill(response=answer, body=text)

    person.page.route(lambda url: "/?period=" in url, broken)
    person.page.goto("/?period=2020-06-22/2020-06-28")
    person.drawn(3)
    assert person.page.locator(".plot").first.inner_text() == "This could not be answered."
    assert person.page.locator(".plot svg.marks").count() == 2
    assert any("JSON" in said for said in person.complaints)
    person.complaints.clear()


def test_on_a_phone_rows_of_texts_are_read_without_moving_them_sideways(person: Person) -> None:
    person.page.set_viewport_size({"width": 390, "height": 844})
    for page, tables in (("/requests?period=2020-06-24", 2), ("/regions/VN?period=2020-06-22/2020-06-28", 1)):
        person.page.goto(page)
        told = person.page.locator(".scroll:has(.told)")
        assert told.count() == tables
        assert told.evaluate_all("all => all.map(one => one.scrollWidth - one.clientWidth)") == tables * [0]
    row = person.page.locator(".told tbody tr").first.inner_text()
    assert "Vietnam" in row


def test_what_comes_in_is_shown_and_a_server_that_is_lost_and_comes_back_too(
    person: Person, server: Server
) -> None:
    person.page.add_init_script(  # a chart that is not let go goes on listening
        "window.listening = 0; for (const [name, step] of [['addEventListener', 1], ['removeEventListener', -1]]) {"
        " const inner = window[name]; window[name] = function (kind, ...rest) {"
        " window.listening += step * (kind === 'resize'); return inner.call(this, kind, ...rest); }; }"
    )
    person.page.goto("/?period=60m&live=true")
    assert "No packets in this period" in person.text
    now = int(time.time())
    server.site.now = datetime.now(UTC)
    listening = []
    for number, port in enumerate((8443, 8444)):
        records = [record(syn(port=port), now - 70 + 10 * number + n) for n in range(7)]
        server.site.take(pcap(records), f"/spool/a/new-{port}.pcap")
        person.page.get_by_text(f"{port}/TCP").first.wait_for()
        person.drawn(3)
        listening.append(person.page.evaluate("window.listening"))
    assert listening[0] == listening[1] > 0
    server.end()
    person.page.locator("#state.lost", has_text="connection lost").wait_for()
    server.begin()
    person.page.locator("#state:not(.lost)").wait_for()
    assert "8443/TCP" in person.text
    person.complaints.clear()  # the browser tells of each try


def test_who_has_a_key_comes_in_and_who_leaves_is_out(opened: Browser, tmp_path: Path) -> None:
    locked = Server(site_of(tmp_path))
    key = keys.create(locked.site.folder, "wall", [Scope.SOURCES], time.time())
    locked.begin()
    with somebody(opened, locked.url) as person:
        person.page.goto("/sensors?period=2020-06-24")
        assert "This darkscope asks for a key" in person.text
        person.page.fill("input[name=key]", key[:-1])
        person.page.click("main button")
        assert "There is no such key" in person.text
        person.page.fill("input[name=key]", key)
        person.page.click("main button")
        person.page.wait_for_url("**/sensors?period=2020-06-24")
        assert "Tokyo" in person.text
        assert person.page.evaluate("document.cookie") == ""
        person.page.click("button:text-is('Log out')")
        person.page.wait_for_url("**/login")
        person.page.goto("/sensors")
        assert "This darkscope asks for a key" in person.text
    locked.end()
