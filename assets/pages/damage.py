"""Pages that MuPDF opens as blank ones although they are damaged.

Here: content of which nothing is left. Not here: pages that are not there
(`resources/workers/documents.py`) or that raise (`failures.py`), or documents that cannot be opened
(`assets/files/triage.py`).
"""

from __future__ import annotations

import re
from typing import Final

import pymupdf

from resources.errors import DocumentError, ErrorClass
from resources.workers.documents import MAX_ERROR, take_warnings

_FILTERS: Final = frozenset(
    {
        *("FlateDecode", "Fl", "LZWDecode", "LZW", "ASCII85Decode", "A85", "ASCIIHexDecode", "AHx"),
        *("RunLengthDecode", "RL", "Crypt", "BrotliDecode", "CCITTFaxDecode", "CCF", "DCTDecode"),
        *("DCT", "JBIG2Decode", "JPXDecode"),
    }
)
"""ISO 32000-2, table 6, with the short names of inline images, which MuPDF takes everywhere."""
_GIVEN_UP: Final = "encountered syntax errors; page may not be correct"
"""MuPDF's last word on a page of which it left something out: an image, an operator."""
_NAME: Final = re.compile(r"/([^\s/\[\]<>()]+)")


def require_content(page: pymupdf.Page, complaints: str) -> None:
    """Refuse a page without marks whose content was given up: it is no blank page.

    Args:
        page: A page that nothing was found on.
        complaints: What MuPDF said while it was read.

    Raises:
        DocumentError: unreadable.
    """
    if _GIVEN_UP in complaints:
        first = complaints.partition("\n")[0][:MAX_ERROR]
        raise DocumentError(ErrorClass.UNREADABLE, f"damaged: nothing of it is left ({first})")
    lost = [_is_lost(page.parent, xref) for xref in page.get_contents()]
    if lost and all(lost):
        raise DocumentError(ErrorClass.UNREADABLE, "damaged: nothing of its content decodes")


def _is_lost(document: pymupdf.Document, xref: int) -> bool:
    if not document.xref_is_stream(xref) or not document.xref_stream_raw(xref).strip():
        return False
    kind, filters = document.xref_get_key(xref, "Filter")
    if kind in ("name", "array") and set(_NAME.findall(filters)) - _FILTERS:
        return True
    take_warnings()
    return not document.xref_stream(xref) and bool(take_warnings())  # nothing may be compressed
