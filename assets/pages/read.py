"""The stage's work on a slice of a document: pages in, rows of `pages` out. Runs in a worker.

Here: the way of a page through the modules of this folder, and the boundary where a page's failure
becomes its row. Not here: how a page is routed, read, ordered or written (the modules named so),
nor anything about batches, versions and other stages.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, Self

import pymupdf

from assets.images.device import drawn_boxes
from assets.images.recurring import recurring_images
from assets.images.roles import group_tiles, is_page_scan
from assets.pages import markdown
from assets.pages.damage import require_content
from assets.pages.failures import classify
from assets.pages.forms_notes import (
    annotation_blocks,
    apart_from_fields,
    field_blocks,
    hidden_blocks,
)
from assets.pages.geometry import Box, union
from assets.pages.layout.blocks import layout_blocks
from assets.pages.layout.model import LayoutModel, Region, load_models
from assets.pages.layout.pictures import MAX_DRAWINGS, with_pictures
from assets.pages.merge import merge_pictures, merge_scans, without_repeats
from assets.pages.ocr.reading import EngineReader, OcrResult, PageReader, page_has_ink
from assets.pages.records import Block, Line, PageText
from assets.pages.routing.regions import read_region, text_regions
from assets.pages.routing.route import MAX_REGIONS, Choice, Route, choose
from assets.pages.routing.special import SpecialCases
from assets.pages.routing.spot_check import agrees, without_ink
from assets.pages.routing.text_pictures import may_hold_letters
from assets.pages.routing.verdicts import PYMUPDF, has_text, reads_worse, restores, unsound
from assets.pages.rows import Row, Shape, failed_row, label_of, page_row
from assets.pages.served.reader import LOOKS, ServedReader
from assets.pages.text_layer import TextLayer, plain_blocks, read_text_layer
from resources.errors import DocumentError, ErrorClass, QuireError
from resources.ocr.base import SERVED, OcrEngine, make_engine
from resources.workers.child import LOADING
from resources.workers.documents import open_pdf, require_page, take_warnings

_OCR_OFF: Final = (
    "there is ink without a text layer, and OCR is off: set QUIRE_OCR=rapidocr to read it"
)


def read_pages(
    payload: dict[str, Any], progress: Callable[[int], None]
) -> Iterator[tuple[Row, bytes | None]]:
    """Read pages of one document, a row each, in the order asked for.

    A page that a server is to read comes back as what it asks (`served/asks.py`), with its pixels,
    unless the payload holds the answers.

    Args:
        payload: path, passwords, doc_id (the expected sha256), page_numbers, ocr, layout; answers
            by page number where a server was asked.
        progress: called with the page number at every step forward.

    Raises:
        DocumentError: the document cannot be opened, or is not what it was.
        OcrUnavailableError: a page needs OCR and the engine does not start.
    """
    if payload["layout"]:
        progress(LOADING)
        load_models()
    with _Document(payload, partial(progress, LOADING)) as document:
        for page_number in payload["page_numbers"]:
            progress(page_number)
            yield document.answer(page_number, partial(progress, page_number))


class _Document:
    """An open document and what is looked up once for all of its pages."""

    def __init__(self, payload: dict[str, Any], loading: Callable[[], None]) -> None:
        self._path: str = payload["path"]
        self._passwords: list[str] = payload.get("passwords") or []
        self._ocr: str = payload["ocr"]
        self._answers: dict[int, Any] = payload.get("answers", {})
        self._served: ServedReader | None = None
        self._uses_layout: bool = payload["layout"]
        self._loading = loading
        self._layout: LayoutModel | None = None
        self._unchecked: str | None = None  # of the page that is open
        self._pdf = open_pdf(self._path, self._passwords, payload.get("doc_id"))
        self._special = SpecialCases(self._pdf)
        self._recurring = recurring_images(self._pdf)
        if self._ocr in SERVED:
            self._served = ServedReader(self._ocr, lambda: make_engine(LOOKS))
            self._ocr = LOOKS  # for looks at lines; what is to be read as a whole is asked

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pdf.close()
        if self._layout is not None:
            self._layout.close()

    def answer(self, page_number: int, progress: Callable[[], None]) -> tuple[Row, bytes | None]:
        """The row of a page, or what it asks."""
        if self._served is None:
            return self._row(page_number, progress), None
        started = time.perf_counter()
        self._served.begin(self._answers.get(page_number))
        row = self._row(page_number, progress)
        asked = None if row["status"] == "failed" else self._served.taken()
        if asked is None:
            return row, None
        seconds = time.perf_counter() - started
        return {"page_number": page_number, "elapsed_ms": round(seconds * 1000)} | asked[0], asked[
            1
        ]

    def _row(self, page_number: int, progress: Callable[[], None]) -> Row:
        """The row of a page, whatever happens on it."""
        started = time.perf_counter()
        shape = Shape()
        try:
            take_warnings()
            require_page(self._pdf, page_number)
            page = self._pdf[page_number - 1]
            shape = self._shape(page)
            found = self._read(page, progress)
            if not found.blocks and not self._asks():
                require_content(page, take_warnings())
            return page_row(page_number, shape, found, started)
        except DocumentError as error:
            failure = (error.error_class, str(error))
        except QuireError:  # the engine is missing: the stage cannot go on
            raise
        except Exception as error:  # the boundary: it becomes the page's row
            failure = classify(error)
            if failure[0] is ErrorClass.MEMORY:
                # A process that was refused memory once fails the next pages too: the pool goes on
                # with a fresh one, and tries this page alone.
                raise MemoryError(failure[1]) from error
        return failed_row(page_number, shape, failure, started)

    def _shape(self, page: pymupdf.Page) -> Shape:
        shown = page.rect
        return Shape(label_of(page), shown.width, shown.height)

    def _read(self, page: pymupdf.Page, progress: Callable[[], None]) -> PageText:
        self._unchecked = None
        layer, hidden = self._shown_layer(page, read_text_layer(page), progress)
        choice = self._looked_at(page, layer, _choose(page, layer), progress)
        layer, restored = self._restored(page, layer, choice, progress)
        match choice.route:
            case Route.TEXT_LAYER:
                found = self._from_text_layer(page, layer)
            case Route.MIXED:
                found = self._from_both(page, layer, choice, progress)
            case Route.OCR:
                found = self._from_ocr(page, layer, choice, progress)
            case Route.BLANK:
                found = PageText(engines=(PYMUPDF,))
        found = self._with_restored(found, restored, len(choice.lost))
        return self._completed(page, layer, found, hidden)

    def _restored(
        self, page: pymupdf.Page, layer: TextLayer, choice: Choice, progress: Callable[[], None]
    ) -> tuple[TextLayer, list[tuple[Box, OcrResult]]]:
        """The layer without lines whose characters mean nothing, where OCR reads them instead."""
        engine = self._engine(progress) if choice.lost else None
        if engine is None:
            return layer, []
        reader = EngineReader(engine)
        restored, lines = [], list(layer.lines)
        for i in choice.lost[:MAX_REGIONS]:
            region = layer.turn.back(layer.lines[i].box)
            result = read_region(reader, page, progress, region)
            if restores(result, layer.lines[i]):
                restored.append((region, result))
                lines.remove(layer.lines[i])
        return replace(layer, lines=tuple(lines)), restored

    def _with_restored(
        self, found: PageText, restored: list[tuple[Box, OcrResult]], n_lost: int
    ) -> PageText:
        if restored:
            engine = make_engine(self._ocr)
            engines = dict.fromkeys(
                (*found.engines, *([EngineReader(engine).label] if engine else []))
            )
            found = replace(
                found,
                blocks=tuple(merge_pictures(found.blocks, restored)),
                source="mixed",
                engines=tuple(engines),
                confidences=(
                    *found.confidences,
                    *(pair for _, result in restored for pair in result.confidences),
                ),
            )
        n_left = n_lost - len(restored)
        if not n_left or found.problem:
            return found
        reason = "OCR is off" if self._ocr == "off" else "OCR read no better"
        problem = f"the characters of {n_left} of its lines mean nothing; {reason}"
        return replace(found, problem=problem, problem_class=ErrorClass.OCR_FAILED)

    def _shown_layer(
        self, page: pymupdf.Page, layer: TextLayer, progress: Callable[[], None]
    ) -> tuple[TextLayer, list[Block]]:
        """The layer without what no reader sees: lines on bare paper, lines over other ink.

        Those on bare paper come back as a comment. An old OCR layer is undrawn text over ink that
        says the same; where it says otherwise, the ink is read instead.
        """
        faint = [line for line in layer.lines if line.ink != "drawn"]
        if not faint:
            return layer, []
        bare = without_ink(page, layer.turn, faint)
        hidden = [faint[i] for i in sorted(bare)]
        undrawn = [x for i, x in enumerate(faint) if i not in bare and x.ink == "none"]
        left_out = list(hidden)
        if undrawn and self._disagrees(page, layer, undrawn, progress):
            left_out += undrawn
        if not left_out:
            return layer, []
        gone = set(map(id, left_out))
        lines = tuple(line for line in layer.lines if id(line) not in gone)
        boxes = tuple(line.box for line in left_out)
        return replace(layer, lines=lines, left_out=boxes), hidden_blocks(hidden, layer.turn)

    def _looked_at(
        self, page: pymupdf.Page, layer: TextLayer, choice: Choice, progress: Callable[[], None]
    ) -> Choice:
        """The choice after a look at the ink where the text alone leaves a doubt."""
        if choice.doubt and self._disagrees(page, layer, layer.lines, progress):
            return Choice(Route.OCR, fault=f"{choice.doubt}, and OCR of a few lines disagrees")
        if choice.route is not Route.TEXT_LAYER or self._ocr == "off":
            return choice
        regions = text_regions(page, layer, choice.pictures)
        return replace(choice, route=Route.MIXED, regions=regions) if regions else choice

    def _disagrees(
        self,
        page: pymupdf.Page,
        layer: TextLayer,
        lines: Sequence[Line],
        progress: Callable[[], None],
    ) -> bool:
        """Whether OCR reads something else in these lines; where it cannot, the layer stays."""
        engine = self._engine(progress)
        try:
            return engine is not None and not agrees(engine, page, layer.turn, lines, progress)
        except DocumentError as error:
            self._unchecked = f"the text layer is odd and could not be checked: {error}"
            return False

    def _from_text_layer(self, page: pymupdf.Page, layer: TextLayer) -> PageText:
        problem = None
        blocks: list[Block] = []
        layer, fields = apart_from_fields(page, layer)
        if self._uses_layout:
            try:
                blocks = layout_blocks(layer, self._regions(page, layer), fields)
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001  # the text is sound: keep it, and say so
                problem = (
                    f"the layout model failed, blocks are plain: {type(error).__name__}: {error}"
                )
        if not blocks:
            blocks = plain_blocks(layer.lines)
        shown = tuple(blocks)
        if layer.turn.degrees:
            shown = tuple(block.moved(layer.turn.back(block.box)) for block in blocks)
        problem_class = ErrorClass.UNREADABLE if problem else None
        return PageText(
            shown, "text_layer", (PYMUPDF,), problem=problem, problem_class=problem_class
        )

    def _regions(self, page: pymupdf.Page, layer: TextLayer) -> list[Region]:
        if self._layout is None:
            self._layout = LayoutModel(open_pdf(self._path, self._passwords))
        return self._layout.regions(page.number + 1, (page.rotation + layer.turn.degrees) % 360)

    def _from_both(
        self, page: pymupdf.Page, layer: TextLayer, choice: Choice, progress: Callable[[], None]
    ) -> PageText:
        size = layer.turn.turned_size
        is_scan = any(is_page_scan(region, *size, "ocr") for region in choice.regions)
        base = self._beside_scan(layer) if is_scan else self._from_text_layer(page, layer)
        reader = self._reader(progress)
        if reader is None:
            return replace(base, problem=_OCR_OFF) if is_scan else base
        covered = [layer.turn.back(line.box) for line in layer.lines]
        regions = [layer.turn.back(region) for region in choice.regions]
        read = [(r, read_region(reader, page, progress, r, covered)) for r in regions]
        unread = next((r.problem for _, r in read if r.problem and not is_scan), None)
        if unread and not base.problem:
            unread = f"a picture of text could not be read: {unread}"
            base = replace(base, problem=unread, problem_class=ErrorClass.OCR_FAILED)
        read = [(r, result) for r, result in read if has_text(result, r, is_scan=is_scan)]
        if not read:  # a photograph, or a figure with labels
            return base
        results = [result for _, result in read]
        merge = merge_scans(base.blocks, results) if is_scan else merge_pictures(base.blocks, read)
        return replace(
            base,
            blocks=tuple(merge),
            source="mixed",
            engines=(PYMUPDF, reader.label),
            rotation=max(results, key=lambda r: r.n_letters).rotation if is_scan else 0,
            problem=base.problem or next((r.problem for r in results if r.problem), None),
            problem_class=base.problem_class if base.problem else ErrorClass.OCR_FAILED,
            confidences=tuple(pair for r in results for pair in r.confidences),
        )

    def _beside_scan(self, layer: TextLayer) -> PageText:
        """The few lines of text on a scan; it is too little for the layout model."""
        own = tuple(b.moved(layer.turn.back(b.box)) for b in plain_blocks(layer.lines))
        return PageText(own, "text_layer", (PYMUPDF,), problem_class=ErrorClass.OCR_FAILED)

    def _from_ocr(
        self, page: pymupdf.Page, layer: TextLayer, choice: Choice, progress: Callable[[], None]
    ) -> PageText:
        reader = self._reader(progress)
        if reader is None:
            result = OcrResult(is_blank=not page_has_ink(page), problem=_OCR_OFF)
        else:
            result = reader.read(page, progress)
        if layer.lines and (reader is None or reads_worse(result, layer)):
            reason = "OCR is off" if reader is None else "OCR read no better"
            return unsound(layer, choice.fault, reason)
        engines = (reader.label,) if reader else (PYMUPDF,)
        nothing = reader is not None and not result.blocks
        if result.is_blank or (nothing and not may_hold_letters(page)):
            return PageText(engines=(PYMUPDF,))
        return PageText(
            result.blocks,
            "ocr" if result.blocks else "none",
            engines,
            result.rotation,
            result.problem,
            ErrorClass.OCR_FAILED,
            result.confidences,
        )

    def _completed(
        self, page: pymupdf.Page, layer: TextLayer, found: PageText, hidden: Sequence[Block]
    ) -> PageText:
        shown = page.rect
        size = (shown.width, shown.height)
        drawn = partial(drawn_boxes, page, MAX_DRAWINGS)
        blocks = with_pictures(
            found.blocks, layer.placements, size, found.source, drawn, self._recurring
        )
        fields, comments = field_blocks(page), [*annotation_blocks(page), *hidden]
        blocks = [*without_repeats(blocks, [*fields, *comments]), *fields, *comments]
        problem, problem_class = found.problem, found.problem_class
        if self._unchecked and not problem:
            problem, problem_class = self._unchecked, ErrorClass.OCR_FAILED
        special = self._special.problem(page.number + 1, markdown.page_text(blocks))
        if special:
            problem, problem_class = special, ErrorClass.UNSUPPORTED
        return replace(found, blocks=tuple(blocks), problem=problem, problem_class=problem_class)

    def _reader(self, progress: Callable[[], None]) -> PageReader | None:
        """What reads a page that has no text layer to keep; None when OCR is off."""
        if self._served is not None:
            return self._served
        engine = self._engine(progress)
        return EngineReader(engine) if engine is not None else None

    def _asks(self) -> bool:
        return self._served is not None and self._served.asks

    def _engine(self, progress: Callable[[], None]) -> OcrEngine | None:
        """The engine, loaded by the first page that needs one and not on that page's clock."""
        self._loading()
        engine = make_engine(self._ocr)
        progress()
        return engine


def _choose(page: pymupdf.Page, layer: TextLayer) -> Choice:
    # Scans often come as strips: a region is what its tiles make together.
    groups = [union(p.bbox for p in group) for group in group_tiles(layer.placements)]
    regions = [layer.turn.forth(box) for box in groups]
    width, height = layer.turn.turned_size
    # Only a page without text may be blank, and only then is the question worth a look.
    has_marks = bool(layer.lines) or bool(layer.placements) or bool(page.get_bboxlog())
    return choose(layer.lines, regions, (0.0, 0.0, width, height), has_marks=has_marks)
