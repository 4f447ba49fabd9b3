"""Samples that cannot be read: cut short, not a PDF, no bytes; and a page with nothing on it.

Not here: encrypted documents (`locked.py`).
"""

from __future__ import annotations

from typing import Final

import pymupdf

from resources.samples.typeset import A5, finish

KEPT_SHARE: Final = 0.6
"""An upload that stopped here has lost the page tree, which stands near the end of the file."""

WEB_PAGE: Final = b"""<!doctype html>
<html lang="en">
<head><title>Your session has ended</title></head>
<body>
<h1>Please sign in again</h1>
<p>The download of <b>annual-report.pdf</b> could not start, because you were signed out.</p>
</body>
</html>
"""


def truncated(whole: bytes) -> bytes:
    """The first part of a document, as an interrupted upload leaves it."""
    return whole[: int(len(whole) * KEPT_SHARE)]


def not_a_pdf() -> bytes:
    """What a browser saves when a log-in page stands where the PDF should."""
    return WEB_PAGE


def empty() -> bytes:
    """No bytes at all."""
    return b""


def blank_page() -> bytes:
    """One page without text, drawing or image."""
    document = pymupdf.open()
    document.new_page(width=A5.width, height=A5.height)
    return finish(document, "")
