"""A page as its row of `pages`, read or failed.

Here: columns from what was read. Not here: the reading (`read.py`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import isfinite
from typing import Any

import pymupdf

from assets.pages import markdown
from assets.pages.records import PageText
from assets.pages.routing.verdicts import PYMUPDF
from resources.errors import ErrorClass

Row = dict[str, Any]


@dataclass(frozen=True)
class Shape:
    """What is known of a page before it is read; sizes in points, as a viewer shows it."""

    label: str | None = None
    width: float | None = None
    height: float | None = None


def page_row(page_number: int, shape: Shape, found: PageText, started: float) -> Row:
    """The row of a page that was read; `started` is of `time.perf_counter`."""
    text = markdown.page_text(found.blocks)
    problem_class = found.problem_class if found.problem else None
    return {
        "page_number": page_number,
        "page_label": shape.label,
        "status": "partial" if found.problem else "ok",
        "text": text,
        "markdown": markdown.page_markdown(found.blocks),
        "source": found.source,
        "engine": "+".join(found.engines),
        "confidence": found.confidence,
        "width": shape.width,
        "height": shape.height,
        "rotation": found.rotation,
        "blocks": [b.as_row() for b in found.blocks if all(map(isfinite, b.box))],
        "n_chars": len(text),
        "elapsed_ms": round((time.perf_counter() - started) * 1000),
        "error_class": str(problem_class) if problem_class else None,
        "error": found.problem,
    }


def failed_row(
    page_number: int, shape: Shape, failure: tuple[ErrorClass, str], started: float
) -> Row:
    """The row of a page that could not be read, with its class and what happened."""
    found = PageText(engines=(PYMUPDF,), problem=failure[1], problem_class=failure[0])
    return {**page_row(page_number, shape, found, started), "status": "failed"}


def label_of(page: pymupdf.Page) -> str | None:
    """The page's label; a document whose label rules are broken has none."""
    try:
        return str(page.get_label()) or None
    except (RuntimeError, ValueError, TypeError, IndexError, KeyError):
        return None
