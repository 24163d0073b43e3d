from __future__ import annotations

from pathlib import Path

import pytest

from darkscope.ingest.contacts import ContactEntry, Tlp, claims_of
from darkscope.ingest.settings import SettingsError, load


def mistakes(folder: Path, text: str) -> list[str]:
    file = folder / "darkscope.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as raised:
        load(file, {}, {})
    return [str(one).removeprefix(f"{file} ") for one in raised.value.mistakes]


def test_a_contact_stands_for_each_of_its_owners_in_each_of_its_countries() -> None:
    email = ("a@example.org",)
    both = ContactEntry(id="a", email=email, owners=("AS1", 2), countries=("jp", "VN"))
    assert claims_of(both) == [(1, "JP"), (1, "VN"), (2, "JP"), (2, "VN")]
    assert claims_of(ContactEntry(id="a", email=email, countries=("JP",))) == [(None, "JP")]
    assert claims_of(ContactEntry(id="a", email=email)) == [(None, None)]


def test_what_cannot_be_is_named_with_its_place(tmp_path: Path) -> None:
    text = """\
[notices]
tlp = "amber"
[[contacts]]
id = "jp"
email = ["nobody"]
owners = ["AS64500", "ASX", 0]
countries = ["Japan"]
[[contacts]]
id = "../up"
email = ["a@example.org"]
"""
    assert mistakes(tmp_path, text) == [
        "line 2: notices.tlp = 'amber': Input should be 'CLEAR', 'GREEN', 'AMBER', 'AMBER+STRICT' or 'RED'",
        "line 5: contacts[0].email[0] = 'nobody': no e-mail address: one is like soc@example.org",
        "line 6: contacts[0].owners[1] = 'ASX': an autonomous system is its number, like AS64500 or 64500",
        "line 6: contacts[0].owners[2] = 0: Input should be greater than or equal to 1",
        "line 7: contacts[0].countries[0] = 'Japan': a country is two letters, ISO 3166-1 alpha-2; ZZ is unknown",
        "line 9: contacts[1].id = '../up': String should match pattern '^\\w[\\w.-]{0,63}$'",
    ]


def test_contacts_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    def contact(name: str, rest: str = "") -> str:
        return f'[[contacts]]\nid = "{name}"\nemail = ["{name}@example.org"]\n{rest}\n'

    text = "".join(
        (
            contact("a", "owners = [64500]"),
            contact("a", 'countries = ["JP"]'),
            contact("b", 'owners = ["AS64500"]'),
            contact("c", 'owners = [1]\ncountries = ["JP", "VN"]'),
            contact("d", 'owners = [1]\ncountries = ["VN"]'),
            contact("e"),
            contact("f"),
            '[[contacts]]\nid = "g"\nemail = []\nowners = [7]\n',
        )
    )
    assert [line.partition(": ")[2] for line in mistakes(tmp_path, text)] == [
        "contacts[1].id: is also the id of contacts[0]",
        "contacts[2]: AS64500 is also of contacts[0]",
        "contacts[4]: AS1 in VN is also of contacts[3]",
        "contacts[6]: whatever no other contact has is also of contacts[5]",
        "contacts[7].email: names nobody: a contact has at least one address",
    ]


def test_the_labels_are_those_of_tlp_2() -> None:
    assert [one.value for one in Tlp] == ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]
