"""Errors of Spark's are one sentence, and tell whether Spark is lost."""

from __future__ import annotations

import pytest

from darkscope.ingest.engine.spark_errors import said, why_lost

LACKING = "ModuleNotFoundError: No module named 'darkscope'"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "\n  An exception was thrown from the Python worker.\nTraceback:\n  File\nValueError: no\n\tat org",
            "ValueError: no",
        ),
        (
            "An error occurred while calling None.x.\n: org.apache.SparkException: Could not parse 'local[1'\n\tat org",
            "SparkException: Could not parse 'local[1'",
        ),
        ("Job aborted due to stage failure\nmore", "Job aborted due to stage failure"),
        ("", "RuntimeError"),
        (
            LACKING,
            f"{LACKING} (all machines of Spark need darkscope, of this version; PYSPARK_PYTHON names their Python)",
        ),
    ],
)
def test_an_error_of_sparks_is_cut_to_what_it_says(text: str, sentence: str) -> None:
    assert said(RuntimeError(text)) == sentence


class RetriesExceeded(Exception):
    """What PySpark raises where a server of Spark Connect answers no more."""


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (RetriesExceeded("[RETRIES_EXCEEDED] The maximum number of retries"), "nothing answers any more"),
        (ConnectionRefusedError(111, "Connection refused"), "nothing answers any more"),
        (
            RuntimeError("[INVALID_HANDLE.SESSION_CHANGED] The handle is invalid. Please reconnect."),
            "[INVALID_HANDLE.SESSION_CHANGED] The handle is invalid. Please reconnect.",
        ),
        (
            RuntimeError("Job 5 cancelled because SparkContext was shut down"),
            "Job 5 cancelled because SparkContext was shut down",
        ),
        (RuntimeError("Job aborted due to stage failure"), ""),
        (ValueError("no"), ""),
    ],
)
def test_who_answers_no_more_is_lost_and_whose_job_fails_is_not(error: Exception, why: str) -> None:
    assert why_lost(error) == why
