"""Whether the cells of tables stand as cells in `docs.markdown`.

Here: cell recall against tables whose cells the page itself draws. Not here: their words (`text`).

The truth of a table is one of two, neither of which the layout model has a part in:

- ruled: the grid that the page draws with lines (`Page.find_tables(strategy="lines_strict")` with
  the layout model switched off), and the text between its lines. Taken when it has at least two
  rows and two columns, 85 % of its cells hold text, and none more than 300 characters: drawings and
  framed paragraphs make grids too, which are mostly empty or long;
- set apart: in files of the category `tables` without such a grid, the words of at least three
  lines that have three cells each, parted where a gap is wider than half the words are high. Spaces
  between words are a fifth to a quarter of that.

A cell is found when the document's tables have a cell with the same letters and digits; a cell that
occurs three times must be found three times. Pages are read with layout on and OCR off.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pymupdf

from bench.quality.documents import Source, corpus_sources, read_documents
from bench.quality.measured import Case, Measured, Part
from bench.quality.words import is_sound, words_of
from resources.errors import DocumentError
from resources.workers.documents import open_pdf

PAGES: Final = 40
"""Pages of a document that are looked through for tables."""
MIN_FILLED: Final = 0.85
MAX_CELL_CHARS: Final = 300
MIN_CELLS: Final = 3
MIN_ROWS: Final = 3
MIN_GAP: Final = 0.5
DRAWINGS: Final = range(6, 3000)
"""Pages with fewer drawings have no grid, pages with more are charts."""
WITH_LAYER: Final = ("text_layer", "mixed")
"""Pages that were read by OCR, or not at all, are judged with the scans."""
SAMPLE: Final = 6

_SPLIT: Final = re.compile(r"(?<!\\)(?:\\\\)*\|")


@dataclass(frozen=True)
class TrueTable:
    """A table: its page, and the letters and digits of each cell that has any."""

    page: int
    cells: tuple[str, ...]
    how: str


def measure(corpus: Path) -> list[Measured]:
    """Recall of cells over all tables, by table."""
    sources = corpus_sources(corpus)
    truths = {s.name: true_tables(s) for s in sources}
    sources = [s for s in sources if truths[s.name]]
    wanted: dict[str, Sequence[int]] = {
        s.name: sorted({t.page for t in truths[s.name]}) for s in sources
    }
    readings = read_documents(sources, wanted, ocr="off")
    cases: list[Case] = []
    parts: list[Part] = []
    found = asked = 0
    for source in sources:
        reading = readings[source.name]
        sound = {row["page_number"] for row in reading.pages if row["source"] in WITH_LAYER}
        written = Counter(_cells(reading.markdown))
        for table in (t for t in truths[source.name] if t.page in sound):
            truth = Counter(table.cells)
            hit = truth & written
            written -= hit
            lost = truth - hit
            found += hit.total()
            asked += truth.total()
            where = f"{source.name} page {table.page} ({table.how}, {truth.total()} cells)"
            note = " ".join(word[:20] for word, _ in lost.most_common(SAMPLE))
            cases.append(Case(where, hit.total() / truth.total(), note))
            parts.append(Part(source.name, cases[-1].value, truth.total()))
    note = f"{len(cases)} tables, {asked} cells"
    recall = found / max(asked, 1)
    return [Measured("tables: cell recall", recall, 0.95, "higher", cases, note, parts)]


def true_tables(source: Source) -> list[TrueTable]:
    """The tables of a document whose cells the page itself tells."""
    found: list[TrueTable] = []
    try:
        with open_pdf(str(source.path), source.passwords) as document:
            for number in range(min(PAGES, document.page_count)):
                page = document[number]
                ruled = list(_ruled(page))
                if not ruled and source.category == "tables":
                    ruled = list(_set_apart(page))
                found.extend(ruled)
    except (DocumentError, RuntimeError, pymupdf.mupdf.FzErrorBase):
        return []
    return found


def _ruled(page: pymupdf.Page) -> Iterator[TrueTable]:
    if len(page.get_cdrawings()) not in DRAWINGS or not is_sound(page.get_text()):
        return
    module: Any = pymupdf
    layout, module._get_layout = module._get_layout, None  # noqa: SLF001  # else the model decides
    try:
        tables = page.find_tables(strategy="lines_strict").tables
    finally:
        module._get_layout = layout  # noqa: SLF001
    words = page.get_text("words")
    for table in tables:
        boxes = [box for row in table.rows for box in row.cells]
        texts = [_inside(words, box) if box else "" for box in boxes]
        filled = [text for text in texts if text.strip()]
        if (
            min(table.row_count, table.col_count) > 1
            and len(filled) >= MIN_FILLED * len(texts)
            and max(len(text) for text in filled) <= MAX_CELL_CHARS
        ):
            cells = tuple(key for text in filled if (key := _key(text)))
            yield TrueTable(page.number + 1, cells, "ruled")


def _inside(words: Sequence[Any], box: tuple[float, float, float, float]) -> str:
    """The words whose middle is in a box (the text of `extract` mixes raised letters up)."""
    x0, y0, x1, y1 = box
    return " ".join(
        w[4] for w in words if x0 <= (w[0] + w[2]) / 2 <= x1 and y0 <= (w[1] + w[3]) / 2 <= y1
    )


def _set_apart(page: pymupdf.Page) -> Iterator[TrueTable]:
    """Lines of at least three cells as one table, if there are three such lines."""
    rows = 0
    cells: list[str] = []
    for row in _rows(page.get_text("words", sort=True)):
        parts: list[list[str]] = []
        end = 0.0
        for x0, y0, x1, y1, word in row:
            if parts and x0 - end <= MIN_GAP * (y1 - y0):
                parts[-1].append(word)
            else:
                parts.append([word])
            end = x1
        if len(parts) >= MIN_CELLS:
            rows += 1
            cells += [key for part in parts if (key := _key(" ".join(part)))]
    if rows >= MIN_ROWS:
        yield TrueTable(page.number + 1, tuple(cells), "set apart")


def _rows(words: Sequence[Any]) -> Iterator[list[tuple[float, float, float, float, str]]]:
    """Words on one line, left to right."""
    row: list[tuple[float, float, float, float, str]] = []
    for x0, y0, x1, y1, word, *_ in sorted(words, key=lambda w: (w[1] + w[3], w[0])):
        if row and (y0 + y1) / 2 > row[0][3]:
            yield sorted(row)
            row = []
        row.append((x0, y0, x1, y1, word))
    if row:
        yield sorted(row)


def _cells(markdown: str) -> Iterator[str]:
    for line in markdown.split("\n"):
        if line.startswith("|"):
            for part in _SPLIT.split(line):
                if key := _key(part.replace("<br>", " ")):
                    yield key


def _key(text: str) -> str:
    return "".join(words_of(text))
