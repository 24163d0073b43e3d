from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from fastapi.testclient import TestClient
from flows import book, some
from ledgers import day

from darkscope.api.http.app import create
from darkscope.api.http.events import EventsAnswer
from darkscope.ingest.events import SECOND, Event, write
from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.settings import Settings

NOON = 1_593_000_000 * SECOND
NOW = datetime(2020, 6, 30, 12, tzinfo=UTC)


def test_events_that_began_in_a_period_are_listed_and_a_new_one_changes_the_tag(tmp_path: Path) -> None:
    ledger = Ledger.open_or_create(tmp_path / "ledger")
    book(ledger, some(0, 10, day("2020-06-24")))
    first = Event("one", NOON, NOON + 60 * SECOND, "rose", "23/TCP", "23/TCP rose", "=1+1", {"level": 3})
    write(ledger, "test", lambda _: [first])
    app = create(Settings(ledger=ledger.storage.path), lambda: NOW)
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        answer = client.get("/v1/events?period=2020-06-24")
        EventsAnswer.model_validate_json(answer.text)
        assert answer.json()["rows"] == [
            {
                "start": "2020-06-24T12:00:00+00:00",
                "end": "2020-06-24T12:01:00+00:00",
                "kind": "rose",
                "subject": "23/TCP",
                "title": "23/TCP rose",
                "text": "=1+1",
                "numbers": '{"id": "one", "level": 3}',
            }
        ]
        assert client.get("/v1/events?period=2020-06-25").json()["rows"] == []
        assert "'=1+1" in client.get("/v1/events?period=2020-06-24&format=csv").text
        page = client.get("/ports/tcp/23?period=2020-06-24").text
        (marks,) = re.findall(r'<script type="application/json" class="events">(.*)</script>', page)
        assert json.loads(marks) == [{"at": NOON // 1_000_000, "text": "23/TCP rose", "about": ["23/TCP"]}]
        tag = {"If-None-Match": answer.headers["etag"]}
        assert client.get("/v1/events?period=2020-06-24", headers=tag).status_code == 304
        other = Event("two", NOON, 0, "fell", "JP", "JP fell", "", {})
        write(ledger, "test", lambda _: [other])
        again = client.get("/v1/events?period=2020-06-24", headers=tag)
        assert [(row["title"], row["end"]) for row in again.json()["rows"]] == [
            ("JP fell", None), ("23/TCP rose", "2020-06-24T12:01:00+00:00"),
        ]  # fmt: skip
