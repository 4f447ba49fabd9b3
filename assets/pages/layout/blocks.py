"""Blocks of a page from the layout model's regions: which lines each of them holds.

Here: sorting our own lines into the regions. Not here: the regions (`model.py`), the lines
(`text_layer.py`) and what a heading's level is (`docs`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assets.pages import markdown
from assets.pages.geometry import Box, area, share_inside
from assets.pages.layout.model import Region
from assets.pages.layout.reading_order import insertion_index, reading_order
from assets.pages.layout.table_cells import table_texts
from assets.pages.records import Block, Line, body_size
from assets.pages.text_layer import (
    TextLayer,
    by_block,
    join_rows,
    kind_of,
    make_block,
    split_by_style,
)


def layout_blocks(layer: TextLayer, regions: Sequence[Region]) -> list[Block]:
    """Blocks of a page in reading order, boxes in the frame of the lines.

    Every line ends up in exactly one block: what no region holds becomes a block of its own.
    """
    body = body_size(layer.lines)
    regions = _in_reading_order(regions, 1.2 * body)
    held, orphans = _assign(layer.lines, regions)
    words = layer.words() if any(r.kind == "table" for r in regions) else []
    blocks: list[Block] = []
    for region, lines in zip(regions, held, strict=True):
        blocks.extend(_blocks_of(region, lines, words))
    for group in by_block(orphans):
        for part in split_by_style(join_rows(group)):
            block = make_block(kind_of(part, body), part)
            if block.text:
                at = insertion_index([b.box for b in blocks], block.box)
                blocks.insert(at, block)
    return blocks


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
    texts = table_texts(region, words)
    return Block(
        kind="table",
        box=region.box,
        text="\n".join("\t".join(row).rstrip() for row in texts),
        markdown=markdown.table(texts),
    )
