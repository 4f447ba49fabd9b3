"""Blocks of a page from what a served model says of its image.

Here: labels to kinds, boxes back to points of the page as shown, sizes of headings, and whether the
answer can be believed. Not here: the HTML (`html.py`), the pictures among them (`../layout`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from assets.pages import markdown
from assets.pages.geometry import Box, Turn
from assets.pages.ocr.orientation import n_letters
from assets.pages.ocr.reading import OcrResult
from assets.pages.records import Block, Kind, Line
from assets.pages.served.asks import Ask
from assets.pages.served.html import Piece, Role, pieces_of
from resources.errors import DocumentError

_KINDS: Final[dict[str, Kind]] = {
    "SectionHeader": "heading",
    "Caption": "caption",
    "Footnote": "footnote",
    "PageHeader": "header",
    "PageFooter": "footer",
    "Equation": "formula",
    "ChemicalBlock": "formula",
    "Code": "code",
    "ListGroup": "list_item",
    "Picture": "picture",
    "Figure": "picture",
    "Diagram": "picture",
}
"""Of surya's canonical labels; all others are text, or what their HTML says."""
_ROLES: Final[dict[Role, Kind]] = {
    "heading": "heading",
    "item": "list_item",
    "table": "table",
    "pre": "code",
    "formula": "formula",
}
_FREE: Final = frozenset({"text", "heading"})
"""Kinds that what the HTML says is stronger than: a list in a text is a list."""
MIN_LETTERS_A_LINE: Final = 2
MIN_LINES: Final = 5
"""Lines that are seen, from which on fewer letters than so many for each mean that
the model passed over text. Even a column of single digits has one a line, and is short."""
MOST_GARBLED: Final = 0.5
"""Not measured, for want of weights: surya's own label of each piece counts, and the most win."""
LINE_HEIGHT: Final = 1.2
LETTER_WIDTH: Final = 0.5
"""Of the size of letters: the distance of lines, the mean width of a letter."""


def result_of(answer: Mapping[str, Any]) -> OcrResult:
    """What an answer says of its region, boxes of the page as shown.

    Raises:
        DocumentError: The server could not read it.
    """
    ask = Ask.of(answer["ask"])
    seen: int | None = answer.get("n_lines")
    if ask.is_blank or (answer["is_empty"] and not ask.has_letters and not seen):
        return OcrResult(is_blank=True)
    if answer["error_class"] is not None:
        raise DocumentError(answer["error_class"], answer["error"])
    left, top, right, bottom = ask.region
    turn = Turn(ask.degrees, right - left, bottom - top)
    blocks: list[Block] = []
    confidences: list[tuple[float, int]] = []
    for told in answer["blocks"]:
        made = list(_blocks(told, turn, (left, top)))
        blocks += made
        if told["confidence"] is not None:
            confidences.append((told["confidence"], sum(len(block.text) for block in made)))
    found = sum(n_letters(block.text) for block in blocks)
    return OcrResult(
        blocks=tuple(blocks),
        rotation=ask.degrees,
        problem=served_problem(found, ask.n_lines if seen is None else seen, answer.get("garbled")),
        n_letters=found,
        confidences=tuple(pair for pair in confidences if pair[1]),
    )


def served_problem(found: int, n_lines: int, garbled: float | None = None) -> str | None:
    """Why an answer with so many letters is not to be believed, or None.

    Args:
        found: letters and digits in it.
        n_lines: lines that surya's own detector sees, or else the embedded engine.
        garbled: share (0-1) of its prose that surya's OCR-error model calls bad.
    """
    if garbled is not None and garbled > MOST_GARBLED:
        return (
            f"surya's OCR-error model takes {garbled:.0%} of what the model read for garbled: look "
            "at the page, or read it with another QUIRE_OCR"
        )
    enough = MIN_LETTERS_A_LINE * n_lines if n_lines >= MIN_LINES else min(1, n_lines)
    if found >= enough:
        return None
    return (
        f"the model read {found} letters where {n_lines} lines of text seem to stand: look at the "
        "page, or read it with another QUIRE_OCR"
    )


def _blocks(told: Mapping[str, Any], turn: Turn, corner: tuple[float, float]) -> Iterator[Block]:
    kind = _KINDS.get(told["label"], "text")
    box = _on_page(told["box"], turn, corner)
    if kind == "picture":
        yield Block("picture", box, source="ocr", confidence=told["confidence"])
        return
    pieces = pieces_of(told["html"])
    for piece, share in zip(pieces, _shares(told["box"], pieces), strict=True):
        own = _ROLES.get(piece.role, kind) if kind in _FREE else kind
        if piece.role == "table":
            own = "table"
        text, written = _written(own, piece)
        if text:
            yield Block(
                own,
                _on_page(share, turn, corner),
                text,
                written,
                _size(share, text, turn) if own == "heading" else None,
                "ocr",
                told["confidence"],
            )


def _written(kind: Kind, piece: Piece) -> tuple[str, str]:
    """Text and markdown of a piece."""
    if kind == "table":
        rows = "\n".join("\t".join(row).rstrip() for row in piece.rows)
        return rows if rows.strip() else "", markdown.table(piece.rows)
    lines = [Line((0.0, 0.0, 0.0, 0.0), spans, 0.0) for spans in piece.lines]
    if kind == "code":
        body = markdown.verbatim(lines).strip("\n")
        return body, markdown.fenced(body)
    text = markdown.plain(lines)
    if kind == "formula" and piece.role == "formula" and "$$" not in text:
        return text, f"$$\n{text}\n$$" if text else ""
    if kind == "list_item" and text and piece.number is not None:
        return f"{piece.number}. {text}", f"{piece.number}. {markdown.render('text', lines)}"
    return text, markdown.render(kind, lines)


def _shares(box: Sequence[float], pieces: Sequence[Piece]) -> list[Box]:
    """The part of a block that each of its pieces takes: its height, by what they say."""
    x0, y0, x1, y1 = box
    weights = [max(1, piece.n_chars) for piece in pieces]
    total, parts, top = sum(weights), [], y0
    for weight in weights:
        bottom = min(y1, top + (y1 - y0) * weight / total)
        parts.append((x0, top, x1, bottom))
        top = bottom
    return parts


def _on_page(box: Sequence[float], turn: Turn, corner: tuple[float, float]) -> Box:
    width, height = turn.turned_size
    x0, y0, x1, y1 = box
    shown = turn.back((x0 * width, y0 * height, x1 * width, y1 * height))
    left, top = corner
    return (shown[0] + left, shown[1] + top, shown[2] + left, shown[3] + top)


def _size(box: Sequence[float], text: str, turn: Turn) -> float | None:
    """The size of letters, in points, with which a text fills its box."""
    width, height = turn.turned_size
    wide, high = (box[2] - box[0]) * width, (box[3] - box[1]) * height
    if wide <= 0 or high <= 0:
        return None
    guess = math.sqrt(wide * high / (LINE_HEIGHT * LETTER_WIDTH * len(text)))
    n_lines = max(1, round(high / (LINE_HEIGHT * guess)))
    return round(high / (LINE_HEIGHT * n_lines), 1)
