"""Text of documents inside HTML: nothing in it can be markup, and nothing in it stays unseen.

Here: escaping and small pieces of HTML. Not here: markdown as HTML (`markdown.py`).
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence

from cli.terminal import visible


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


def chip(text: object, *classes: str) -> str:
    """A short word in a coloured frame; classes are ours, never data."""
    return f'<span class="{" ".join(("chip", *classes))}">{safe(text)}</span>' if text else ""


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    head = "".join(f"<th>{safe(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
