"""What the next ingest would do, without doing it: files, batches, pages, time and money.

Here: one look that takes nothing and writes nothing. Not here: the look that takes (`scan.py`), or
how it is told (`cli/plan.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import polars as pl

from resources.budget.amounts import Amount
from resources.budget.foresight import foreseen
from resources.lake.lake import Lake
from resources.lake.rates import Rates, read_rates
from resources.landing.listing import list_all
from resources.settings import Settings
from sensors.batching import CutRule, batch_seconds, cut_batches, rule_for
from sensors.take import unknown


@dataclass(frozen=True)
class Work:
    """Some files, and what they are expected to take.

    Attributes:
        files: How many.
        n_bytes: Of all together.
        batches: Batches that they are in, or would be cut into.
        text_pages: Pages with a text layer.
        ocr_pages: Pages that OCR reads.
        worker_seconds: Of all workers together; a model's own time is not in it.
        seconds: By the clock, on this machine's workers, one batch after another.
    """

    files: int = 0
    n_bytes: int = 0
    batches: int = 0
    text_pages: int = 0
    ocr_pages: int = 0
    worker_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def pages(self) -> int:
        """All of them."""
        return self.text_pages + self.ocr_pages


@dataclass(frozen=True)
class Plan:
    """What an ingest would do.

    Attributes:
        seen: PDFs in the landing zone.
        left: Uris of what would not be taken, with the reason.
        new: Files that no batch holds.
        unfinished: Files of batches that were begun, or never were; they may be partly done.
        n_runs: Runs of this lake that the times come from; without any, they are defaults.
        summaries: What a language model is expected to be asked; None without one.
    """

    seen: int
    left: tuple[tuple[str, str], ...]
    new: Work
    unfinished: Work
    n_runs: int
    summaries: Amount | None

    @property
    def known(self) -> int:
        """PDFs that a batch holds already."""
        return self.seen - self.new.files

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to do."""
        return not self.new.files and not self.unfinished.files


def make_plan(
    lake: Lake, settings: Settings, locations: Sequence[str], open_batches: Sequence[str]
) -> Plan:
    """Look at the landing zone and the lake.

    Args:
        lake: It need not exist.
        settings: By which batches are cut, pages are read and summaries are made.
        locations: Folders (or single PDFs), or object-store prefixes.
        open_batches: Batches that wait for a run.

    Raises:
        SettingError: A location cannot be listed.
        LakeError: The lake cannot be read.
    """
    listing = list_all(locations, settings.storage_options)
    fresh = unknown(lake, listing.sightings).sort("mtime", "uri", nulls_last=True)
    rates = read_rates(lake, settings, keep=False)
    rule = rule_for(settings, rates, fresh.height)
    new = _new(fresh["n_bytes"].to_list(), rule)
    unfinished = _unfinished(lake, open_batches, rule)
    return Plan(
        seen=listing.sightings.height,
        left=listing.left,
        new=new,
        unfinished=unfinished,
        n_runs=rates.n_runs,
        summaries=foreseen(
            lake, settings, new.files + unfinished.files, new.pages + unfinished.pages
        ),
    )


def _new(sizes: Sequence[int], rule: CutRule) -> Work:
    cuts = cut_batches(sizes, rule)
    ends = accumulate((cut.n_files for cut in cuts), initial=0)
    return _work([sizes[first:end] for first, end in pairwise(ends)], rule)


def _unfinished(lake: Lake, batches: Sequence[str], rule: CutRule) -> Work:
    rows = lake.scan("manifest", ["batch", "n_bytes"])
    rows = rows.filter(pl.col("batch").is_in(list(batches)))
    by_batch = rows.group_by("batch").agg("n_bytes").collect()["n_bytes"].to_list()
    return _work(by_batch, rule)


def _work(batches: Sequence[Sequence[int]], rule: CutRule) -> Work:
    rates: Rates = rule.rates
    sizes = [n_bytes for batch in batches for n_bytes in batch]
    pages = [rates.pages(n_bytes) for n_bytes in sizes]
    return Work(
        files=len(sizes),
        n_bytes=sum(sizes),
        batches=len(batches),
        text_pages=round(sum(text for text, _ in pages)),
        ocr_pages=round(sum(ocr for _, ocr in pages)),
        worker_seconds=sum(map(rates.worker_seconds, sizes)) + rates.start * len(batches),
        seconds=sum(batch_seconds(batch, rule) for batch in batches),
    )
