"""Tables whose cells are known because they are made here.

Here: pages with one table each, in every way of ruling, with cells that wrap, numbers set to the
right and heads over two columns. Not here: what is measured on them (`tables.py`).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pymupdf

SEED: Final = 20261123
PAGES: Final = 24
SIZE: Final = 9.5
LEADING: Final = 11.5
PAD: Final = 4.0
RULINGS: Final = ("grid", "rows", "head", "none")
_TEXT: Final = (
    "north pump valve harbour licence annual report city bridge repair water level river gauge "
    "station survey method depth sample mean weekly night shift engine room spare part number "
    "contract price supply order delivery minor major closed open under review"
)
_WORDS: Final = _TEXT.split()

Cells = list[list[str]]


def make(folder: Path) -> list[tuple[Path, list[list[str]]]]:
    """One PDF a table, and the cells of each, page by page."""
    made = []
    for number in range(PAGES):
        rng = random.Random(SEED + number)
        path = folder / f"table-{number:02}-{RULINGS[number % len(RULINGS)]}.pdf"
        cells = _cells(rng)
        document = pymupdf.open()
        page = document.new_page()
        _paragraph(page, 72.0, rng)
        bottom = _draw(page, cells, RULINGS[number % len(RULINGS)], rng)
        _paragraph(page, bottom + 30, rng)
        document.save(path)
        made.append((path, cells))
    return made


def _phrase(rng: random.Random, least: int, most: int) -> str:
    return " ".join(rng.choice(_WORDS) for _ in range(rng.randint(least, most))).capitalize()


def _cells(rng: random.Random) -> Cells:
    """A head and rows: a label, a text that often wraps, two or three columns of numbers."""
    n_numbers = rng.randint(1, 3)
    head = ["Item", "Description", *(f"Total {2020 + i}" for i in range(n_numbers))]
    rows = [
        [
            _phrase(rng, 1, 2),
            _phrase(rng, 2, 14),
            *(f"{rng.randint(1, 99999):,}" for _ in range(n_numbers)),
        ]
        for _ in range(rng.randint(5, 11))
    ]
    return [head, *rows]


def _paragraph(page: pymupdf.Page, top: float, rng: random.Random) -> None:
    text = ". ".join(_phrase(rng, 9, 14) for _ in range(4)) + "."
    page.insert_textbox((72, top, 523, top + 60), text, fontsize=10.5)


def _draw(page: pymupdf.Page, cells: Cells, ruling: str, rng: random.Random) -> float:
    widths = [95.0, 180.0, *[58.0] * (len(cells[0]) - 2)]
    left = 72.0
    edges = [left + sum(widths[:i]) for i in range(len(widths) + 1)]
    gap = rng.choice((3.0, 6.0)) if ruling == "none" else 0.0  # white parts rows without rulings
    y = 150.0
    tops = [y]
    for row in cells:
        lines = [_wrapped(text, width - 2 * PAD) for text, width in zip(row, widths, strict=True)]
        for column, texts in enumerate(lines):
            for i, text in enumerate(texts):
                length = pymupdf.get_text_length(text, "helv", SIZE)
                right = column > 1
                x = edges[column + 1] - PAD - length if right else edges[column] + PAD
                page.insert_text((x, y + PAD + SIZE + i * LEADING), text, fontsize=SIZE)
        y += max(map(len, lines)) * LEADING + 2 * PAD + gap
        tops.append(y)
    _rule(page, edges, tops, ruling)
    return y


def _rule(page: pymupdf.Page, edges: Sequence[float], tops: Sequence[float], ruling: str) -> None:
    heights = {"grid": tops, "rows": tops, "head": (tops[0], tops[1], tops[-1]), "none": ()}
    for y in heights[ruling]:
        page.draw_line((edges[0], y), (edges[-1], y), width=0.6)
    for x in edges if ruling == "grid" else ():
        page.draw_line((x, tops[0]), (x, tops[-1]), width=0.6)


def _wrapped(text: str, width: float) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and pymupdf.get_text_length(longer, "helv", SIZE) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
