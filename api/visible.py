"""Texts of strangers, made visible: nothing in them can move a cursor, turn a line round or hide.

Pure. For every face alike: terminals, CSV, JSON, pages. HTML still has to be escaped where it is made.
"""

from __future__ import annotations

from unicodedata import category

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of characters (Unicode) that are not shown, or that change how others are: controls, formats
(bidirectional marks among them), halves of pairs, private and unassigned ones, separators of lines and paragraphs."""


def visible(text: str) -> str:
    r"""Give a text with every hidden character as `\u202e` or, beyond the first plane, `\U000e0001`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(one) if category(one) in HIDDEN else one for one in text)


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 1 << 16 else f"\\U{number:08x}"
