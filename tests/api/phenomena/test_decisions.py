from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkscope.api.phenomena import decisions
from darkscope.api.phenomena.decisions import Decision, DecisionsError
from darkscope.api.phenomena.proposal import State
from darkscope.ingest.settings import Settings

ID = "445-tcp-up-2020-04-01"

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)


@given(
    st.dictionaries(
        st.from_regex(r"\A[a-z0-9][a-z0-9.-]{0,20}\Z"),
        st.builds(Decision, st.sampled_from(State), TEXT, TEXT),
    )
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read(tmp_path: Path, known: dict[str, Decision]) -> None:
    file = tmp_path / "decisions.toml"
    decisions.write(file, known)
    assert decisions.read(file) == known


def test_a_decision_keeps_the_others_and_the_words(tmp_path: Path) -> None:
    file = tmp_path / "decisions.toml"
    decisions.decide(file, ID, lambda one: replace(one, ja="増加しました。"))
    decisions.decide(file, "jp-up-2014-10-01", lambda one: replace(one, state=State.DISMISSED))
    decisions.decide(file, ID, lambda one: replace(one, state=State.CONFIRMED))
    assert file.read_text(encoding="utf-8") == (
        "# What analysts decided of phenomena; `darkscope phenomena` writes it.\n\n"
        '["445-tcp-up-2020-04-01"]\nstate = "confirmed"\nja = "増加しました。"\n\n'
        '["jp-up-2014-10-01"]\nstate = "dismissed"\n'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "Expected '=' after a key"),
        ("a = 1", "a is no table"),
        ('["A B"]', "'A B' is no id of a proposal"),
        ('[a]\nstate = "maybe"', "a.state is none of open, confirmed, dismissed"),
        ("[a]\nen = 1", "a.en is no text of up to 20,000 characters"),
        ('[a]\nfr = ""', "a.fr is not known; known are state, en, ja"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "decisions.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DecisionsError) as caught:
        decisions.read(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert message in str(caught.value)


def test_no_file_is_no_decision_and_an_id_must_be_one(tmp_path: Path) -> None:
    assert decisions.read(tmp_path / "none.toml") == {}
    with pytest.raises(DecisionsError, match="no id of a proposal"):
        decisions.decide(tmp_path / "none.toml", "../x", lambda one: one)


def test_the_file_is_in_the_ledgers_folder_unless_the_settings_say_otherwise(tmp_path: Path) -> None:
    assert decisions.path(Settings(ledger=tmp_path)) == tmp_path / "decisions.toml"
    assert decisions.path(Settings(ledger=tmp_path, decisions=Path("kept.toml"))) == Path("kept.toml")
