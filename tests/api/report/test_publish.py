"""What a document looks like in each kind of file, and what it never does there."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from markdown_it import MarkdownIt

from darkscope.api.charts.timelines import timeline_chart
from darkscope.api.charts.trends import Event
from darkscope.api.formats import Rows
from darkscope.api.periods import midnight
from darkscope.api.report.document import Document, Figure, Paragraph, Reference, Section, Table
from darkscope.api.report.markdown import markdown
from darkscope.api.report.page import html
from darkscope.api.report.publish import publish
from darkscope.ingest.values import Language

HOSTILE = "=cmd|' /'\"><script>alert(1)</script><img src=x onerror=y>`*_[x](javascript:1)\\#set $1$ {{ 7*7 }} #{sys}"
TOKYO = ZoneInfo("Asia/Tokyo")
Report = Callable[..., Document]


def hostile() -> Document:
    starts = [midnight(date(2020, 6, day), TOKYO).astimezone(TOKYO) for day in (1, 2, 3)]
    spec = timeline_chart(
        starts,
        [1, None, 3],
        TOKYO,
        Language.EN,
        unit=HOSTILE,
        events=[Event(starts[1], HOSTILE)],
        title=HOSTILE,
    )
    data = Rows(("day", HOSTILE), [("2020-06-01", HOSTILE)])
    return Document(
        language=Language.JA,
        title=HOSTILE,
        subtitle=HOSTILE,
        author=HOSTILE,
        until=date(2020, 6, 30),
        notice=HOSTILE,
        sections=(
            Section(
                1,
                HOSTILE,
                (
                    Paragraph(HOSTILE),
                    Paragraph(HOSTILE, is_note=True),
                    Table(
                        "table-1", HOSTILE, (HOSTILE, "n"), frozenset({1}), ((HOSTILE, "1"),), data, HOSTILE
                    ),
                    Figure("figure-1", HOSTILE, spec, data),
                ),
            ),
            Section(1, HOSTILE, (Paragraph(HOSTILE),)),
        ),
        references_title=HOSTILE,
        references=(Reference(1, HOSTILE, "https://example.org/?a=1&b=<>"),),
        closing=HOSTILE,
    )


class Elements(HTMLParser):
    """Elements, attributes and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, report: Report) -> Path:
    folder = tmp_path_factory.mktemp("report")
    publish(report("2020-q2", Language.JA), folder, None, lambda _: None)
    return folder


def test_the_page_needs_nothing_else_and_has_no_script(folder: Path) -> None:
    page = Elements((folder / "report.html").read_text(encoding="utf-8"))
    tags = {tag for tag, _ in page.elements}
    assert tags & {"script", "link", "iframe", "object", "embed", "img", "base", "form"} == set()
    given = [(tag, name, value) for tag, attributes in page.elements for name, value in attributes.items()]
    assert [one for one in given if one[1] in ("src", "srcset", "xlink:href", "action")] == []
    assert [one for one in given if one[1].startswith("on")] == []
    assert {tag for tag, name, _ in given if name == "href"} == {"a"}
    assert "url(http" not in (folder / "report.html").read_text(encoding="utf-8")
    policy = next(
        value for tag, name, value in given if tag == "meta" and name == "content" and "src" in str(value)
    )
    assert str(policy).startswith("default-src 'none';")


def test_names_within_figures_are_apart_on_the_page(folder: Path) -> None:
    page = Elements((folder / "report.html").read_text(encoding="utf-8"))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_page_has_every_figure_as_a_picture_with_a_description(folder: Path, report: Report) -> None:
    page = Elements((folder / "report.html").read_text(encoding="utf-8"))
    figures = report("2020-q2", Language.JA).figures
    assert sum(tag == "svg" for tag, _ in page.elements) == len(figures)
    assert [attributes["id"] for tag, attributes in page.elements if tag == "figure"] == [
        figure.name for figure in figures
    ]


def test_each_table_and_figure_has_its_data_beside_it(folder: Path, report: Report) -> None:
    document = report("2020-q2", Language.JA)
    names = {f"{block.name}.csv" for block in (*document.tables, *document.figures)}
    assert {path.name for path in (folder / "data").iterdir()} == names
    assert {path.name for path in (folder / "figures").iterdir()} == {
        f"{one.name}.svg" for one in document.figures
    }
    with (folder / "data" / "table-4.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["day"], row["country"], row["port"], row["requests"]) for row in rows] == [
        ("2020-05-27", "RU", "8080", "1"), ("2020-05-28", "RU", "8080", "3"), ("2020-05-29", "RU", "5000", "1"),
        ("2020-05-29", "RU", "5001", "4"), ("2020-05-29", "RU", "8083", "4"), ("2020-05-30", "RU", "5000", "3"),
        ("2020-05-31", "RU", "8080", "3"),
    ]  # fmt: skip


def test_the_same_report_is_the_same_bytes(folder: Path, tmp_path: Path, report: Report) -> None:
    written = publish(report("2020-q2", Language.JA), tmp_path, None, lambda _: None)
    names = [path.relative_to(tmp_path) for path in written]
    assert {"report.html", "report.md", "report.pdf"} <= set(map(str, names))
    assert [name for name in names if (tmp_path / name).read_bytes() != (folder / name).read_bytes()] == []
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".partial")]


def test_what_a_stranger_sent_is_text_on_the_page() -> None:
    pictures = {"figure-1": "<svg xmlns='x'></svg>"}
    page = Elements(html(hostile(), pictures))
    assert {tag for tag, _ in page.elements} & {"script", "img"} == set()
    assert page.texts.count(HOSTILE) >= 10


def test_what_a_stranger_sent_is_text_in_markdown_and_in_html_made_of_it() -> None:
    made = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown(hostile()))
    page = Elements(made)
    assert {tag for tag, _ in page.elements} <= {
        "h1", "h2", "p", "blockquote", "strong", "table", "thead", "tbody", "tr", "th", "td", "img", "a", "br",
    }  # fmt: skip
    assert [attributes["src"] for tag, attributes in page.elements if tag == "img"] == [
        "figures/figure-1.svg"
    ]
    hrefs = [str(attributes["href"]) for tag, attributes in page.elements if tag == "a"]
    assert [href for href in hrefs if not href.startswith("https://example.org/")] == []
    assert page.texts.count(HOSTILE) >= 8


def test_what_a_stranger_sent_runs_in_no_file(tmp_path: Path) -> None:
    publish(hostile(), tmp_path, None, lambda _: None)
    with (tmp_path / "data" / "table-1.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["day", f"'{HOSTILE}"], ["2020-06-01", f"'{HOSTILE}"]]
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert b"/JavaScript" not in (tmp_path / "report.pdf").read_bytes()
    drawn = Elements((tmp_path / "figures" / "figure-1.svg").read_text(encoding="utf-8"))
    assert {tag for tag, _ in drawn.elements} & {"script", "img", "a", "foreignobject"} == set()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2.1 23/TCP", "2.1 23/TCP"),
        ("1. first", "1\\. first"),
        ("- a", "\\- a"),
        ("100.0%", "100.0%"),
        (
            "a|b <c> [d](e) *f* _g_ `h` ~i~ &amp; #j",
            "a\\|b \\<c\\> \\[d\\](e) \\*f\\* \\_g\\_ \\`h\\` \\~i\\~ \\&amp; \\#j",
        ),
        ("two\nlines", "two lines"),
    ],
)
def test_only_what_would_be_markup_is_escaped(text: str, written: str) -> None:
    document = replace(hostile(), title=text)
    assert markdown(document).splitlines()[0] == f"# {written}"
