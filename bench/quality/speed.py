"""CPU-seconds a page of reading text layers, against the bare libraries on the same pages.

Here: Quire with layout and without, Quire with the layout model as it comes (near what it cost
before), pymupdf4llm and the bare text loop, each in a process of its own with one thread a library.
They take the same pages in turn, so that a busy machine slows all alike, and CPU time is counted.
Pages of one document go together: pymupdf4llm reads its outline at every call. Not here: OCR
(`scans.py`) and pages a second of a whole run (`bench/reading.py`).
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, suppress
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import TypeAlias

from bench.quality.documents import Source, corpus_sources, prepare
from bench.quality.measured import Case, Measured, Part

DOCUMENTS = 14
PAGES_OF_EACH = 4
SEED = 3
LEAST_LETTERS = 200
CATEGORIES = ("ordinary_en", "multi_column", "tables", "other_scripts", "no_images")

Work: TypeAlias = tuple[str, tuple[int, ...]]
"""A path, and page numbers from 0."""


def measure(corpus: Path) -> list[Measured]:
    """Ratios of CPU time over pages with text drawn from the corpus."""
    work = _pages([s for s in corpus_sources(corpus) if s.category in CATEGORIES])
    seconds = _timed(work)
    n_pages = sum(len(numbers) for _, numbers in work)
    means = {name: sum(values) / n_pages for name, values in seconds.items()}

    def ratio(name: str, own: str, other: str, target: float | None) -> Measured:
        cases = [
            Case(Path(path).name, mine / theirs, f"{mine:.3f} s against {theirs:.3f} s")
            for (path, _), mine, theirs in zip(work, seconds[own], seconds[other], strict=True)
        ]
        note = f"{means[own]:.4f} s against {means[other]:.4f} s a page, {n_pages} pages"
        rows = zip(work, seconds[own], seconds[other], strict=True)
        parts = [Part(path, mine / theirs, theirs) for (path, _), mine, theirs in rows]
        return Measured(name, means[own] / means[other], target, "lower", cases, note, parts)

    return [
        ratio("speed: layout on / pymupdf4llm", "layout", "pymupdf4llm", 1.0),
        ratio("speed: model as it comes / pymupdf4llm (before)", "before", "pymupdf4llm", None),
        ratio("speed: layout on / model as it comes", "layout", "before", None),
        ratio("speed: layout off / bare text and images", "plain", "bare", 1.2),
    ]


def _pages(sources: Sequence[Source]) -> list[Work]:
    """Pages with text of documents drawn at random, the same at every run."""
    import pymupdf

    rng = random.Random(SEED)
    found: list[Work] = []
    for source in rng.sample(sources, len(sources)):
        with (
            suppress(pymupdf.FileDataError, RuntimeError, ValueError),
            pymupdf.open(source.path) as document,
        ):
            n_drawn = min(2 * PAGES_OF_EACH, document.page_count)
            numbers = sorted(rng.sample(range(document.page_count), n_drawn))
            sound = [n for n in numbers if len(document[n].get_text()) > LEAST_LETTERS]
            if sound:
                found.append((str(source.path), tuple(sound[:PAGES_OF_EACH])))
    return found[:DOCUMENTS]


def _timed(work: Sequence[Work]) -> dict[str, list[float]]:
    """CPU-seconds of each document by loop, loading left out (the first is done once before)."""
    with ExitStack() as stack:
        pools = {
            name: stack.enter_context(ProcessPoolExecutor(1, get_context("spawn"), prepare))
            for name in LOOPS
        }
        seconds: dict[str, list[float]] = {name: [] for name in LOOPS}
        for item in (work[0], *work):
            for name, loop in LOOPS.items():
                seconds[name].append(pools[name].submit(_seconds, loop, item).result())
        return {name: found[1:] for name, found in seconds.items()}


def _seconds(loop: Callable[[Work], None], work: Work) -> float:
    started = time.process_time()
    loop(work)
    return time.process_time() - started


def _quire(work: Work, *, layout: bool) -> None:
    from assets.pages.read import read_pages

    payload = {
        "path": work[0],
        "passwords": [],
        "doc_id": None,
        "page_numbers": [number + 1 for number in work[1]],
        "ocr": "off",
        "layout": layout,
    }
    for _ in read_pages(payload, lambda _: None):
        pass


def _with_layout(work: Work) -> None:
    _quire(work, layout=True)


def _without_layout(work: Work) -> None:
    _quire(work, layout=False)


def _as_it_comes(work: Work) -> None:
    _take_model_as_it_comes()
    _quire(work, layout=True)


@cache
def _take_model_as_it_comes() -> None:
    from assets.pages.layout import model, shortcuts

    for module, name in ((shortcuts, "TESTED"), (model, "FIXED_SIZE_MODELS")):
        setattr(module, name, ())


def _pymupdf4llm(work: Work) -> None:
    _forget_held_back()
    from bench.rivals import layout_markdown

    layout_markdown(*work)


def _bare(work: Work) -> None:
    from bench.rivals import read_text_and_images

    for number in work[1]:
        read_text_and_images((work[0], number, number + 1))


@cache
def _forget_held_back() -> None:
    """Let pymupdf load its models: a worker of Quire holds them back until they are asked for."""
    from resources.workers.child import HELD_BACK

    for name in HELD_BACK:
        sys.modules.pop(name, None)


LOOPS: dict[str, Callable[[Work], None]] = {
    "pymupdf4llm": _pymupdf4llm,
    "before": _as_it_comes,
    "layout": _with_layout,
    "plain": _without_layout,
    "bare": _bare,
}
