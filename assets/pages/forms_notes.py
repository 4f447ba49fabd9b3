"""Form fields, comments and hidden text of a page as blocks.

Here: fields as `name: value`, comments, and text that no reader of the page sees, boxes of the page
as shown. Not here: XFA forms without
pages of their own (`special.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

import pymupdf

from assets.pages import markdown
from assets.pages.geometry import Box, Turn, union
from assets.pages.records import Block, Line
from assets.pages.routing.soundness import is_sound, oddness

_Item = TypeVar("_Item", pymupdf.Annot, pymupdf.Widget)
_SKIPPED: Final = frozenset({pymupdf.PDF_ANNOT_LINK, pymupdf.PDF_ANNOT_POPUP})
HIDDEN: Final = "hidden text: "
_OFF: Final = frozenset({"", "Off"})


def field_blocks(page: pymupdf.Page) -> list[Block]:
    """The filled form fields of a page, once each, in the order of the page's annotations."""
    if page.first_widget is None:
        return []
    found: dict[tuple[str, str], Block] = {}
    for widget in _each(page.first_widget):
        if widget.field_type in (pymupdf.PDF_WIDGET_TYPE_BUTTON, pymupdf.PDF_WIDGET_TYPE_SIGNATURE):
            continue
        name = markdown.clean(widget.field_label or widget.field_name or "")
        value = _value(widget)
        if not value or (name, value) in found:
            continue
        text = f"{name}: {value}" if name else value
        written = f"{markdown.escape(name)}: {markdown.escape(value)}" if name else value
        found[name, value] = Block("field", _shown(page, widget.rect), text, written)
    return list(found.values())


def annotation_blocks(page: pymupdf.Page) -> list[Block]:
    """The comments of a page that say something."""
    return list(_comments(page)) if page.first_annot is not None else []


def hidden_blocks(lines: Sequence[Line], turn: Turn) -> list[Block]:
    """Lines that stand on bare paper, undrawn or in white: kept beside the text as one comment.

    What a reader cannot see is no part of the document's text, and no summariser shall read it.
    Where its characters cannot be meant either, there is nothing to keep.
    """
    text = "\n".join(filter(None, (markdown.clean(line.text) for line in lines)))
    if not text or not is_sound(text) or oddness(text):
        return []
    text = f"{HIDDEN}{text}"
    quoted = "\n".join(f"> {markdown.escape(line)}" for line in text.splitlines())
    return [Block("annotation", turn.back(union(line.box for line in lines)), text, quoted)]


def _comments(page: pymupdf.Page) -> Iterator[Block]:
    for annotation in _each(page.first_annot):
        if annotation.type[0] in _SKIPPED:
            continue
        text = "\n".join(markdown.clean(x) for x in annotation.info["content"].splitlines()).strip()
        if text:
            quoted = "\n".join(f"> {markdown.escape(line)}" for line in text.splitlines())
            yield Block("annotation", _shown(page, annotation.rect), text, quoted)


def _each(first: _Item | None) -> Iterator[_Item]:
    """Annotations one after the other.

    `page.annots()` looks for each from the first one again: 12 s for 3,000 comments.
    """
    while first is not None:
        yield first
        first = first.next


def _value(widget: pymupdf.Widget) -> str:
    value = widget.field_value
    if isinstance(value, (list, tuple)):
        value = ", ".join(str(v) for v in value)
    text = markdown.clean(str(value)) if value is not None and value is not False else ""
    choices = (pymupdf.PDF_WIDGET_TYPE_CHECKBOX, pymupdf.PDF_WIDGET_TYPE_RADIOBUTTON)
    return "" if widget.field_type in choices and text in _OFF else text


def _shown(page: pymupdf.Page, rect: pymupdf.Rect) -> Box:
    box = rect * page.rotation_matrix
    return (box.x0, box.y0, box.x1, box.y1)
