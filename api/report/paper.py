"""A document as PDF, set by Typst in this process: nothing is fetched, and the same document gives the same bytes.

The document goes to the template as data, so that no text of it is ever read as markup.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, time
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import typst

from darkscope.api.report.document import Block, Document, Paragraph, Section, Table

STANDARD: Literal["a-2u"] = "a-2u"
"""PDF/A-2u: kept as it is for archives, its text searchable."""


def pdf(document: Document, pictures: Mapping[str, str]) -> bytes:
    """Set the document; `pictures` are figures as SVG, by their names."""
    resources = files("darkscope.api.report")
    with TemporaryDirectory(prefix="darkscope-report-") as folder:
        for name, svg in pictures.items():
            (Path(folder) / f"{name}.svg").write_text(svg, encoding="utf-8")
        (Path(folder) / "document.json").write_text(json.dumps(_plain(document)), encoding="utf-8")
        main = Path(folder) / "main.typ"
        main.write_bytes(resources.joinpath("templates/report.typ").read_bytes())
        return typst.compile(
            main,
            root=Path(folder),
            font_paths=[Path(str(files("pylopdf_fonts_jp")))],
            ignore_system_fonts=True,
            format="pdf",
            pdf_standards=STANDARD,
            timestamp=datetime.combine(document.until, time(), UTC),  # no clock is asked
        )


def _plain(document: Document) -> dict[str, Any]:
    *sections, page = document.sections
    return {
        "language": document.language.value,
        "title": document.title,
        "subtitle": document.subtitle,
        "author": document.author,
        "notice": document.notice,
        "closing": document.closing,
        "references_title": document.references_title,
        "references": [asdict(one) for one in document.references],
        "sections": [_section(one) for one in sections],
        "page": _section(page),
    }


def _section(section: Section) -> dict[str, Any]:
    return {
        "level": section.level,
        "title": section.title,
        "blocks": [_block(block) for block in section.blocks],
    }


def _block(block: Block) -> dict[str, Any]:
    if isinstance(block, Paragraph):
        return {"kind": "paragraph", "text": block.text, "is_note": block.is_note}
    if isinstance(block, Table):
        return {
            "kind": "table",
            "caption": block.caption,
            "columns": list(block.columns),
            "numeric": sorted(block.numeric),
            "rows": [list(row) for row in block.rows],
            "note": block.note,
        }
    return {"kind": "figure", "caption": block.caption, "file": f"{block.name}.svg"}
