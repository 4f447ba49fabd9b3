"""The colour of each kind of block, wherever boxes are drawn: in `quire report` and in the UI.

Here: colours alone, so that the parent may import it without a parser. Not here: drawing
(`thumbnail.py`, `cli/reports`).
"""

from __future__ import annotations

from typing import Final

COLOURS: Final[dict[str, str]] = {
    "title": "#b3003c",
    "heading": "#e0457b",
    "text": "#1668c7",
    "list_item": "#2aa198",
    "table": "#7a4cc2",
    "picture": "#d98200",
    "caption": "#8a6d00",
    "formula": "#c026d3",
    "footnote": "#5b6b7a",
    "code": "#3f6212",
    "header": "#9aa0a6",
    "footer": "#9aa0a6",
    "field": "#0e9f4f",
    "annotation": "#c2410c",
}
"""Every kind of `io_managers.schemas.BLOCK_KINDS`; what is left out of the body is grey."""
OTHER: Final = "#000000"
"""Of a kind that is not known here."""
