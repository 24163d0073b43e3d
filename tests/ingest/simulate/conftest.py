from __future__ import annotations

import polars as pl
import pytest
from simulated import drawn

from darkscope.ingest.simulate import scenario


@pytest.fixture(scope="session")
def autumn() -> pl.DataFrame:
    return drawn(scenario("2014-q4"))


@pytest.fixture(scope="session")
def spring() -> pl.DataFrame:
    return drawn(scenario("2020-q2"))
