from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from told import case, cases

from darkscope.api.grades import Reason
from darkscope.api.notices.notice import Directory, Recipient, Unaddressed, address
from darkscope.ingest.contacts import ContactEntry, Notices, Tlp
from darkscope.ingest.settings import Settings
from darkscope.ingest.values import Language


def contact(identifier: str, **how: Any) -> ContactEntry:
    return ContactEntry(id=identifier, email=(f"{identifier}@example.org",), **how)


CONTACTS = (
    contact("both", owners=("AS1",), countries=("JP",)),
    contact("owner", owners=("AS1", 2), language="ja", time_zone="Asia/Tokyo", tlp="GREEN", name="One"),
    contact("country", countries=("JP", "VN")),
)
REST = contact("rest")


def settings(*contacts: ContactEntry) -> Settings:
    common = Notices(provider="us", tlp=Tlp.RED, language=Language.EN)
    return Settings(contacts=contacts, notices=common, time_zone=ZoneInfo("Asia/Seoul"))


@pytest.mark.parametrize(
    ("country", "asn", "told"),
    [
        ("JP", 1, "both"),
        ("US", 1, "owner"),
        ("ZZ", 2, "owner"),
        ("JP", 3, "country"),
        ("VN", 0, "country"),
        ("US", 3, "rest"),
        ("ZZ", 0, "rest"),
    ],
)
def test_of_the_contacts_of_a_source_the_nearest_is_told(country: str, asn: int, told: str) -> None:
    found = Directory(settings(*CONTACTS, REST)).find(country, asn)
    assert found is not None
    assert found.id == told
    without = Directory(settings(*CONTACTS)).find(country, asn)
    assert (without.id if without else "rest") == told


def test_what_an_entry_leaves_out_the_settings_say() -> None:
    directory = Directory(settings(*CONTACTS))
    own, common = (directory.find("US", 1), directory.find("VN", 0))
    email = ("owner@example.org",)
    assert own == Recipient("owner", "One", email, Language.JA, ZoneInfo("Asia/Tokyo"), Tlp.GREEN)
    email = ("country@example.org",)
    assert common == Recipient("country", "country", email, Language.EN, ZoneInfo("Asia/Seoul"), Tlp.RED)
    for one in Directory(settings(*CONTACTS), Language.JA).recipients:
        assert one.language is Language.JA


def test_every_case_is_told_to_one_or_counted() -> None:
    found = (
        case("192.0.2.1", country="VN", asn=0),
        case("192.0.2.2", country="JP", asn=1),
        case("192.0.2.3", country="VN", asn=0, tools=("mirai",)),
        case("192.0.2.4", country="US", asn=9, packets=5),
        case("192.0.2.5", country="US", asn=9, packets=6),
        case("192.0.2.6", country="CN", asn=0),
        case("192.0.2.7", country="VN", asn=7),
    )
    asked: list[tuple[str, str]] = []

    def was_named(recipient: Recipient, one: Any) -> bool:
        asked.append((recipient.id, one.address))
        return str(one.address) == "192.0.2.7"

    given = cases(*found, sources=10, **{Reason.FORGEABLE: 3})
    told = address(given, Directory(settings(*CONTACTS)), was_named, lambda _: {1: "One"})
    assert [(one.recipient.id, [its.address for its in one.cases]) for one in told.notices] == [
        ("both", ["192.0.2.2"]),
        ("country", ["192.0.2.1", "192.0.2.3"]),
    ]
    assert told.unaddressed == (Unaddressed("US", 9, 2, 11), Unaddressed("CN", 0, 1, 3))
    assert told.left_out == {Reason.FORGEABLE: 3, Reason.NOTIFIED: 1, Reason.NO_CONTACT: 3}
    assert told.sources == told.named + sum(told.left_out.values()) == 10
    assert (told.owners, told.until) == ({1: "One"}, datetime(2020, 6, 25, tzinfo=UTC))
    assert len(asked) == 4
