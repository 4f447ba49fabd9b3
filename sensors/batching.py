"""Cutting new files into batches: by predicted seconds of the run, image bytes, and count.

Here: pure functions over the sizes of files, how long a small batch waits for company, and how
many documents a batch may hold. Not here: which files are new (`scan.py`), or what a file of some
size takes (`resources/lake/rates.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from resources.lake.rates import Rates
from resources.settings import Settings

MAX_IMAGE_BYTES: Final = 4 * 2**30
"""A file is taken to hold no more bytes of images than it has bytes."""
SLICE_PAGES: Final = 16
"""Pages that one worker reads in one go (`assets/pages/build.py`): what a file spreads over."""
GIANT_PAGES: Final = 1_000
"""A file with so many pages, as predicted, has a batch of its own: its slices keep all workers
busy, and a retry of it is no retry of others."""
BACKLOG_BATCHES: Final = 100
"""When a backlog would make more batches than this by the limit on documents, the limit doubles…"""
MAX_DOUBLINGS: Final = 3
"""…at most so often: the parent holds some 25 MiB for each thousand documents (`bench.memory`)."""
CALM_BATCHES: Final = 100
"""Batches in 24 hours from which on a small batch waits longer."""
BATCHES_A_DOUBLING: Final = 2
"""The wait doubles for each so many batches above that. Steep, so that a steady trickle settles
just above 100 a day; and a few steps wide, so that it is not either nothing or everything."""
MAX_LINGER: Final = 14 * 60.0
"""What waits is in a batch within 15 minutes: a minute is left for two looks and a slow tick."""


@dataclass(frozen=True)
class CutRule:
    """Where a batch ends; see `QUIRE_BATCH_SECONDS` and `QUIRE_BATCH_MAX_DOCS`.

    Attributes:
        seconds: Wall-clock seconds that a whole run may take, as predicted.
        max_docs: Files a batch.
        workers: Worker processes of the run.
        rates: What work takes.
    """

    seconds: float
    max_docs: int
    workers: int
    rates: Rates = field(default_factory=Rates)


@dataclass(frozen=True)
class Cut:
    """The next `n_files` files go together; `full` when a limit ended it: it need not linger."""

    n_files: int
    full: bool


def rule_for(settings: Settings, rates: Rates, backlog_files: int) -> CutRule:
    """The rule under these settings, with so many new files to take."""
    most = max_docs(settings.batch_max_docs, backlog_files)
    return CutRule(settings.batch_seconds, most, settings.workers, rates)


def max_docs(base: int, backlog_files: int) -> int:
    """`QUIRE_BATCH_MAX_DOCS`, doubled up to three times while a backlog would make many batches.

    Only the count rises: a batch never gets longer than `QUIRE_BATCH_SECONDS` by it.
    """
    batches = backlog_files / (base * BACKLOG_BATCHES)
    doublings = math.ceil(math.log2(batches)) if batches > 1 else 0
    return base << min(doublings, MAX_DOUBLINGS)


def linger_seconds(base: float, batches_last_day: int) -> float:
    """How long a batch that is not full waits for company.

    Args:
        base: `QUIRE_BATCH_LINGER`; one that is over the limit stays as it is.
        batches_last_day: Batches that were made in the last 24 hours.
    """
    above = max(0, batches_last_day - CALM_BATCHES)
    doublings = min(math.ceil(above / BATCHES_A_DOUBLING), 64)
    return max(base, min(base * 2.0**doublings, MAX_LINGER))


@dataclass
class _Batch:
    """A batch as it grows: what its run would take."""

    rule: CutRule
    n_files: int = 0
    n_bytes: int = 0
    worker_seconds: float = 0.0
    longest: float = 0.0
    giant: bool = False

    def with_file(self, n_bytes: int) -> _Batch:
        """The same with one more file."""
        pages, cost = _predicted(n_bytes, self.rule)
        hands = min(self.rule.workers, max(1, math.ceil(pages / SLICE_PAGES)))
        return _Batch(
            self.rule,
            self.n_files + 1,
            self.n_bytes + n_bytes,
            self.worker_seconds + cost,
            max(self.longest, cost / hands),
            self.giant or pages >= GIANT_PAGES,
        )

    @property
    def seconds(self) -> float:
        """The run's wall-clock seconds; a file of few pages keeps few workers busy."""
        rates, workers = self.rule.rates, self.rule.workers
        shared = self.worker_seconds / workers
        serial = rates.run + rates.start / workers + self.n_files * rates.serial_document
        return serial + max(shared, self.longest)

    @property
    def is_full(self) -> bool:
        """Whether no file may come to it any more."""
        rule = self.rule
        return self.giant or self.n_files >= rule.max_docs or self.seconds >= rule.seconds

    @property
    def is_over(self) -> bool:
        """Whether it holds more than it may, unless it is one file."""
        rule = self.rule
        return (
            self.giant
            or self.n_files > rule.max_docs
            or self.seconds > rule.seconds
            or self.n_bytes > MAX_IMAGE_BYTES
        )


def _predicted(n_bytes: int, rule: CutRule) -> tuple[float, float]:
    """Pages and worker-seconds of a file."""
    return sum(rule.rates.pages(n_bytes)), rule.rates.worker_seconds(n_bytes)


def batch_seconds(sizes: Iterable[int], rule: CutRule) -> float:
    """Wall-clock seconds that a run over these files is predicted to take."""
    batch = _Batch(rule)
    for n_bytes in sizes:
        batch = batch.with_file(n_bytes)
    return batch.seconds


def predicted_seconds(n_bytes: int, rule: CutRule) -> float:
    """Wall-clock seconds that a run over this one file is predicted to take."""
    return batch_seconds([n_bytes], rule)


def cut_batches(sizes: Iterable[int], rule: CutRule) -> list[Cut]:
    """Cut files (by their bytes), in the order given, into batches that respect every limit.

    A file that is over a limit by itself gets a batch of its own. The order of the files is kept,
    every file is in exactly one batch, and the same files give the same batches.
    """
    cuts: list[Cut] = []
    batch = _Batch(rule)
    for n_bytes in sizes:
        more = batch.with_file(n_bytes)
        if batch.n_files and more.is_over:
            cuts.append(Cut(batch.n_files, full=True))
            more = _Batch(rule).with_file(n_bytes)
        batch = more
        if batch.giant:
            cuts.append(Cut(batch.n_files, full=True))
            batch = _Batch(rule)
    if batch.n_files:
        cuts.append(Cut(batch.n_files, full=batch.is_full))
    return cuts
