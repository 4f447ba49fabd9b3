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

from io_managers.publish import claim_epoch, partition_files, published_epoch
from io_managers.schemas import TABLES
from io_managers.staging import Staged, StagedFile, lake_frame, stage_file
from io_managers.versions import StageVersion, register, require_accepted
from resources.errors import NOT_CHARGED, is_quarantined
from resources.lake.lake import Lake

MICRO_BATCH_BYTES: Final = 16 * 2**20
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
        self,
        lake: Lake,
        version: StageVersion,
        batch: str,
        run_id: str,
        *,
        gate: str = "block",
        beside: str | None = None,
    ) -> None:
        """Claim an epoch and read what is published.

        Args:
            lake: Where the tables are.
            version: What this run makes.
            batch: The batch.
            run_id: Dagster's run; a failure is charged once in it.
            gate: `QUIRE_GATE`.
            beside: A table that is published with the stage's own; when a crash left the two of
                different runs, no row counts as current.

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
        mark = published_epoch(lake, self.stage, batch)
        self._published = mark is not None
        self._whole = beside is None or published_epoch(lake, beside, batch) == mark
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
        self,
        inputs: Mapping[str, str],
        *,
        unit: str = "doc_id",
        by_page: bool = False,
        settled: Collection[str] = (),
    ) -> pl.DataFrame:
        """Keep published rows that are current and return their keys; all else is to be done.

        A row is current when its version is this run's, its `input_sha256` equals what the stage
        would read now, and it is final: without a failure, or with one that is in quarantine. A
        failed row that no failure accounts for (a crash cleared it) is done again.

        Args:
            inputs: `input_sha256` by document (or by uri for `files`).
            unit: The column that `inputs` is keyed by.
            by_page: Whether single pages of a document may be carried over.
            settled: Documents whose failed rows are final because an earlier stage failed them.
        """
        marks = [c for c in ("status", "error_class") if c in TABLES[self.stage].columns]
        columns = list(dict.fromkeys([unit, *self._carried.columns, *marks]))
        rows = self.lake.read(self.stage, columns, batch=self.batch)
        total = rows.height
        wanted = pl.DataFrame(
            {unit: list(inputs), "_input": list(inputs.values())},
            schema={unit: pl.String, "_input": pl.String},
        )
        rows = rows.filter(pl.col("version") == self.version).join(
            wanted, on=unit, how="inner", maintain_order="left"
        )
        rows = rows.filter((pl.col("input_sha256") == pl.col("_input")) & self._whole)
        rows = rows.filter(~self._open_rows(rows, unit, by_page=by_page, settled=settled))
        self._carried = rows.select(self._carried.columns)
        self._changed = self._changed or rows.height < total
        self._keep_failures(unit, by_page=by_page)
        return self._carried

    def _open_rows(
        self, rows: pl.DataFrame, unit: str, *, by_page: bool, settled: Collection[str]
    ) -> pl.Series:
        """Which rows are not final, whole documents at once unless `by_page`."""
        given_up = {(r[unit], r["page_number"]) for r in self._earlier.values() if r["quarantined"]}
        retried = {
            (r[unit], r["page_number"]) for r in self._earlier.values() if not r["quarantined"]
        }
        failed = rows["error_class"].is_not_null() if "error_class" in rows.columns else None
        units = rows[unit].to_list()
        pages = (
            rows["page_number"].to_list() if "page_number" in rows.columns else [None] * len(units)
        )
        bad = failed.to_list() if failed is not None else [False] * len(units)
        open_rows = [
            bool({(u, p), (u, None)} & retried)
            or (b and u not in settled and not {(u, p), (u, None)} & given_up)
            for u, p, b in zip(units, pages, bad, strict=True)
        ]
        if not by_page:
            units_open = {u for u, is_open in zip(units, open_rows, strict=True) if is_open}
            units_open |= {u for u, _ in retried}
            open_rows = [u in units_open for u in units]
        return pl.Series(open_rows, dtype=pl.Boolean)

    def _keep_failures(self, unit: str, *, by_page: bool) -> None:
        """Failures in quarantine stay with the rows that they account for."""
        kept = set(self._carried[unit])
        pages = set(self._carried.select(unit, "page_number").iter_rows()) if by_page else set()
        for key, row in self._earlier.items():
            page = row["page_number"]
            stays = (
                (row[unit], page) in pages if by_page and page is not None else row[unit] in kept
            )
            if row["quarantined"] and stays:
                self._failures[key] = row

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

    def _keep_files(self, table: str, keys: pl.DataFrame) -> None:
        """Keep published files whose rows all stay; of others, copy the rows that do.

        A file is at most a micro-batch, so one at a time bounds memory, and a batch of images of
        which one document changed is not written again.
        """
        handle = self.lake.open(table)
        if handle is None:
            return
        on = keys.columns
        for present in partition_files(handle, {"batch": self.batch}):
            file = StagedFile(
                present["path"], present["num_records"], present["size_bytes"], "", published=True
            )
            rows = lake_frame(self.lake, table, [file], [c for c in on if c != "batch"])
            stays = rows.join(keys, on=on, how="semi").height
            if stays == rows.height:
                self._files[table].append(file)
            elif stays:
                whole = lake_frame(self.lake, table, [file], TABLES[table].data_columns)
                part = whole.join(keys, on=on, how="semi", maintain_order="left")
                self._files[table].append(stage_file(self.lake, table, part, {"batch": self.batch}))

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
                self._keep_files(table, rows)
            self._flush(table)
            tables[table] = tuple(self._files[table])
        return Staged(
            stage=self.stage,
            batch=self.batch,
            version=self.version,
            epoch=self.epoch,
            tables=tables,
            failures=tuple(self._failures[key] for key in sorted(self._failures)),
            cleared=tuple(row for key, row in self._earlier.items() if key not in self._failures),
            counts=dict(self.counts),
            unchanged=not self._changed,
        )


def _failure_key(row: Mapping[str, Any]) -> tuple[str, int]:
    return Subject(row["doc_id"], row["uri"], row["page_number"]).key
