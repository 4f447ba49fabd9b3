"""Letting documents out of quarantine: the next run of their batch tries them again.

Here: the change to `failures`, published like every change to it. Not here: what quarantine means
(`resources/errors.py`) or the runs.
"""

from __future__ import annotations

import polars as pl

from io_managers.publish import claim_epoch, commit_partition
from io_managers.staging import stage_file
from resources.lake.batches import forget_requests
from resources.lake.lake import Lake


def release(lake: Lake, batch: str, doc_id: str | None, uri: str) -> int:
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
    freed = same & pl.col("quarantined")
    stages = failures.filter(freed)["stage"].unique().sort().to_list()
    count = failures.filter(freed).height
    for stage in stages:
        rows = failures.filter(pl.col("stage") == stage).with_columns(
            attempts=pl.when(freed).then(0).otherwise("attempts").cast(pl.Int32),
            quarantined=pl.col("quarantined") & ~same,
        )
        partition = {"batch": batch, "stage": stage}
        epoch = claim_epoch(lake, stage, batch)
        file = stage_file(lake, "failures", rows, partition)
        number = 2 * epoch + 1  # as a run's last word on its failures is numbered
        commit_partition(lake, "failures", [file], partition, f"failures/{batch}/{stage}", number)
    if stages:
        forget_requests(lake, batch)
    return count
