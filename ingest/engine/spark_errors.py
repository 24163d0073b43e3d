"""What PySpark's errors come to: one sentence without traces, and whether Spark is lost."""

from __future__ import annotations

import re

_SILENT = ("RetriesExceeded", "Py4JNetworkError", "ConnectionRefusedError", "ConnectionResetError")
"""Errors of whom nobody answers: a server of Spark Connect, the JVM of this process."""

_ENDED = (
    "INVALID_HANDLE.SESSION_",  # a server of Spark Connect that was started again, or has given the session up
    "SparkContext was shut down",
    "stopped SparkContext",
)
"""What is said where a session is no more."""


def said(error: BaseException) -> str:
    """What an error of Spark's says."""
    text = str(error)
    raised = re.findall(r"^(?:: )?(?:\w+\.)*(\w*(?:Error|Exception): .+)$", text, re.MULTILINE)
    sentence = (
        raised[-1] if raised else next(filter(None, map(str.strip, text.splitlines())), type(error).__name__)
    )
    if "No module named 'darkscope" in sentence:
        sentence += (
            " (all machines of Spark need darkscope, of this version; PYSPARK_PYTHON names their Python)"
        )
    return str(sentence)


def why_lost(error: BaseException) -> str:
    """Why there is no Spark any more, by an error of its; empty where there still may be."""
    if type(error).__name__ in _SILENT:
        return "nothing answers any more"
    return said(error) if any(words in str(error) for words in _ENDED) else ""
