from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from darkscope.ingest.contacts import ContactEntry
from darkscope.ingest.sensors import Sensors
from darkscope.ingest.settings import Database, HolidayEntry, SensorEntry, Settings, load
from darkscope.ingest.values import DURATIONS

DOCS = Path(__file__).parents[2] / "docs"

LEFT_OUT = {
    "worker": "the host's name",
    "ingest.done_folder": '`"done"`',
    "geo.country": "the one that ships",
    "geo.owner": "none",
    "research": "none",
    "devices": "none",
    "ingest.batch_seconds": "2, or 30",
    "vulnerabilities": "none",
    "decisions": "`decisions.toml` with the ledger",
    "state": "the ledger's folder",
    "spark.master": "Spark's own settings",
    "storage.endpoint": "the provider's own",
    "storage.region": "AWS_REGION",
    "storage.cache": "in the user's cache",
    "storage.cache_size": '`"20GiB"`',
    "holidays": "none",
    "contacts": "none",
    "notices.reply_to": "none",
    "notices.templates": "none",
    "retention.disk_budget": "no limit",
    "retention.events": '`"keep"`',
    "retention.disk_reserve": '`"1GiB"`',
    "sensors": "none",
    "influx.url": "none",
    "influx.token_file": "none",
    "influx.read_token_file": "none",
    "influx.sensors": "as many as there are",
    "influx.watch": "sixteen well-known ones",
    "influx.ca_file": "none",
}
"""Defaults that the model does not hold in the words of a settings file."""


def default(key: str, field: FieldInfo) -> str:
    value = field.default
    if key in LEFT_OUT:
        return LEFT_OUT[key]
    match value:
        case None:
            return "open"
        case bool():
            return f"`{str(value).lower()}`"
        case timedelta():
            unit = next(unit for unit, length in DURATIONS.items() if not value % length)
            return f'`"{value // DURATIONS[unit]}{unit}"`'
        case int() | float():
            return f"`{value:_}`"
        case tuple():
            return "`[]`"
    return "must be given" if value is PydanticUndefined else f'`"{value}"`'


def fields(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields(field.annotation, f"{before}{name}.")
        else:
            yield before + name, field


def rows(model: type[BaseModel]) -> dict[str, list[str]]:
    return {
        key: [default(key, field), " ".join(str(field.description).split())] for key, field in fields(model)
    }


def documented(title: str, columns: int) -> dict[str, list[str]]:
    text = (DOCS / "settings.md").read_text(encoding="utf-8")
    section = text.partition(f"## {title}\n")[2].partition("\n## ")[0]
    table = re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, re.MULTILINE)
    cells = {key: rest.split(" | ") for key, rest in table}
    assert all(len(row) == columns for row in cells.values())
    return cells


def test_every_setting_is_documented_with_its_variable_default_and_meaning_and_nothing_else_is() -> None:
    found = documented("All settings", 4)
    assert {key: row[2:] for key, row in found.items()} == rows(Settings)
    assert {key: row[0] for key, row in found.items()} == {
        key: f"`DARKSCOPE_{key.upper().replace('.', '__')}`" for key in found
    }


@pytest.mark.parametrize(
    ("title", "model"),
    [
        ("A sensor", SensorEntry),
        ("A database", Database),
        ("A contact", ContactEntry),
        ("A holiday", HolidayEntry),
    ],
)
def test_every_key_of_a_list_entry_is_documented_and_nothing_else_is(title: str, model: Any) -> None:
    assert {key: row[1:] for key, row in documented(title, 3).items()} == rows(model)


def test_the_example_is_loaded_and_sets_what_it_says() -> None:
    loaded = load(DOCS / "darkscope.toml", {}, {})
    settings = loaded.settings
    assert str(settings.time_zone) == "Asia/Tokyo"
    assert settings.ingest.rotation == timedelta(minutes=10)
    assert settings.retention.disk_budget == 200_000_000_000
    assert [entry.id for entry in settings.sensors] == ["tokyo-1", "tokyo-1", "hanoi-honeypot"]
    moved = Sensors(settings).of_id("tokyo-1").entries
    assert [entry.name for entry in moved] == ["Tokyo, old building", "Tokyo, new building"]
    assert moved[0].until == moved[1].since
    assert [one.id for one in settings.contacts] == ["example-net", "vn-csirt"]
    assert [(one.country, one.name) for one in settings.holidays] == [("ID", "joint leave")]


def test_the_example_names_every_section_and_key_of_the_model_that_has_one_value() -> None:
    text = (DOCS / "darkscope.toml").read_text(encoding="utf-8")
    named = {key.rpartition(".")[2] for key, _ in fields(Settings)} - {"sensors", "holidays", "contacts"}
    assert {name for name in named if not re.search(rf"^#? ?{name} = ", text, re.MULTILINE)} == set()
