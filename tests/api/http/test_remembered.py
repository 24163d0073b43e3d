from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from flows import book, flow, minute

from darkscope.api.ask import Observer
from darkscope.api.http.app import create
from darkscope.api.http.remembered import Kept, Remembered
from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.settings import Settings

TEN = Kept(b"." * 10)
A, B, C = (("/v1/rankings/ports", tag) for tag in "abc")


def test_what_was_not_asked_for_the_longest_goes_first() -> None:
    kept = Remembered(most_bytes=80)
    for name in (A, B):
        kept.put(name, TEN)
    assert kept.get(A) == TEN
    for number in range(6):
        kept.put(("/", str(number)), TEN)
    kept.put(C, TEN)
    assert (kept.get(A), kept.get(B), kept.get(C)) == (TEN, None, TEN)
    assert (kept.found, kept.missed) == (3, 1)


def test_one_answer_does_not_take_the_room_of_all() -> None:
    kept = Remembered(most_bytes=80)
    kept.put(A, Kept(b"." * 11))
    assert kept.get(A) is None


def test_the_same_answer_twice_is_counted_once() -> None:
    kept = Remembered(most_bytes=80)
    for _ in range(20):
        kept.put(A, TEN)
    for number in range(7):
        kept.put(("/", str(number)), TEN)
    assert kept.get(A) == TEN


def test_a_question_is_computed_once_for_each_state(
    client: TestClient, memory: Any, monkeypatch: Any
) -> None:
    computed: list[str] = []
    top = Observer.top

    def counting(self: Observer, *asked: Any, **more: Any) -> Any:
        computed.append(str(self.store.version))
        return top(self, *asked, **more)

    monkeypatch.setattr(Observer, "top", counting)
    memory.flows = [{"minute": "2020-06-24T10:00", "sensor": "home-1", "packets": 60}]
    path = "/v1/rankings/ports?period=2020-06-24"
    first, second = client.get(path), client.get(path)
    assert (first.content, first.headers["etag"]) == (second.content, second.headers["etag"])
    client.get(f"{path}&format=csv")
    memory.version = 8
    client.get(path)
    assert computed == ["7", "7", "8"]


def test_two_paths_never_share_an_answer(client: TestClient) -> None:
    sensors, breadth = (client.get(f"/v1/{path}?period=2020-06-24").json() for path in ("sensors", "breadth"))
    assert "verdict" in breadth
    assert "rejected" in sensors


def test_a_page_from_memory_leads_on_to_the_next_like_the_one_that_was_computed(
    client: TestClient, memory: Any
) -> None:
    memory.flows = [
        {"minute": "2020-06-24T10:00", "sensor": "home-1", "source_low": low, "packets": 9 - low}
        for low in (1, 2, 3)
    ]
    first, again = (client.get("/v1/sources?period=2020-06-24&limit=1&port=23/tcp") for _ in range(2))
    assert (first.content, first.headers["link"]) == (again.content, again.headers["link"])
    cursor = again.json()["next"]
    following = client.get(f"/v1/sources?period=2020-06-24&limit=1&port=23/tcp&cursor={cursor}").json()
    assert [row["address"] for row in following["rows"]] == ["0.0.0.2"]


def test_an_answer_outlives_versions_that_changed_nothing_of_its_period(tmp_path: Path) -> None:
    ledger = Ledger.open_or_create(tmp_path)
    book(ledger, [flow(minute(date(2020, 6, 24), 9))])
    with TestClient(
        create(Settings(ledger=tmp_path), lambda: datetime(2020, 9, 1, tzinfo=UTC)), "http://localhost"
    ) as client:
        path = "/v1/rankings/ports?period=2020-06-24"
        first = client.get(path)
        newer = book(ledger, [flow(minute(date(2020, 8, 24), 9))]).version
        again = client.get(path)
        assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
        assert again.headers["darkscope-ledger-version"] == str(newer - 1)
        assert client.get(path, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
        late = book(ledger, [flow(minute(date(2020, 6, 24), 10))]).version
        changed = client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert changed.json()["provenance"]["ledger_version"] == late
        assert [row["packets"] for row in changed.json()["rows"]] == [2]
        assert client.get("/v1/sources?period=2020-06-24").headers["darkscope-ledger-version"] == str(late)
