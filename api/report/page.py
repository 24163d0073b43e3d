"""A document as one HTML page that needs nothing else: figures are in it, it has no script, and it prints well.

Pure. Every text is escaped for where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from darkscope.api.report.document import Document, Figure, Paragraph, Table

ID = re.compile(r'\bid="([^"]+)"')


def html(document: Document, pictures: Mapping[str, str]) -> str:
    """Write the page; `pictures` are figures as SVG, by their names."""
    drawn = {name: Markup(_apart(name, svg)) for name, svg in pictures.items()}  # noqa: S704  # Vega escapes
    return _template().render(document=document, pictures=drawn)


def _apart(name: str, svg: str) -> str:
    """Give what a picture names in itself names that no other picture on the page has."""
    for inner in set(ID.findall(svg)):
        svg = svg.replace(f'id="{inner}"', f'id="{name}-{inner}"').replace(f"#{inner})", f"#{name}-{inner})")
    return svg.replace("<svg xmlns", '<svg role="img" xmlns', 1)


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.tests["paragraph"] = lambda block: isinstance(block, Paragraph)
    environment.tests["table"] = lambda block: isinstance(block, Table)
    environment.tests["figure"] = lambda block: isinstance(block, Figure)
    text = files("darkscope.api.report").joinpath("templates/report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(text)
