"""How well scans are read: character error rates beside bare RapidOCR, turned pages, and the cost.

Here: pages of the corpus that are pictures and have a true text; pages with a text layer made into
pictures, turned and skewed. Not here: text layers (`text.py`), which page is a scan (`routing.py`).
QUIRE_QUALITY_PAGES limits the pages of each document (6).
"""

from __future__ import annotations

import os
import re
import tempfile
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pymupdf
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from assets.pages.ocr.rendering import ocr_dpi, render
from assets.pages.read import read_pages
from bench.quality.documents import Reading, Source, corpus_sources, read_documents
from bench.quality.measured import Case, Measured

MAX_PAGES: Final = int(os.environ.get("QUIRE_QUALITY_PAGES", "6"))
MAX_DERIVED: Final = 0.02
MIN_LIKENESS: Final = 70
"""Of 100: a line that is less like any place of the truth is not part of it."""
SLACK: Final = 20
"""Characters after a part that the next one may start in to be the next one."""
MAX_BEHIND_BARE: Final = 0.01
MAX_TURNED: Final = 0.005
TURNED_DOCUMENTS: Final = 3
TURNS: Final = (0, 90, 180, 270)
SKEWS: Final = (-5.0, 3.0, 5.0)
TIMED_PAGES: Final = 6
BARE: Final[dict[str, Any]] = {
    "Global.use_cls": False,
    "Global.log_level": "critical",
    "Rec.rec_batch_num": 1,
    "Det.limit_type": "max",
    "Det.limit_side_len": 1280,
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}
"""Bare RapidOCR, tuned but without anything of Quire's."""
_FOLDED: Final = str.maketrans("‘’‚“”„–—‐‑−•", "'''\"\"\"-----*")


@dataclass(frozen=True)
class Piece:
    """A true text, and the pages (from 1) that it is of."""

    source: Source
    pages: tuple[int, ...]
    truth: str

    @property
    def where(self) -> str:
        """For the list of cases."""
        numbers = ",".join(map(str, self.pages)) if len(self.pages) < 4 else f"1-{self.pages[-1]}"
        return f"{self.source.name} p. {numbers}"


def measure(corpus: Path) -> list[Measured]:
    """Error rates of scans, of turned and skewed pages, and CPU-seconds a page."""
    sources = corpus_sources(corpus)
    scans = [s for s in sources if s.category in {"derived_scan", "scan"} and s.truth]
    pieces = [piece for source in scans for piece in _pieces(source)]
    wanted = {s.name: sorted({n for p in pieces if p.source is s for n in p.pages}) for s in scans}
    readings = read_documents(scans, {k: tuple(v) for k, v in wanted.items()}, layout=False)
    return [*_errors(pieces, readings), *_turned(sources), *_cost(pieces)]


def character_errors(read: str, truth: str) -> float:
    """Edit distance over the length of the truth; both without line ends, quotes and dashes plain.

    An empty truth that is read as something has a rate of 1.
    """
    found, wanted = _plain(read), _plain(truth)
    return Levenshtein.distance(found, wanted) / max(1, len(wanted))


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text.translate(_FOLDED)).translate(_FOLDED)
    return " ".join(re.sub(r"(?<=\w)-\s*\n\s*(?=[a-z])", "", folded).split())


def _pieces(source: Source) -> Iterator[Piece]:
    assert source.truth is not None
    text = source.truth.read_text(encoding="utf-8", errors="replace")
    with pymupdf.open(source.path) as document:
        n_pages = document.page_count
    parts = text.split("\f")
    while len(parts) > n_pages and not parts[-1].strip():
        parts.pop()
    if len(parts) == n_pages:
        for number, part in enumerate(parts[:MAX_PAGES], start=1):
            if part.strip():
                yield Piece(source, (number,), part)
    elif n_pages <= MAX_PAGES:
        yield Piece(source, tuple(range(1, n_pages + 1)), text)


def _errors(pieces: Sequence[Piece], readings: dict[str, Reading]) -> list[Measured]:
    ordered: list[Case] = []
    derived: list[Case] = []
    behind: list[Case] = []
    confident: list[Case] = []
    for piece in pieces:
        rows = [r for r in readings[piece.source.name].pages if r["page_number"] in piece.pages]
        own = _errors_in_order([b for r in rows for b in r["blocks"] if b["text"]], piece.truth)
        blocks = [[b["text"] for b in r["blocks"] if b["text"]] for r in rows]
        read = _errors_in_place(blocks, piece.truth)
        bare = min(_bare_errors(piece, turn) for turn in _likely_turns(rows))
        states = "/".join(sorted({r["status"] for r in rows}))
        note = (
            f"{own:.2%}, blocks in place {read:.2%}, bare {bare:.2%}; "
            f"{states}, turned {rows[0]['rotation']}"
        )
        if piece.source.category == "derived_scan":
            derived.append(Case(piece.where, read, note))
            ordered.append(Case(piece.where, own, note))
        behind.append(Case(piece.where, read - bare, note))
        means = [r["confidence"] for r in rows if r["confidence"] is not None]
        if means:
            off = abs((1 - sum(means) / len(means)) - read)
            confident.append(Case(piece.where, off, f"confidence {np.mean(means):.3f}, {note}"))
    placed = "blocks put where the truth has them"
    order = "in Quire's own order, footnotes aside"
    close = "|1 - confidence - CER|"
    return [
        Measured("scans: CER, derived", _mean(derived), MAX_DERIVED, "lower", derived, placed),
        Measured(
            "scans: CER, derived, ordered", _mean(ordered), MAX_DERIVED, "lower", ordered, order
        ),
        Measured("scans: CER over bare, worst", _worst(behind), MAX_BEHIND_BARE, "lower", behind),
        Measured("scans: confidence off by", _mean(confident), None, "lower", confident, close),
    ]


def _likely_turns(rows: Sequence[dict[str, Any]]) -> Sequence[Sequence[int]]:
    """The turns to try bare OCR with: the ones Quire found, which the cases show, and upright."""
    own = tuple(row["rotation"] for row in rows)
    return [own] if not any(own) else [own, (0,) * len(rows)]


def _bare_errors(piece: Piece, turns: Sequence[int]) -> float:
    """Errors of bare RapidOCR, its lines put where the truth has them."""
    with pymupdf.open(piece.source.path) as document:
        pages = []
        for number, turn in zip(piece.pages, turns, strict=True):
            page = document[number - 1]
            image = render(page, ocr_dpi(page.rect.width, page.rect.height))
            pages.append(_bare_lines(np.rot90(image, k=-turn // 90)))
    return _errors_in_place(pages, piece.truth)


def _errors_in_order(blocks: Sequence[dict[str, Any]], truth: str) -> float:
    """Character errors in the order that the blocks have, footnotes cut out of both sides.

    The true texts are text layers, which have all notes of a page before or after its body as the
    program that set it pleased; on the page they stand at the foot of their columns.
    """
    wanted = _plain(truth)
    body = "\n".join(b["text"] for b in blocks if b["kind"] != "footnote")
    for block in blocks:
        note = _plain(block["text"]) if block["kind"] == "footnote" else ""
        found = fuzz.partial_ratio_alignment(note, wanted) if note else None
        if found and found.score > MIN_LIKENESS:
            wanted = f"{wanted[: found.dest_start]} {wanted[found.dest_end :]}"
    return character_errors(body, wanted)


def _errors_in_place(pages: Sequence[Sequence[str]], truth: str) -> float:
    """Character errors of parts of pages that are put where the truth has them.

    A part that is nowhere in the truth stands after the part before it, the first where its page
    begins. So does one that the truth has there as well as elsewhere: short ones are all over it.
    """
    wanted = _plain(truth)
    placed: list[tuple[float, str]] = []
    for i, parts in enumerate(pages):
        place = i / len(pages) * len(wanted)
        for part in parts:
            text = _plain(part)
            near = wanted[int(place) : int(place) + len(text) + SLACK]
            next_to = fuzz.partial_ratio_alignment(text, near) if near else None
            found = fuzz.partial_ratio_alignment(text, wanted)
            start = place
            if next_to and found and next_to.score >= found.score - 1:
                start = int(place) + next_to.dest_start - next_to.src_start
            elif found and found.score > MIN_LIKENESS:
                # A part longer than the truth is the one that the truth was looked for in.
                start = found.dest_start - found.src_start
            placed.append((start, part))
            place = max(0, start) + len(text)
    text = "\n".join(part for _, part in sorted(placed, key=lambda pair: pair[0]))
    return character_errors(text, truth)


def _bare_lines(image: Any) -> list[str]:
    result = _bare_engine()(np.ascontiguousarray(image[:, :, ::-1]))
    return list(result.txts or ())


@cache
def _bare_engine() -> Any:
    import cv2
    from rapidocr import RapidOCR

    cv2.setNumThreads(1)
    return RapidOCR(params=BARE)


def _turned(sources: Sequence[Source]) -> list[Measured]:
    """Pages with a text layer as pictures, upright and not: how much worse is not upright?"""
    with tempfile.TemporaryDirectory() as folder:
        made = list(_made_turned(sources, Path(folder)))
        readings = read_documents([source for source, *_ in made], layout=False)
        errors = {
            (name, turn): character_errors(readings[source.name].pages[0]["text"], truth)
            for source, name, turn, truth in made
        }
    turned, skewed = [], []
    for (name, turn), value in errors.items():
        upright = errors[name, 0]
        case = Case(f"{name} at {turn:g}°", value - upright, f"{value:.2%}, upright {upright:.2%}")
        if turn in TURNS[1:]:
            turned.append(case)
        elif turn:
            skewed.append(case)
    return [
        Measured("scans: CER over upright, turned", _worst(turned), MAX_TURNED, "lower", turned),
        Measured("scans: CER over upright, skewed", _worst(skewed), MAX_TURNED, "lower", skewed),
    ]


def _made_turned(
    sources: Sequence[Source], folder: Path
) -> Iterator[tuple[Source, str, float, str]]:
    found = 0
    for source in sources:
        if found == TURNED_DOCUMENTS:
            return
        if source.category not in {"ordinary_en", "multi_column"}:
            continue
        try:
            document = pymupdf.open(source.path)
        except RuntimeError:
            continue
        with document:
            page = next((p for p in document if 1200 < len(p.get_text()) < 3000), None)
            if page is None or page.rotation:
                continue
            found += 1
            truth = page.get_text()
            for turn in (*TURNS, *SKEWS):
                path = folder / f"{found}-{turn:g}.pdf"
                _picture(page, turn, path)
                yield Source(path, path.name), source.name, turn, truth


def _picture(page: pymupdf.Page, degrees: float, path: Path) -> None:
    """The page as a picture, turned clockwise, on a page of its size."""
    from PIL import Image

    pixmap = page.get_pixmap(dpi=200)
    image = Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples)
    turned = image.rotate(
        -degrees, expand=True, fillcolor="white", resample=Image.Resampling.BICUBIC
    )
    with pymupdf.open() as document:
        sheet = document.new_page(width=turned.width * 0.36, height=turned.height * 0.36)
        held = pymupdf.Pixmap(pymupdf.csRGB, turned.width, turned.height, turned.tobytes(), 0)
        sheet.insert_image(sheet.rect, pixmap=held)
        document.save(path)


def _cost(pieces: Sequence[Piece]) -> list[Measured]:
    """CPU-seconds a page in this process, engines loaded: Quire's whole page, and bare RapidOCR."""
    timed = [p for p in pieces if p.source.category == "derived_scan"][:: max(1, len(pieces) // 8)]
    own: list[Case] = []
    bare: list[Case] = []
    for piece in [timed[0], *timed[:TIMED_PAGES]] if timed else []:  # the first loads the models
        started = time.process_time()
        list(read_pages(_payload(piece), lambda _: None))
        own.append(Case(piece.where, time.process_time() - started))
        with pymupdf.open(piece.source.path) as document:
            page = document[piece.pages[0] - 1]
            _bare_engine()
            started = time.process_time()
            _bare_lines(render(page, ocr_dpi(page.rect.width, page.rect.height)))
        bare.append(Case(piece.where, time.process_time() - started))
    return [
        Measured("scans: CPU-s a page, Quire", _mean(own[1:]), 0.79, "lower", own[1:]),
        Measured("scans: CPU-s a page, bare", _mean(bare[1:]), None, "lower", bare[1:]),
    ]


def _payload(piece: Piece) -> dict[str, Any]:
    return {
        "path": str(piece.source.path),
        "passwords": list(piece.source.passwords),
        "doc_id": None,
        "page_numbers": list(piece.pages[:1]),
        "ocr": "rapidocr",
        "layout": False,
    }


def _mean(cases: Sequence[Case]) -> float:
    return sum(c.value for c in cases) / len(cases) if cases else float("nan")


def _worst(cases: Sequence[Case]) -> float:
    return max((c.value for c in cases), default=float("nan"))
