"""P10: the same questions about the same window, of a ledger and of one that has a tenth of its days.

What is asked of a window should not take longer because there are other days. CPU seconds of this process, the least of
several; each time is a new question, so that nothing is remembered. Prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import timedelta
from pathlib import Path

from fresh import NOW
from quarter import ANSWERING, DAYS, FIRST, build
from starlette.testclient import TestClient

from darkscope.api.http.app import create
from darkscope.ingest.ledger.files import LEVEL, write_file
from darkscope.ingest.ledger.ledger import Ledger, Snapshot
from darkscope.ingest.ledger.plan import Change
from darkscope.ingest.ledger.storage import Folder
from darkscope.ingest.series import COVERAGE, FLOWS
from darkscope.ingest.settings import Settings

LAST = FIRST + timedelta(days=DAYS - 1)
FEW = 2 * DAYS // 10
"""Days of the smaller ledger: a tenth of two quarters."""

PERIOD = "2020-06-24/2020-06-30"
QUESTIONS = {
    "ranking of ports, a week": f"rankings/ports?period={PERIOD}",
    "ranking of countries, a week": f"rankings/countries?period={PERIOD}",
    "trend of countries by the hour, a week": f"trends/countries?period={PERIOD}&step=hour",
    "sources of a port, a day": "sources?period=2020-06-30&port=445/tcp",
}
TIMES = 15


def newest(ledger: Path, to: Path) -> None:
    """Make a ledger of the newest days of another."""
    whole, made = Ledger(ledger).snapshot(), Ledger.open_or_create(to)
    days = [LAST - timedelta(days=back) for back in range(FEW)]
    changes = {table.name: Change() for table in (FLOWS, COVERAGE, *ANSWERING)}
    for table in (FLOWS, COVERAGE, *ANSWERING):
        for day in days:
            rows = whole.scan(table, day, day).drop("day").collect()
            changes[table.name].add.append(write_file(Folder(to), table, day, rows, level=LEVEL))

    def build_it(_: Snapshot) -> dict[str, Change]:
        return changes

    made.change("bench", "ingest", build_it)


def costs(ledger: Path) -> dict[str, float]:
    """CPU seconds of each question."""
    found = {}
    with TestClient(create(Settings(ledger=ledger), lambda: NOW), "http://localhost") as client:
        for name, path in QUESTIONS.items():
            runs = []
            for number in range(TIMES):
                begun = time.process_time()
                client.get(f"/v1/{path}&limit={10 + number}").raise_for_status()
                runs.append(time.process_time() - begun)
            found[name] = min(runs)
    return found


def main() -> None:
    """Arguments: folder of the ledger, flows, share of random ports, folder for what is written."""
    ledger, count, random_ports = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    small = Path(sys.argv[4]) / "tenth"
    if not ledger.exists():
        build(ledger, count, random_ports)
    newest(ledger, small)
    few, many = costs(small), costs(ledger)
    print(json.dumps({name: {"few": few[name], "many": many[name]} for name in QUESTIONS}))


if __name__ == "__main__":
    main()
