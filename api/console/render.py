"""Pages out of templates: every text is escaped, a page comes piece by piece, and no template reaches for more.

What a page shows is handed in; sections are asked for when the page comes to them, so its frame is on the screen by
then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from darkscope.api.console import charts, drawn, figures, noted

CUT = "\x00"
"""What a template writes where a browser may begin to draw."""


@cache
def environment() -> Environment:
    """The templates, with all that they may call."""
    made = Environment(
        loader=PackageLoader("darkscope.api.console"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    made.filters |= {
        "count": figures.count,
        "short": figures.short,
        "share": figures.share,
        "change": figures.change,
        "moment": figures.moment,
        "stretch": figures.stretch,
        "seconds": lambda number, units: figures.stretch(timedelta(seconds=number), units),
        "spark": drawn.spark,
        "bar": drawn.bar,
        "strip": drawn.strip,
        "hours": drawn.hours,
    }
    made.globals |= {"CUT": CUT, "trend_spec": charts.trend_spec, "world_spec": charts.world_spec}
    made.globals |= {
        "phenomenon_title": noted.title,
        "phenomenon_words": noted.words,
        "around": noted.around,
        "events_of": noted.events,
    }
    return made


class Drawn(str):
    """What a template wrote: it is not escaped once more."""

    __slots__ = ()

    def __html__(self) -> str:
        """Give it as it is."""
        return self


def whole(template: str, values: Mapping[str, object]) -> Drawn:
    """Draw a part of a page."""
    return Drawn(environment().get_template(template).render(values))


def piecewise(
    template: str, section: Callable[[str], Drawn], values: Mapping[str, object]
) -> Iterator[bytes]:
    """Draw a page in pieces, which end where its template says CUT."""
    kept: list[str] = []
    for piece in environment().get_template(template).generate(**values, section=section):
        if CUT not in piece:
            kept.append(piece)
            continue
        before, _, after = piece.partition(CUT)
        yield "".join([*kept, before]).encode()
        kept = [after]
    yield "".join(kept).encode()


@cache
def file(name: str) -> bytes:
    """Read a file that pages refer to: a style, a script, a picture. Raises FileNotFoundError."""
    return files("darkscope.api.console").joinpath("files", name).read_bytes()
