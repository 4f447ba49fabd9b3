"""Whose turn it is to own a document whose owner lost its source, and which batches run.

The owner's batch hands the document over: it finds the source gone once more, names the heir in
`contents`, and drops its own rows. Only then does the heir's batch do the document, so that its
rows stand in one batch at any time.

Here: what the tables say of it. Not here: the change of `contents` (`contents.py`), the rows that
come of it (`assets/files`), or the runs (`resources/lake/batches.py`).
"""

from __future__ import annotations

from typing import Final

import polars as pl

from io_managers.schemas import CONTENTS, FILES, STAGES
from resources.errors import SOURCE_GONE
from resources.lake.lake import Lake

_FILE: Final = ["batch", "uri"]
_ROW: Final = [*_FILE, "doc_id", "status"]
_OWNER: Final = ["doc_id", "owner_batch", "owner_uri"]
_DUPLICATE: Final = pl.col("status") == "duplicate"
_OWNS: Final = (pl.col("batch") == pl.col("owner_batch")) & (pl.col("uri") == pl.col("owner_uri"))
"""Whether a row of `files`, joined with the claim of its document, is the owner's."""


def gone_sources(lake: Lake) -> pl.DataFrame:
    """Failures in quarantine because a source is gone: `batch`, `uri`, `doc_id`.

    Those without a doc_id are about a sighting that could not be read into `files`; those with one
    are about a document whose bytes a later stage did not find.
    """
    failures = lake.read("failures", [*_FILE, "doc_id", "error_class", "quarantined"])
    gone = pl.col("error_class").is_in([str(c) for c in SOURCE_GONE])
    return failures.filter(pl.col("quarantined") & gone).select(*_FILE, "doc_id").unique()


def without_a_sighting(owners: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """Claims of sightings that were gone before their row of `files` was made: no rows stand."""
    keys = ["owner_batch", "owner_uri"]
    return owners.join(_unread(gone), left_on=keys, right_on=_FILE, how="semi")


def _unread(gone: pl.DataFrame) -> pl.DataFrame:
    return gone.filter(pl.col("doc_id").is_null()).select(_FILE)


class Successions:
    """Documents whose owner may have to change, or is changing."""

    def __init__(self, lake: Lake, batch: str | None = None) -> None:
        """Read what the tables say.

        Args:
            lake: Where the tables are.
            batch: Only documents that this batch has sightings of. Without it only documents are
                looked at of which some source is gone: nothing else makes an owner change.
        """
        self.lake = lake
        gone = gone_sources(lake)
        owners = _suspects(lake, gone) if batch is None else _of_batch(lake, batch, gone)
        rows = _rows(lake, owners)
        self._rows = rows.join(owners, on="doc_id")
        copies = self._rows.filter(_DUPLICATE & ~_OWNS).join(_unread(gone), on=_FILE, how="anti")
        of_copied = owners.join(copies, on="doc_id", how="semi")
        lost = _lost(lake, of_copied, gone)
        self._heirs = copies.join(lost, on="doc_id", how="semi").sort("doc_id", *_FILE)
        self._claimed = self._rows.filter(_DUPLICATE & _OWNS)
        self._holders = self._find_holders()

    def due(self) -> pl.DataFrame:
        """What must run next for a document to have one owner that does it: `doc_id`, `batch`."""
        owner = pl.col("owner_batch").alias("batch")
        waiting = self._claimed.join(self._holders, on="doc_id", how="anti")
        frames = [
            self._heirs.select("doc_id", owner),
            self._holders,
            waiting.select("doc_id", owner),
        ]
        return pl.concat(frames).unique().sort("doc_id", "batch")

    def unsettled(self, batch: str) -> set[str]:
        """Sightings of a batch whose row of `files` has to be made again.

        - The owner of a document that is lost and has an heir, and heirs in the same batch.
        - A former owner.
        - A duplicate that was named the owner, once no other batch holds rows of the document.
        """
        lost = self._rows.join(self._heirs, on="doc_id", how="semi")
        own = lost.filter((pl.col("owner_batch") == batch) & _OWNS)
        near = self._heirs.filter(pl.col("owner_batch") == batch)
        former = self._rows.filter(~_DUPLICATE & ~_OWNS)
        named = self._claimed.join(self._holders, on="doc_id", how="anti")
        frames = [frame.select(_FILE) for frame in (own, near, former, named)]
        return set(pl.concat(frames).filter(pl.col("batch") == batch)["uri"])

    def heirs(self, batch: str) -> dict[str, list[tuple[str, str]]]:
        """Of lost documents that this batch owns, the sightings that may follow, in their order."""
        mine = self._heirs.filter(pl.col("owner_batch") == batch)
        found: dict[str, list[tuple[str, str]]] = {}
        for doc_id, heir, uri in mine.select("doc_id", *_FILE).iter_rows():
            found.setdefault(doc_id, []).append((heir, uri))
        return found

    def _find_holders(self) -> pl.DataFrame:
        """Batches that still hold rows of a document that another batch was named the owner of."""
        moved = self._claimed.select("doc_id", "owner_batch")
        elsewhere = self._rows.join(moved, on="doc_id", how="semi").filter(
            pl.col("batch") != pl.col("owner_batch")
        )
        held = [elsewhere.filter(~_DUPLICATE).select("doc_id", "batch")]
        for (batch,), some in elsewhere.group_by("batch"):
            wanted = pl.col("doc_id").is_in(some["doc_id"].to_list())
            for stage in STAGES[1:]:
                rows = self.lake.scan(stage, ["doc_id", "batch"], batch=str(batch)).filter(wanted)
                held.append(rows.unique().collect())
        return pl.concat(held).unique()


def _rows(lake: Lake, owners: pl.DataFrame) -> pl.DataFrame:
    if owners.is_empty():
        return FILES.empty().select(_ROW)
    return _find(lake, pl.col("doc_id").is_in(owners["doc_id"].to_list()))


def _find(lake: Lake, condition: pl.Expr) -> pl.DataFrame:
    """Rows of `files` of all batches, in one scan.

    One lazy frame per partition, as `Lake.scan` makes them, took 15 s and 3 GiB for 200 batches.
    """
    table = lake.open("files")
    added = FILES.empty() if table is None else pl.DataFrame(table.get_add_actions(flatten=True))
    if added.is_empty():
        return FILES.empty().select(_ROW)
    root = lake.table_uri("files")
    files = added.select(_path=f"{root}/" + pl.col("path"), batch=pl.col("partition.batch"))
    rows = pl.scan_parquet(
        files["_path"].to_list(),
        schema=pl.Schema({c: FILES.polars[c] for c in FILES.data_columns}),
        missing_columns="insert",
        extra_columns="ignore",
        hive_partitioning=False,
        glob=False,
        include_file_paths="_path",
        storage_options=lake.storage_options or None,
    )
    found = rows.filter(condition).select("uri", "doc_id", "status", "_path").collect()
    return found.join(files, on="_path").select(_ROW)


def _lost(lake: Lake, owners: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """Those of these claims that nothing more can come of.

    The owner's source is gone, and no page of the document was read before: what was read stays,
    and so does its owner, because a failure never replaces good rows.
    """
    stopped = owners.join(
        gone, left_on=["doc_id", "owner_batch"], right_on=["doc_id", "batch"], how="semi"
    )
    frames = [without_a_sighting(owners, gone)]
    for (batch,), some in stopped.group_by("owner_batch"):
        read = lake.scan("pages", ["doc_id", "status"], batch=str(batch)).filter(
            pl.col("doc_id").is_in(some["doc_id"].to_list()) & (pl.col("status") != "failed")
        )
        frames.append(some.join(read.collect(), on="doc_id", how="anti"))
    return pl.concat(frames).unique("doc_id")


def _suspects(lake: Lake, gone: pl.DataFrame) -> pl.DataFrame:
    """Claims of documents of which some source is gone."""
    if gone.is_empty():
        return CONTENTS.empty().select(_OWNER)
    unread = _unread(gone)
    # What was gone before it was read has no doc_id: it is known by its claim, by the row that it
    # had before, or by who calls itself a duplicate of it.
    batches = unread["batch"].unique().to_list()
    named = gone["doc_id"].drop_nulls().unique()
    if unread.height:
        followed = pl.col("duplicate_of_batch").is_in(batches) & _DUPLICATE
        rows = _find(lake, followed | pl.col("uri").is_in(unread["uri"].unique().to_list()))
        named = pl.concat([named, rows["doc_id"].drop_nulls()]).unique()
    claims = lake.scan("contents", _OWNER)
    keys = ["owner_batch", "owner_uri"]
    of_files = claims.join(unread.lazy(), left_on=keys, right_on=_FILE, how="semi")
    wanted = pl.col("doc_id").is_in(named.to_list())
    return pl.concat([claims.filter(wanted), of_files]).unique().collect()


def _of_batch(lake: Lake, batch: str, gone: pl.DataFrame) -> pl.DataFrame:
    """Claims of a batch's documents that may be lost, or that its rows contradict."""
    rows = lake.read("files", _ROW, batch=batch)
    if rows.is_empty():
        return CONTENTS.empty().select(_OWNER)
    mine = (pl.col("owner_batch") == batch) | pl.col("doc_id").is_in(
        rows["doc_id"].drop_nulls().unique().to_list()
    )
    owners = lake.scan("contents", _OWNER).filter(mine).collect()
    both = rows.join(owners, on="doc_id")
    strange = both.filter(_OWNS == _DUPLICATE)
    lost = without_a_sighting(owners, gone)["doc_id"]
    suspects = [*strange["doc_id"], *gone["doc_id"].drop_nulls(), *lost]
    return owners.filter(pl.col("doc_id").is_in(suspects))
