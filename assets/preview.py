"""Something to look at beside each materialisation: a few rows as markdown, small pictures.

Here: markdown tables and thumbnails as data urls. Not here: which rows a stage shows
(`assets/<stage>/preview.py`).
"""

from __future__ import annotations

import base64
import io
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final

ROWS: Final = 10
_CELL: Final = 80


def cell(value: object) -> str:
    """A value as one table cell: short, on one line, and never markup of its own."""
    if value is None:
        return ""
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(text) > _CELL:
        text = text[: _CELL - 1] + "…"
    for mark in ("\\", "`", "|", "<", "[", "]", "!", "*", "_"):
        text = text.replace(mark, "\\" + mark)
    return text


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """A few rows as a markdown table."""
    if not rows:
        return "*no rows*"
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(cell(row[c]) for c in columns) + " |" for row in rows[:ROWS]]
    return "\n".join(lines)


def shrink(data: bytes, side: int = 160) -> bytes:
    """An image as a PNG of at most `side` pixels a side."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (side, side))
        small = image.convert("RGBA" if "A" in image.getbands() else "RGB")
        small.thumbnail((side, side))
        out = io.BytesIO()
        small.save(out, "PNG", optimize=True)
    return out.getvalue()


def picture(data: bytes, alt: str, kind: str = "png") -> str:
    """A small PNG (or JPEG, when `kind` says so) as inline markdown."""
    return f"![{cell(alt)}](data:image/{kind};base64,{base64.b64encode(data).decode()})"


def report_command(lake: str, batch: str) -> str:
    """The command that shows how this batch was read, page by page, ready to be copied."""
    return f"quire report --batch {shlex.quote(batch)} --worst 20 --lake {shlex.quote(lake)}"
