"""The bare loops that Quire is measured against: every core, one thread each, nothing stored.

They are given what Quire gives itself: the same OCR parameters, the same resolution, the same
pages. Not here: Quire's side (`quire_side.py`), nor the comparison (`reading.py`).

    python -m bench.rivals text FOLDER
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeAlias

from bench.measure import say

SLICE_PAGES = 50
"""Long documents are cut, so that no process is left with one while the other is idle."""

Slice: TypeAlias = tuple[str, int, int]


def _slices(paths: Sequence[Path]) -> list[Slice]:
    import pymupdf

    slices: list[Slice] = []
    for path in paths:
        with pymupdf.open(path) as document:
            n_pages = document.page_count
        starts = range(0, n_pages, SLICE_PAGES)
        slices.extend((str(path), first, min(first + SLICE_PAGES, n_pages)) for first in starts)
    return slices


def read_text_and_images(work: Slice) -> int:
    """The text of every page as spans and lines, and each image's bytes once."""
    import pymupdf

    path, first, last = work
    seen: set[int] = set()
    with pymupdf.open(path) as document:
        for number in range(first, last):
            page = document[number]
            # Without this flag each image's bytes come with the text: four times the cost.
            page.get_text("dict", flags=pymupdf.TEXTFLAGS_DICT & ~pymupdf.TEXT_PRESERVE_IMAGES)
            for image in page.get_image_info(xrefs=True):
                xref = image["xref"]
                if xref and xref not in seen:
                    seen.add(xref)
                    document.extract_image(xref)
    return last - first


@cache
def _ocr_engine() -> Any:
    import cv2
    from rapidocr import RapidOCR

    from resources.ocr.rapidocr import PARAMS

    cv2.setNumThreads(1)
    return RapidOCR(params=PARAMS)


def read_by_ocr(work: Slice) -> int:
    """Every page rendered at Quire's resolution and read by RapidOCR with Quire's parameters."""
    import numpy as np
    import pymupdf

    from assets.pages.ocr.resolution import OCR_DPI

    path, first, last = work
    engine = _ocr_engine()
    with pymupdf.open(path) as document:
        for number in range(first, last):
            pixmap = document[number].get_pixmap(dpi=OCR_DPI)
            pixels = np.frombuffer(pixmap.samples, dtype=np.uint8)
            rgb = pixels.reshape(pixmap.height, pixmap.width, pixmap.n)
            engine(np.ascontiguousarray(rgb[:, :, ::-1]))
    return last - first


@cache
def _layout() -> Any:
    """pymupdf4llm with ONNX sessions of one thread; as it comes, each takes every core."""
    import onnxruntime

    options = onnxruntime.SessionOptions

    def one_thread(*args: Any, **kwargs: Any) -> Any:
        made = options(*args, **kwargs)
        made.intra_op_num_threads = 1
        made.inter_op_num_threads = 1
        return made

    onnxruntime.SessionOptions = one_thread
    import pymupdf.layout  # noqa: F401 - loads the models
    from pymupdf4llm.helpers import document_layout

    return document_layout


def read_by_layout(work: Slice) -> int:
    """Every page parsed by pymupdf4llm, never with OCR, and written as markdown."""
    path, first, last = work
    layout_markdown(path, range(first, last))
    return last - first


def layout_markdown(path: str, pages: Sequence[int]) -> str:
    """The markdown of some pages (from 0) by pymupdf4llm, never with OCR."""
    import pymupdf

    helper = _layout()
    from pymupdf4llm.ocr import OCRMode

    with pymupdf.open(path) as document:
        parsed = helper.parse_document(
            document, pages=list(pages), use_ocr=OCRMode.NEVER, force_text=True
        )
        return str(parsed.to_markdown())


KINDS: dict[str, Callable[[Slice], int]] = {
    "text": read_text_and_images,
    "ocr": read_by_ocr,
    "layout": read_by_layout,
}


def run(kind: str, paths: Sequence[Path], workers: int) -> float:
    """Seconds that the bare loop takes, start of its processes included."""
    work = _slices(paths)
    start = time.perf_counter()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_quiet) as pool:
        n_pages = sum(pool.map(partial(_apply, kind), work))
    seconds = time.perf_counter() - start
    expected = sum(last - first for _, first, last in work)
    if n_pages != expected:
        message = f"the {kind} loop read {n_pages} of {expected} pages"
        raise RuntimeError(message)
    return seconds


def _apply(kind: str, work: Slice) -> int:
    return KINDS[kind](work)


def _quiet() -> None:
    import pymupdf

    pymupdf.TOOLS.mupdf_display_errors(on=False)
    pymupdf.TOOLS.mupdf_display_warnings(on=False)


def main() -> None:
    """Time one loop over the PDFs of a folder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    paths = sorted(arguments.folder.glob("*.pdf"))
    n_pages = sum(last - first for _, first, last in _slices(paths))
    seconds = run(arguments.kind, paths, arguments.workers)
    say(f"{arguments.kind}: {n_pages} pages in {seconds:.1f} s, {n_pages / seconds:.2f} pages/s")


if __name__ == "__main__":
    main()
