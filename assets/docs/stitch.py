"""From the pages and images of a document to its one markdown: the plain function of the stage.

Here: walking the blocks in order, and which of them are joined. Each decision has its module:
`furniture.py` (left out), `headings.py` (levels, title), `joining.py` (lines, hyphens, paragraphs),
`halves.py` (notes and items in two blocks), `tables.py`, `figures.py`, `render.py` (shapes). Not
here: Dagster, tables of the lake, versions.

Everything is decided from all pages at once, so the result does not depend on how pages were cut
into tasks. Time and memory are linear in the number of blocks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from assets.docs import markup
from assets.docs.figures import Figures
from assets.docs.furniture import find_furniture
from assets.docs.halves import item_goes_on, note_goes_on
from assets.docs.headings import body_size, decide_headings
from assets.docs.joining import (
    Vocabulary,
    continues,
    is_interruption,
    is_note,
    is_rule,
)
from assets.docs.records import (
    Block,
    DocRecord,
    DocStatus,
    DocumentInput,
    Page,
    read_pages,
)
from assets.docs.render import Context, Piece, lay_out, render_comments, render_pieces
from assets.docs.tables import (
    MAX_HEAD_ROWS,
    Rows,
    continue_rows,
    is_continued,
    names_another,
    read_table,
)
from assets.docs.tokens import estimate_tokens


def stitch(document: DocumentInput) -> DocRecord:
    """One markdown per document, complete even when some of its pages or images failed."""
    pages = read_pages(document.pages, document.n_pages)
    figures = Figures(document.images)
    left_out = find_furniture(pages, _picture_keys(pages, figures))
    headings = decide_headings(pages, left_out, document.file_title)
    words = Vocabulary(block.text for page in pages for block in page.blocks)
    context = Context(headings.levels, words, figures)
    pieces = list(_pieces(pages, left_out, body_size(pages)))
    parts = lay_out(render_pieces(pieces, context))
    parts.extend(render_comments(pages, context))
    if document.n_attachments:
        parts.append(_attached(document.n_attachments))
    if not pages:
        parts.append("> [the document could not be read]")
    markdown = "\n\n".join(part for part in parts if part)
    if markdown:
        markdown += "\n"
    n_failed = sum(page.status == "failed" for page in pages)
    return DocRecord(
        doc_id=document.doc_id,
        title=headings.title,
        markdown=markdown,
        n_pages=document.n_pages,
        n_failed_pages=n_failed,
        n_images=context.n_images,
        n_tokens=estimate_tokens(markdown),
        content_sha256=hashlib.sha256(markdown.encode()).hexdigest(),
        status=_status(pages, n_failed, figures, context),
    )


def _attached(n: int) -> str:
    files = "1 attached file is" if n == 1 else f"{n} attached files are"
    return markup.note(f"{files} not part of this text")


def _status(pages: Sequence[Page], n_failed: int, figures: Figures, context: Context) -> DocStatus:
    if n_failed == len(pages):
        return "failed"
    whole = all(page.status == "ok" for page in pages)
    return "ok" if whole and not figures.any_failed and not context.missing else "partial"


def _picture_keys(pages: Sequence[Page], figures: Figures) -> dict[tuple[int, int], str]:
    return {
        (block.page, block.index): sha256
        for page in pages
        for block in page.blocks
        if block.kind == "picture" and (sha256 := figures.sha256_of(block)) is not None
    }


@dataclass
class _Open:
    """The piece that may still go on, and what stands beside the text until it does."""

    piece: Piece | None = None
    beside: list[Piece] = field(default_factory=list)
    note: Piece | None = None

    def close(self) -> Iterator[Piece]:
        if self.piece is not None:
            yield self.piece
        yield from self.beside
        self.piece, self.beside = None, []


_BESIDE = frozenset({"picture", "caption", "footnote", "header", "footer"})
"""Kinds that may stand between the two halves of a paragraph or table; they follow the whole."""


def _pieces(pages: Sequence[Page], left_out: set[tuple[int, int]], body: float) -> Iterator[Piece]:
    """The blocks that stay in, joined where the page broke them, and a note for each bad page."""
    state = _Open()
    for notice, page in _with_notices(pages):
        if notice is not None:
            yield from state.close()
            yield notice
        usual = max(body, body_size([page]))  # a syllabus in small type, then its opinion
        for block in page.blocks:
            if (block.page, block.index) in left_out or block.kind == "annotation":
                continue
            if page.unsupported:
                yield Piece("aside", [block])
            elif is_rule(block):
                continue
            elif state.note is not None and note_goes_on(state.note.blocks[-1], block):
                state.note.blocks.append(block)  # also when it is written already: it stays a piece
            elif is_note(block, usual, page.height) or block.kind == "footnote":
                state.note = Piece("aside", [block])
                state.beside.append(state.note)
            else:
                yield from _step(state, block)
    yield from state.close()


def _step(state: _Open, block: Block) -> Iterator[Piece]:
    piece = state.piece
    if piece is not None and block.kind in _BESIDE:
        state.beside.append(Piece("block", [block]))
        return
    rows = read_table(block) if block.kind == "table" else ()
    over = state.beside[-1].blocks[0] if state.beside else None
    if rows and over is not None and over.page == block.page and names_another(over.text):
        yield from state.close()
        piece = None
    past_figure = any(p.blocks[0].kind in ("picture", "table") for p in state.beside)
    if piece is not None and _goes_on(piece, block, rows, past_figure=past_figure):
        if rows:
            piece.rows.extend(continue_rows(tuple(piece.rows[:MAX_HEAD_ROWS]), rows))
        piece.blocks.append(block)
        return
    if piece is not None and is_interruption(piece.blocks[-1], block):
        state.beside.append(Piece("block", [block]))
        return
    if piece is not None and _is_list(piece.blocks[0], block) and all(map(_is_note, state.beside)):
        yield piece  # notes wait for the end of the list
    else:
        yield from state.close()
    state.piece = Piece("block", [block], list(rows))


def _is_list(before: Block, after: Block) -> bool:
    return before.kind == after.kind == "list_item"


def _is_note(piece: Piece) -> bool:
    return piece.shape == "aside" or piece.blocks[0].kind == "footnote"


def _goes_on(piece: Piece, block: Block, rows: Rows, *, past_figure: bool) -> bool:
    last = piece.blocks[-1]
    if last.kind == "table":
        return bool(rows) and is_continued(last, tuple(piece.rows), block, rows)
    if item_goes_on(last, block, max(b.x1 for b in (*piece.blocks, block))):
        return True
    return continues(last, block, past_figure=past_figure)


def _with_notices(pages: Sequence[Page]) -> Iterator[tuple[Piece | None, Page]]:
    """Each page with the note before it; neighbouring pages that failed alike share one note."""
    start = 0
    while start < len(pages):
        page = pages[start]
        end = start + 1
        if page.status == "failed":
            while end < len(pages) and _same_failure(page, pages[end]):
                end += 1
            which = f"page {page.number}" if end == start + 1 else f"pages {page.number}-{end}"
            yield Piece.note(f"{which} could not be read: {page.error_class or 'unknown'}"), page
        elif page.status == "partial":
            reason = page.error_class or "unknown"
            yield Piece.note(f"page {page.number} was read in part: {reason}"), page
        else:
            yield None, page
        start = end


def _same_failure(first: Page, other: Page) -> bool:
    return other.status == "failed" and other.error_class == first.error_class
