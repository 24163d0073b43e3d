from __future__ import annotations

import pytest

from darkscope.api.language import country_name, holiday_name, territories
from darkscope.ingest.values import Language


def test_territories_are_those_of_iso_3166_and_kosovo() -> None:
    found = territories()
    assert found == sorted(found)
    assert len(found) == 250
    assert {"JP", "TW", "HK", "XK"} <= set(found)
    assert not {"EU", "UN", "ZZ", "XA"} & set(found)


@pytest.mark.parametrize(
    ("code", "english", "japanese"),
    [
        ("VN", "Vietnam", "ベトナム"),
        ("HK", "Hong Kong", "香港"),
        ("ZZ", "unknown", "不明"),
        ("XQ", "XQ", "XQ"),
    ],
)
def test_a_country_is_called_as_reports_write_it(code: str, english: str, japanese: str) -> None:
    assert [country_name(code, language) for language in (Language.EN, Language.JA)] == [english, japanese]


@pytest.mark.parametrize(
    ("english", "japanese"),
    [
        ("Vesak Day", "ワイサック"),
        ("Some Day", "Some Day"),
        ("Eid al-Fitr (estimated)", "ラマダン明け（推定）"),
        ("Some Day (estimated)", "Some Day (estimated)"),
        ("New Year's Day; Some Day", "元日、Some Day"),
    ],
)
def test_a_holiday_has_a_japanese_name_or_keeps_its_own(english: str, japanese: str) -> None:
    assert [holiday_name(english, language) for language in (Language.EN, Language.JA)] == [english, japanese]
