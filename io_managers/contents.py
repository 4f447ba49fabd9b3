"""Ownership of contents: the first batch to claim a document does its work, once, for ever.

Here: the `contents` table and the claim. Not here: what a duplicate's row looks like
(`assets/files`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from io_managers.schemas import CONTENTS
from io_managers.versions import COMMIT_TRIES, pause
from resources.crash_points import reach
from resources.errors import SOURCE_GONE, LakeError
from resources.lake.lake import Lake

TRANSACTION = "contents"


@dataclass(frozen=True)
class Owner:
    """The batch and sighting that own a document."""

    batch: str
    uri: str


def claim(lake: Lake, batch: str, documents: Mapping[str, str]) -> dict[str, Owner]:
    """Claim documents (doc_id to uri) for a batch; returns each one's owner, ours or another's.

    A claim that exists never moves, but for one case: its owner's file was gone before it was ever
    read into `files`, so nothing can come of it, and the next sighting takes over. All claims share
    one application transaction whose number is read with the snapshot, so two batches that claim
    the same content at once conflict, and the later one reads again.
    """
    if not documents:
        return {}
    for attempt in range(COMMIT_TRIES):
        table = lake.ensure("contents")
        wanted = list(documents)
        known = (
            lake.scan("contents", ["doc_id", "owner_batch", "owner_uri"], table=table)
            .filter(pl.col("doc_id").is_in(wanted))
            .collect()
        )
        owners = {
            row["doc_id"]: Owner(row["owner_batch"], row["owner_uri"]) for row in known.to_dicts()
        }
        for doc_id in _abandoned(lake, batch, owners):
            del owners[doc_id]
        fresh = [doc_id for doc_id in wanted if doc_id not in owners]
        if not fresh:
            return owners
        now = datetime.now(UTC)
        rows = [
            {
                "doc_id": doc_id,
                "owner_batch": batch,
                "owner_uri": documents[doc_id],
                "first_seen_at": now,
            }
            for doc_id in fresh
        ]
        number = table.transaction_version(TRANSACTION) or 0
        try:
            _write(table, pl.DataFrame(rows, schema=CONTENTS.polars), known, number + 1)
        except CommitFailedError:
            pause(attempt)
            continue
        reach("contents.claimed")
        return owners | {doc_id: Owner(batch, documents[doc_id]) for doc_id in fresh}
    raise LakeError("could not claim documents: too many writers, run again")


def _abandoned(lake: Lake, batch: str, owners: Mapping[str, Owner]) -> list[str]:
    """Documents whose owner, in another batch, lost its file before its row of `files` was made."""
    others = {doc_id: o for doc_id, o in owners.items() if o.batch != batch}
    if not others:
        return []
    lost = lake.read("failures", ["batch", "uri", "doc_id", "error_class", "quarantined"]).filter(
        pl.col("quarantined")
        & pl.col("doc_id").is_null()
        & pl.col("error_class").is_in([str(c) for c in SOURCE_GONE])
    )
    gone = set(lost.select("batch", "uri").iter_rows())
    return [doc_id for doc_id, owner in others.items() if (owner.batch, owner.uri) in gone]


def _write(table: DeltaTable, rows: pl.DataFrame, known: pl.DataFrame, number: int) -> None:
    """Append claims; those that are taken over replace the old ones in the same commit."""
    properties = CommitProperties(
        max_commit_retries=0, app_transactions=[Transaction(TRANSACTION, number)]
    )
    if rows.join(known, on="doc_id", how="semi").is_empty():
        write_deltalake(table, rows, mode="append", commit_properties=properties)
        return
    merge = table.merge(
        rows,
        predicate="target.doc_id = source.doc_id",
        source_alias="source",
        target_alias="target",
        commit_properties=properties,
    )
    merge.when_matched_update_all().when_not_matched_insert_all().execute()
