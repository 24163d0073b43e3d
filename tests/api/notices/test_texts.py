from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from told import ATTEMPT, CASE, RECIPIENT, SAMPLE, SENDER, case, notices
from told import hostile_cases as hostile

from darkscope.api.grades import Grade
from darkscope.api.notices.notice import Notices
from darkscope.api.notices.texts import LISTED, TextError, Texts
from darkscope.api.visible import HIDDEN
from darkscope.ingest.values import Language

ATTACHED = {"intelmq.ndjson": "IntelMQ events, one a line"}
JA = replace(RECIPIENT, language=Language.JA, zone=ZoneInfo("Asia/Tokyo"))

ENGLISH = """\
TLP:AMBER
To: Viet Nam <cert@vn.example>
From: Example CSIRT
Subject: Scans from your network or country, 2020-06-24 to 2020-06-25: 2 sources

Dear Viet Nam,

our sensors receive what is sent to nobody in particular: scans, and what malware sends to spread. Between
  2020-06-24 07:00:00 +0700 and 2020-06-25 07:00:00 +0700 (Asia/Ho_Chi_Minh), that is
  2020-06-24T00:00:00Z and 2020-06-25T00:00:00Z,
they received 6 packets from 2 addresses that you may be able to act on.

What the addresses are named for:
  infected-system: 1 (malware that infected the device sends such packets)
  exploit: 1 (requests that are after known vulnerabilities)
  scanner: 1
How sure it is that an address is the sender's own:
  confirmed: 1 (completed a TCP handshake with us; not forged)
  likely: 1 (several sensors, some minutes, one distance; forging is possible but unlikely)
What was asked for, by the number of addresses:
  445/TCP: 2

Address, time (Asia/Ho_Chi_Minh), source port, destination port, packets in all, tool
  192.0.2.7   2020-06-24 19:00:05 +0700  40000  445/TCP          3  mirai  AS64500 Example Networks  QNAP NAS
  198.41.0.4  2020-06-24 19:00:00 +0700      -  -                3  -  AS64500 Example Networks  CVE-2019-7192

Where several customers share an address, time and source port together tell which of them it was.

Attached:
  intelmq.ndjson: IntelMQ events, one a line

What we ask for: find the device behind each address, see whether it is infected or misused, and have it cleaned,
updated or taken off the Internet. Nothing is wrong with an address that you know to measure the Internet openly; then
tell us.

Questions and corrections: soc@csirt.example

Example CSIRT
"""


def text(told: Notices, folder: Path | None = None) -> str:
    return Texts(folder).text(told, told.notices[0], ATTACHED)


def test_the_english_text_says_who_what_when_and_how_sure() -> None:
    bot = case("192.0.2.7", grade=Grade.CONFIRMED, tools=("mirai",), device="QNAP NAS")
    one = replace(ATTEMPT, cves=ATTEMPT.cves[:1])
    assert text(notices(bot, case(samples=(), attempts=(one,)))) == ENGLISH


def test_the_japanese_text_says_the_same() -> None:
    bot = case("192.0.2.7", tools=("mirai",), grade=Grade.CONFIRMED, attempts=(ATTEMPT,))
    told = text(notices(CASE, bot, recipient=JA))
    for part in (
        "TLP:AMBER\n宛先: Viet Nam <cert@vn.example>\n差出人: Example CSIRT\n件名: ",
        "送信元 2 件)",
        "2020-06-24 09:00:00 +0900 から 2020-06-25 09:00:00 +0900 まで (Asia/Tokyo)",
        "2020-06-24T00:00:00Z から 2020-06-25T00:00:00Z まで",
        "2 件の IP アドレスから 6 個のパケット",
        "探索 (scanner): 1\n",
        "マルウエア感染の疑い (infected-system): 1\n",
        "既知の脆弱性を狙うリクエスト (exploit): 1\n",
        "  AS64500 Example Networks  CVE-2019-7192 CVE-2019-7194\n",
        "確認済み (confirmed",
        "可能性が高い (likely",
        "445/TCP: 2\n",
        "  198.41.0.4  2020-06-24 21:00:05 +0900  40000  445/TCP          3  -  AS64500 Example Networks\n",
        "intelmq.ndjson: IntelMQ events, one a line\n",
        "ご質問、訂正のご連絡先: soc@csirt.example\n",
    ):
        assert part in told


@pytest.mark.parametrize("recipient", [RECIPIENT, JA], ids=lambda one: one.language)
def test_a_text_lists_some_and_counts_the_rest(recipient: object) -> None:
    many = [case(f"192.0.2.{low}") for low in range(LISTED + 3)]
    told = text(notices(*many, recipient=recipient, sender=replace(SENDER, reply_to=None)))
    assert told.count("  192.0.2.") == LISTED
    assert "and 3 more in the attachments" in told or "ほか 3 件は添付ファイルをご覧ください" in told
    assert "soc@csirt.example" not in told


def test_the_port_of_a_packet_is_written_as_everywhere() -> None:
    ping = case(samples=(replace(SAMPLE, protocol=1, port=None, source_port=None),))
    assert "  198.41.0.4  2020-06-24 19:00:05 +0700      -  0/ICMP           3  -  " in text(notices(ping))


@given(hostile())
@settings(deadline=None)
def test_nothing_that_strangers_wrote_moves_a_line_or_hides(told: Notices) -> None:
    written = text(told)
    assert not [sign for sign in written if sign != "\n" and unicodedata.category(sign) in HIDDEN]
    assert written.count("\n") == text(notices(*told.notices[0].cases, owners={64500: "x"})).count("\n")


def test_what_strangers_wrote_is_no_template() -> None:
    assert "AS64500 {{ 7*7 }}\n" in text(notices(CASE, owners={64500: "{{ 7*7 }}"}))


def test_a_folder_of_ones_own_texts_replaces_those_that_it_has(tmp_path: Path) -> None:
    (tmp_path / "notice.en.txt").write_text("{{ tlp }} {% for one in cases %}{{ one.address }}{% endfor %}\n")
    assert text(notices(CASE), tmp_path) == "TLP:AMBER 198.41.0.4"
    assert text(notices(CASE, recipient=JA), tmp_path) == text(notices(CASE, recipient=JA))


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("one\n{{ sender }}", "notice.en.txt line 2: 'sender' is undefined"),
        ("{{ cases[0].adress }}", "has no attribute 'adress'"),
        ("one\ntwo {% for %}", "notice.en.txt line 2: "),
        ("{{ cases.__class__.__mro__ }}", "access to attribute '__class__' of 'list' object is unsafe"),
        ("{{ cases.append(1) }}", "access to attribute 'append' of 'list' object is unsafe"),
        ("{{ 1 / 0 }}", "ZeroDivisionError: division by zero"),
        ("{% include '../secret' %}", "notice.en.txt"),
    ],
)
def test_a_template_that_cannot_be_used_is_named(tmp_path: Path, template: str, message: str) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret")
    (folder / "notice.en.txt").write_text(template)
    with pytest.raises(TextError) as raised:
        text(notices(CASE), folder)
    assert message in str(raised.value)


def test_a_folder_of_texts_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TextError, match=r"notices\.templates: .*nowhere: is no folder"):
        Texts(tmp_path / "nowhere")
