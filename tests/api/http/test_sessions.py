from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from darkscope.api.http.sessions import LASTS, RENEWED, begun, is_old, key_of
from darkscope.api.keys import Key, Scope

NOW = 1_600_000_000.0
KEY = Key("0a1b2c3d", "wall", 64 * "d", frozenset({Scope.READ}), None, NOW - 10, None, None, None)
OTHER = replace(KEY, id="ffffffff", digest=64 * "e")
KEYS = {key.id: key for key in (KEY, OTHER)}


def test_a_session_is_its_keys_until_it_is_over_and_the_key_is_not_in_it() -> None:
    value = begun(KEY, NOW)
    assert key_of(KEYS, value, NOW) is KEY
    assert key_of(KEYS, value, NOW + LASTS - 1) is KEY
    assert key_of(KEYS, value, NOW + LASTS) is None
    assert KEY.digest not in value


@pytest.mark.parametrize(
    "changed",
    [{"revoked": NOW}, {"expires": NOW}, {"digest": 64 * "f"}],
    ids=["revoked", "expired", "another"],
)
def test_a_session_holds_no_longer_than_its_key(changed: dict[str, object]) -> None:
    value = begun(KEY, NOW - 1)
    assert key_of({KEY.id: replace(KEY, **changed)}, value, NOW) is None
    assert key_of({}, value, NOW) is None


def test_a_session_cannot_be_made_longer_or_another_keys() -> None:
    identifier, until, signature = begun(KEY, NOW).split(".")
    for forged in (
        f"{identifier}.{int(until) + 1}.{signature}",
        f"{OTHER.id}.{until}.{signature}",
        f"{identifier}.{until}.{signature[:-1]}",
        f"{identifier}.{until}.{64 * '0'}",
    ):
        assert key_of(KEYS, forged, NOW) is None


@given(some.text(max_size=120))
def test_no_text_is_a_session_or_a_mistake(text: str) -> None:
    assert key_of(KEYS, text, NOW) is None
    assert not is_old(text, NOW)


def test_a_session_that_is_used_is_renewed_once_a_day() -> None:
    value = begun(KEY, NOW)
    assert not is_old(value, NOW + RENEWED)
    assert is_old(value, NOW + RENEWED + 1)
