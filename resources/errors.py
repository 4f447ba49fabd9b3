"""The one hierarchy of errors and the closed vocabulary of error classes, each with its policy.

Here: what can go wrong with a document, and what Quire does about it. Not here: how a failure is
stored (`io_managers/publish.py`) or how a worker notices one (`resources/workers`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ErrorClass(StrEnum):
    """Every class a row of `failures` (or a failed row of a table) may carry."""

    NOT_PDF = "not_pdf"
    EMPTY = "empty"
    CORRUPT = "corrupt"
    ENCRYPTED = "encrypted"
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"
    PAGE_TOO_LARGE = "page_too_large"
    SOURCE_MISSING = "source_missing"
    SOURCE_CHANGED = "source_changed"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASH = "crash"
    OCR_FAILED = "ocr_failed"
    IMAGE_FAILED = "image_failed"
    SUMMARY_FAILED = "summary_failed"
    INVALID_OUTPUT = "invalid_output"
    REFUSED = "refused"
    TRUNCATED_OUTPUT = "truncated_output"
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"
    RATE_LIMITED = "rate_limited"
    BUDGET = "budget"
    INTERRUPTED = "interrupted"


PERMANENT: Final = frozenset(
    {
        ErrorClass.NOT_PDF,
        ErrorClass.EMPTY,
        ErrorClass.CORRUPT,
        ErrorClass.ENCRYPTED,
        ErrorClass.UNSUPPORTED,
        ErrorClass.TOO_LARGE,
        ErrorClass.PAGE_TOO_LARGE,
        ErrorClass.SOURCE_MISSING,
        ErrorClass.SOURCE_CHANGED,
    }
)
"""Quarantined at once: another run cannot change the outcome."""

NOT_CHARGED: Final = frozenset({ErrorClass.RATE_LIMITED, ErrorClass.BUDGET, ErrorClass.INTERRUPTED})
"""Not the document's fault: never counted as one of its attempts."""

SOURCE_GONE: Final = frozenset({ErrorClass.SOURCE_MISSING, ErrorClass.SOURCE_CHANGED})
"""The bytes that a row was made of can no longer be read: rows already published stay."""

MAX_ATTEMPTS: Final = 3
"""A retryable class is tried in up to this many runs, then quarantined."""


def is_permanent(error_class: str) -> bool:
    """Whether a failure of this class is quarantined at once."""
    return error_class in PERMANENT


def is_quarantined(error_class: str, attempts: int) -> bool:
    """Whether a failure of this class, seen in `attempts` runs, is in quarantine."""
    if error_class in NOT_CHARGED:
        return False
    return is_permanent(error_class) or attempts >= MAX_ATTEMPTS


class QuireError(Exception):
    """Anything Quire raises on purpose; the message says the mend."""


class SettingError(QuireError):
    """A setting or an argument that cannot work (exit code 2)."""


class LakeError(QuireError):
    """The lake cannot be read or written: the stage cannot go on (exit code 1)."""


class EngineError(QuireError):
    """An engine that a stage needs is missing or broken: the stage cannot go on (exit code 1)."""


class VersionNotAcceptedError(QuireError):
    """Rows of a version that is not accepted were about to be published."""


class SupersededRunError(QuireError):
    """A newer run has published this partition; this run's rows are dropped."""


class SchemaMismatchError(QuireError):
    """Rows do not have the table's columns, types or key."""


class DocumentError(QuireError):
    """One document, page or image failed, with a class; everything else goes on."""

    error_class: ErrorClass

    def __init__(self, error_class: ErrorClass | str, message: str) -> None:
        """Keep the class beside the message; both end in the `failures` row."""
        super().__init__(message)
        self.error_class = ErrorClass(error_class)
