"""One run of one stage over one batch: what is current already, what is new, what failed.

Here: carrying current rows over, buffering new ones into Parquet micro-batches, and the charging of
failures. Every stage uses it the same way. Not here: how a document is read (`assets/<stage>`),
what a checkpoint holds (`checkpoints.py`, `resume.py`) or the commit (`publish.py`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl

from io_managers.checkpoints import (
    WHOLE,
    Checkpoint,
    MicroBatch,
    forget_spent,
    without_files_that_are_gone,
)
from io_managers.failure_ledger import FailureLedger, Subject
from io_managers.intents import Intents
from io_managers.publish import claim_epoch, partition_files, published_epoch
from io_managers.resume import Resumed, resume
from io_managers.schemas import TABLES
from io_managers.staging import Staged, StagedFile, lake_frame, stage_file
from io_managers.standing import standing, versions_of
from io_managers.usage import Work
from io_managers.versions import StageVersion, register, require_accepted
from resources.crash_points import reach
from resources.lake.lake import Lake

MICRO_BATCH_BYTES: Final = 16 * 2**20
"""A micro-batch is written at this size: it bounds the parent's memory, not the batch."""
MICRO_BATCH_ROWS: Final = 2_000
_MARKS: Final = ("status", "error_class")


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
        reach("stage.epoch_claimed")
        self.counts: Counter[str] = Counter()
        self.work = Work()
        self.now = datetime.now(UTC)
        mark = published_epoch(lake, self.stage, batch)
        self._published, self._changed = mark is not None, mark is None
        forget_spent(lake, self.stage, batch, mark)
        self._checkpoint = Checkpoint(lake, self.stage, batch, self.version, mark or 0, self.epoch)
        self._inputs: Mapping[str, str] = {}
        self._answered: dict[str, set[int]] = defaultdict(set)
        self._recorded: Counter[str] = Counter()
        self._n_files: Counter[str] = Counter()
        self._recording = True
        self.resumed = Resumed()
        self._beside = beside
        self._unit = "doc_id"
        self._whole = beside is None or published_epoch(lake, beside, batch) == mark
        self._buffers: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._sizes: Counter[str] = Counter()
        self._files: dict[str, list[StagedFile]] = defaultdict(list)
        columns = dict.fromkeys(["version", "input_sha256", *TABLES[self.stage].key])
        self._carried = TABLES[self.stage].empty().select(list(columns))
        self.failures = FailureLedger(lake, version, batch, run_id)
        large = self.failures.too_large_for_a_pod()
        self.intents = Intents(lake, self.stage, batch, mark or 0, self.epoch, large)

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
        failed row that no failure accounts for (a crash cleared it) is done again. A good row that
        stands in place of a failure is kept while that failure, on this very input, is in
        quarantine.

        Args:
            inputs: `input_sha256` by document (or by uri for `files`).
            unit: The column that `inputs` is keyed by.
            by_page: Whether single pages of a document may be carried over.
            settled: Documents whose failed rows are final because an earlier stage failed them.
        """
        marks = [c for c in _MARKS if c in TABLES[self.stage].columns]
        columns = list(dict.fromkeys([unit, *self._carried.columns, *marks]))
        rows = self.lake.read(self.stage, columns, batch=self.batch)
        total = rows.height
        self._unit = unit
        wanted = pl.DataFrame(
            {unit: list(inputs), "_input": list(inputs.values())},
            schema={unit: pl.String, "_input": pl.String},
        )
        rows = rows.join(wanted, on=unit, how="inner", maintain_order="left")
        made_now = pl.col("version").eq(self.version) & pl.col("input_sha256").eq(pl.col("_input"))
        rows = rows.with_columns((made_now & self._whole).alias("_current"))
        rows = rows.with_columns(pl.col("_current") | self._standing_rows(rows, unit))
        rows = rows.filter(~self._open_rows(rows, unit, by_page=by_page, settled=settled))
        self._carried = rows.select(self._carried.columns)
        strange = self.failures.about_others(unit, inputs) or self.failures.of_other_versions
        self._changed = self._changed or rows.height < total or strange
        pages = set(self._carried.select(unit, "page_number").iter_rows()) if by_page else None
        self.failures.keep(unit, set(self._carried[unit]), pages)
        self._resume(inputs, unit, by_page=by_page)
        return self._carried

    def _resume(self, inputs: Mapping[str, str], unit: str, *, by_page: bool) -> None:
        """Go on from the checkpoint that a run before this one left, if it left one."""
        self._inputs = inputs
        kept = self._carried.select(unit, "page_number" if by_page else pl.lit(WHOLE)).iter_rows()
        found = without_files_that_are_gone(self.lake, self._checkpoint.load())
        self.resumed = resume(self.lake, self.stage, self.batch, found, inputs, set(kept), unit)
        self._changed = self._changed or bool(self.resumed.units)
        for table, files in self.resumed.tables.items():
            self._files[table] += files
            self._n_files[table] = len(files)
        self.failures.take_over(self.resumed.failures)
        self.counts += self.resumed.counts
        if self.resumed.units:
            self.counts["resumed"] = self.resumed.n_units
        self._recorded = Counter(self.counts)

    def _open_rows(
        self, rows: pl.DataFrame, unit: str, *, by_page: bool, settled: Collection[str]
    ) -> pl.Series:
        """Which rows are not current and final, whole documents at once unless `by_page`."""
        given_up = self.failures.earlier_subjects(unit, quarantined=True)
        retried = self.failures.earlier_subjects(unit, quarantined=False)
        failed = rows["error_class"].is_not_null() if "error_class" in rows.columns else None
        units = rows[unit].to_list()
        pages = (
            rows["page_number"].to_list() if "page_number" in rows.columns else [None] * len(units)
        )
        bad = failed.to_list() if failed is not None else [False] * len(units)
        open_rows = [
            not current
            or bool({(u, p), (u, None)} & retried)
            or (b and u not in settled and not {(u, p), (u, None)} & given_up)
            for u, p, b, current in zip(units, pages, bad, rows["_current"], strict=True)
        ]
        if not by_page:
            units_open = {u for u, is_open in zip(units, open_rows, strict=True) if is_open}
            units_open |= {u for u, _ in retried}
            open_rows = [u in units_open for u in units]
        return pl.Series(open_rows, dtype=pl.Boolean)

    def _standing_rows(self, rows: pl.DataFrame, unit: str) -> pl.Series:
        """Which rows are good ones that stand in place of a failure that is in quarantine."""
        given_up = self.failures.given_up(unit) if self._whole else {}
        if not given_up:
            return pl.Series([False] * rows.height, dtype=pl.Boolean)
        pages = rows["page_number"] if "page_number" in rows.columns else [None] * rows.height
        asked = zip(rows[unit], pages, rows["_input"], rows["status"], strict=True)
        return pl.Series(
            [
                status != "failed" and given in (given_up.get((u, p)), given_up.get((u, None)))
                for u, p, given, status in asked
            ],
            dtype=pl.Boolean,
        )

    def stand(self) -> None:
        """Let good published rows stand in place of what failed in this run.

        Page by page where rows are of pages, else document by document. The failure is published,
        and tried again like any other; its message says whose rows stay. `finish` does this; a
        stage calls it before where it has to know what stays.
        """
        failed = self.failures.charged(self._unit)
        if not failed or not self._published:
            return
        self._flush(self.stage)
        published = self._published_rows({name for name, _ in failed})
        marks = [c for c in published.columns if c in (self._unit, "page_number", *_MARKS)]
        made = self.staged(self.stage, marks)
        several = "image_index" in TABLES[self.stage].key
        keys = standing(failed, made, published, self._unit, may_be_empty=several)
        if keys.is_empty():
            return
        kept = published.join(keys, on=keys.columns, how="semi", maintain_order="left")
        self._drop_new(keys)
        self._carried = pl.concat([self._carried, kept.select(self._carried.columns)])
        self.counts["rows_kept_of_older_versions"] += kept.height
        self.failures.note_standing(self._unit, versions_of(kept, keys.columns))

    def _published_rows(self, units: Collection[str]) -> pl.DataFrame:
        """Published rows of documents that are not carried over; without its bytes one is lost."""
        schema = TABLES[self.stage]
        marks = [c for c in _MARKS if c in schema.columns]
        bytes_of = ["sha256"] if self._beside else []
        columns = list(dict.fromkeys([*self._carried.columns, self._unit, *marks, *bytes_of]))
        rows = self.lake.read(self.stage, columns, batch=self.batch)
        rows = rows.filter(pl.col(self._unit).is_in(list(units)))
        rows = rows.join(self._carried, on=list(schema.key), how="anti", maintain_order="left")
        if self._beside:
            stored = self.lake.read(self._beside, ["sha256"], batch=self.batch)["sha256"]
            lost = pl.col("sha256").is_not_null() & ~pl.col("sha256").is_in(stored.to_list())
            status = pl.when(lost).then(pl.lit("failed")).otherwise("status")
            rows = rows.with_columns(status.alias("status"))
        return rows

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
        self._drop_new(rows.select(unit).unique())
        self.failures.drop(unit, kept)
        others = self._carried.filter(~pl.col(unit).is_in(list(kept)))
        self._carried = pl.concat([others, rows.select(self._carried.columns)])
        self.failures.keep_published(unit, kept)
        return kept

    def _drop_new(self, keys: pl.DataFrame) -> None:
        """Drop what was made anew of documents, or pages, whose published rows stay instead.

        A source may go while its document is being read: some pages are new then, and never all.
        """
        self._flush(self.stage)
        files = []
        for file in self._files.pop(self.stage, []):
            on = keys.columns
            found = lake_frame(self.lake, self.stage, [file], on)
            if found.join(keys, on=on, how="semi").is_empty():
                files.append(file)
                continue
            self._recording = False  # what it answers for no longer lies in its files
            rows = lake_frame(self.lake, self.stage, [file], TABLES[self.stage].data_columns)
            rows = rows.join(keys, on=on, how="anti", maintain_order="left")
            if not rows.is_empty():
                files.append(stage_file(self.lake, self.stage, rows, {"batch": self.batch}))
        self._files[self.stage] = files

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

    def staged(self, table: str, columns: Sequence[str]) -> pl.DataFrame:
        """Columns of the rows of a table that were written so far, by this run or by the last."""
        if not self._files[table]:
            return TABLES[table].empty().select(columns)
        return lake_frame(self.lake, table, self._files[table], columns)

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

    def done(self, unit: str, pages: Collection[int] = (WHOLE,)) -> None:
        """Say that all rows of these pages, or of a whole document, have been added.

        Now and then that makes them durable: a run after this one goes on from there.
        """
        self._answered[unit].update(pages)
        if self._recording and self._checkpoint.is_due():
            self._record()

    def _record(self) -> None:
        """Write what is buffered, and record it with the files since the last record."""
        for table in list(self._buffers):
            self._flush(table)
        tables = {
            table: tuple(files[self._n_files[table] :])
            for table, files in self._files.items()
            if files[self._n_files[table] :]
        }
        answered = {
            unit: (self._inputs[unit], tuple(sorted(pages)))
            for unit, pages in self._answered.items()
        }
        counts = self.counts - self._recorded
        self._checkpoint.record(MicroBatch(tables, answered, self.failures.take_fresh(), counts))
        reach("stage.checkpoint_recorded")
        self._n_files = Counter({table: len(files) for table, files in self._files.items()})
        self._recorded = Counter(self.counts)
        self._answered.clear()

    def fail(self, subject: Subject, error_class: str, error: str) -> None:
        """Record a failure and charge an attempt: once a run, never when interrupted."""
        given = self._inputs.get(subject.doc_id or "") or self._inputs.get(subject.uri or "")
        self.failures.charge(subject, error_class, error, given)
        self.counts[f"failed_{error_class}"] += 1

    def finish(self, side_tables: Mapping[str, pl.DataFrame] | None = None) -> Staged:
        """Write what is buffered and what is carried, and hand on the staged files.

        Args:
            side_tables: For each table published beside the stage's own, the keys of its published
                rows that go with the carried ones and must be kept.
        """
        if self._recording and self._answered and self._checkpoint.is_due():
            self._record()
        self.stand()
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
            failures=self.failures.rows(),
            cleared=self.failures.cleared(),
            counts=dict(self.counts),
            unchanged=not self._changed,
            run_id=self.run_id,
            work=self.work,
        )
