"""What a name in the landing zone says of what it names, in folders and in buckets alike.

Here: hidden names, macOS's leavings, PDFs, and names that programs write under. Not here: finding
names (`local.py`, `objects.py`).
"""

from __future__ import annotations

from typing import Final

UNFINISHED: Final = (".part", ".tmp", ".crdownload", ".partial")
"""Endings of names that programs write under until a file is whole."""
STILL_WRITTEN: Final = "still being written under a temporary name"
_JUNK: Final = "__MACOSX"
"""The folder of resource forks that macOS puts into every archive: `._x.pdf` are no PDFs."""


def is_passed_by(part: str) -> bool:
    """Whether a file or folder of this name is none of ours: hidden, or macOS's leavings.

    `.` and `..` are no hidden names: in the key of an object they are letters as any.
    """
    return (part.startswith(".") and part not in (".", "..")) or part == _JUNK


def is_pdf(name: str) -> bool:
    """Whether a name says that this is a PDF."""
    return name.lower().endswith(".pdf")


def is_unfinished(name: str) -> bool:
    """Whether a name says that a program still writes this."""
    return name.lower().endswith(UNFINISHED)
