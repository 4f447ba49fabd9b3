"""Quarantine: who is in it, and letting documents out, so that the next run tries them again.

Here: the change to `failures`, published like every change to it. Not here: what quarantine means
(`resources/errors.py`) or the runs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import polars as pl

from io_managers.publish import claim_epoch, commit_partition
from io_managers.schemas import STAGES
from io_managers.staging import stage_file
from resources.errors import ErrorClass, QuireError, SettingError
from resources.lake.batches import forget_requests
from resources.lake.find import find
from resources.lake.lake import Lake
from resources.lake.states import LakeStates

_COLUMNS: Final = ["file_name", "doc_id", "error_class", "stage", "error", "batch", "uri"]


def quarantined(states: LakeStates) -> list[dict[str, Any]]:
    """Documents, and files that could not be read, that are in quarantine, and why."""
    first = pl.col("status").is_null() | (pl.col("status") != "duplicate")
    rows = states.files.filter((pl.col("state") == "quarantined") & first)
    return rows.select(_COLUMNS).to_dicts()


def release_documents(
    states: LakeStates, documents: Sequence[str], error_class: str | None
) -> list[dict[str, Any]]:
    """Release the documents named, and all of one class when given; returns those released.

    Args:
        states: Of the lake, with the batches that are in a run.
        documents: File names, uris or paths, or at least 6 digits of doc_id.
        error_class: One of `ErrorClass`, or None.

    Raises:
        QuireError: A document is not found or not in quarantine, or its batch is in a run.
        SettingError: Nothing was said to be released, or the class is none.
    """
    if not documents and error_class is None:
        raise SettingError("say what to release: documents, or an error class")
    if error_class is not None and error_class not in set(ErrorClass):
        raise SettingError(f"{error_class!r} is no error class: {', '.join(ErrorClass)}")
    rows = [row for row in quarantined(states) if row["error_class"] == error_class]
    rows += [_in_quarantine(states, document) for document in documents]
    others = _passed_by(states, rows)
    batches = [*(row["batch"] for row in rows), *(batch for batch, _ in others)]
    running = states.running_batches.intersection(batches)
    if running:
        raise QuireError(
            f"{', '.join(sorted(running))} is in a run now: release after it has ended"
        )
    for row in rows:
        release(states.lake, row["batch"], row["doc_id"], row["uri"])
    for batch, uri in others:
        release(states.lake, batch, None, uri)
    return rows


def _passed_by(states: LakeStates, rows: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Duplicates of these documents whose own sources were gone: they may be there again too."""
    documents = [row["doc_id"] for row in rows if row["doc_id"] is not None]
    duplicates = states.files.filter(
        pl.col("doc_id").is_in(documents) & (pl.col("status") == "duplicate")
    )
    own = states.failures.filter(pl.col("quarantined") & pl.col("doc_id").is_null())
    found = duplicates.join(own, on=["batch", "uri"], how="semi").select("batch", "uri")
    return list(found.iter_rows())


def _in_quarantine(states: LakeStates, document: str) -> dict[str, Any]:
    found = find(states, document)
    if found.state != "quarantined":
        raise QuireError(f"{found.label} is not in quarantine: it is {found.state}")
    return {name: getattr(found, name) for name in _COLUMNS}


def release(
    lake: Lake,
    batch: str,
    doc_id: str | None,
    uri: str,
    stages: Collection[str] = STAGES,
) -> int:
    """Release a document (or an unread file) from quarantine; returns how many failures that freed.

    Its attempts start at none again. The change takes an epoch, as a run does, so a run of the
    same stage that began earlier cannot put the old failures back.

    Raises:
        LakeError: The lake cannot be written.
    """
    failures = lake.read("failures", batch=batch)
    same = pl.col("doc_id").is_null() & pl.col("uri").eq_missing(uri)
    if doc_id is not None:
        same |= pl.col("doc_id").eq_missing(doc_id)
    freed = same & pl.col("quarantined") & pl.col("stage").is_in(list(stages))
    changed = failures.filter(freed)["stage"].unique().sort().to_list()
    count = failures.filter(freed).height
    for stage in changed:
        rows = failures.filter(pl.col("stage") == stage).with_columns(
            attempts=pl.when(freed).then(0).otherwise("attempts").cast(pl.Int32),
            quarantined=pl.col("quarantined") & ~same,
        )
        partition = {"batch": batch, "stage": stage}
        epoch = claim_epoch(lake, stage, batch)
        file = stage_file(lake, "failures", rows, partition)
        number = 2 * epoch + 1  # as a run's last word on its failures is numbered
        commit_partition(lake, "failures", [file], partition, f"failures/{batch}/{stage}", number)
    if changed:
        forget_requests(lake, batch)
    return count
