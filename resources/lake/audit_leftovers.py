"""What a lake holds beside its rows: batches that wait, checkpoints, files that nothing names.

Here: findings, and notes, which are worth a look and no fault. Not here: rows (`audit*.py`), what
lies outside the lake (`audit_outside.py`), or removing anything (`maintenance.py`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from io_managers.checkpoints import checkpointed, without_files_that_are_gone
from resources.lake.batch_states import batch_states
from resources.lake.lake import Lake
from resources.lake.snapshot import Finding
from resources.lake.sources import source_name
from resources.lake.sweeping import EXPIRE_SECONDS, spent_checkpoints, unused_files
from resources.landing.uris import path_of

REPAIR: Final = "quire audit --repair"
_LATER: Final = "nothing: maintain_tables removes it"


@dataclass(frozen=True)
class Leftovers:
    """Findings, which are to be mended, and notes, which may be left as they are."""

    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...]


def audit_leftovers(
    lake: Lake, running: Collection[str] = (), now: float | None = None
) -> Leftovers:
    """Batches, checkpoints and files of a lake; batches in a run are left out.

    Raises:
        LakeError: The lake cannot be read at all.
    """
    states = batch_states(lake, running)
    expired, fresh = _unused(lake, running, now)
    return Leftovers(
        findings=(*_stuck(states), *expired),
        notes=(*_sources_gone(lake, states), *_checkpoints(lake, running), *fresh),
    )


def _stuck(states: pl.DataFrame) -> Iterator[Finding]:
    for row in states.filter(pl.col("state") == "stuck").iter_rows(named=True):
        yield Finding(
            "batch_stuck",
            row["batch"],
            f"its run was asked for {row['requests']} times and it is not finished",
            f"see its runs in the Dagster UI, then: quire retry --batch {row['batch']}",
        )


def _sources_gone(lake: Lake, states: pl.DataFrame) -> Iterator[Finding]:
    """Files that went away before their batch was finished with them."""
    waiting = states.filter(pl.col("state").is_in(["waiting", "stuck"]))["batch"]
    files = lake.scan("manifest", ["batch", "uri"]).filter(pl.col("batch").is_in(waiting.to_list()))
    known = lake.scan("files", ["batch", "uri", "doc_id"])
    files = files.join(known, on=["batch", "uri"], how="left")
    for batch, uri, doc_id in files.collect().iter_rows():
        gone = uri.startswith("file://") and not os.path.exists(path_of(uri))
        if gone and not (doc_id and lake.has(source_name(doc_id))):
            yield Finding(
                "source_gone",
                uri,
                f"{batch} is not finished with it, and it is not where it was",
                "put it back as it was; if not, it ends in quarantine as source_missing",
            )


def _checkpoints(lake: Lake, running: Collection[str]) -> Iterator[Finding]:
    spent = spent_checkpoints(lake)
    for folder in spent:
        yield Finding("checkpoint_spent", folder, "no run can go on from these records", _LATER)
    for (stage, batch), records in checkpointed(lake, without=spent).items():
        gone = len(records) - len(without_files_that_are_gone(lake, records))
        if gone and batch not in running:
            yield Finding(
                "checkpoint_files_missing",
                f"{stage} of {batch}",
                f"{gone} of its {len(records)} records name files that are not there",
                "nothing: the next run does that work again",
            )


def _unused(
    lake: Lake, running: Collection[str], now: float | None
) -> tuple[list[Finding], list[Finding]]:
    """One finding for what expired, one note for what has not yet."""
    unused = unused_files(lake, running, now)
    days = round(EXPIRE_SECONDS / 86400)
    told: tuple[list[Finding], list[Finding]] = ([], [])
    for expired, place in ((True, told[0]), (False, told[1])):
        files = [file for file in unused if file.expired is expired]
        if files:
            size = sum(file.n_bytes for file in files)
            age = f"over {days} days old" if expired else f"less than {days} days old"
            kind = "unused_files_expired" if expired else "unused_files"
            place.append(
                Finding(
                    kind,
                    f"{len(files):,} {'file' if len(files) == 1 else 'files'}, {size:,} bytes",
                    f"nothing names them, and they are {age}; one is {files[0].path}",
                    f"{REPAIR}, or the daily maintain_tables job (make dev)"
                    if expired
                    else f"nothing: they are removed when they are {days} days old",
                )
            )
    return told
