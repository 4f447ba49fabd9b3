"""Text of documents inside HTML: nothing in it can be markup, and nothing in it stays unseen.

Here: escaping, and small pieces of HTML that every report is made of. Not here: the file around
them (`head.py`), or what a report shows (`cli/reports`, `assets/evals/report`).
"""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

_JOINERS: Final = "\u200c\u200d"
"""Letters of Persian and Indic words need them, so they stay in document text."""


def visible(text: str, *, lines: bool = False) -> str:
    r"""Text from a document or a name with every control character written out (`\x1b`, `\u202e`).

    Args:
        text: Anything; names and text of documents are data, not commands to what shows them.
        lines: Keep line ends, tabs and joiners, as text of several lines needs.
    """
    keep = "\n\t" + _JOINERS if lines else ""
    return "".join(c if c in keep or _shown(c) else _escaped(c) for c in text)


def _shown(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _escaped(character: str) -> str:
    number = ord(character)
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def safe(value: object) -> str:
    """A value as text or as a quoted attribute; control and format characters are written out."""
    if value is None:
        return ""
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return html.escape(visible(text, lines=True), quote=True)


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, and how many are missing."""
    if len(text) <= limit:
        return safe(text)
    missing = f"and {len(text) - limit:,} more characters: quire export"
    return f'{safe(text[:limit])}\n<span class="note">… {missing}</span>'


def number(value: object) -> str:
    """A coordinate for an attribute; what is no finite number is 0."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return "0"
    return f"{value:.2f}".rstrip("0").rstrip(".")


def counted(count: int, thing: str) -> str:
    """`1 page`, `2 pages`."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def percent(value: float | None) -> str:
    """An error for people, as narrow as it may be: `0.31 %`, `12.4 %`."""
    if value is None or not math.isfinite(value):
        return "–"
    share = abs(value) * 100
    if 0 < share < 0.005:
        return "<0.01 %" if value > 0 else ">-0.01 %"
    digits = 2 if share < 10 else 1 if share < 100 else 0
    return f"{value * 100:.{digits}f} %"


def chip(text: object, *classes: str) -> str:
    """A short word in a coloured frame; classes are ours, never data."""
    return f'<span class="{" ".join(("chip", *classes))}">{safe(text)}</span>' if text else ""


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    head = "".join(f"<th>{safe(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
