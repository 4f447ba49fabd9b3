"""One page of a report: the sheet with its blocks, and what was read from it, side by side.

Here: HTML of a row of `pages`. Not here: the document's head (`head.py`) or rendering
(`pictures.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cli.reports.markdown import rendered
from cli.reports.plan import PageLine
from cli.reports.style import kind_class
from resources.report.escaping import chip, counted, cut, number, safe, table

_CHARACTERS: Final = 100_000
"""Shown of a page's text and markdown: a novel page has 3,000."""
_BLOCKS: Final = 1_000
"""Drawn and listed of a page; a dense drawing may have more."""
_BLOCK_CHARACTERS: Final = 2_000

STATUS_CLASS: Final[Mapping[str, str]] = {
    "ok": "good", "done": "good", "empty": "good", "partial": "warn", "waiting": "warn",
    "running": "warn", "blocked": "warn", "skipped": "", "failed": "wrong", "quarantined": "wrong",
}  # fmt: skip


def line_classes(line: PageLine) -> str:
    """What the filters go by."""
    ocr = line.source in ("ocr", "mixed")
    marks = {"bad": line.bad, "low": line.low, "ocr": ocr}
    return " ".join(name for name, is_so in marks.items() if is_so)


def page_html(
    anchor: str, line: PageLine, row: Mapping[str, Any], picture: str | None, reason: str
) -> str:
    """A page; `picture` is the source of its image, else `reason` says why there is none."""
    blocks = list(row["blocks"] or [])
    error = ""
    if row["error_class"] or row["error"]:
        error = f'<p class="error">{chip(row["error_class"], "wrong")} {safe(row["error"])}</p>'
    return (
        f'<section class="page {line_classes(line)}" id="{anchor}">\n'
        f"<h3>Page {line.page_number} {chip(line.status, STATUS_CLASS.get(line.status, ''))}</h3>\n"
        f"{_facts(row, len(blocks))}{error}\n"
        f'<div class="pair">{_sheet(anchor, row, blocks[:_BLOCKS], picture, reason)}'
        f"{_reading(anchor, row, blocks)}</div></section>\n"
    )


def _facts(row: Mapping[str, Any], n_blocks: int) -> str:
    values = {
        "label": row["page_label"],
        "source": row["source"],
        "engine": row["engine"],
        "confidence": row["confidence"],
        "rotation": row["rotation"] or None,
        "points": f"{number(row['width'])} × {number(row['height'])}",
        "characters": row["n_chars"],
        "blocks": n_blocks,
        "ms": row["elapsed_ms"],
    }
    told = (f"{k} <b>{safe(v)}</b>" for k, v in values.items() if v is not None)
    return f'<p class="facts">{" · ".join(told)}</p>'


def _sheet(
    anchor: str,
    row: Mapping[str, Any],
    blocks: Sequence[Mapping[str, Any]],
    picture: str | None,
    reason: str,
) -> str:
    """The page as an SVG in points: its picture, and the blocks over it in reading order."""
    size = [row["width"] or 0, row["height"] or 0]
    width, height = (value if number(value) != "0" else 600 for value in size)
    image = note = ""
    if picture is not None:
        image = (
            f'<image href="{safe(picture)}" width="{number(width)}" height="{number(height)}" '
            'preserveAspectRatio="none"/>'
        )
    else:
        note = f'<p class="note">no picture of the page: {safe(reason)}</p>'
    unit = max(width, height) / 85
    boxes = "".join(_box(anchor, place, block, unit) for place, block in enumerate(blocks, 1))
    view = f"0 0 {number(width)} {number(height)}"
    return f'<figure class="sheet">{note}<svg viewBox="{view}">{image}{boxes}</svg></figure>'


def _box(anchor: str, place: int, block: Mapping[str, Any], unit: float) -> str:
    box = block["bbox"] or {}
    x0, y0, x1, y1 = (float(number(box.get(name))) for name in ("x0", "y0", "x1", "y1"))
    x, y = min(x0, x1), min(y0, y1)
    wide = unit * (0.5 + 0.6 * len(str(place)))
    left = x - wide if x >= wide else x  # beside the box, so that no letter is hidden
    return (
        f'<a class="k-{kind_class(block["kind"])}" id="{anchor}-x{place}" '
        f'href="#{anchor}-b{place}"><title>{place} {safe(block["kind"])}</title>'
        f'<rect x="{number(x)}" y="{number(y)}" width="{number(abs(x1 - x0))}" '
        f'height="{number(abs(y1 - y0))}"/>'
        f'<rect class="tag" x="{number(left)}" y="{number(y)}" width="{number(wide)}" '
        f'height="{number(unit * 1.15)}"/>'
        f'<text x="{number(left + wide / 2)}" y="{number(y + unit * 0.95)}" '
        f'font-size="{number(unit)}">{place}</text></a>'
    )


def _reading(anchor: str, row: Mapping[str, Any], blocks: Sequence[Mapping[str, Any]]) -> str:
    """What was read: three views in tabs, and the blocks, which a click on a box opens."""
    text, markdown = row["text"] or "", row["markdown"] or ""
    tabs = {
        "rendered": f'<div class="md">{rendered(markdown)}</div>' if markdown else _nothing(),
        "markdown": f"<pre>{cut(markdown, _CHARACTERS)}</pre>" if markdown else _nothing(),
        "text": f"<pre>{cut(text, _CHARACTERS)}</pre>" if text else _nothing(),
    }
    return f"<div>{tabs_html(anchor, tabs)}{_block_table(anchor, blocks)}</div>"


def tabs_html(anchor: str, tabs: Mapping[str, str]) -> str:
    """Panels of which one shows, by radio buttons alone."""
    heads, panels = [], []
    for at, (name, content) in enumerate(tabs.items(), 1):
        checked = " checked" if at == 1 else ""
        heads.append(
            f'<input type="radio" class="t{at}" name="{anchor}-tab" id="{anchor}-t{at}"{checked}>'
            f'<label for="{anchor}-t{at}">{safe(name)}</label>'
        )
        panels.append(f'<div class="panel p{at}">{content}</div>')
    return f'<div class="tabs">{"".join(heads)}{"".join(panels)}</div>'


def _nothing() -> str:
    return '<p class="note">nothing was read</p>'


def _block_table(anchor: str, blocks: Sequence[Mapping[str, Any]]) -> str:
    if not blocks:
        return ""
    rows = []
    for place, block in enumerate(blocks[:_BLOCKS], 1):
        cells = (
            f'<a href="#{anchor}-x{place}">{place}</a>',
            chip(block["kind"], f"c-{kind_class(block['kind'])}"),
            cut(block["text"] or "", _BLOCK_CHARACTERS),
            safe(block["source"]),
            safe(block["confidence"]),
            safe(block["font_size"]),
            safe(block["image_index"]),
        )
        told = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f'<tr id="{anchor}-b{place}">{told}</tr>')
    html = table(["#", "kind", "text", "source", "conf", "pt", "image"], [])
    html = html.replace("<tbody>", f"<tbody>{''.join(rows)}", 1)
    if len(blocks) > _BLOCKS:
        html += f'<p class="note">… and {len(blocks) - _BLOCKS:,} more blocks</p>'
    summary = f"<summary>{counted(len(blocks), 'block')} in reading order</summary>"
    return f'<details class="blocks">{summary}{html}</details>'
