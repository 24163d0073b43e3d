"""Rankings and trends as JSON and CSV: exact, documented shapes for scripts.

Pure: rows in, text out. JSON numbers are whole or full floats; a gap is null. In CSV it is an empty cell.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from darkscope.api.periods import Window
from darkscope.api.ranking import Provenance, Ranking
from darkscope.api.trend import Trend
from darkscope.api.watch import Watch


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters with which a spreadsheet runs a cell (OWASP, CSV Injection)."""

RANKING_COLUMNS = (
    "rank",
    "value",
    "label",
    "packets",
    "share",
    "previous_rank",
    "previous_packets",
    "per_sensor_day",
    "sources",
    "sources_error",
)


def ranking_json(ranking: Ranking) -> str:
    """Write `dimension`, `packets`, `values`, `rows` (RANKING_COLUMNS) and `provenance`."""
    return _json(
        {
            "dimension": ranking.dimension,
            "packets": ranking.packets,
            "values": ranking.values,
            "rows": [{name: getattr(row, name) for name in RANKING_COLUMNS} for row in ranking.rows],
            "provenance": _provenance(ranking.provenance),
        }
    )


def ranking_csv(ranking: Ranking) -> str:
    """Write one line a row, with RANKING_COLUMNS as the header."""
    return _csv(RANKING_COLUMNS, ([getattr(row, name) for name in RANKING_COLUMNS] for row in ranking.rows))


def trend_json(trend: Trend) -> str:
    """Write `dimension`, `step`, `starts`, `covered`, `lines` (`value`, `label`, `packets`) and `provenance`.

    `starts`, `covered` and each `packets` have one entry a bucket.
    """
    return _json(
        {
            "dimension": trend.dimension,
            "step": trend.buckets.step,
            "starts": [_time(start) for start in trend.buckets.starts],
            "covered": trend.covered,
            "lines": [
                {"value": line.value, "label": line.label, "packets": line.packets} for line in trend.lines
            ],
            "provenance": _provenance(trend.provenance),
        }
    )


def trend_csv(trend: Trend) -> str:
    """Write one line a bucket: `start`, `covered`, and a column for each value."""
    return _csv(
        ("start", "covered", *(line.value for line in trend.lines)),
        (
            (_time(start), share, *counts)
            for start, share, *counts in zip(
                trend.buckets.starts, trend.covered, *(line.packets for line in trend.lines), strict=True
            )
        ),
    )


def _provenance(provenance: Provenance) -> dict[str, Any]:
    period = provenance.period
    return {
        "ledger_version": provenance.ledger_version,
        "period": {"asked": period.text, "zone": period.zone.key, **_window(period.window)},
        "previous": _window(period.previous),
        "filter": {name: list(texts) for name, texts in provenance.where.texts().items()},
        "sensors": _watch(provenance.now),
        "previous_sensors": _watch(provenance.before) if provenance.before else None,
    }


def _window(window: Window) -> dict[str, str]:
    return {"start": _time(window.start), "end": _time(window.end)}


def _watch(watch: Watch) -> dict[str, Any]:
    return {
        "sensors": watch.sensors,
        "covered_seconds": watch.seconds,
        "covered_share": watch.share,
        "outages": watch.outages,
    }


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _json(answer: dict[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _csv(header: Iterable[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_cell(name) for name in header])
    writer.writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue()


def _cell(value: object) -> object:
    """Give a cell that no spreadsheet runs: text like a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
