"""Whether output depends on how a document is cut into slices: it must not, to the byte.

Here: the same pages read one by one, by seven and all at once, their rows and the stitched markdown
compared. What a clock wrote is left out. Not here: slices that crash (`tests/end_to_end`).
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from bench.quality.documents import (
    Source,
    corpus_sources,
    limit_of,
    prepare,
    read_slice,
    stitched,
)
from bench.quality.measured import Case, Measured, Part

SIZES: Final = (1, 7, None)
PAGES: Final = 15
SEED: Final = 5
DOCUMENTS: Final = {"layout": 12, "plain": 40, "OCR": 3}
OCR_PAGES: Final = 3
TEXT: Final = ("ordinary_en", "multi_column", "tables", "forms", "no_images", "other_scripts")
SCANS: Final = ("scan", "derived_scan", "rotated", "page_size")
CLOCKS: Final = frozenset({"elapsed_ms"})


@dataclass(frozen=True)
class _Kind:
    name: str
    categories: Sequence[str]
    pages: int
    layout: bool
    ocr: str = "off"


_KINDS: Final = (
    _Kind("layout", TEXT, PAGES, layout=True),
    _Kind("plain", TEXT, PAGES, layout=False),
    _Kind("OCR", SCANS, OCR_PAGES, layout=True, ocr="rapidocr"),
)


def measure(corpus: Path) -> list[Measured]:
    """Pages, and documents, whose output differs between any two sizes of slice."""
    sources = corpus_sources(corpus)
    return [_differing(kind, sources) for kind in _KINDS]


def _differing(kind: _Kind, sources: Sequence[Source]) -> Measured:
    rng = random.Random(SEED)
    fitting = [s for s in sources if s.category in kind.categories]
    drawn = rng.sample(fitting, min(DOCUMENTS[kind.name], len(fitting)))
    jobs = [(source, kind, size) for source in drawn for size in SIZES]
    with ProcessPoolExecutor(2, get_context("spawn"), prepare) as pool:
        read = list(pool.map(_read, jobs))
    cases: list[Case] = []
    parts: list[Part] = []
    n_rows = 0
    for i, source in enumerate(drawn):
        versions = read[i * len(SIZES) : (i + 1) * len(SIZES)]
        n_rows += len(versions[0][0])
        found = _compared(source.name, versions)
        cases += found
        parts.append(Part(source.name, len(found)))
    note = f"of {n_rows} rows of pages and images and {len(drawn)} documents"
    name = f"slices: {kind.name}, output differs"
    return Measured(name, float(len(cases)), 0.0, "lower", cases, note, parts, "sum")


def _compared(name: str, versions: Sequence[tuple[list[str], str]]) -> list[Case]:
    first_rows, first_markdown = versions[0]
    cases = []
    for rows, markdown in versions[1:]:
        if len(rows) != len(first_rows):
            cases.append(Case(name, 1.0, f"{len(first_rows)} and {len(rows)} rows"))
        for i, (a, b) in enumerate(zip(first_rows, rows, strict=False)):
            if a != b:
                cases.append(Case(f"{name} row {i}", 1.0, _first_difference(a, b)))
        if markdown != first_markdown:
            cases.append(
                Case(name, 1.0, f"stitched: {_first_difference(first_markdown, markdown)}")
            )
    return cases


def _first_difference(a: str, b: str) -> str:
    at = next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )
    return f"{a[max(0, at - 20) : at + 30]!r} or {b[max(0, at - 20) : at + 30]!r}"


def _read(job: tuple[Source, _Kind, int | None]) -> tuple[list[str], str]:
    """Rows as JSON and the stitched markdown of a document's first pages."""
    import pymupdf

    source, kind, size = job
    try:
        with pymupdf.open(source.path) as document:
            n_pages = min(kind.pages, int(document.page_count), limit_of("PAGES") or kind.pages)
    except (RuntimeError, ValueError):
        return [], ""
    numbers = range(1, n_pages + 1)
    step = size or max(1, n_pages)
    rows: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    for first in range(0, n_pages, step):
        part = read_slice(source, numbers[first : first + step], kind.ocr, layout=kind.layout)
        rows += part[0]
        images += part[1]
    written = [_without_clocks(row) for row in (*rows, *images)]
    return written, stitched(rows, images)


def _without_clocks(row: dict[str, Any]) -> str:
    kept = {key: value for key, value in row.items() if key not in CLOCKS}
    return json.dumps(kept, sort_keys=True, default=str)
