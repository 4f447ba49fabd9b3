"""Taking files into batches: the manifest's transaction.

Here: what is new, and the commit that makes it part of a batch exactly once, whoever else does the
same. Not here: which files are ready (`scan.py`) or where a batch ends (`batching.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from io_managers.schemas import MANIFEST, TIMESTAMP
from io_managers.versions import COMMIT_TRIES, pause
from resources.crash_points import reach
from resources.errors import LakeError
from resources.lake.lake import Lake
from resources.landing.uris import display_name
from sensors.batching import Cut, CutRule, cut_batches

TRANSACTION: Final = "manifest"
_IDENTITY: Final = ("uri", "etag", "n_bytes", "mtime")


@dataclass(frozen=True)
class Taken:
    """The batches of one commit, and how many files they hold."""

    batches: tuple[str, ...] = ()
    n_files: int = 0


def unknown(lake: Lake, sightings: pl.DataFrame, table: DeltaTable | None = None) -> pl.DataFrame:
    """Sightings that no batch holds: a set difference, so no clock or cursor can lose a file.

    A sighting with an etag is told from others by uri and etag alone: an object that was put again
    with the same bytes has a new time and is no new file.
    """
    known = _identity(lake.scan("manifest", list(_IDENTITY), table=table))
    # The manifest may hold many more files than were listed: only those that match stay in memory.
    return (
        _identity(sightings.lazy(), suffix="_key")
        .join(
            known,
            left_on=[f"{name}_key" for name in _IDENTITY],
            right_on=list(_IDENTITY),
            how="anti",
            nulls_equal=True,
            maintain_order="left",
        )
        .select(sightings.columns)
        .collect()
    )


def _identity(frame: pl.LazyFrame, suffix: str = "") -> pl.LazyFrame:
    tagged = pl.col("etag").is_not_null()
    return frame.with_columns(
        pl.col("uri").alias(f"uri{suffix}"),
        pl.col("etag").alias(f"etag{suffix}"),
        pl.when(tagged).then(None).otherwise(pl.col("n_bytes")).alias(f"n_bytes{suffix}"),
        pl.when(tagged)
        .then(None)
        .otherwise(pl.col("mtime"))
        .cast(TIMESTAMP)
        .alias(f"mtime{suffix}"),
    )


def take(
    lake: Lake, files: pl.DataFrame, cuts: Sequence[Cut], rule: CutRule, job_id: str | None
) -> Taken:
    """Append the files of these batches to the manifest, exactly once whoever else does the same.

    The rows go through the table handle whose snapshot the difference was taken against, with a
    transaction number read from it: of two ticks at once one conflicts, reads again and cuts again.

    Args:
        lake: Where the manifest is.
        files: `SIGHTINGS` in order, those of all batches.
        cuts: Where each batch ends.
        rule: To cut again by, where some of the files were taken meanwhile.
        job_id: The submission that these files come with.

    Raises:
        LakeError: Too many others write.
    """
    for attempt in range(COMMIT_TRIES):
        if not cuts:
            return Taken()
        table = lake.ensure("manifest")
        number = table.transaction_version(TRANSACTION) or 0
        still = unknown(lake, files, table)
        if still.height < files.height:
            files, cuts = still, cut_batches(still["n_bytes"], rule)
            continue
        ids = [f"b{number + k:08d}" for k in range(1, len(cuts) + 1)]
        properties = CommitProperties(
            max_commit_retries=0,
            app_transactions=[Transaction(TRANSACTION, number + len(cuts))],
        )
        reach("manifest.before_take")
        try:
            rows = _rows(files, cuts, ids, job_id)
            write_deltalake(table, rows, mode="append", commit_properties=properties)
        except CommitFailedError:
            pause(attempt)
            continue
        reach("manifest.after_take")
        return Taken(tuple(ids), files.height)
    raise LakeError("could not take files into the manifest: too many writers, run again")


def _rows(
    files: pl.DataFrame, cuts: Sequence[Cut], ids: Sequence[str], job_id: str | None
) -> pl.DataFrame:
    batches = [batch for batch, cut in zip(ids, cuts, strict=True) for _ in range(cut.n_files)]
    return files.select(
        batch=pl.Series(batches, dtype=pl.String),
        uri=pl.col("uri"),
        file_name=pl.Series([display_name(uri) for uri in files["uri"]], dtype=pl.String),
        n_bytes=pl.col("n_bytes"),
        etag=pl.col("etag"),
        mtime=pl.col("mtime"),
        seen_at=pl.lit(datetime.now(UTC), dtype=TIMESTAMP),
        job_id=pl.lit(job_id, dtype=pl.String),
    ).select(list(MANIFEST.columns))
