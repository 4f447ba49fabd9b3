"""Whether a stored figure looks as it does on the page.

Here: every figure that the images stage would store of the corpus and of pages made for it
(`made_images.py`), decoded with Pillow, against the page rendered under its box. Pictures are those
that placements propose (`QUIRE_LAYOUT=off`, nothing OCR'd, so that scans are stored too): what the
layout model adds is rendered from the page by the stage itself and would only be compared with
itself. Not here: which images are worth storing.

What counts. Both are scaled to SIDE pixels on the longer side and the mean absolute difference of
red, green and blue is taken, as a share of 255. Text and drawings that lie over an image are put
aside by experiment, not by guess: in a copy of the document the image is painted black, then white
and without its own masks, and a pixel counts where the page turns from black to white. A pixel
where it does not is put aside only if a later command of the page drew there; else the page shows
the image through a clip, a group's transparency or not at all, and it counts as it is. What lies
beneath shows through a masked image: the stored file is laid on a rendering without the image.
An inline image has no number to paint it by, so all of its box counts. A figure of which less than
FREE of its box counts is given, and judged by nothing.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pymupdf
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from pymupdf import mupdf

from assets.images.extract import ExtractPayload, PageRequest, extract_images
from assets.images.placements import Box, placed_images
from assets.images.roles import propose_pictures
from bench.quality.documents import Source, corpus_sources
from bench.quality.made_images import made_documents
from bench.quality.measured import Case, Measured, Part
from resources.errors import DocumentError
from resources.workers.documents import open_pdf

LIMIT: Final = 0.05
SIDE: Final = 160
FINER: Final = 4
"""The page is rendered finer and then shrunk: MuPDF widens images to whole pixels."""
FREE: Final = 0.05
MAX_PAGES: Final = 40
"""Pages of a document, spread evenly: one of 261 pages says no more than one of 40."""
_SEEN: Final = 250
_DRAWN: Final = frozenset({"fill-image", "fill-imgmask", "fill-shade"})
_VARIANTS: Final = {
    "black": ("/ColorSpace /DeviceGray /BitsPerComponent 8", b"\x00"),
    "white": ("/ColorSpace /DeviceGray /BitsPerComponent 8", b"\xff"),
    "without": ("/ImageMask true /BitsPerComponent 1", b"\xff"),
}
Pixels = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """A stored figure: where it stands and its file, None when it failed."""

    page: int
    index: int
    box: Box
    data: bytes | None
    note: str = ""


def measure(corpus: Path) -> list[Measured]:
    """The share of figures within LIMIT of the page, of the corpus and of the made pages."""
    sources = [s for s in corpus_sources(corpus) if s.category not in ("corrupt", "not_a_pdf")]
    with TemporaryDirectory() as folder:
        made = list(made_documents(Path(folder)))
        return [
            _share("figures as on the page", sources),
            _share("figures as on the page, made", made),
        ]


def _share(name: str, sources: Sequence[Source]) -> Measured:
    cases: list[Case] = []
    parts: list[Part] = []
    covered = 0
    for source in sources:
        for figure in figures_of(source):
            likeness, note = likeness_of(source, figure)
            where = f"{source.name} page {figure.page} image {figure.index}"
            if likeness is None:
                covered += 1
            else:
                cases.append(Case(where, likeness, f"{figure.note} {note}".strip()))
                parts.append(Part(source.name, float(likeness >= 1 - LIMIT)))
    within = sum(case.value >= 1 - LIMIT for case in cases)
    note = f"{within} of {len(cases)} figures; {covered} more are covered by something"
    share = within / len(cases) if cases else 0.0
    return Measured(name, share, 1.0, "higher", cases, note, parts)


def figures_of(source: Source) -> Iterator[Figure]:
    """The figures that the images stage stores of a document, without layout or OCR."""
    try:
        payload: ExtractPayload = {
            "path": str(source.path),
            "passwords": source.passwords,
            "doc_id": None,
            "pages": _requests(source),
        }
        given: dict[str, bytes] = {}
        for row, data in extract_images(payload, lambda _: None):
            if data is not None:
                given[row["sha256"]] = data
            if row["role"] == "figure":
                box = row["bbox"]
                yield Figure(
                    row["page_number"],
                    row["image_index"],
                    (box["x0"], box["y0"], box["x1"], box["y1"]),
                    given.get(row["sha256"]),
                    row["error"] or "",
                )
    except (DocumentError, mupdf.FzErrorBase, RuntimeError):
        return  # what does not open has no figures


def _requests(source: Source) -> list[PageRequest]:
    requests: list[PageRequest] = []
    with open_pdf(str(source.path), source.passwords) as document:
        step = max(1, document.page_count // MAX_PAGES)
        for number in range(1, document.page_count + 1, step):
            page = document.load_page(number - 1)
            placements = [placed.placement for placed in placed_images(page)]
            proposed = propose_pictures(placements, page.rect.width, page.rect.height, "text_layer")
            following = len(placements)
            pictures: list[Any] = []
            for picture in proposed:
                index = picture.image_index
                if index is None:
                    index, following = following, following + 1
                box = dict(zip(("x0", "y0", "x1", "y1"), picture.bbox, strict=True))
                pictures.append({"image_index": index, "bbox": box})
            # A page of its own slice, so that no searchable scan is taken for one that was OCR'd.
            requests.append({"page_number": number, "source": "text_layer", "pictures": pictures})
    return requests


def likeness_of(source: Source, figure: Figure) -> tuple[float | None, str]:
    """One less the difference, and what was put aside; None when nearly all is covered."""
    if figure.data is None:
        return 0.0, "not stored"
    try:
        stored = Image.open(io.BytesIO(figure.data))
        stored.load()
    except (OSError, UnidentifiedImageError) as error:
        return 0.0, f"does not decode: {error}"
    with open_pdf(str(source.path), source.passwords) as document:
        page = document[figure.page - 1]
        shown = _render(page, figure.box)
        xref = _xref_of(page, figure.index)
        if xref:
            later = _later(page, figure, shown.shape)
            black, white, without = (
                _render(_painted(document, figure.page, xref, name), figure.box)
                for name in _VARIANTS
            )
            seen = (white - black).min(axis=2) >= _SEEN
            counted = seen | ~later
        else:
            without = np.full_like(shown, 255.0)
            counted = np.ones(shown.shape[:2], dtype=bool)
    share = float(counted.mean())
    if share < FREE:
        return None, ""
    difference = np.abs(_laid_on(stored, without) - shown).mean(axis=2)[counted].mean() / 255
    return 1 - float(difference), f"{share:.0%} of the box counted"


def _render(page: pymupdf.Page, box: Box) -> Pixels:
    clip = pymupdf.Rect(box) & page.rect
    scale = FINER * SIDE / max(clip.width, clip.height)
    pixmap = page.get_pixmap(
        matrix=pymupdf.Matrix(scale, scale), clip=clip, alpha=False, colorspace=pymupdf.csRGB
    )
    fine = Image.frombuffer("RGB", (pixmap.width, pixmap.height), pixmap.samples)
    size = [max(1, round(side / FINER)) for side in fine.size]
    return np.asarray(fine.resize((size[0], size[1]), Image.Resampling.BILINEAR), dtype=np.float64)


def _laid_on(stored: Image.Image, beneath: Pixels) -> Pixels:
    """The stored file at the size of the rendering, over what the page has beneath it."""
    size = (beneath.shape[1], beneath.shape[0])
    picture = stored.convert("RGBa" if stored.mode in ("RGBA", "LA", "PA") else "RGB")
    small = np.asarray(picture.resize(size, Image.Resampling.BILINEAR), dtype=np.float64)
    if small.shape[2] == 3:
        return small
    return small[..., :3] + beneath * (1 - small[..., 3:] / 255)


def _xref_of(page: pymupdf.Page, index: int) -> int:
    """The number of the placement's image; 0 where it has none that can be told."""
    try:
        placed = page.get_image_info(xrefs=True)
    except (
        mupdf.FzErrorBase,
        RuntimeError,
    ):  # it decodes every image of the page, also those that are too large
        return 0
    return int(placed[index]["xref"]) if index < len(placed) else 0


def _later(page: pymupdf.Page, figure: Figure, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which pixels of the box lie under a box that a later command drew in."""
    log = page.get_bboxlog()
    drawn = [at for at, (kind, _) in enumerate(log) if kind in _DRAWN]
    covered = np.zeros(shape[:2], dtype=bool)
    if figure.index >= len(drawn):
        return covered
    clip = pymupdf.Rect(figure.box) & page.rect
    scale = SIDE / max(clip.width, clip.height)
    to_pixels = page.rotation_matrix * pymupdf.Matrix(1, 0, 0, 1, -clip.x0, -clip.y0)
    to_pixels *= pymupdf.Matrix(scale, scale)
    for kind, box in log[drawn[figure.index] + 1 :]:
        if kind == "ignore-text":
            continue
        rect = pymupdf.Rect(box) * to_pixels
        rows = slice(max(0, int(rect.y0) - 1), max(0, int(rect.y1) + 2))
        covered[rows, max(0, int(rect.x0) - 1) : max(0, int(rect.x1) + 2)] = True
    return covered


def _painted(document: pymupdf.Document, number: int, xref: int, variant: str) -> pymupdf.Page:
    """The page with one image painted in one colour, its own masks gone."""
    entries, pixel = _VARIANTS[variant]
    document.update_object(
        xref, f"<</Type /XObject /Subtype /Image /Width 1 /Height 1 {entries} /Length 1>>"
    )
    document.update_stream(xref, pixel, compress=False, new=True)
    pymupdf.TOOLS.store_shrink(100)  # else the decoded image of before is painted
    return document[number - 1]
