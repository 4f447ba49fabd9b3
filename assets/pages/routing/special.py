"""Pages that are not the document: placeholders of dynamic XFA forms, covers of portfolios.

Here: telling them apart; such pages are `partial`, `unsupported`, and no summary passes them off as
the document. Not here: reading what they stand for, which MuPDF cannot.
"""

from __future__ import annotations

import re
from typing import Final

import pymupdf

_PLACEHOLDER: Final = re.compile(r"(?is)please\s+wait.*adobe\s+(?:reader|acrobat)")


class SpecialCases:
    """What is special about a document; looked up once."""

    def __init__(self, document: pymupdf.Document) -> None:
        """Look into the document's catalog."""
        self._is_portfolio = _has(document, "Collection")
        self._is_xfa = _has(document, "AcroForm/XFA")
        self._needs_rendering = _value(document, "NeedsRendering") == "true"

    def problem(self, page_number: int, text: str) -> str | None:
        """Why this page stands for something that cannot be read, or None."""
        if self._is_portfolio and page_number == 1:
            return (
                "cover of a PDF portfolio: its documents are attachments; "
                "extract them and put them into the landing zone"
            )
        if self._needs_rendering or (self._is_xfa and _PLACEHOLDER.search(text)):
            return (
                "placeholder of a dynamic XFA form: print it to PDF with Adobe Reader, "
                "and put that into the landing zone"
            )
        return None


def _has(document: pymupdf.Document, key: str) -> bool:
    return _value(document, key) not in ("", "null")


def _value(document: pymupdf.Document, key: str) -> str:
    kind, value = document.xref_get_key(document.pdf_catalog(), key)
    return "" if kind == "null" else str(value)
