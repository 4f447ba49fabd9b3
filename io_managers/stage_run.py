"""One run of one stage over one batch: what is current already, what is new, what failed.

Here: carrying current rows over, buffering new ones into Parquet micro-batches, and the charging of
failures. Every stage uses it the same way. Not here: how a document is read (`assets/<stage>`) or
the commit (`publish.py`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl

from io_managers.publish import Staged, StagedFile, claim_epoch, published_epoch, stage_file
from io_managers.schemas import TABLES
from io_managers.versions import StageVersion, register, require_accepted
from resources.errors import NOT_CHARGED, is_quarantined
from resources.lake.lake import Lake

MICRO_BATCH_BYTES: Final = 32 * 2**20
"""A micro-batch is written at this size: it bounds the parent's memory, not the batch."""
MICRO_BATCH_ROWS: Final = 2_000
_WHOLE: Final = -1


@dataclass(frozen=True)
class Subject:
    """What a failure is about: a document (or a file that could not be read), maybe one page."""

    doc_id: str | None
    uri: str | None
    page_number: int | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Identity within a stage: the document, else the file; the page, else the whole."""
        return (
            self.doc_id or self.uri or "",
            _WHOLE if self.page_number is None else self.page_number,
        )


class StageRun:
    """Collects one stage's rows and failures for one batch, and ends in a `Staged` handle."""

    def __init__(
        self, lake: Lake, version: StageVersion, batch: str, run_id: str, *, gate: str = "block"
    ) -> None:
        """Claim an epoch and read what is published.

        Raises:
            VersionNotAcceptedError: Before any work is done for rows that could not be published.
        """
        self.lake = lake
        self.stage = version.stage
        self.version = version.name
        self.batch = batch
        self.run_id = run_id
        register(lake, version, gate)
        require_accepted(lake, version.stage, version.name)
        self.epoch = claim_epoch(lake, self.stage, batch)
        self.counts: Counter[str] = Counter()
        self.now = datetime.now(UTC)
        self._published = published_epoch(lake, self.stage, batch) is not None
        self._buffers: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._sizes: Counter[str] = Counter()
        self._files: dict[str, list[StagedFile]] = defaultdict(list)
        self._changed = not self._published
        columns = dict.fromkeys(["version", "input_sha256", *TABLES[self.stage].key])
        self._carried = TABLES[self.stage].empty().select(list(columns))
        self._failures: dict[tuple[str, int], dict[str, Any]] = {}
        self._earlier = {
            _failure_key(row): row
            for row in lake.read("failures", batch=batch)
            .filter((pl.col("stage") == self.stage) & (pl.col("version") == self.version))
            .to_dicts()
        }

    # What is current --------------------------------------------------------------------------

    def carry(
        self, inputs: Mapping[str, str], *, unit: str = "doc_id", by_page: bool = False
    ) -> pl.DataFrame:
        """Keep published rows that are current and return their keys; all else is to be done.

        A row is current when its version is this run's, its `input_sha256` equals what the stage
        would read now, and its failure, if it has one, is final.

        Args:
            inputs: `input_sha256` by document (or by uri for `files`).
            unit: The column that `inputs` is keyed by.
            by_page: Whether single pages of a document may be carried over.
        """
        rows = self.lake.read(self.stage, self._carried.columns, batch=self.batch)
        wanted = pl.DataFrame(
            {unit: list(inputs), "_input": list(inputs.values())},
            schema={unit: pl.String, "_input": pl.String},
        )
        current = rows.filter(pl.col("version") == self.version).join(
            wanted, on=unit, how="inner", maintain_order="left"
        )
        current = current.filter(pl.col("input_sha256") == pl.col("_input")).drop("_input")
        current = self._without_retries(current, unit, by_page=by_page)
        self._changed = self._changed or current.height < rows.height
        self._keep_failures(set(inputs))
        self._carried = current
        return current

    def keep_published(self, units: Collection[str], *, unit: str = "doc_id") -> set[str]:
        """Keep every published row of these documents as it is; returns those with a good row.

        For documents whose source is gone: a failure never replaces good rows of the same document.
        """
        if not units:
            return set()
        columns = [*self._carried.columns, "status"]
        rows = self.lake.read(self.stage, columns, batch=self.batch)
        good = rows.filter(pl.col("status") != "failed")[unit].unique().to_list()
        rows = rows.filter(pl.col(unit).is_in(list(units)) & pl.col(unit).is_in(good))
        kept = set(rows[unit])
        others = self._carried.filter(~pl.col(unit).is_in(list(kept)))
        self._carried = pl.concat([others, rows.select(self._carried.columns)])
        earlier = self.lake.read("failures", batch=self.batch)
        for row in earlier.filter(pl.col("stage") == self.stage).to_dicts():
            if row[unit] in kept:
                self._failures.setdefault(_failure_key(row), row)
        return kept

    def _without_retries(self, rows: pl.DataFrame, unit: str, *, by_page: bool) -> pl.DataFrame:
        retried = [row for row in self._earlier.values() if not row["quarantined"]]
        whole = {
            row[unit]
            for row in retried
            if row[unit] is not None and (not by_page or row["page_number"] is None)
        }
        rows = rows.filter(~pl.col(unit).is_in(list(whole)))
        pages = [
            (row[unit], row["page_number"]) for row in retried if row["page_number"] is not None
        ]
        if by_page and pages:
            frame = pl.DataFrame(
                pages, schema={unit: pl.String, "page_number": pl.Int32}, orient="row"
            )
            rows = rows.join(frame, on=[unit, "page_number"], how="anti", maintain_order="left")
        return rows

    def _keep_failures(self, wanted: Collection[str]) -> None:
        for key, row in self._earlier.items():
            if row["quarantined"] and key[0] in wanted:
                self._failures[key] = row

    def _copy(self, table: str, keys: pl.DataFrame) -> None:
        """Copy published rows, a chunk at a time, so that a batch of images is never held."""
        rows = self.lake.scan(table, batch=self.batch).join(
            keys.lazy(), on=keys.columns, how="semi", maintain_order="left"
        )
        for frame in rows.collect_batches(chunk_size=256, maintain_order=True):
            if frame.height:
                self._files[table].append(
                    stage_file(self.lake, table, frame, {"batch": self.batch})
                )

    # What is new ------------------------------------------------------------------------------

    @property
    def carried(self) -> pl.DataFrame:
        """Keys of the published rows that are kept."""
        return self._carried

    def add(self, table: str, row: dict[str, Any], size: int) -> None:
        """Add one row (without batch and version); `size` is its rough weight in bytes."""
        self._changed = True
        self._buffers[table].append({**row, "batch": self.batch, "version": self.version})
        self._sizes[table] += size
        full = self._sizes[table] >= MICRO_BATCH_BYTES
        if full or len(self._buffers[table]) >= MICRO_BATCH_ROWS:
            self._flush(table)

    def _flush(self, table: str) -> None:
        rows = self._buffers.pop(table, [])
        self._sizes[table] = 0
        if rows:
            frame = pl.DataFrame(rows, schema=TABLES[table].polars)
            self._files[table].append(stage_file(self.lake, table, frame, {"batch": self.batch}))

    def fail(self, subject: Subject, error_class: str, error: str) -> None:
        """Record a failure and charge an attempt: once a run, never when interrupted."""
        earlier = self._earlier.get(subject.key)
        attempts = int(earlier["attempts"]) if earlier else 0
        charged = error_class not in NOT_CHARGED
        again = earlier is not None and earlier["run_id"] == self.run_id
        if charged and not again:
            attempts += 1
        self._failures[subject.key] = {
            "batch": self.batch,
            "doc_id": subject.doc_id,
            "uri": subject.uri,
            "page_number": subject.page_number,
            "stage": self.stage,
            "version": self.version,
            "error_class": str(error_class),
            "error": error,
            "attempts": attempts,
            "quarantined": is_quarantined(error_class, attempts),
            "first_seen_at": earlier["first_seen_at"] if earlier else self.now,
            "last_seen_at": self.now,
            "run_id": self.run_id,
        }
        self.counts[f"failed_{error_class}"] += 1

    def finish(self, side_tables: Mapping[str, pl.DataFrame] | None = None) -> Staged:
        """Write what is buffered and what is carried, and hand on the staged files.

        Args:
            side_tables: For each table published beside the stage's own, the keys of its published
                rows that go with the carried ones and must be kept.
        """
        keys = [column for column in TABLES[self.stage].key if column != "batch"]
        kept = {**(side_tables or {}), self.stage: self._carried.select(keys)}
        tables: dict[str, tuple[StagedFile, ...]] = {}
        for table, rows in kept.items():
            if self._changed and not rows.is_empty():
                self._copy(table, rows)
            self._flush(table)
            tables[table] = tuple(self._files[table])
        return Staged(
            stage=self.stage,
            batch=self.batch,
            version=self.version,
            epoch=self.epoch,
            tables=tables,
            failures=tuple(self._failures[key] for key in sorted(self._failures)),
            counts=dict(self.counts),
            unchanged=not self._changed,
        )


def _failure_key(row: Mapping[str, Any]) -> tuple[str, int]:
    return Subject(row["doc_id"], row["uri"], row["page_number"]).key
