"""Progress of running stages, for whoever shows it: a progress bar, a log.

Here: the one number that a stage reports. Not here: how it is shown (`cli/ingest.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Report = Callable[["Step"], None]


@dataclass(frozen=True)
class Step:
    """How far a stage has come with a batch, in its own units (files, pages, documents)."""

    stage: str
    batch: str
    done: int
    total: int


class Progress:
    """Passes steps on to a listener; without one, reporting costs nothing."""

    def __init__(self, listener: Report | None = None) -> None:
        """Take the one listener, or none."""
        self._listener = listener

    def report(self, stage: str, batch: str, done: int, total: int) -> None:
        """Say how far a stage has come."""
        if self._listener is not None:
            self._listener(Step(stage, batch, done, total))
