"""Whether the cells of tables stand as cells in `docs.markdown`.

Here: cell recall against tables whose cells the page itself draws. Not here: their words (`text`).

The truth of a table is one of four, none of which Quire or the layout model has a part in:

- made: tables that the bench draws itself (`made_tables.py`), cells known. A measure of its own.
- tagged: what the file's structure tree calls a table, its rows and their cells (TR, TH, TD). Who
  wrote the file says so; no geometry is looked at. Its first row must be heads (TH) throughout:
  word processors tag as a table whatever was typed into one, lists of references too.
- ruled, on pages without tagged tables: the grid that the page draws with lines
  (`Page.find_tables(strategy="lines_strict")`, layout model off), and the text between its lines.
  At least two rows and two columns, 85 % of the cells with text and none over 300 characters
  (drawings and framed paragraphs make grids too, mostly empty or long), and no row in which several
  cells hold three lines or more at the same heights: rows that nobody ruled, so that the lines
  do not tell the cells.
- set apart, in files of the category `tables` without any of these: the words of at least three
  lines that have three cells each, parted where a gap is wider than half the words are high. Spaces
  between words are a fifth to a quarter of that. Lines of fewer cells are none.

A cell is found when the document's tables have a cell with the same letters and digits; a cell that
occurs three times must be found three times. Pages are read with layout on and OCR off. The worst
of eight random halves of the documents is told beside the whole.
"""

from __future__ import annotations

import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pymupdf

from assets.evals.measures.words import words_of
from bench.quality.documents import Source, corpus_sources, read_documents
from bench.quality.made_tables import make
from bench.quality.measured import Case, Measured, Part
from bench.quality.words import is_sound
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
HALVES: Final = 8
STRUCTURE: Final = 2
"""The type of a block of a text page that is an element of the structure tree."""
UNRULED_LINES: Final = 3

_SPLIT: Final = re.compile(r"(?<!\\)(?:\\\\)*\|")


@dataclass(frozen=True)
class TrueTable:
    """A table: its page, and the letters and digits of each cell that has any."""

    page: int
    cells: tuple[str, ...]
    how: str


def measure(corpus: Path) -> list[Measured]:
    """Recall of cells over all tables, in the worst half of the documents, and on made tables."""
    sources = corpus_sources(corpus)
    truths = {s.name: true_tables(s) for s in sources}
    scored = _scored(sources, truths)
    names = sorted({score.name for score in scored})
    halves = [_recall(s for s in scored if s.name in half) for half in _halves(names)]
    with tempfile.TemporaryDirectory() as folder:
        made = _made(Path(folder))
    kinds = Counter(score.how for score in scored)
    note = f"{len(scored)} tables, {sum(s.asked for s in scored)} cells, {dict(kinds)}"
    cases = [s.case for s in scored]
    parts = [Part(s.name, s.found / s.asked, s.asked) for s in scored]
    return [
        Measured("tables: cell recall", _recall(scored), 0.95, "higher", cases, note, parts),
        Measured("tables: worst random half", min(halves, default=0.0), 0.95, "higher", [], ""),
        Measured(
            "tables: made tables",
            _recall(made),
            0.95,
            "higher",
            [s.case for s in made],
            f"{sum(s.asked for s in made)} cells",
        ),
    ]


@dataclass(frozen=True)
class _Score:
    name: str
    how: str
    found: int
    asked: int
    case: Case


def _recall(scores: Iterable[_Score]) -> float:
    found = asked = 0
    for score in scores:
        found, asked = found + score.found, asked + score.asked
    return found / max(asked, 1)


def _halves(names: Sequence[str]) -> Iterator[frozenset[str]]:
    for seed in range(HALVES // 2):
        shuffled = random.Random(seed).sample(names, len(names))
        middle = len(names) // 2
        yield frozenset(shuffled[:middle])
        yield frozenset(shuffled[middle:])


def _made(folder: Path) -> list[_Score]:
    tables = make(folder)
    sources = [Source(path, path.name) for path, _ in tables]
    truths = {
        path.name: [TrueTable(1, tuple(_key(text) for row in cells for text in row), "made")]
        for path, cells in tables
    }
    return _scored(sources, truths)


def _scored(sources: Sequence[Source], truths: dict[str, list[TrueTable]]) -> list[_Score]:
    sources = [s for s in sources if truths[s.name]]
    wanted: dict[str, Sequence[int]] = {
        s.name: sorted({t.page for t in truths[s.name]}) for s in sources
    }
    readings = read_documents(sources, wanted, ocr="off")
    scores: list[_Score] = []
    for source in sources:
        reading = readings[source.name]
        sound = {row["page_number"] for row in reading.pages if row["source"] in WITH_LAYER}
        written = Counter(_cells(reading.markdown))
        for table in (t for t in truths[source.name] if t.page in sound):
            truth = Counter(table.cells)
            hit = truth & written
            written -= hit
            lost = " ".join(word[:20] for word, _ in (truth - hit).most_common(SAMPLE))
            where = f"{source.name} page {table.page} ({table.how}, {truth.total()} cells)"
            case = Case(where, hit.total() / truth.total(), lost)
            scores.append(_Score(source.name, table.how, hit.total(), truth.total(), case))
    return scores


def true_tables(source: Source) -> list[TrueTable]:
    """The tables of a document whose cells the file or the page itself tells."""
    found: list[TrueTable] = []
    try:
        with open_pdf(str(source.path), source.passwords) as document:
            for number in range(min(PAGES, document.page_count)):
                page = document[number]
                told = list(_tagged(page)) or list(_ruled(page))
                if not told and source.category == "tables":
                    told = list(_set_apart(page))
                found.extend(told)
    except (DocumentError, RuntimeError, pymupdf.mupdf.FzErrorBase):
        return []
    return found


def _tagged(page: pymupdf.Page) -> Iterator[TrueTable]:
    """Tables of the structure tree."""
    flags = pymupdf.TEXT_COLLECT_STRUCTURE | pymupdf.TEXT_PRESERVE_WHITESPACE
    blocks = page.get_textpage(flags=flags).extractDICT()["blocks"]
    for table in _elements(blocks, ("Table",)):
        rows = [
            list(_elements(row["blocks"], ("TH", "TD")))
            for row in _elements(table["blocks"], ("TR",))
        ]
        texts = [_words_of_tree(cell["blocks"]) for row in rows for cell in row]
        if (
            min(len(rows), max(map(len, rows), default=0)) > 1
            and all(cell["std"] == "TH" for cell in rows[0])
            and _tells(texts)
            and is_sound(" ".join(texts))
        ):
            cells = tuple(key for text in texts if (key := _key(text)))
            yield TrueTable(page.number + 1, cells, "tagged")


def _elements(blocks: Sequence[dict[str, Any]], kinds: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The outermost elements of these kinds in a tree of blocks."""
    for block in blocks:
        if block["type"] != STRUCTURE:
            continue
        if block["std"] in kinds or block["raw"] in kinds:
            yield block
        else:
            yield from _elements(block["blocks"], kinds)


def _words_of_tree(blocks: Sequence[dict[str, Any]]) -> str:
    lines: list[str] = []
    for block in blocks:
        if block["type"] == STRUCTURE:
            lines.append(_words_of_tree(block["blocks"]))
        lines += ["".join(s["text"] for s in line["spans"]) for line in block.get("lines", ())]
    return " ".join(lines)


def _tells(texts: Sequence[str]) -> bool:
    """Whether these can be the cells of a table, not of a frame or a drawing."""
    filled = [text for text in texts if text.strip()]
    return (
        bool(filled)
        and len(filled) >= MIN_FILLED * len(texts)
        and max(len(text) for text in filled) <= MAX_CELL_CHARS
    )


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
        if (
            min(table.row_count, table.col_count) > 1
            and _tells(texts)
            and not any(_is_unruled(words, row.cells) for row in table.rows)
        ):
            cells = tuple(key for text in texts if (key := _key(text)))
            yield TrueTable(page.number + 1, cells, "ruled")


def _is_unruled(words: Sequence[Any], cells: Sequence[Any]) -> bool:
    """Whether two cells of a row hold as many lines, three or more, at the same heights."""
    heights = [
        tuple(sorted({round(w[3] / 2) for w in words if box and _holds(box, w)})) for box in cells
    ]
    counts = Counter(h for h in heights if len(h) >= UNRULED_LINES)
    return any(count > 1 for count in counts.values())


def _holds(box: tuple[float, float, float, float], word: Sequence[Any]) -> bool:
    x, y = float(word[0] + word[2]) / 2, float(word[1] + word[3]) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _inside(words: Sequence[Any], box: tuple[float, float, float, float]) -> str:
    """The words whose middle is in a box (the text of `extract` mixes raised letters up)."""
    return " ".join(w[4] for w in words if _holds(box, w))


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
