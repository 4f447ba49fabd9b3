"""The shape that each kind of block takes in a document's markdown.

Here: from joined blocks to lines of markdown. Not here: which blocks are joined (`stitch.py`), and
the signs of markdown themselves (`markup.py`).

Prose is written from a block's plain text, never from its markdown: what a document says cannot
become structure, and styles of type (bold, italic) are left behind. Everything that stands beside
the body - footnotes, words inside pictures, comments, notes of ours - is a quote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from assets.docs import markup
from assets.docs.figures import Figures
from assets.docs.joining import Vocabulary, join_lines
from assets.docs.lists import Outline, split_items, split_marker
from assets.docs.records import Block, Page
from assets.docs.tables import Rows, write_table

_FENCE: Final = re.compile(r"(`{3,})[^\n`]*\n(.*)\n\1\s*", re.DOTALL)
PROSE_WORDS_PER_LINE: Final = 6
"""Words of a picture that run this long a line are text that layout took for a picture."""


@dataclass
class Piece:
    """Blocks that are written as one: a paragraph over two pages, a table over five."""

    shape: str
    blocks: list[Block]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    text: str = ""

    @classmethod
    def note(cls, text: str) -> Self:
        """A note of ours."""
        return cls("note", [], text=text)


@dataclass
class Context:
    """What is known of the whole document while its pieces are written."""

    levels: dict[tuple[int, int], int]
    words: Vocabulary
    figures: Figures
    outline: Outline = field(default_factory=Outline)
    n_images: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of markdown; neighbouring items of a list are `tight`."""

    markdown: str
    tight: bool = False


def render_pieces(pieces: Sequence[Piece], context: Context) -> Iterator[Part]:
    """The markdown of each piece that has any, in order."""
    for position, piece in enumerate(pieces):
        if not piece.blocks or piece.blocks[0].kind != "list_item":
            context.outline.end()
        if piece.shape == "note":
            yield Part(markup.note(piece.text))
        elif piece.shape == "aside":
            yield Part(_quoted(_text(piece, context)))
        else:
            yield from _block(
                piece, pieces[position - 1 : position], pieces[position + 1 : position + 2], context
            )


def lay_out(parts: Iterable[Part]) -> list[str]:
    """Parts with items of one list on neighbouring lines."""
    written: list[str] = []
    items: list[str] = []
    for part in parts:
        if not part.markdown:
            continue
        if part.tight:
            items.append(part.markdown)
            continue
        if items:
            written.append("\n".join(items))
            items = []
        written.append(part.markdown)
    if items:
        written.append("\n".join(items))
    return written


def render_comments(pages: Sequence[Page], context: Context) -> Iterator[str]:
    """Comments that readers left in the file: after the body, each with its page."""
    for page in pages:
        for block in page.blocks:
            text = join_lines(block.text, context.words) if block.kind == "annotation" else ""
            if text:
                yield f"{markup.note(f'comment on page {page.number}')} {markup.escape(text)}"


def _block(
    piece: Piece, before: Sequence[Piece], after: Sequence[Piece], context: Context
) -> Iterator[Part]:
    block = piece.blocks[0]
    level = context.levels.get((block.page, block.index))
    if level is not None:
        yield Part(markup.heading(level, _text(piece, context)))
    elif block.kind == "list_item":
        yield from (Part(line, tight=True) for line in _items(piece, context))
    elif block.kind == "field":
        text = _text(piece, context)
        yield Part(markup.item("-", text) if text else "", tight=True)
    elif block.kind == "table":
        yield _table(piece, context)
    elif block.kind == "picture":
        near = [p.blocks[0] for p in (*after, *before) if p.blocks]
        yield from _picture(block, near, context)
    elif block.kind == "code":
        yield Part(_code(block))
    elif block.kind == "footnote":
        yield Part(_quoted(_text(piece, context)))
    else:
        yield Part(markup.escape_line(_text(piece, context)))


def _text(piece: Piece, context: Context) -> str:
    return join_lines("\n".join(block.text for block in piece.blocks), context.words)


def _quoted(text: str) -> str:
    return markup.quote(text) if text else ""


def _items(piece: Piece, context: Context) -> Iterator[str]:
    """The items of a block, each under the item that it belongs to."""
    for lines in split_items("\n".join(block.text for block in piece.blocks)):
        marker, rest = split_marker(lines)
        text = join_lines(rest, context.words)
        if text:
            yield context.outline.lead(piece.blocks[0], marker) + markup.item(marker, text)


def _table(piece: Piece, context: Context) -> Part:
    rows: Rows = tuple(piece.rows)
    if rows:
        return Part(write_table(rows))
    lines = (join_lines(line, context.words) for line in piece.blocks[0].text.split("\n"))
    return Part("\n\n".join(markup.escape_line(line) for line in lines if line))


def _picture(block: Block, near: Sequence[Block], context: Context) -> Iterator[Part]:
    picture = context.figures.render(block, near)
    context.n_images += picture.sha256 is not None
    context.missing += picture.failed
    yield Part(picture.markdown)
    text = join_lines(block.text, context.words)
    if text:
        n_lines = block.text.strip().count("\n") + 1
        is_prose = len(text.split()) >= PROSE_WORDS_PER_LINE * max(n_lines, 3)
        yield Part(markup.escape_line(text) if is_prose else markup.quote(text))


def _code(block: Block) -> str:
    """A code block, its indentation from the page's markdown where that is one whole fence."""
    found = _FENCE.fullmatch(block.markdown.strip("\n"))
    body = found.group(2) if found else block.text
    if found and body.split() != block.text.split():
        body = block.text
    body = "\n".join(line.rstrip() for line in body.split("\n")).strip("\n")
    return markup.fence(body) if body.strip() else ""
