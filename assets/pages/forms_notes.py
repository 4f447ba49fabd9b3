"""Form fields, comments and hidden text of a page as blocks.

Here: fields as `name: value`, comments, and text that no reader of the page sees, boxes of the page
as shown. Not here: XFA forms without pages of their own (`routing/special.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import pymupdf

from assets.pages import markdown
from assets.pages.geometry import Box, Turn, holds_centre, union
from assets.pages.records import Block, Line
from assets.pages.routing.soundness import is_sound, oddness
from assets.pages.text_layer import TextLayer

_Item = TypeVar("_Item", pymupdf.Annot, pymupdf.Widget)
_SKIPPED: Final = frozenset({pymupdf.PDF_ANNOT_LINK, pymupdf.PDF_ANNOT_POPUP})
HIDDEN: Final = "hidden text: "
_OFF: Final = frozenset({"", "Off"})
_NO_FIELDS: Final = (pymupdf.PDF_WIDGET_TYPE_BUTTON, pymupdf.PDF_WIDGET_TYPE_SIGNATURE)
_UNSEEN: Final = (1, 3)
"""`Display_Hidden` and `Display_NoView` of MuPDF: no reader of the page sees such a field."""


@dataclass(frozen=True)
class Field:
    """A form field that a reader of the page sees; the value is empty where nothing was filled in.

    The box is of the page as shown.
    """

    name: str
    value: str
    box: Box


def form_fields(page: pymupdf.Page) -> list[Field]:
    """The form fields of a page, in the order of its annotations; buttons and signatures are none.

    Fields of one name (the buttons of a choice, a name that is asked for twice) are told once for
    each value, and once as empty when none of them has one.
    """
    if page.first_widget is None:
        return []
    found: dict[str, dict[str, Field]] = {}
    for widget in _each(page.first_widget):
        if widget.field_type in _NO_FIELDS or widget.field_display in _UNSEEN:
            continue
        name = markdown.clean(widget.field_label or widget.field_name or "")
        value = _value(widget)
        same = found.setdefault(name, {})
        if (name or value) and value not in same and (value or not same):
            same.pop("", None)
            same[value] = Field(name, value, _shown(page, widget.rect))
    return [field for same in found.values() for field in same.values()]


def field_blocks(page: pymupdf.Page) -> list[Block]:
    """The form fields of a page as `name: value`."""
    blocks = []
    for field in form_fields(page):
        name, value = markdown.escape(field.name), markdown.escape(field.value)
        text = f"{field.name}: {field.value}" if field.name else field.value
        written = f"{name}: {value}" if name else value
        blocks.append(Block("field", field.box, text.rstrip(), written.rstrip()))
    return blocks


def apart_from_fields(page: pymupdf.Page, layer: TextLayer) -> tuple[TextLayer, list[Box]]:
    """The layer without the lines that only show what a field says, and the boxes of the fields.

    The boxes are in the frame of the lines.
    """
    fields = [(layer.turn.forth(field.box), _bare(field.value)) for field in form_fields(page)]
    shown = [
        line
        for line in layer.lines
        if any(holds_centre(box, line.box) and _bare(line.text) in value for box, value in fields)
    ]
    gone = set(map(id, shown))
    lines = tuple(line for line in layer.lines if id(line) not in gone)
    left_out = (*layer.left_out, *(line.box for line in shown))
    return replace(layer, lines=lines, left_out=left_out), [box for box, _ in fields]


def _bare(text: str) -> str:
    return "".join(text.split())


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
