"""What a plan does to one table, as a commit of Delta Lake's log: the same bytes whoever writes them.

For storage that answers late. The Delta library looks around it before and after each commit, which takes eight answers
one after the other; who knows the newest commit needs one. Source: the Delta protocol, `Actions`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from darkscope.ingest.ledger.plan import Change, Plan

PLAN, VERSION = "darkscope-plan", "darkscope-version"
"""Delta application transactions: the plan a table has, the ledger version that this plan completes."""


def commit(plan: Plan, change: Change) -> bytes:
    """The commit of a plan, one JSON object a line."""
    return "\n".join(json.dumps(action, separators=(",", ":")) for action in _actions(plan, change)).encode()


def _actions(plan: Plan, change: Change) -> Iterator[dict[str, Any]]:
    when = plan.made  # of the plan, so that all who complete it write the same
    yield {
        "commitInfo": {
            "timestamp": when,
            "operation": "WRITE",
            "operationParameters": {"mode": "Append", "partitionBy": '["day"]'},
            "engineInfo": "darkscope",
        }
    }
    for file in change.add:
        yield {
            "add": {
                "path": file.path,
                "partitionValues": {"day": file.day},
                "size": file.size,
                "modificationTime": when,
                "dataChange": True,
                "stats": file.statistics,
            }
        }
    for gone in change.remove:
        yield {
            "remove": {
                "path": gone.path,
                "deletionTimestamp": when,
                "dataChange": True,
                "extendedFileMetadata": True,
                "partitionValues": {"day": gone.day},
                "size": gone.size,
            }
        }
    for name, number in ((PLAN, plan.number), (VERSION, plan.version)):
        yield {"txn": {"appId": name, "version": number}}


def numbers(data: bytes) -> tuple[int, int] | None:
    """Plan and version that a commit says; None where it is of another kind, or does not say both."""
    found: dict[str, int] = {}
    for line in data.splitlines():
        if b'"txn"' in line and (said := json.loads(line).get("txn")):
            found[said["appId"]] = said["version"]
    return (found[PLAN], found[VERSION]) if found.keys() >= {PLAN, VERSION} else None
