"""Cutting new files into batches: by predicted seconds, predicted image bytes, and count.

Here: pure functions over the sizes of files. Not here: which files are new (`scan.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

BYTES_A_PAGE: Final = 30_000
"""Median of ordinary born-digital PDFs and scans alike is near 20-40 KB a page; until this lake has
a history of its own, a file is taken to have its bytes divided by this many pages."""
SECONDS_A_PAGE: Final = {True: 0.55, False: 0.04}
"""CPU seconds a page with layout on and off, before there is history: layout takes 0.52 s; text,
images and stitching take about 0.03 s, measured over 252 ordinary pages."""
MAX_IMAGE_BYTES: Final = 4 * 2**30


@dataclass(frozen=True)
class CutRule:
    """Where a batch ends; see `QUIRE_BATCH_SECONDS` and `QUIRE_BATCH_MAX_DOCS`."""

    seconds: float
    max_docs: int
    workers: int
    layout: bool


@dataclass(frozen=True)
class Cut:
    """The next `n_files` files go together; `full` when a limit ended it: it need not linger."""

    n_files: int
    full: bool


def predicted_seconds(n_bytes: int, rule: CutRule) -> float:
    """Wall-clock seconds that one file adds to a run with this run's workers."""
    pages = max(1.0, n_bytes / BYTES_A_PAGE)
    return pages * SECONDS_A_PAGE[rule.layout] / rule.workers


def cut_batches(sizes: Iterable[int], rule: CutRule) -> list[Cut]:
    """Cut files (by their bytes), in the order given, into batches that respect every limit.

    A file that is over a limit by itself gets a batch of its own. The order of the files is kept,
    every file is in exactly one batch, and the same files give the same batches.
    """
    cuts: list[Cut] = []
    n_files, seconds, size = 0, 0.0, 0
    for n_bytes in sizes:
        cost = predicted_seconds(n_bytes, rule)
        over = (
            n_files >= rule.max_docs
            or seconds + cost > rule.seconds
            or size + n_bytes > MAX_IMAGE_BYTES
        )
        if n_files and over:
            cuts.append(Cut(n_files, full=True))
            n_files, seconds, size = 0, 0.0, 0
        n_files += 1
        seconds += cost
        size += n_bytes
    if n_files:
        cuts.append(Cut(n_files, full=n_files >= rule.max_docs or seconds >= rule.seconds))
    return cuts
