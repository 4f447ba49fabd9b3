"""What the modules of this folder pass to one another: lines and blocks of a page.

Here: records and how a block becomes a row. Not here: how they are found (`text_layer.py`,
`layout/blocks.py`, `ocr/blocks.py`) or written as markdown (`markdown.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from assets.pages.geometry import Box, union

Kind = Literal[
    "title",
    "heading",
    "text",
    "list_item",
    "table",
    "picture",
    "caption",
    "formula",
    "footnote",
    "code",
    "header",
    "footer",
    "field",
    "annotation",
]
Source = Literal["text_layer", "ocr", "mixed", "none"]
Ink = Literal["drawn", "white", "none"]


class Span(NamedTuple):
    """A run of text in one style; `raised` is a superscript."""

    text: str
    bold: bool = False
    italic: bool = False
    mono: bool = False
    raised: bool = False


class Line(NamedTuple):
    """A line of text in reading direction.

    Attributes:
        box: where it stands; the frame is the caller's.
        spans: its text by style, spaces included.
        size: font size in points (for OCR: estimated from the height of the box).
        block: the block of the text layer that it came from; lines of one block belong together.
        confidence: of OCR; None for a text layer.
        ink: how it is drawn; what is drawn in white or not at all may not be what a reader sees.
    """

    box: Box
    spans: tuple[Span, ...]
    size: float
    block: int = 0
    confidence: float | None = None
    ink: Ink = "drawn"

    @property
    def text(self) -> str:
        """The line's characters."""
        return self.spans[0].text if len(self.spans) == 1 else "".join([s.text for s in self.spans])

    @property
    def bold(self) -> bool:
        """Whether all of its visible text is bold."""
        return all(span.bold for span in self.spans if span.text.strip())

    @property
    def mono(self) -> bool:
        """Whether all of its visible text is in a monospaced font."""
        return all(span.mono for span in self.spans if span.text.strip())


@dataclass(frozen=True)
class Block:
    """A block of a page: what it is, where it stands, and what it says.

    `text` and `markdown` keep the line breaks of the page: joining hyphens and paragraphs is
    decided in `docs`, which sees the whole document.
    """

    kind: Kind
    box: Box
    text: str = ""
    markdown: str = ""
    font_size: float | None = None
    source: Source = "text_layer"
    confidence: float | None = None
    image_index: int | None = None

    def moved(self, box: Box) -> Block:
        """The same block elsewhere."""
        return replace(self, box=box)

    def as_row(self) -> dict[str, Any]:
        """The block as the struct of the table `pages`."""
        x0, y0, x1, y1 = (round(float(value), 2) for value in self.box)
        return {
            "kind": self.kind,
            "bbox": {"x0": x0, "y0": y0, "x1": x1, "y1": y1},
            "text": self.text,
            "markdown": self.markdown,
            "font_size": None if self.font_size is None else round(self.font_size, 2),
            "source": self.source,
            "confidence": None if self.confidence is None else round(self.confidence, 4),
            "image_index": self.image_index,
        }


@dataclass(frozen=True)
class PageText:
    """What a reader found on a page, blocks in reading order, boxes of the page as shown."""

    blocks: tuple[Block, ...] = ()
    source: Source = "none"
    engines: tuple[str, ...] = ()
    rotation: int = 0
    problem: str | None = None
    """Why the page is not `ok` although nothing was raised (it is then `partial`)."""
    problem_class: str | None = None
    confidences: tuple[tuple[float, int], ...] = field(default=(), repr=False)
    """Confidence and number of characters of each OCR line."""

    @property
    def confidence(self) -> float | None:
        """Mean over the characters that OCR read; None when it read none."""
        n_chars = sum(n for _, n in self.confidences)
        return sum(c * n for c, n in self.confidences) / n_chars if n_chars else None


def body_size(lines: Sequence[Line]) -> float:
    """The font size that most characters of a page have (to half a point), 0 without text."""
    counts: dict[float, int] = {}
    for line in lines:
        size = round(line.size * 2) / 2
        counts[size] = counts.get(size, 0) + len(line.text)
    return max(counts, key=lambda size: (counts[size], -size)) if counts else 0.0


def box_of(lines: Sequence[Line]) -> Box:
    """The box around lines."""
    return union(line.box for line in lines)
