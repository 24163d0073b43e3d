"""How a stranger's bytes become text: printable ASCII, whatever they were."""

from __future__ import annotations

from itertools import accumulate

_SHOWN = {
    byte: "\\\\" if byte == 0x5C else chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"
    for byte in range(256)
}


def escaped(data: bytes, most: int) -> str:
    r"""Printable ASCII as it is, a backslash twice, any other byte as its two hexadecimal digits after `\x`.

    At most so many characters; an escape that would be cut is left out. Safe for a terminal and a log; what HTML or CSV
    want beside that is up to whoever writes these.
    """
    text = data[:most].decode("latin-1").translate(_SHOWN)
    if len(text) <= most:
        return text
    ends = accumulate(len(_SHOWN[byte]) for byte in data[:most])
    return text[: max((end for end in ends if end <= most), default=0)]
