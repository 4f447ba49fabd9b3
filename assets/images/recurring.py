"""Which images of a document recur through it: logos and badges beside its running headers.

Here: a fact of the whole document, from what its pages name, without running or decoding anything.
Not here: how large such an image may be to be no figure (`roles.py`).

At most MAX_PAGES pages are asked, spread evenly over the document, so that the answer is the same
whichever slice of it is being read, and a long document costs each slice no more than a short one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import pymupdf
from pymupdf import mupdf

MAX_PAGES: Final = 64
"""0.1 ms each."""
MIN_PAGES: Final = 3
MIN_PAGE_SHARE: Final = 0.3
"""The numbers by which a text is a running header (DESIGN: on 3 pages and 30 % of them)."""

_DAMAGED: Final = (mupdf.FzErrorBase, RuntimeError, ValueError)

ImageKey = tuple[int, int, int]
"""Width and height in pixels and bytes as stored: the same for each placement of an image, and
known of a placement without its cross-reference number."""


def recurring_images(document: pymupdf.Document) -> frozenset[ImageKey]:
    """Keys of the images that are named on many of the document's pages.

    None of a document that is too damaged to say: what is wrong is told when its pages are read.
    """
    try:
        return frozenset(_recurring(document))
    except _DAMAGED:
        return frozenset()


def _recurring(document: pymupdf.Document) -> Iterator[ImageKey]:
    n_pages = document.page_count
    if n_pages < MIN_PAGES:
        return
    n_asked = min(n_pages, MAX_PAGES)
    named: Counter[tuple[int, int, int]] = Counter()
    for i in range(n_asked):
        named.update(_named(document, i * n_pages // n_asked))
    least = max(MIN_PAGES, MIN_PAGE_SHARE * n_asked)
    for (xref, width, height), count in named.items():
        if count >= least:
            yield width, height, _n_bytes(document, xref)


def _named(document: pymupdf.Document, number: int) -> set[tuple[int, int, int]]:
    try:
        return {(image[0], image[2], image[3]) for image in document.get_page_images(number)}
    except _DAMAGED:
        return set()  # a damaged page names none; it is told when it is read


def _n_bytes(document: pymupdf.Document, xref: int) -> int:
    kind, value = document.xref_get_key(xref, "Length")
    if kind == "xref":
        value = document.xref_object(int(value.split()[0]))
    return int(value) if value.isdigit() else 0
