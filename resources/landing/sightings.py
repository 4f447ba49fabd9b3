"""Sightings as they are collected: a frame that grows in chunks, so that a million stay small.

Here: what a sighting is. Not here: finding them (`local.py`, `objects.py`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import polars as pl

from io_managers.schemas import TIMESTAMP

SIGHTINGS: Final = pl.Schema(
    {"uri": pl.String(), "n_bytes": pl.Int64(), "etag": pl.String(), "mtime": TIMESTAMP}
)
"""One look at a file: where it is and what tells this content from another."""
Row = tuple[str, int, str | None, datetime | None]
"""One sighting: uri, bytes, etag (None for local files), time of change."""
_CHUNK: Final = 20_000
"""Rows that are held as Python objects (about 350 bytes each) before they become a frame."""


class Sightings:
    """Rows, added one at a time."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._frames: list[pl.DataFrame] = []

    def add(self, row: Row) -> None:
        """Add one sighting after all others."""
        self._rows.append(row)
        if len(self._rows) >= _CHUNK:
            self._pack()

    def frame(self) -> pl.DataFrame:
        """All of them, in the order in which they were added."""
        self._pack()
        return pl.concat([pl.DataFrame(schema=SIGHTINGS), *self._frames])

    def _pack(self) -> None:
        if self._rows:
            self._frames.append(pl.DataFrame(self._rows, schema=SIGHTINGS, orient="row"))
            self._rows = []
