"""InfluxDB's disk is full: the projector says so and goes on once there is room, and nothing is missing in the end.

InfluxDB 1.6 and 2.7 do not go on by themselves: what was refused once is refused until they are started again. And
what they then take can be lost when they are killed: it is appended behind a line that was cut off, and nobody reads
beyond that.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from disks import fill, needs_root, small_disk
from flows import book, some
from influx import InfluxDB
from influx_proxy import Proxy
from walls import Wall, close, follow, trouble, wall_of

DAY = date(2020, 6, 24)
BUCKETS = ("", "_hour", "_day")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "200m") as folder:
        yield folder


@pytest.fixture
def wall(tmp_path: Path, disk: Path) -> Iterator[Wall]:
    """A wall whose InfluxDB alone is on the small disk."""
    with InfluxDB(disk) as influx, Proxy(influx.port) as proxy:
        wall = wall_of(tmp_path, influx, proxy)
        yield wall
        close(wall)


@needs_root
@pytest.mark.parametrize("left", [0, 30_000])
def test_a_disk_that_fills_while_it_is_projected_costs_nothing_in_the_end(
    wall: Wall, disk: Path, left: int, caplog: Any
) -> None:
    one = wall.projector()
    book(wall.ledger, some(0, 300, DAY))
    follow(wall, one, 300)
    assert [wall.packets(bucket) for bucket in BUCKETS] == [300] * 3
    filler = fill(disk, left)
    waits = []
    for batch in range(1, 6):
        book(wall.ledger, some(batch * 2000, 2000, DAY))  # ingest goes on
        follow(wall, one, 10)
        waits.append(one.owes(1e12))
    assert "no space left on device" in trouble(wall)
    assert waits[-1] == waits[-2], "what waits does not grow"
    assert len([text for text in caplog.messages if text == "the projection waits"]) == 1
    assert wall.packets() < 10_300

    filler.unlink()
    wall.influx.kill()
    wall.influx.start()
    follow(wall, one, 400)
    assert (trouble(wall), one.owes(1e12)) == ("", 0)
    assert wall.differences() == []
    assert [wall.packets(bucket) for bucket in BUCKETS] == [10_300] * 3

    wall.influx.kill()
    wall.influx.start()
    follow(wall, one, 400)
    assert wall.differences() == []
    assert [wall.packets(bucket) for bucket in BUCKETS] == [10_300] * 3
    assert one.counts.rejected == 0
