"""The pages stage's reader, which notes every page that it begins: what is read twice shows.

Runs in a worker, which has no environment: the notes lie beside the landing zone.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from assets.pages.read import read_pages
from resources.workers.spool import Record

NOTES = "pages-read.txt"
KILLER = "kills-its-parent.pdf"
"""A document that no worker survives, nor the process that started it."""


def read(payload: dict[str, Any], begin: Callable[[int], None]) -> Iterator[Record]:
    """Read pages as `assets.pages.read.read_pages` does."""
    path = Path(payload["path"])
    if path.name == KILLER:
        os.kill(os.getppid(), signal.SIGKILL)  # as the kernel does to who needs too much memory
    notes = path.parent.parent / NOTES

    def noted(page: int) -> None:
        with notes.open("a") as file:
            file.write(f"{payload['doc_id']} {page}\n")
        begin(page)

    yield from read_pages(payload, noted)
