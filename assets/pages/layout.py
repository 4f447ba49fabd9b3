"""Blocks of a page by PyMuPDF's layout model: what each region is, and which lines it holds.

Here: running the model on a document opened for it alone, and sorting our own lines into its
regions. Not here: the lines (`text_layer.py`) and what a heading's level is (`docs`).

`pymupdf4llm.helpers.document_layout.parse_document` is the public way to this model. Its parts are
called one by one instead, because it reads the outline and the form fields of the whole document
at every call, extracts the text a second time with a sort by x that scrambles right-to-left lines,
and drops every hyphen at a line's end; see docs/decisions/layout.md.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import pymupdf

from assets.pages import markdown
from assets.pages.geometry import Box, area, holds_centre, overlap, share_inside
from assets.pages.reading_order import insertion_index
from assets.pages.records import Block, Kind, Line, body_size
from assets.pages.table_columns import split_columns
from assets.pages.text_layer import (
    TextLayer,
    by_block,
    join_rows,
    kind_of,
    make_block,
    split_by_style,
)
from resources.workers.child import HELD_BACK

KINDS: Final[dict[str, Kind]] = {
    "title": "title",
    "section-header": "heading",
    "text": "text",
    "list-item": "list_item",
    "table": "table",
    "picture": "picture",
    "caption": "caption",
    "formula": "formula",
    "footnote": "footnote",
    "page-header": "header",
    "page-footer": "footer",
}
MIN_SIDE: Final = 2.0
"""Regions no larger than this hold nothing (the limit of pymupdf4llm)."""


@dataclass(frozen=True)
class Region:
    """A region of the layout model; `rows` and `columns` are the inner edges of a table's cells."""

    kind: Kind
    box: Box
    rows: tuple[float, ...] = ()
    columns: tuple[float, ...] = ()


class LayoutModel:
    """The layout model over one document, which it changes: open the document for it alone."""

    def __init__(self, document: pymupdf.Document) -> None:
        """Take over a document; its structure tree goes, since it only costs time."""
        self._document = document
        _helpers()
        catalog = document.pdf_catalog()
        if document.xref_get_key(catalog, "StructTreeRoot")[0] != "null":
            document.xref_set_key(catalog, "StructTreeRoot", "null")

    def close(self) -> None:
        """Close the document."""
        self._document.close()

    def regions(self, page_number: int, degrees: int) -> list[Region]:
        """Regions of a page in reading order, boxes of the page under this /Rotate."""
        dl = _helpers()
        page = self._document[page_number - 1]
        page.set_rotation(degrees)
        page.remove_rotation()
        textpage = page.get_textpage(flags=dl.FLAGS, clip=pymupdf.INFINITE_RECT())
        blocks = textpage.extractDICT()["blocks"]
        dl.get_layout_locked(page, return_raw=True)
        raw = [r for r in page.layout_information if _is_usable(r)]
        grids = {tuple(r["group_bbox"]): r["table_grid"] for r in raw if r.get("table_grid")}
        page.layout_information = [(*r["group_bbox"], r["class_name"]) for r in raw]
        dl.utils.clean_pictures(page, blocks)
        dl.utils.add_image_orphans(page, blocks)
        ordered = dl.utils.find_reading_order(page.rect, blocks, page.layout_information)
        return [_region(found, grids) for found in ordered]


def layout_blocks(layer: TextLayer, regions: Sequence[Region]) -> list[Block]:
    """Blocks of a page in reading order, boxes in the frame of the lines.

    Every line ends up in exactly one block: what no region holds becomes a block of its own.
    """
    held, orphans = _assign(layer.lines, regions)
    words = layer.words() if any(r.kind == "table" for r in regions) else []
    blocks: list[Block] = []
    for region, lines in zip(regions, held, strict=True):
        blocks.extend(_blocks_of(region, lines, words))
    body = body_size(layer.lines)
    for group in by_block(orphans):
        for part in split_by_style(join_rows(group)):
            block = make_block(kind_of(part, body), part)
            if block.text:
                at = insertion_index([b.box for b in blocks], block.box)
                blocks.insert(at, block)
    return blocks


def _assign(
    lines: Sequence[Line], regions: Sequence[Region]
) -> tuple[list[list[Line]], list[Line]]:
    held: list[list[Line]] = [[] for _ in regions]
    orphans: list[Line] = []
    for line in lines:
        best, best_share = -1, 0.5
        for i, region in enumerate(regions):
            share = share_inside(line.box, region.box)
            # A table within a picture: the smaller region says more about the line.
            if share > best_share + 0.01 or (
                best >= 0
                and share >= best_share - 0.01
                and area(region.box) < area(regions[best].box)
            ):
                best, best_share = i, max(share, best_share)
        (held[best] if best >= 0 else orphans).append(line)
    return held, orphans


def _blocks_of(
    region: Region, lines: list[Line], words: Sequence[tuple[Box, str]]
) -> Iterator[Block]:
    if region.kind == "picture":
        inner = join_rows(lines)
        written = markdown.render("text", inner)
        yield Block("picture", region.box, markdown.plain(inner), written)
        return
    if not lines:
        return
    if region.kind == "table":
        table = _table(region, words)
        yield table if table.text else make_block("text", join_rows(lines))
        return
    rows = join_rows(lines)
    if region.kind == "list_item":
        for item in _items(rows):
            yield make_block("list_item", item)
        return
    is_code = region.kind == "text" and len(rows) > 1 and all(line.mono for line in rows)
    block = make_block("code" if is_code else region.kind, rows)
    if block.text:
        yield block


def _items(lines: list[Line]) -> Iterator[list[Line]]:
    """Part a region at each line that starts an item at least as far left as its first line."""
    group = [lines[0]]
    left = lines[0].box[0]
    for line in lines[1:]:
        outdented = line.box[0] <= left + 2.0
        if markdown.starts_item(line.text) or (outdented and markdown.starts_number(line.text)):
            yield group
            group = []
        group.append(line)
    yield group


def _table(region: Region, words: Sequence[tuple[Box, str]]) -> Block:
    inside = [box for box, _ in words if holds_centre(region.box, box)]
    columns = split_columns(region.rows, region.columns, inside)
    cells: list[list[list[str]]] = [
        [[] for _ in range(len(columns) + 1)] for _ in range(len(region.rows) + 1)
    ]
    for box, word in words:
        if holds_centre(region.box, box):
            x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            row = sum(edge <= y for edge in region.rows)
            column = sum(edge <= x for edge in columns)
            cells[row][column].append(word)
    texts = [[markdown.clean(" ".join(cell)) for cell in row] for row in cells]
    texts = _without_empty([row for row in texts if any(row)])
    return Block(
        kind="table",
        box=region.box,
        text="\n".join("\t".join(row).rstrip() for row in texts),
        markdown=markdown.table(texts),
    )


def _without_empty(rows: list[list[str]]) -> list[list[str]]:
    """Rows without empty columns, and without those that hold a heading and nothing below it.

    Over a column of numbers set to the right, the model finds a column of its own for the heading.
    """
    columns = [list(column) for column in zip(*rows, strict=True) if any(column)]
    merged: list[list[str]] = []
    for column in columns:
        last = merged[-1] if merged else None
        if last and last[0] and not any(last[1:]) and not column[0]:
            last[1:] = column[1:]
        else:
            merged.append(column)
    return [list(row) for row in zip(*merged, strict=True)]


def _is_usable(raw: dict[str, Any]) -> bool:
    x0, y0, x1, y1 = raw["group_bbox"]
    if x1 - x0 <= MIN_SIDE or y1 - y0 <= MIN_SIDE:
        return False
    return raw["class_name"] != "table" or bool(raw.get("table_grid"))


def _region(found: Sequence[Any], grids: dict[tuple[Any, ...], Any]) -> Region:
    x0, y0, x1, y1, name = found
    box = (float(x0), float(y0), float(x1), float(y1))
    kind = KINDS.get(name, "text")
    if kind != "table" or not grids:
        return Region(kind if kind != "table" else "text", box)
    # The reading order hands back the boxes that it was given; guard against rounding all the same.
    key = max(grids, key=lambda k: overlap(box, (k[0], k[1], k[2], k[3])))
    grid = grids[key]
    rows = tuple(float(key[1] + y) for y in grid.h_lines)
    columns = tuple(float(key[0] + x) for x in grid.v_lines)
    return Region(kind, box, rows, columns)


def load_models() -> None:
    """Load the models now, once per process; they are loaded at first use otherwise."""
    _helpers()


@cache
def _helpers() -> Any:  # noqa: ANN401  # an untyped module
    """`pymupdf4llm.helpers.document_layout`, the models behind it running on one thread each."""
    for name in HELD_BACK:  # to start workers quicker
        if sys.modules.get(name, ...) is None:
            del sys.modules[name]
    with _single_threaded_sessions():
        pymupdf._get_layout = None  # noqa: SLF001
        importlib.import_module("pymupdf.layout").activate()
    from pymupdf4llm.helpers import document_layout

    return document_layout


@contextmanager
def _single_threaded_sessions() -> Iterator[None]:
    """Make ONNX sessions created meanwhile use one thread.

    `import pymupdf` alone loads the models, takes no options, and onnxruntime reads no environment
    variable (OMP_NUM_THREADS=1 left it on two cores), so they are loaded again, in 0.3 s. A worker
    per core with a pool of threads each would fight over the cores.
    """
    import onnxruntime

    original = onnxruntime.SessionOptions

    def one_thread() -> object:
        options = original()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        return options

    onnxruntime.SessionOptions = one_thread
    try:
        yield
    finally:
        onnxruntime.SessionOptions = original
