"""The reports on the simulated quarters say what JPCERT/CC's say of the real ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from darkscope.api.report.book import Book
from darkscope.api.report.document import Document, Paragraph, Table
from darkscope.api.report.findings import Findings
from darkscope.api.report.subjects import subject_blocks
from darkscope.api.report.words import Words
from darkscope.api.sources import OwnerList, OwnerRow
from darkscope.ingest.values import Language

JA, EN = Language.JA, Language.EN
HOSTILE = "<script>alert(1)</script> {{ 7*7 }}"
Report = Callable[..., Document]

PORTS = {
    "2014-q4": (
        ("1", "23/TCP (telnet)", "1"),
        ("2", "22/TCP (ssh)", "3"),
        ("3", "445/TCP (microsoft-ds)", "2"),
        ("4", "0/ICMP", "4"),
        ("5", "1433/TCP (ms-sql-s)", "5"),
    ),
    "2020-q2": (
        ("1", "23/TCP (telnet)", "1"),
        ("2", "445/TCP (microsoft-ds)", "3"),
        ("3", "1433/TCP (ms-sql-s)", "2"),
        ("4", "80/TCP (http)", "4"),
        ("5", "22/TCP (ssh)", "5"),
    ),
}
REGIONS = {
    ("2014-q4", JA): (
        ("1", "中国", "1"), ("2", "米国", "2"), ("3", "日本", "5"), ("4", "フランス", "9"), ("5", "台湾", "3"),
    ),
    ("2014-q4", EN): (
        ("1", "China", "1"), ("2", "United States", "2"),
        ("3", "Japan", "5"), ("4", "France", "9"), ("5", "Taiwan", "3"),
    ),
    ("2020-q2", JA): (
        ("1", "ロシア", "1"), ("2", "米国", "3"), ("3", "オランダ", "2"), ("4", "中国", "4"), ("5", "台湾", "9"),
    ),
    ("2020-q2", EN): (
        ("1", "Russia", "1"), ("2", "United States", "3"),
        ("3", "Netherlands", "2"), ("4", "China", "4"), ("5", "Taiwan", "9"),
    ),
}  # fmt: skip


def texts(document: Document) -> str:
    blocks = (block for section in document.sections for block in section.blocks)
    return "\n".join(block.text for block in blocks if isinstance(block, Paragraph))


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("name", PORTS)
def test_tables_1_and_2_are_the_reports(report: Report, name: str, language: Language) -> None:
    ports, regions = report(name, language).tables[:2]
    assert (ports.rows, regions.rows) == (PORTS[name], REGIONS[name, language])
    assert ("IANA" in ports.note, regions.note) == (True, "")
    assert (
        ports.columns
        == {
            JA: ("順位", "宛先ポート番号", "前四半期の順位"),
            EN: ("Rank", "Destination port", "Rank in the previous quarter"),
        }[language]
    )


def test_the_captions_of_spring_2020_are_the_reports_captions(report: Report) -> None:
    document = report("2020-q2", JA)
    assert [figure.caption for figure in document.figures][:7] == [
        "［図 1：2020年4～6月の宛先ポート番号別パケット観測数トップ5の推移］",
        "［図 2：2020年4～6月の送信元地域別トップ5ごとのパケット観測数の推移］",
        "［図 3：2020年4～6月の445/TCP宛のパケット観測数の推移（送信元地域別）］",
        "［図 4：2020年4月26日～5月9日にかけてのベトナム、インドネシアを送信元とする445/TCP宛のパケット観測数の推移］",
        "［図 5：2020年5月17日～6月6日にかけてのベトナム、インドネシアを送信元とする445/TCP宛のパケット観測数の推移］",
        "［図 6：2020年6月24日～6月30日にかけてベトナムを送信元とした445/TCP宛のパケット観測数の推移（1時間単位）］",
        "［図 7：2020年4月27日～5月9日の445/TCP宛のパケット観測数の推移（送信元地域：日本）］",
    ]
    assert [table.caption for table in document.tables][:4] == [
        "［表 1：宛先ポート番号トップ5］",
        "［表 2：送信元地域トップ5］",
        "［表 3：ベトナム、インドネシアの祝日のリスト］",
        "［表 4：ハニーポットでの観測動向］",
    ]
    assert [section.title for section in document.sections] == [
        "1 概況",
        "2 注目された現象",
        "2.1 445/TCP宛のパケットの増加",
        "2.2 QNAP Photo Stationの脆弱性を狙うリクエスト",
        "4 データの出所",
    ]
    assert document.subtitle == "2020年4～6月"


def test_the_figures_of_autumn_2014_are_those_of_the_report(report: Report) -> None:
    document = report("2014-q4", JA)
    assert [figure.caption for figure in document.figures][:6] == [
        "［図 1：2014年10～12月の宛先ポート番号別パケット観測数トップ5の推移］",
        "［図 2：2014年10～12月の送信元地域別トップ5ごとのパケット観測数の推移］",
        "［図 3：2014年10～12月の23/TCP、8080/TCP宛のパケット観測数の推移］",
        "［図 4：2014年10～12月の23/TCP宛のパケット観測数の推移（送信元地域別）］",
        "［図 5：2014年10～12月の8080/TCP宛のパケット観測数の推移（送信元地域別）］",
        "［図 6：2014年12月の23/TCP、8080/TCP宛のパケット観測数の推移（送信元地域：日本）］",
    ]
    assert document.sections[2].title == "2.1 23/TCP、8080/TCP、10000/TCP宛のパケットの増加"
    assert document.figures[4].data.columns == ("start", "covered", "CN", "US", "TW", "DE", "FR", "JP")


def test_japans_rise_of_october_2014_is_told_to_be_one_sensors(report: Report) -> None:
    told = texts(report("2014-q4", JA))
    assert "10月中旬には日本を送信元とするパケット数が増加しました。しかしこれは、特定のセンサーが" in told
    assert "12543/TCP" in told
    assert "12543/UDP" in told
    assert "In mid-October packets from Japan increased." in texts(report("2014-q4", EN))


def test_spring_2020_is_told_as_in_the_report(report: Report) -> None:
    told = texts(report("2020-q2", JA))
    for sentence in (
        "最も多く観測されたパケットは、前期に引き続き23/TCP (telnet)宛のもので",
        "2番目に多かった445/TCP宛のパケットは4月下旬から増加しました。同じ時期に1433/TCP宛のパケットは減少しています。",
        "オランダも同様の傾向でした。",
        "最も多いのはベトナムで",
        "現地時間（Asia/Ho_Chi_Minh）はこれより2時間前です。",
        "日本を送信元とするパケットには、業務時間に沿った増減は確認できません。",
        "検証コードは2020年5月25日に公開されました。最初のリクエストはその2日後です。",
        "開発者は2020年6月8日に注意を呼びかけています。",
        "以後が19件で、この差が偶然に生じる確率は0.1%未満です。",
    ):
        assert sentence in told
    assert "2022年" not in told  # what became known after the period is no part of it
    assert "ロシアからのパケットは、トップ5の宛先ポート番号に限ると" in told


def test_table_3_are_the_holidays_of_the_report(report: Report) -> None:
    both, vietnam, indonesia = "ベトナム、インドネシア", "ベトナム", "インドネシア"
    assert [row[:2] for row in report("2020-q2", JA).tables[2].rows] == [
        ("4月30日", vietnam), ("5月1日", both), ("5月7日", indonesia), ("5月21日", indonesia), ("5月22日", indonesia),
        ("5月24日", indonesia), ("5月25日", indonesia), ("6月1日", indonesia),
    ]  # fmt: skip
    names = [row[2] for row in report("2020-q2", JA).tables[2].rows]
    assert names[:5] == ["南部ベトナム解放記念日", "メーデー", "ワイサック", "キリスト昇天祭", "政令指定休日"]


@pytest.mark.parametrize(("language", "russia"), [(JA, "ロシア"), (EN, "Russia")])
def test_table_4_is_the_reports(report: Report, language: Language, russia: str) -> None:
    days = ["5月27日", "5月28日", "5月29日", "5月30日", "5月31日"]
    if language is EN:
        days = ["27 May", "28 May", "29 May", "30 May", "31 May"]
    path = "/photo/p/api/album.php"
    assert report("2020-q2", language).tables[3].rows == (
        (days[0], russia, "8080", path, "1"),
        (days[1], russia, "8080", path, "3"),
        (days[2], russia, "5000", path, "1"),
        ("", "", "5001", path, "4"),
        ("", "", "8083", path, "4"),
        (days[3], russia, "5000", path, "3"),
        (days[4], russia, "8080", path, "3"),
    )


@pytest.mark.parametrize("name", PORTS)
def test_the_data_of_each_figure_add_up_to_its_table(report: Report, name: str) -> None:
    document = report(name, EN)
    for table, figure in zip(document.tables[:2], document.figures[:2], strict=True):
        value, packets = (table.data.columns.index(column) for column in ("value", "packets"))
        told = {str(row[value]): row[packets] for row in table.data.rows}
        sums = {
            column: sum(int(str(row[place])) for row in figure.data.rows if row[place] is not None)
            for place, column in enumerate(figure.data.columns)
            if column not in ("start", "covered")
        }
        assert sums == told


def test_the_timeline_of_requests_adds_up_to_table_4(report: Report) -> None:
    document = report("2020-q2", EN)
    count = document.tables[3].data.columns.index("requests")
    total = sum(int(str(row[count])) for row in document.tables[3].data.rows)
    assert sum(int(str(row[1] or 0)) for row in document.figures[-1].data.rows) == total == 19


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("name", PORTS)
def test_every_table_and_figure_is_referred_to_before_it_stands_and_numbers_follow_each_other(
    report: Report, name: str, language: Language
) -> None:
    document = report(name, language)
    for kind, blocks in (("table", document.tables), ("figure", document.figures)):
        assert [block.name for block in blocks] == [
            f"{kind}-{number}" for number in range(1, len(blocks) + 1)
        ]
    before = ""
    for section in document.sections[:-1]:
        for block in section.blocks:
            if isinstance(block, Paragraph):
                before += block.text
            else:
                number = block.name.partition("-")[2]
                names = {
                    "table": (f"［表 {number}］", f"Table {number}"),
                    "figure": (f"［図 {number}］", f"Figure {number}"),
                }
                assert any(text in before for text in names[block.name.partition("-")[0]]), block.caption


def test_sections_are_numbered_in_their_order(report: Report) -> None:
    numbers = [section.title.split()[0] for section in report("2014-q4", EN).sections]
    assert numbers[:3] == ["1", "2", "2.1"]
    assert all(one < other for one, other in pairwise(numbers))


def test_a_report_on_what_was_observed_does_not_say_simulated(report: Report) -> None:
    assert report("2020-q2", EN, simulated=False).notice == ""
    assert report("2020-q2", EN).notice.startswith("SIMULATED")


def test_the_page_on_provenance_has_the_command_and_no_address(
    report: Report, found: Callable[[str], Findings]
) -> None:
    page = report("2020-q2", EN).sections[-1]
    items, sensors, captures = (block for block in page.blocks if not isinstance(block, Paragraph))
    cells = dict(row for row in items.rows)
    assert cells["Command"] == "darkscope report PERIOD"
    assert cells["Period"] == "1 April 2020 to 30 June 2020"
    assert {row[0] for row in sensors.rows} == {row.sensor for row in found("2020-q2").roster.rows}
    assert [row[:3] for row in captures.rows] == [("tokyo-1", "2", "12")]


def test_qnap_nas_cameras_and_routers_are_named_among_the_senders_of_2014(
    report: Report, found: Callable[[str], Findings]
) -> None:
    (senders,) = [one.senders for one in found("2014-q4").subjects if one.senders is not None]
    (row,) = senders.rows
    assert [device.rpartition(" (")[0] for device in row.devices] == [
        "QNAP NAS",
        "broadband router",
        "network camera",
    ]
    tables = [
        block
        for section in report("2014-q4", EN).sections
        for block in section.blocks
        if isinstance(block, Table) and any("QNAP NAS (" in cell for line in block.rows for cell in line)
    ]
    assert [table.rows for table in tables] == [
        (("unknown", f"{row.sources:,}", "100%", ", ".join(row.devices)),)
    ]


def test_who_sent_it_is_told_where_networks_or_devices_are_known(found: Callable[[str], Findings]) -> None:
    findings = found("2020-q2")
    assert [subject.senders for subject in findings.subjects] == [None] * len(findings.subjects)
    moment = datetime(2014, 12, 1, tzinfo=UTC)
    rows = (
        OwnerRow("AS64500", 90, 0.9, 12, 0, ("JP",), moment, moment, 3, ("QNAP TS-419 NAS (2)", HOSTILE)),
        OwnerRow("unknown", 10, 0.1, 4, 0, ("CN",), moment, moment, 0, ()),
    )
    senders = OwnerList(100, 2, 16, None, rows, findings.ports.provenance)
    subject = replace(findings.subjects[0], senders=senders)
    *_, paragraph, table = subject_blocks(Book(Words(JA)), findings, subject)
    assert isinstance(paragraph, Paragraph)
    assert "送信元IPアドレス16件を" in paragraph.text
    assert "このうち3件は、調査により機器が確認されています。" in paragraph.text
    assert isinstance(table, Table)
    assert table.rows == (
        ("AS64500", "12", "90%", f"QNAP TS-419 NAS (2), {HOSTILE}"),
        ("不明", "4", "10%", ""),
    )
