"""What a run may still use of the checkpoint that earlier runs left.

Here: comparing what was answered with what this run would read now, and cutting staged files down
to the rows that still count. Not here: the records (`checkpoints.py`), carrying published rows over
(`stage_run.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from io_managers.checkpoints import WHOLE, MicroBatch
from io_managers.schemas import TABLES
from io_managers.staging import StagedFile, lake_frame, stage_file
from resources.lake.lake import Lake


@dataclass
class Resumed:
    """Work of earlier runs that stands: pages (or `WHOLE`) by document, files, failures, counts."""

    units: dict[str, set[int]] = field(default_factory=dict)
    tables: dict[str, list[StagedFile]] = field(default_factory=dict)
    failures: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def n_units(self) -> int:
        """Pages, or documents, that need not be done again."""
        return sum(len(pages) for pages in self.units.values())


def resume(
    lake: Lake,
    stage: str,
    batch: str,
    micro_batches: Sequence[MicroBatch],
    inputs: Mapping[str, str],
    carried: Collection[tuple[str, int]],
    unit: str,
) -> Resumed:
    """Take over every page or document whose input is as it was and that nothing else answers for.

    Args:
        lake: Where the files are.
        stage: The stage, and with `batch` the partition.
        batch: The batch.
        micro_batches: Records, oldest first; of two that answer for one page the first counts.
        inputs: `input_sha256` by document (or uri), as this run would read it.
        carried: Published pages that stay, by document and page; `WHOLE` for all of a document.
        unit: The column that `inputs` is keyed by.
    """
    resumed = Resumed()
    beside: dict[str, set[tuple[Any, ...]]] = {}
    for micro_batch in micro_batches:
        fresh = {
            name: pages
            for name, (given, answered) in micro_batch.answered.items()
            if inputs.get(name) == given
            and (pages := _unanswered(name, answered, resumed.units, carried))
        }
        whole = all(
            len(fresh.get(name, ())) == len(pages)
            for name, (_, pages) in micro_batch.answered.items()
        )
        for table, files in micro_batch.tables.items():
            kept: Iterable[StagedFile | None] = files
            if table != stage:
                # Bytes beside a row that is dropped may be what a row of another record names.
                seen = beside.setdefault(table, set())
                kept = [_unseen(lake, table, batch, file, seen) for file in files]
            elif not whole:
                kept = [_part(lake, stage, batch, file, fresh, unit) for file in files]
            resumed.tables.setdefault(table, []).extend(file for file in kept if file)
        for name, pages in fresh.items():
            resumed.units.setdefault(name, set()).update(pages)
        resumed.failures += [row for row in micro_batch.failures if _is_about(row, fresh, unit)]
        if whole:
            resumed.counts.update(micro_batch.counts or {})
    return resumed


def _unanswered(
    name: str,
    pages: Sequence[int],
    answered: Mapping[str, set[int]],
    carried: Collection[tuple[str, int]],
) -> set[int]:
    if (name, WHOLE) in carried:
        return set()
    before = answered.get(name, set())
    return {page for page in pages if page not in before and (name, page) not in carried}


def _part(
    lake: Lake,
    table: str,
    batch: str,
    file: StagedFile,
    units: Mapping[str, set[int]],
    unit: str,
) -> StagedFile | None:
    """The rows of a file that still count, as a file of their own."""
    rows = lake_frame(lake, table, [file], TABLES[table].data_columns)
    names = rows[unit].to_list()
    paged = "page_number" in rows.columns
    numbers = rows["page_number"].to_list() if paged else [WHOLE] * len(names)
    stays = [
        bool({page, WHOLE} & units.get(name, set()))
        for name, page in zip(names, numbers, strict=True)
    ]
    part = rows.filter(pl.Series(stays, dtype=pl.Boolean))
    return None if part.is_empty() else stage_file(lake, table, part, {"batch": batch})


def _unseen(
    lake: Lake, table: str, batch: str, file: StagedFile, seen: set[tuple[Any, ...]]
) -> StagedFile | None:
    """A file without keys that another has: two runs at once may both have stored an image."""
    keys = [column for column in TABLES[table].key if column != "batch"]
    found = list(lake_frame(lake, table, [file], keys).iter_rows())
    fresh = [key not in seen for key in found]
    seen.update(found)
    if all(fresh):
        return file
    if not any(fresh):
        return None
    rows = lake_frame(lake, table, [file], TABLES[table].data_columns)
    return stage_file(lake, table, rows.filter(pl.Series(fresh)), {"batch": batch})


def _is_about(row: Mapping[str, Any], units: Mapping[str, set[int]], unit: str) -> bool:
    pages = units.get(row[unit] or "", set())
    page = row["page_number"]
    return bool(pages) if page is None else bool({page, WHOLE} & pages)
