"""What the benchmarks read: copies of the samples with bytes of their own, or a folder of PDFs.

Here: making and counting inputs. Not here: timing.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pymupdf

from resources.samples import (
    interactive,
    mixed,
    newsletter,
    observatory,
    paste_paper,
    recipe,
    scans,
)

# MuPDF's own errors and PyMuPDF's have no base in common but this one of the bindings.
DAMAGED = (RuntimeError, ValueError, pymupdf.mupdf.FzErrorBase)
MIN_CHARACTERS = 50
"""A page with fewer is not counted on to have a text layer."""


@dataclass(frozen=True)
class Inputs:
    """PDFs and how many pages they have together."""

    paths: tuple[Path, ...]
    n_pages: int


def _joined(parts: Sequence[bytes]) -> bytes:
    whole = pymupdf.open()
    for part in parts:
        whole.insert_pdf(pymupdf.open("pdf", part))
    return bytes(whole.tobytes(garbage=4, deflate=True, use_objstms=1, no_new_id=True))


def _born_digital() -> bytes:
    return _joined(
        [
            observatory.report(),
            paste_paper.paper(),
            newsletter.newsletter(),
            interactive.attachment(),
            recipe.recipe(),
        ]
    )


def _scan() -> bytes:
    notice = pymupdf.open("pdf", mixed.mixed())
    notice.select([1])
    return _joined([scans.clean_scan(), notice.tobytes(), scans.noisy_scan()])


def _one_scan() -> bytes:
    scan = pymupdf.open("pdf", scans.clean_scan())
    scan.select([0])
    return bytes(scan.tobytes(garbage=4, deflate=True, no_new_id=True))


def _tiny() -> bytes:
    return recipe.recipe()


def _copy(whole: bytes, number: int) -> bytes:
    """A copy whose bytes, and whose photographs' bytes, no other copy has.

    Otherwise Quire would recognise copies (it reads each content once) and store each image once.
    """
    document = pymupdf.open("pdf", whole)
    for xref in range(1, document.xref_length()):
        if document.xref_get_key(xref, "Filter")[1] == "/DCTDecode":
            data = document.xref_stream_raw(xref) + b"copy %d" % number  # after JPEG's end mark
            document.update_stream(xref, data, compress=False)
            document.xref_set_key(xref, "Filter", "/DCTDecode")
    return bytes(document.tobytes(no_new_id=True)) + b"%% copy %d\n" % number


def _copies(make: Callable[[], bytes], n_pages: int, folder: Path) -> Inputs:
    whole = make()
    each = pymupdf.open("pdf", whole).page_count
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(-(-n_pages // each)):
        path = folder / f"copy-{number:05d}.pdf"
        path.write_bytes(_copy(whole, number))
        paths.append(path)
    return Inputs(tuple(paths), each * len(paths))


def text_layer(n_pages: int, folder: Path) -> Inputs:
    """At least `n_pages` pages of born-digital documents."""
    return _copies(_born_digital, n_pages, folder)


def scanned(n_pages: int, folder: Path) -> Inputs:
    """At least `n_pages` pages of scans."""
    return _copies(_scan, n_pages, folder)


def tiny(n_documents: int, folder: Path) -> Inputs:
    """Documents of one page each, next to no work."""
    return _copies(_tiny, n_documents, folder)


def one_page_scans(n_documents: int, folder: Path) -> Inputs:
    """Scans of one page each."""
    return _copies(_one_scan, n_documents, folder)


def from_folder(pdfs: Path, n_pages: int, folder: Path) -> Inputs:
    """The PDFs of a folder whose every page has text, copied until there are `n_pages` pages.

    A copy has bytes of its own, since Quire reads each content once; its images have not, and are
    stored once.
    """
    pymupdf.TOOLS.mupdf_display_errors(on=False)
    contents = {hashlib.sha256(data).digest(): data for data in _contents(pdfs)}
    counted = [(data, _pages_with_text(data)) for data in contents.values()]
    found = [(data, n) for data, n in counted if n]
    paths: list[Path] = []
    total = 0
    for round_ in itertools.count():
        for data, n in found:
            if total >= n_pages:
                return Inputs(tuple(paths), total)
            path = folder / f"copy-{len(paths):05d}.pdf"
            path.write_bytes(data + b"%% copy %d\n" % round_)
            paths.append(path)
            total += n
        if not found:
            break
    message = f"no PDF under {pdfs} has text on every page"
    raise SystemExit(message)


def _contents(pdfs: Path) -> Iterator[bytes]:
    return (path.read_bytes() for path in sorted(pdfs.rglob("*.pdf")) if path.is_file())


def _pages_with_text(data: bytes) -> int:
    """The number of pages when all of them have text, else 0."""
    try:
        document = pymupdf.open(stream=data, filetype="pdf")
        if not document.is_pdf or document.needs_pass:
            return 0
        enough = [len(page.get_text()) >= MIN_CHARACTERS for page in document]
    except DAMAGED:
        return 0
    return len(enough) if all(enough) else 0
