"""Opening a PDF inside a worker: hash, header, password, and each way that fails, as a class.

Here: from a path to an open `pymupdf.Document`, or a `DocumentError`; and the class of whatever the
parser raises later. Not here: whether the document is worth reading (`assets/files/triage.py`), or
the processes that this runs in (`pool.py`). Imports the parser, so only modules that run in workers
may import this one.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import re
from collections.abc import Sequence
from typing import Final

import pymupdf
from pymupdf import mupdf

from resources.errors import DocumentError, ErrorClass

HEADER_WINDOW: Final = 1024
"""Readers accept junk before `%PDF-` up to here (Acrobat's implementation note; MuPDF agrees)."""

MAX_ERROR: Final = 500
"""Characters kept of a parser's message."""

_ENCRYPT_ENTRY: Final = re.compile(rb"/Encrypt\s*(?:<<|\d+\s+\d+\s+R)")
_NO_MEMORY: Final = re.compile(r"(?:m|c|re)alloc \(.*failed")

# MuPDF writes its complaints to stderr by default; in a worker they are data (`take_warnings`).
pymupdf.TOOLS.mupdf_display_errors(on=False)
pymupdf.TOOLS.mupdf_display_warnings(on=False)


def hash_file(path: str) -> tuple[str, int]:
    """The sha256 (hex) and the size of a file.

    Raises:
        DocumentError: source_missing, or unreadable when it is there and cannot be read.

    """
    try:
        with open(os.fsencode(path), "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            return digest, stream.tell()
    except OSError as error:
        raise _not_read(error) from error


def open_pdf(
    path: str, passwords: Sequence[str], expected_sha256: str | None = None
) -> pymupdf.Document:
    """Open a PDF with the first password that fits ("" comes first).

    Args:
        path: file name; bytes that are no UTF-8 as `os.fsdecode` gives them.
        passwords: passwords to try on an encrypted document.
        expected_sha256: when given, the file must still have this content.

    Raises:
        DocumentError: source_missing, unreadable, source_changed, empty, not_pdf, encrypted or
            corrupt.

    """
    if expected_sha256 is not None and hash_file(path)[0] != expected_sha256:
        raise DocumentError(
            ErrorClass.SOURCE_CHANGED, "the file no longer has the content that was ingested"
        )
    check_header(path)
    take_warnings()
    document = _open(path)
    if not document.is_pdf:
        document.close()
        raise DocumentError(ErrorClass.NOT_PDF, "the file is of another format, named as a PDF")
    if document.needs_pass and not _unlock(document, passwords):
        document.close()
        raise DocumentError(
            ErrorClass.ENCRYPTED,
            "no password fits: add it to QUIRE_PASSWORDS, then quire quarantine release DOC",
        )
    return document


def require_page(document: pymupdf.Document, page_number: int) -> None:
    """Refuse a page that the page tree names and that is not there: MuPDF opens it as blank.

    Raises:
        DocumentError: unreadable.
    """
    pdf = mupdf.pdf_document_from_fz_document(document.this)
    if not mupdf.pdf_is_dict(mupdf.pdf_lookup_page_obj(pdf, page_number - 1)):
        raise DocumentError(ErrorClass.UNREADABLE, "damaged: the page is not in the file")


def take_warnings() -> str:
    """What MuPDF complained about since the last call, one complaint a line."""
    return str(pymupdf.TOOLS.mupdf_warnings(reset=True))


def error_class_of(error: BaseException, otherwise: ErrorClass) -> ErrorClass:
    """The class of an exception caught at a boundary: its own, `memory`, or `otherwise`.

    MuPDF reports a refused allocation as an error like any other, with these words.
    """
    if isinstance(error, DocumentError):
        return error.error_class
    if isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
        return ErrorClass.MEMORY
    return otherwise


def describe(error: BaseException) -> str:
    """An exception in one line for a row: our own words alone, others' with their type."""
    if isinstance(error, DocumentError):
        return str(error)
    return " ".join(f"{type(error).__name__}: {error}".split())[:MAX_ERROR]


def check_header(path: str) -> None:
    """Raise `empty` or `not_pdf` for what is no PDF by its first bytes."""
    try:
        with open(os.fsencode(path), "rb") as stream:
            head = stream.read(HEADER_WINDOW)
    except OSError as error:
        raise _not_read(error) from error
    if not head:
        raise DocumentError(ErrorClass.EMPTY, "the file has no bytes")
    if b"%PDF-" not in head:
        raise DocumentError(
            ErrorClass.NOT_PDF, f"no %PDF- within the first {HEADER_WINDOW} bytes of the file"
        )


def _open(path: str) -> pymupdf.Document:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        # MuPDF takes UTF-8 names only; any other name is opened as mapped bytes.
        return _parse(path, stream=_map(path))
    return _parse(path)


def _parse(path: str, stream: memoryview | None = None) -> pymupdf.Document:
    try:
        if stream is not None:
            return pymupdf.open(stream=stream, filetype="pdf")
        return pymupdf.open(path, filetype="pdf")
    except MemoryError:
        raise
    except FileNotFoundError as error:
        raise _not_read(error) from error
    except Exception as error:  # MuPDF's exceptions have no common base but this one
        # Certificate and unknown security handlers fail with a plain FileDataError.
        if _ENCRYPT_ENTRY.search(_map(path)):
            raise DocumentError(
                ErrorClass.ENCRYPTED, "encrypted in a way that no password opens"
            ) from error
        raise DocumentError(ErrorClass.CORRUPT, _reason(error)) from error


def _unlock(document: pymupdf.Document, passwords: Sequence[str]) -> bool:
    try:
        return any(document.authenticate(password) for password in ("", *passwords))
    except MemoryError:
        raise
    except Exception as error:  # a right password may still meet a damaged document
        raise DocumentError(ErrorClass.CORRUPT, _reason(error)) from error


def _map(path: str) -> memoryview:
    try:
        with open(os.fsencode(path), "rb") as stream:
            return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:  # ValueError: the file became empty meanwhile
        raise _not_read(error) from error


def _reason(error: Exception) -> str:
    """The parser's own words; without the path, which is data of the files table."""
    complaints = take_warnings().splitlines()
    return f"{type(error).__name__}: {complaints[-1] if complaints else 'cannot be parsed'}"[
        :MAX_ERROR
    ]


def _not_read(error: Exception) -> DocumentError:
    """Only a file that is not there is missing; a sick disk may yet give it (`unreadable`)."""
    gone = (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError)
    error_class = ErrorClass.SOURCE_MISSING if isinstance(error, gone) else ErrorClass.UNREADABLE
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return DocumentError(error_class, f"the file cannot be read: {reason}")
