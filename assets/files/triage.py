"""The files stage's worker: whether a file is a document, and what is in it.

Here: one verdict a file, from its bytes. Not here: who owns the document (`build.py`), nor what its
pages say. A placeholder page (dynamic XFA, a portfolio's cover) is a document to this stage; the
pages stage marks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, NotRequired, TypedDict

import pymupdf
from pymupdf import mupdf

from resources.errors import DocumentError, ErrorClass
from resources.workers.documents import (
    describe,
    error_class_of,
    hash_file,
    open_pdf,
    require_page,
    take_warnings,
)

MAX_PAGES: Final = 100_000
"""Page trees that claim more are damaged or hostile; the largest real documents have 20,000."""
PAGES_TRIED: Final = 50
"""When none of the first 50 pages can be loaded, the rest is taken to be lost too."""
MAX_FIELDS: Final = 100_000
"""Fields counted at most: a field tree may be hostile."""
MAX_TITLE: Final = 500


class TriagePayload(TypedDict):
    """What the parent sends: one file."""

    path: str
    passwords: Sequence[str]
    hashed: NotRequired[tuple[str, int]]
    """The sha256 and size of a copy, taken while it was streamed."""


@dataclass(frozen=True)
class Verdict:
    """The columns of `files` that the worker fills."""

    doc_id: str | None = None
    n_bytes: int | None = None
    n_pages: int | None = None
    n_attachments: int | None = None
    n_form_fields: int | None = None
    title: str | None = None
    status: str = "ok"
    error_class: str | None = None
    error: str | None = None

    def failed(self, error: BaseException) -> Verdict:
        """The verdict on a file that is no readable document; what is known so far stays."""
        return replace(
            self,
            status="failed",
            error_class=str(error_class_of(error, ErrorClass.CORRUPT)),
            error=describe(error),
        )


def triage(
    payload: TriagePayload, progress: Callable[[int], None]
) -> Iterator[tuple[dict[str, Any], bytes | None]]:
    """Exactly one record; bad content gives a failed one, never an exception."""
    progress(0)
    verdict = Verdict()
    try:
        doc_id, n_bytes = payload.get("hashed") or hash_file(payload["path"])
        verdict = Verdict(doc_id, n_bytes)
        progress(0)
        with open_pdf(payload["path"], payload["passwords"]) as document:
            progress(0)
            verdict = replace(verdict, n_pages=_count_pages(document))
            verdict = replace(
                verdict,
                n_attachments=document.embfile_count(),
                n_form_fields=_count_fields(document),
                title=_title(document),
            )
    except Exception as error:  # noqa: BLE001 - the boundary: whatever the parser raises is a verdict
        verdict = verdict.failed(error)
    yield asdict(verdict), None


def _count_pages(document: pymupdf.Document) -> int:
    """The number of pages, at least one of which can be loaded.

    Damaged files often open without an error and without pages, or claim pages that do not load.
    """
    try:
        n_pages = int(document.page_count)
    except MemoryError:
        raise
    except Exception as error:
        raise DocumentError(ErrorClass.CORRUPT, f"its pages cannot be counted: {error}") from error
    if n_pages == 0:
        if document.is_repaired or not _has_tree(document):
            raise DocumentError(ErrorClass.CORRUPT, "damaged: no page is left" + _complaint())
        raise DocumentError(ErrorClass.EMPTY, "the document has no pages")
    if n_pages > MAX_PAGES:
        raise DocumentError(
            ErrorClass.TOO_LARGE, f"{n_pages} pages: more than {MAX_PAGES} are not read"
        )
    tried = min(n_pages, PAGES_TRIED)
    faults: list[Exception] = []
    for number in range(tried):
        fault = _fault(document, number)
        if fault is None:
            return n_pages
        faults.append(fault)
    text = f"damaged: of its {n_pages} pages none of the first {tried} can be loaded"
    raise DocumentError(ErrorClass.CORRUPT, f"{text} ({describe(faults[-1])})") from faults[-1]


def _has_tree(document: pymupdf.Document) -> bool:
    """Whether there is a page tree, which may well have no pages."""
    trailer = mupdf.pdf_trailer(mupdf.pdf_document_from_fz_document(document.this))
    return bool(mupdf.pdf_is_array(mupdf.pdf_dict_getp(trailer, "Root/Pages/Kids")))


def _fault(document: pymupdf.Document, number: int) -> Exception | None:
    """Why a page does not load; None when it does."""
    try:
        require_page(document, number + 1)
        document.load_page(number)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - told by the caller, and page by page in the pages stage
        return error
    return None


def _complaint() -> str:
    complaints = take_warnings().splitlines()
    return f" ({complaints[-1][:200]})" if complaints else ""


def _title(document: pymupdf.Document) -> str | None:
    """The metadata's title without control characters and runs of spaces; None when blank."""
    title = str((document.metadata or {}).get("title") or "")
    printable = "".join(c if c.isprintable() else " " for c in title)
    return " ".join(printable.split())[:MAX_TITLE] or None


def _count_fields(document: pymupdf.Document) -> int:
    """Terminal fields of the form: a field with several boxes on the page counts once."""
    trailer = mupdf.pdf_trailer(mupdf.pdf_document_from_fz_document(document.this))
    todo = _items(mupdf.pdf_dict_getp(trailer, "Root/AcroForm/Fields"))
    visited: set[int] = set()
    count = 0
    while todo and count < MAX_FIELDS and len(visited) < MAX_FIELDS:
        field = todo.pop()
        number = mupdf.pdf_to_num(field)
        if number and number in visited:
            continue
        visited.add(number)
        # Kids with a name of their own are fields; kids without are the field's boxes.
        kids = _items(mupdf.pdf_dict_gets(field, "Kids"))
        fields = [kid for kid in kids if mupdf.pdf_dict_gets(kid, "T").m_internal]
        todo += fields
        count += not fields
    return count


def _items(array: mupdf.PdfObj) -> list[mupdf.PdfObj]:
    if not mupdf.pdf_is_array(array):
        return []
    return [
        mupdf.pdf_array_get(array, i) for i in range(min(mupdf.pdf_array_len(array), MAX_FIELDS))
    ]
