"""Make picture.svg: what a terminal shows of two questions to a ledger of simulated captures.

Run it after `make demo` as `python docs/picture.py demo/2020-q2`. Whoever looks at the picture fetches no font,
and each character has its place, so that charts stay straight in any font.
"""

from __future__ import annotations

import html
import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

WIDTH = 96
QUESTIONS = (
    "top ports --period 2020-Q2 --home --limit 5",
    "trend countries --port 445/tcp --value VN --value RU --home --period 2020-Q2",
)


def main(folder: Path) -> None:
    """Ask, and draw the answers."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH)}
    program = [sys.executable, "-m", "darkscope.api.command.main"]
    for question in QUESTIONS:
        command = [*program, *question.split(), "--settings", str(folder / "darkscope.toml")]
        answer = subprocess.run(  # noqa: S603 - the questions above
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout
        console.print(Text(f"$ darkscope {question}", style="bold green"))
        console.print(Text.from_ansi(answer))
    svg = console.export_svg(title="darkscope: simulated captures", theme=MONOKAI, unique_id="darkscope")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", "Fira Code, DejaVu Sans Mono, monospace")
    svg = re.sub(r'x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)"([^>]*)>([^<]+)<', _placed, svg)
    target = Path(__file__).with_name("picture.svg")
    target.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")


def _placed(text: re.Match[str]) -> str:
    """Give each character of a text a place of its own."""
    start, height, length, rest, words = text.groups()
    characters = len(html.unescape(words))
    step = float(length) / characters
    places = " ".join(f"{float(start) + step * index:.1f}".removesuffix(".0") for index in range(characters))
    return f'x="{places}" y="{height}"{rest}>{words}<'


if __name__ == "__main__":
    main(Path(sys.argv[1]))
