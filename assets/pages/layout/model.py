"""Regions of a page by PyMuPDF's layout model: what each is, and where.

Here: loading the model with one thread, and asking it about a page of a document opened for it
alone. Not here: which lines a region holds (`blocks.py`), nor the model's parts that were made
quicker (`shortcuts.py`).

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
from pathlib import Path
from typing import Any, Final

import pymupdf

from assets.pages.geometry import Box, overlap
from assets.pages.layout.rulings import drawn_lines, rulings_in
from assets.pages.layout.shortcuts import install, without_image_bytes
from assets.pages.records import Kind
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
TEXT_OR_IMAGE: Final = (0, 1)
"""The types of blocks of a text page that are no drawings."""
MAX_VECTORS: Final = 3000
"""Drawings cost 8 microseconds each; a full page of ruled cells has under a thousand."""
FIXED_SIZE_MODELS: Final = ("feature_imf", "table_grid")
"""Models whose input is always of one size, by the start of their file's name."""


@dataclass(frozen=True)
class Region:
    """A region of the layout model.

    `rows` and `columns` are the inner edges of a table's cells as the model sees them, `rulings`
    the lines that the page draws there.
    """

    kind: Kind
    box: Box
    rows: tuple[float, ...] = ()
    columns: tuple[float, ...] = ()
    rulings: tuple[Box, ...] = ()


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
        dl.get_layout_locked(page, return_raw=True)
        raw = [r for r in page.layout_information if _is_usable(r)]
        grids = {tuple(r["group_bbox"]): r["table_grid"] for r in raw if r.get("table_grid")}
        page.layout_information = [(*r["group_bbox"], r["class_name"]) for r in raw]
        # Only where images and drawings stand is asked of this text page, so styles may go.
        flags = dl.FLAGS & ~pymupdf.TEXT_COLLECT_STYLES
        textpage = page.get_textpage(flags=flags, clip=pymupdf.INFINITE_RECT())
        blocks = without_image_bytes(textpage)
        dl.utils.clean_pictures(page, blocks)
        dl.utils.add_image_orphans(page, blocks)
        ordered = dl.utils.find_reading_order(page.rect, blocks, page.layout_information)
        # Drawings are read where a table is found, unless there are so many that they are a chart.
        n_vectors = sum(b["type"] not in TEXT_OR_IMAGE for b in blocks)
        lines = drawn_lines(page) if grids and 0 < n_vectors <= MAX_VECTORS else []
        return [_region(found, grids, lines) for found in ordered]


def load_models() -> None:
    """Load the models now, once per process; they are loaded at first use otherwise."""
    _helpers()


def _is_usable(raw: dict[str, Any]) -> bool:
    x0, y0, x1, y1 = raw["group_bbox"]
    if x1 - x0 <= MIN_SIDE or y1 - y0 <= MIN_SIDE:
        return False
    return raw["class_name"] != "table" or bool(raw.get("table_grid"))


def _region(
    found: Sequence[Any], grids: dict[tuple[Any, ...], Any], lines: Sequence[Box]
) -> Region:
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
    return Region(kind, box, rows, columns, rulings_in(lines, box))


@cache
def _helpers() -> Any:  # noqa: ANN401  # an untyped module
    """`pymupdf4llm.helpers.document_layout`, the models behind it running on one thread each."""
    for name in HELD_BACK:  # to start workers quicker
        if sys.modules.get(name, ...) is None:
            del sys.modules[name]
    with _own_sessions():
        pymupdf._get_layout = install  # noqa: SLF001  # whatever: importing must not load models
        analyzer = importlib.import_module("pymupdf.layout.DocumentLayoutAnalyzer")
        model = analyzer.get_model()
        pymupdf._get_layout = model.predict  # noqa: SLF001
    install(model)
    from pymupdf4llm.helpers import document_layout

    return document_layout


@contextmanager
def _own_sessions() -> Iterator[None]:
    """Make ONNX sessions created meanwhile use one thread, and keep memory where it stays bounded.

    `import pymupdf` alone loads the models, takes no options, and onnxruntime reads no environment
    variable (OMP_NUM_THREADS=1 left it on two cores), so they are loaded again, in 0.3 s. A worker
    per core with a pool of threads each would fight over the cores.

    `pymupdf.layout` gives memory back to the system after every step, lest it grow with the largest
    page: a third of the image model's time goes into getting it again. Models with an input of one
    size cannot grow, so they keep theirs.
    """
    import onnxruntime

    original = onnxruntime.InferenceSession

    def session(path: str, sess_options: Any = None, **kwargs: Any) -> Any:  # noqa: ANN401
        options = onnxruntime.SessionOptions() if sess_options is None else sess_options
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        if Path(path).name.startswith(FIXED_SIZE_MODELS):
            options.enable_cpu_mem_arena = True
        return original(path, sess_options=options, **kwargs)

    onnxruntime.InferenceSession = session
    try:
        yield
    finally:
        onnxruntime.InferenceSession = original
