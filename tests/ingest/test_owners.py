from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from darkscope.ingest.owners import LONGEST, OwnersError, name_of, names
from darkscope.ingest.settings import Database

DAY = date(2020, 6, 24)


def write(path: Path, **records: object) -> Path:
    writer = MMDBWriter(ip_version=4, database_type="test")
    for prefix, record in records.items():
        writer.insert_network(IPSet([prefix.replace("_", "/")]), record)
    writer.to_db_file(str(path))
    return path


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ({"autonomous_system_organization": "Example Networks"}, "Example Networks"),
        ({"as_name": " Example ", "name": "other"}, "Example"),
        ({"autonomous_system_organization": "", "name": "Example"}, "Example"),
        ({"name": 5}, ""),
        ({"name": "x" * 999}, "x" * LONGEST),
        ("Example", ""),
        (None, ""),
    ],
)
def test_the_name_is_read_out_of_a_record_of_any_known_shape(record: object, name: str) -> None:
    assert name_of(record) == name


def test_owners_are_named_by_the_database_of_their_day(tmp_path: Path) -> None:
    old = write(tmp_path / "old.mmdb", **{"198.41.0.0_24": {"as_name": "Old"}})
    new = write(tmp_path / "new.mmdb", **{"198.41.0.0_24": {"as_name": "New"}})
    databases = [Database(path=old, until=DAY), Database(path=new, since=DAY)]
    seen = {
        1: ("198.41.0.4", DAY),
        2: ("198.41.0.4", date(2020, 6, 23)),
        3: ("198.42.0.4", DAY),
        4: ("2001:db8::1", DAY),
    }
    assert names(databases, seen) == {1: "New", 2: "Old"}


def test_a_database_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path, content in ((tmp_path / "none.mmdb", None), (tmp_path / "text.mmdb", "text")):
        if content:
            path.write_text(content)
        with pytest.raises(OwnersError, match=rf"geo\.owner\[0\]: .*{path.name}"):
            names([Database(path=path)], {1: ("198.41.0.4", DAY)})
