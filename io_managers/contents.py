"""Ownership of contents: the first batch to claim a document does its work, once, for ever.

Here: the `contents` table and the claim. Not here: whose turn it is when an owner's source is gone
(`heirs.py`), or what a duplicate's row looks like (`assets/files`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from io_managers.heirs import gone_sources, without_a_sighting
from io_managers.schemas import CONTENTS
from io_managers.versions import COMMIT_TRIES, pause
from resources.crash_points import reach
from resources.errors import LakeError
from resources.lake.lake import Lake

TRANSACTION = "contents"


@dataclass(frozen=True)
class Owner:
    """The batch and sighting that own a document."""

    batch: str
    uri: str


def claim(lake: Lake, batch: str, documents: Mapping[str, str]) -> dict[str, Owner]:
    """Claim documents (doc_id to uri) for a batch; returns each one's owner, ours or another's.

    A claim that exists never moves here, but for one case: its owner's file was gone before it was
    read into `files`, so nothing stands of it, and the next sighting takes over. All claims share
    one application transaction whose number is read with the snapshot, so two batches that claim
    the same content at once conflict, and the later one reads again.
    """
    if not documents:
        return {}
    ours = {doc_id: Owner(batch, uri) for doc_id, uri in documents.items()}

    def wanted(known: pl.DataFrame) -> dict[str, Owner]:
        owners = _by_document(known)
        others = [doc_id for doc_id, owner in owners.items() if owner != ours[doc_id]]
        rivals = known.filter(pl.col("doc_id").is_in(others))
        gone = gone_sources(lake) if others else rivals
        free = set(without_a_sighting(rivals, gone)["doc_id"]) if gone.height else set()
        return {d: owner for d, owner in ours.items() if d in free or d not in owners}

    return _change(lake, list(documents), wanted)


def hand_over(lake: Lake, moves: Mapping[str, tuple[Owner, Owner]]) -> dict[str, Owner]:
    """Name another owner of documents (doc_id to present and next one); returns who owns each now.

    A document whose present owner is another by now is left alone: somebody was quicker.
    """

    def wanted(known: pl.DataFrame) -> dict[str, Owner]:
        owners = _by_document(known)
        return {d: to for d, (present, to) in moves.items() if owners.get(d) == present}

    return _change(lake, list(moves), wanted) if moves else {}


def _change(
    lake: Lake,
    documents: Sequence[str],
    wanted: Callable[[pl.DataFrame], dict[str, Owner]],
) -> dict[str, Owner]:
    """Write claims of some of these documents, decided from what `contents` holds of them."""
    for attempt in range(COMMIT_TRIES):
        table = lake.ensure("contents")
        of_them = pl.col("doc_id").is_in(list(documents))
        known = lake.scan("contents", table=table).filter(of_them).collect()
        changes = wanted(known)
        if not changes:
            return _by_document(known)
        first_seen = dict(known.select("doc_id", "first_seen_at").iter_rows())
        now = datetime.now(UTC)
        rows = [
            {
                "doc_id": doc_id,
                "owner_batch": owner.batch,
                "owner_uri": owner.uri,
                "first_seen_at": first_seen.get(doc_id, now),
            }
            for doc_id, owner in changes.items()
        ]
        number = table.transaction_version(TRANSACTION) or 0
        try:
            _write(table, pl.DataFrame(rows, schema=CONTENTS.polars), known, number + 1)
        except CommitFailedError:
            pause(attempt)
            continue
        reach("contents.claimed")
        return _by_document(known) | changes
    raise LakeError("could not claim documents: too many writers, run again")


def owners_of(lake: Lake, documents: Collection[str]) -> dict[str, Owner]:
    """Who owns these documents now; those that nobody claimed are left out."""
    if not documents:
        return {}
    columns = ["doc_id", "owner_batch", "owner_uri"]
    wanted = pl.col("doc_id").is_in(list(documents))
    return _by_document(lake.scan("contents", columns).filter(wanted).collect())


def _by_document(rows: pl.DataFrame) -> dict[str, Owner]:
    columns = rows.select("doc_id", "owner_batch", "owner_uri")
    return {doc_id: Owner(batch, uri) for doc_id, batch, uri in columns.iter_rows()}


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
