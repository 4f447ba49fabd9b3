"""The text layer of a page: its lines, and blocks of them without a layout model.

Here: one extraction per page, turned into lines in reading direction, and the plain block finder
(`QUIRE_LAYOUT=off`): MuPDF's own blocks, split where the style changes. Not here: whether the layer
is sound (`routing/`) and the layout model's blocks (`layout/blocks.py`).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pymupdf

from assets.images.placements import Placement, hidden, image_blocks, placements_of
from assets.pages import markdown
from assets.pages.characters import mend_lines, mended_words
from assets.pages.geometry import Box, Turn, holds_centre, shared_height
from assets.pages.layout.monospace import mark_monospaced
from assets.pages.layout.reading_order import is_plausible, reading_order
from assets.pages.records import Block, Ink, Kind, Line, Span, body_size, box_of
from assets.pages.right_to_left import is_right_to_left, touches

# The layout model's module switches this on when it is imported; set it at once, so that boxes do
# not depend on what else the process has read before.
pymupdf.TOOLS.unset_quad_corrections(True)  # noqa: FBT003

FLAGS: Final = (
    pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP | pymupdf.TEXT_PRESERVE_IMAGES
)
"""No styles from drawings (underlines;
they double the time), ligatures written out, no CIDs passed off as characters: one without a
Unicode value must show as U+FFFD for the soundness test."""

HEADING_RATIO: Final = 1.15
MIN_SIZE_SHARE: Final = 0.15
SMALLER: Final = 0.9
"""Superscripts are set at 0.58 (Word) to 0.8 (LaTeX at 9 points) of the size beside them; small
capitals, at 0.8, stand on the baseline."""
RAISED_BY: Final = 0.15
"""Share of the size that they stand higher: 0.33 in Word, 0.36 in LaTeX, 0.4 in browsers."""
HEADING_MAX_LINES: Final = 4
HEADING_MAX_CHARS: Final = 200
_BOLD: Final = pymupdf.TEXT_FONT_BOLD
_ITALIC: Final = pymupdf.TEXT_FONT_ITALIC
_MONO: Final = pymupdf.TEXT_FONT_MONOSPACED
_INKED: Final = pymupdf.mupdf.FZ_STEXT_FILLED | pymupdf.mupdf.FZ_STEXT_STROKED
_WHITE: Final = 0xFFFFFF


@dataclass(frozen=True)
class TextLayer:
    """The lines of a page in the order they were written, in the frame that the text runs in.

    Attributes:
        lines: boxes are of the page turned by `turn`.
        turn: from the page as shown to the frame in which most text runs left to right.
        from_page: from the page before its /Rotate to that frame.
        textpage: what MuPDF extracted.
        placements: the images of the page, in drawing order, boxes of the page as shown.
        left_out: boxes of lines that were taken out, since no reader of the page sees them.
        is_mended: whether lines have other characters than MuPDF gives (`characters.py`).
    """

    lines: tuple[Line, ...]
    turn: Turn
    from_page: Turn
    textpage: pymupdf.TextPage
    placements: tuple[Placement, ...] = ()
    left_out: tuple[Box, ...] = ()
    is_mended: bool = False

    @property
    def text(self) -> str:
        """All characters, for counting."""
        return "\n".join(line.text for line in self.lines)

    def words(self) -> list[tuple[Box, str]]:
        """Words with their boxes in the frame of the lines (for cells of tables)."""
        turn = self.from_page
        if self.is_mended:
            words = [(turn.forth(box), word) for box, word in mended_words(self.textpage)]
        else:
            found = self.textpage.extractWORDS()
            words = [(turn.forth((w[0], w[1], w[2], w[3])), str(w[4])) for w in found]
        gone = self.left_out
        return [w for w in words if not any(holds_centre(box, w[0]) for box in gone)]


def read_text_layer(page: pymupdf.Page) -> TextLayer:
    """Extract the text of a page, and where its images stand, in one run of it.

    MuPDF gives the boxes of the page before /Rotate; they are turned here once, into the frame in
    which most of the text runs left to right (a table set sideways on an upright page as well).
    """
    textpage = page.get_textpage(flags=FLAGS)
    images = image_blocks(textpage)
    with hidden(images):
        blocks = textpage.extractDICT()["blocks"]
        is_mended = mend_lines(blocks, textpage)
    mark_monospaced(page, blocks)
    rotation, shown = page.rotation, page.rect
    degrees = _reading_rotation(blocks, rotation)
    bare = (shown.width, shown.height) if rotation % 180 == 0 else (shown.height, shown.width)
    from_page = Turn(degrees, *bare)
    lines = tuple(_lines(blocks, from_page))
    turn = Turn((degrees - rotation) % 360, shown.width, shown.height)
    placements = tuple(placements_of(page, images))
    return TextLayer(lines, turn, from_page, textpage, placements, is_mended=is_mended)


def plain_blocks(lines: Sequence[Line]) -> list[Block]:
    """Blocks of lines without a layout model, in reading order, boxes in the frame of the lines."""
    groups = [part for group in by_block(lines) for part in split_by_style(join_rows(group))]
    boxes = [box_of(group) for group in groups]
    if not is_plausible(boxes):
        order = reading_order(boxes, line_height=1.2 * body_size(lines))
        groups = [groups[i] for i in order]
    body = body_size(lines)
    blocks = (make_block(kind_of(group, body), group) for group in groups)
    return [block for block in blocks if block.text]


def make_block(kind: Kind, lines: Sequence[Line]) -> Block:
    """A block of this kind from these lines."""
    sizes: dict[float, int] = {}
    for line in lines:
        sizes[line.size] = sizes.get(line.size, 0) + len(line.text)
    if kind == "code":
        lines = [_indented(line, box_of(lines)[0]) for line in lines]
    return Block(
        kind=kind,
        box=box_of(lines),
        text=markdown.verbatim(lines) if kind == "code" else markdown.plain(lines),
        markdown=markdown.render(kind, lines),
        font_size=max(sizes, key=sizes.__getitem__) if sizes else None,
    )


def _reading_rotation(blocks: Sequence[dict[str, Any]], shown: int) -> int:
    """The /Rotate under which most characters run left to right; the page's own without text."""
    counts = dict.fromkeys((0, 90, 180, 270), 0)
    for block in blocks:
        for line in block.get("lines", ()):
            if line["wmode"]:  # vertical writing runs downwards on an upright page
                direction: tuple[float, float] = (1.0, 0.0)
            else:
                direction = line["dir"]
            counts[_upright_by(direction)] += sum([len(span["text"]) for span in line["spans"]])
    total = sum(counts.values())
    if not total or counts[shown] * 2 >= total:
        return shown
    return max(counts, key=counts.__getitem__)


def _upright_by(direction: tuple[float, float]) -> int:
    dx, dy = direction
    if abs(dx) >= abs(dy):
        return 0 if dx >= 0 else 180
    return 90 if dy < 0 else 270


def _lines(blocks: Sequence[dict[str, Any]], turn: Turn) -> Iterator[Line]:
    for number, block in enumerate(blocks):
        if block["type"] != 0:
            continue
        for piece in block["lines"]:
            if line := _line(piece, turn, number):
                yield line


def _line(piece: dict[str, Any], turn: Turn, block: int) -> Line | None:
    spans = piece["spans"]
    text = "".join(span["text"] for span in spans)
    if not text or text.isspace():
        return None
    box = turn.forth(piece["bbox"]) if turn.degrees else piece["bbox"]
    size = spans[0]["size"] if len(spans) == 1 else _main_size(spans)
    has_small = len(spans) > 1 and min([span["size"] for span in spans]) < SMALLER * size
    written = tuple(_raised(piece, size)) if has_small else tuple(map(_span, spans))
    return Line(box, written, round(size, 2), block, ink=_ink(spans))


def _ink(spans: Sequence[dict[str, Any]]) -> Ink:
    """How a line is drawn: not at all (neither filled nor stroked, or see-through), or in white."""
    drawn = [s for s in spans if s["char_flags"] & _INKED and s["alpha"]]
    if not drawn:
        return "none"
    return "white" if all(s["color"] == _WHITE for s in drawn) else "drawn"


def _main_size(spans: Sequence[dict[str, Any]]) -> float:
    """The largest size with a fair share of the line: small capitals stand in two sizes."""
    counts = Counter[float]()
    for span in spans:
        counts[span["size"]] += len(span["text"].strip())
    least = min(MIN_SIZE_SHARE * sum(counts.values()), max(counts.values()))
    return max(size for size, count in counts.items() if count >= least)


def _raised(piece: dict[str, Any], size: float) -> Iterator[Span]:
    """The spans of a line with those raised that are smaller than it and above its baseline.

    MuPDF compares with the first character of the line alone, so that after a number that starts a
    footnote, or a lowered letter, all the rest would count as raised.
    """
    small = SMALLER * size
    counts = Counter[float]()
    for span in piece["spans"]:
        if span["size"] >= small:
            counts[span["origin"][1]] += len(span["text"].strip())
    base = max(counts, key=counts.__getitem__) - RAISED_BY * size
    is_level = piece["dir"] == (1.0, 0.0) and not piece["wmode"]
    for span in piece["spans"]:
        is_raised = is_level and span["size"] < small and span["origin"][1] < base
        yield _span(span)._replace(raised=is_raised)


def _span(span: dict[str, Any]) -> Span:
    flags = span["flags"]
    return Span(span["text"], bool(flags & _BOLD), bool(flags & _ITALIC), bool(flags & _MONO))


def join_rows(pieces: Sequence[Line]) -> list[Line]:
    """Join pieces of one row that were parted at wide gaps (label and value, number and title)."""
    rows: list[list[Line]] = []
    for piece in pieces:
        last = rows[-1][-1] if rows else None
        if last is not None and _same_row(last, piece):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return [row[0] if len(row) == 1 else _joined(row) for row in rows]


def _same_row(a: Line, b: Line) -> bool:
    height = min(a.box[3] - a.box[1], b.box[3] - b.box[1])
    return shared_height(a.box, b.box) > 0.7 * height


def _joined(row: list[Line]) -> Line:
    rtl = is_right_to_left("".join([line.text for line in row]))
    row = sorted(row, key=lambda line: line.box[0], reverse=rtl)
    spans: list[Span] = list(row[0].spans)
    for before, line in itertools.pairwise(row):
        apart = line.box[0] - before.box[2] if not rtl else before.box[0] - line.box[2]
        glued = touches(before.text.rstrip(), line.text.lstrip())
        if (apart > 0.1 * line.size or glued) and not spans[-1].text.endswith(" "):
            spans.append(Span(" "))
        spans.extend(line.spans)
    longest = max(row, key=lambda line: len(line.text))
    return Line(box_of(row), tuple(spans), longest.size, longest.block, longest.confidence)


def _indented(line: Line, left: float) -> Line:
    """A line of code with its indentation as spaces, where the page has it as a position only."""
    if line.text[:1].isspace():
        return line
    width = (line.box[2] - line.box[0]) / max(1, len(line.text))
    n_spaces = round((line.box[0] - left) / width) if width > 0 else 0
    return line._replace(spans=(Span(" " * n_spaces, mono=True), *line.spans))


def by_block(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Consecutive lines of the same MuPDF block."""
    group: list[Line] = []
    for line in lines:
        if group and line.block != group[-1].block:
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def split_by_style(lines: list[Line]) -> Iterator[list[Line]]:
    """Part a MuPDF block where a heading ends, a list item starts, or a wide gap stands."""
    group = [lines[0]]
    in_list = markdown.starts_item(lines[0].text)
    for before, line in itertools.pairwise(lines):
        item = markdown.starts_item(line.text)
        if item or _style_changes(before, line) or _gap_between(before, line):
            yield group
            group = []
            in_list = item
        elif in_list and line.box[0] < group[0].box[0] - 1 and _ends(before):
            yield group
            group, in_list = [], False
        group.append(line)
    yield group


def _ends(line: Line) -> bool:
    """Whether a sentence ends with the line: what follows further left is no part of the item."""
    return line.text.rstrip()[-1:] in ".!?;:"


def _style_changes(before: Line, line: Line) -> bool:
    larger, smaller = max(before.size, line.size), min(before.size, line.size)
    return larger > HEADING_RATIO * max(smaller, 0.1) or before.mono != line.mono


def _gap_between(before: Line, line: Line) -> bool:
    return line.box[1] - before.box[3] > 0.9 * max(line.size, before.size)


def kind_of(lines: Sequence[Line], body: float) -> Kind:
    """The kind of a block by its style alone, given the size of body text."""
    text = " ".join(line.text for line in lines)
    if all(line.mono for line in lines):
        return "code" if len(lines) > 1 else "text"
    if markdown.starts_item(lines[0].text):
        return "list_item"
    short = len(lines) <= HEADING_MAX_LINES and len(text) <= HEADING_MAX_CHARS
    if short and any(c.isalpha() for c in text):
        if min(line.size for line in lines) >= HEADING_RATIO * body:
            return "heading"
        ends = text.rstrip()[-1]
        if len(lines) <= 2 and all(line.bold for line in lines) and ends not in ".,;":
            return "heading"
    return "text"
