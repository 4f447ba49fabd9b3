"""Blocks of a page from the layout model's regions: which lines each of them holds.

Here: sorting our own lines into the regions. Not here: the regions (`model.py`), the lines
(`../text_layer.py`) and what a heading's level is (`docs`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Final

from assets.pages import markdown
from assets.pages.geometry import Box, area, holds_centre, share_inside
from assets.pages.layout.model import Region
from assets.pages.layout.monospace import (
    follows,
    has_code_signs,
    is_mono,
    is_typewritten,
    set_in_columns,
)
from assets.pages.layout.reading_order import insertion_index, reading_order
from assets.pages.layout.table_cells import has_grid, table_texts
from assets.pages.records import Block, Line, body_size, box_of
from assets.pages.text_layer import (
    TextLayer,
    by_block,
    join_rows,
    kind_of,
    make_block,
    split_by_style,
)

_MAY_BE_CODE: Final = ("text", "list_item", "table", "formula")


def layout_blocks(
    layer: TextLayer, regions: Sequence[Region], fields: Sequence[Box] = ()
) -> list[Block]:
    """Blocks of a page in reading order, boxes in the frame of the lines.

    Every line ends up in exactly one block: what no region holds becomes a block of its own.

    Args:
        layer: the page's text.
        regions: what the layout model found, in the frame of the lines.
        fields: where the page has form fields; labels beside them are no table unless its cells
            are drawn.
    """
    body = body_size(layer.lines)
    regions = _in_reading_order(regions, 1.2 * body)
    held, orphans = _assign(layer.lines, regions)
    page = _Page(layer, is_typewritten(layer.lines), tuple(fields))
    blocks: list[Block] = []
    code: list[Line] = []
    for region, lines in zip(regions, held, strict=True):
        for part, is_code in _parts(region, lines, page):
            if code and not (is_code and follows(code, part)):
                blocks.append(_code(code, page))
                code = []
            if is_code:
                code.extend(part)
            else:
                blocks.extend(_blocks_of(region, part, page))
    if code:
        blocks.append(_code(code, page))
    for group in by_block(orphans):
        for part in split_by_style(join_rows(group)):
            block = make_block(kind_of(part, body), part)
            if block.text:
                at = insertion_index([b.box for b in blocks], block.box)
                blocks.insert(at, block)
    return blocks


@dataclass(frozen=True)
class _Page:
    """What is asked of the page as a whole, once."""

    layer: TextLayer
    is_typewritten: bool
    fields: tuple[Box, ...] = ()

    @cached_property
    def words(self) -> list[tuple[Box, str]]:
        return self.layer.words()


def _parts(region: Region, lines: list[Line], page: _Page) -> Iterator[tuple[list[Line], bool]]:
    """The lines of a region in pieces, and which of them are code.

    Code is a table in monospaced type whose grid nobody drew, and all other text in it but for
    headings, notes and the like.
    """
    if region.kind not in _MAY_BE_CODE or not any(map(is_mono, lines)):
        yield lines, False
        return
    rows = join_rows(lines)
    if region.kind == "list_item" and markdown.starts_item(rows[0].text):
        yield lines, False
    elif all(map(is_mono, rows)):
        if region.kind == "table":
            yield lines, not page.is_typewritten and not has_grid(region, page.words)
        else:
            yield rows, not page.is_typewritten or (len(rows) > 1 and has_code_signs(rows))
    elif region.kind != "text" or page.is_typewritten:
        yield lines, False
    else:
        for mono, group in groupby(_without_lone(rows), key=lambda pair: pair[1]):
            yield [row for row, _ in group], mono


def _without_lone(rows: list[Line]) -> list[tuple[Line, bool]]:
    """Rows, and whether each is one of several in monospaced type that follow on one another."""
    mono = [False, *map(is_mono, rows), False]
    return [(row, mono[i] and (mono[i - 1] or mono[i + 1])) for i, row in enumerate(rows, start=1)]


def _code(rows: list[Line], page: _Page) -> Block:
    """Lines of code as one block; a single one is text in a style."""
    rows = join_rows(rows)
    if len(rows) == 1:
        return make_block("text", rows)
    lines = set_in_columns(rows, page.words)
    return Block(
        kind="code",
        box=box_of(rows),
        text="\n".join(lines),
        markdown=markdown.fenced("\n".join(lines)),
        font_size=rows[0].size,
    )


def _in_reading_order(regions: Sequence[Region], line_height: float) -> list[Region]:
    """Regions as a reader takes them: headers, the body by columns, footers.

    The model's library goes stripe by stripe down the whole page, so that columns which happen to
    have a gap at the same height are read across. Here columns are cut first, as for lines.
    """
    body = [r for r in regions if r.kind not in ("header", "footer")]
    order = reading_order([r.box for r in body], line_height)
    return [
        *(r for r in regions if r.kind == "header"),
        *(body[i] for i in order),
        *(r for r in regions if r.kind == "footer"),
    ]


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


def _blocks_of(region: Region, lines: list[Line], page: _Page) -> Iterator[Block]:
    if region.kind == "picture":
        inner = join_rows(lines)
        written = markdown.render("text", inner)
        yield Block("picture", region.box, markdown.plain(inner), written)
        return
    if not lines:
        return
    if region.kind == "table":
        if _is_form(region, page):
            yield from _labels(lines)
            return
        table = _table(region, page.words)
        yield table if table.text else make_block("text", join_rows(lines))
        return
    rows = join_rows(lines)
    if region.kind == "list_item":
        for item in _items(rows):
            yield make_block("list_item", item)
        return
    block = make_block(region.kind, rows)
    if block.text:
        yield block


def _is_form(region: Region, page: _Page) -> bool:
    """Whether a table is the labels of form fields; one whose cells are drawn is a table."""
    return any(holds_centre(region.box, box) for box in page.fields) and not has_grid(
        region, page.words
    )


def _labels(lines: list[Line]) -> Iterator[Block]:
    groups = [part for group in by_block(lines) for part in split_by_style(join_rows(group))]
    order = reading_order([box_of(group) for group in groups], 1.2 * body_size(lines))
    for block in (make_block("text", groups[i]) for i in order):
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
    texts = table_texts(region, words)
    return Block(
        kind="table",
        box=region.box,
        text="\n".join("\t".join(row).rstrip() for row in texts),
        markdown=markdown.table(texts),
    )
