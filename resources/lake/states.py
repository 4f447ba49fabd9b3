"""The state of every file and document, told from the tables alone.

Here: quarantined > blocked > running > waiting > partial > done, the first that applies, and what
caused it. Not here: the states of batches (`batch_states.py`), whether the tables agree with each
other (`audit.py`), or how a state is shown (`cli/status.py`).
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Final

import polars as pl

from io_managers.schemas import STAGES
from resources.errors import ErrorClass
from resources.lake.batch_states import batch_states
from resources.lake.lake import Lake

STATES: Final = ("quarantined", "blocked", "running", "waiting", "partial", "done")
DOCUMENT_COLUMNS: Final = (
    "doc_id", "batch", "uri", "file_name", "title", "n_pages", "state", "error_class", "stage",
    "error",
)  # fmt: skip
FILE_COLUMNS: Final = (
    "batch", "uri", "file_name", "n_bytes", "etag", "mtime", "seen_at", "doc_id", "n_pages",
    "status", "state", "error_class", "stage", "error",
)  # fmt: skip
_CAUSE: Final = ("error_class", "stage", "error")
_DOC: Final = ["doc_id", "batch"]
_FILE: Final = ["batch", "uri"]


def document_states(lake: Lake, running_batches: Collection[str] = ()) -> pl.DataFrame:
    """One row per document, `DOCUMENT_COLUMNS`; `running_batches` are those in a Dagster run."""
    return LakeStates(lake, running_batches).documents


def files_states(lake: Lake, running_batches: Collection[str] = ()) -> pl.DataFrame:
    """One row per manifest row, `FILE_COLUMNS`; each has exactly one state."""
    return LakeStates(lake, running_batches).files


def accepted_versions(lake: Lake) -> pl.DataFrame:
    """The version of each stage whose rows are current: `stage`, `accepted`."""
    return (
        lake.read("versions", ["stage", "version", "state", "decided_at"])
        .filter(pl.col("state") == "accepted")
        .sort("decided_at", maintain_order=True)
        .group_by("stage", maintain_order=True)
        .agg(pl.col("version").last().alias("accepted"))
    )


class LakeStates:
    """The states in one lake; each table is read at most once, when first needed."""

    def __init__(self, lake: Lake, running_batches: Collection[str] = ()) -> None:
        """Take the batches that are in a run: the one thing that the tables cannot know."""
        self.lake = lake
        self.running_batches = frozenset(running_batches)

    # Frames that callers ask for ----------------------------------------------------------------

    @cached_property
    def batches(self) -> pl.DataFrame:
        """One row per batch (`batch_states`)."""
        return batch_states(self.lake, self.running_batches)

    @cached_property
    def failures(self) -> pl.DataFrame:
        """Failures at the accepted version of their stage, the gravest first.

        A failure of another version says nothing of what the stage would do now: the document is
        tried again when its batch next runs.
        """
        rank = pl.col("stage").replace_strict(
            {stage: number for number, stage in enumerate(STAGES)}, default=len(STAGES)
        )
        return (
            self.lake.read("failures")
            .join(accepted_versions(self.lake), on="stage", how="left", maintain_order="left")
            .filter(pl.col("accepted").is_null() | (pl.col("version") == pl.col("accepted")))
            .drop("accepted")
            .sort(
                [~pl.col("quarantined"), rank, pl.col("page_number").fill_null(0)],
                maintain_order=True,
            )
        )

    @cached_property
    def documents(self) -> pl.DataFrame:
        """One row per document: owned contents, and any that no one claimed (an audit finding)."""
        frame = self._identity()
        frame = frame.join(self._document_failures(frame), on=_DOC, how="left")
        frame = frame.join(self._document_rows(), on=_DOC, how="left")
        frame = frame.join(self._problems(), on=_DOC, how="left")
        frame = frame.join(self._batch_flags(), on="batch", how="left").with_columns(
            pl.col("^is_.*$").fill_null(value=False),
            title=pl.coalesce("doc_title", "title"),
        )
        frame = frame.with_columns(state=_document_state())
        failed = ~pl.col("state").is_in(["done", "running"])
        caused = [
            pl.when(failed)
            .then(pl.coalesce(f"failure_{name}", f"row_{name}", f"summary_{name}"))
            .alias(name)
            for name in _CAUSE
        ]
        return frame.with_columns(caused).select(DOCUMENT_COLUMNS).sort("batch", "uri", "doc_id")

    @cached_property
    def files(self) -> pl.DataFrame:
        """One row per manifest row, in the manifest's order."""
        manifest = self.lake.read("manifest")
        rows = self._files.select(*_FILE, "doc_id", "status").unique(_FILE, keep="first")
        frame = manifest.join(rows, on=_FILE, how="left", maintain_order="left")
        own = (
            self.failures.unique(_FILE, keep="first", maintain_order=True)
            .filter(pl.col("uri").is_not_null())
            .select(
                *_FILE,
                pl.col("quarantined").alias("own_quarantined"),
                *(pl.col(name).alias(f"own_{name}") for name in _CAUSE),
            )
        )
        document = self.documents.select(
            "doc_id",
            "n_pages",
            pl.col("state").alias("doc_state"),
            *(pl.col(name).alias(f"doc_{name}") for name in _CAUSE),
        )
        frame = (
            frame.join(own, on=_FILE, how="left", maintain_order="left")
            .join(document, on="doc_id", how="left", maintain_order="left")
            .join(self._batch_flags(), on="batch", how="left", maintain_order="left")
            .with_columns(pl.col("is_running", "own_quarantined").fill_null(value=False))
        )
        return (
            frame.with_columns(state=_file_state()).with_columns(_file_cause()).select(FILE_COLUMNS)
        )

    # What they are made of ----------------------------------------------------------------------

    @cached_property
    def _files(self) -> pl.DataFrame:
        columns = ["batch", "uri", "doc_id", "file_name", "n_pages", "title", "status"]
        return self.lake.read("files", columns)

    def _identity(self) -> pl.DataFrame:
        owners = self.lake.read("contents", ["doc_id", "owner_batch", "owner_uri"]).rename(
            {"owner_batch": "batch", "owner_uri": "uri"}
        )
        worked = self._files.filter(
            pl.col("doc_id").is_not_null() & (pl.col("status") != "duplicate")
        ).unique(["doc_id", *_FILE], keep="first", maintain_order=True)
        unclaimed = worked.join(owners, on="doc_id", how="anti", maintain_order="left")
        base = pl.concat([owners, unclaimed.select(owners.columns)]).unique(
            "doc_id", keep="first", maintain_order=True
        )
        names = self.lake.read("manifest", ["batch", "uri", "file_name"]).unique(_FILE)
        return (
            base.join(worked.rename({"status": "file_status"}), on=["doc_id", *_FILE], how="left")
            .join(names, on=_FILE, how="left", suffix="_seen")
            .with_columns(file_name=pl.coalesce("file_name", "file_name_seen", "uri"))
        )

    def _document_failures(self, documents: pl.DataFrame) -> pl.DataFrame:
        """The gravest failure of each document, and which kinds it has."""
        columns = [*_DOC, "quarantined", *_CAUSE]
        named = self.failures.filter(pl.col("doc_id").is_not_null()).select(columns)
        by_uri = (
            self.failures.filter(pl.col("doc_id").is_null())
            .drop("doc_id")
            .join(documents.select("doc_id", *_FILE), on=_FILE, how="inner", maintain_order="left")
            .select(columns)
        )
        budget = pl.col("error_class") == ErrorClass.BUDGET
        return (
            pl.concat([named, by_uri])
            .sort(~pl.col("quarantined"), maintain_order=True)
            .group_by(_DOC, maintain_order=True)
            .agg(
                pl.col("quarantined").any().alias("is_quarantined"),
                budget.any().alias("is_over_budget"),
                (~pl.col("quarantined") & ~budget).any().alias("is_to_be_retried"),
                *(pl.col(name).first().alias(f"failure_{name}") for name in _CAUSE),
            )
        )

    def _document_rows(self) -> pl.DataFrame:
        docs = self.lake.read("docs", [*_DOC, "title", "status"]).rename(
            {"title": "doc_title", "status": "doc_status"}
        )
        summaries = self.lake.read("summaries", [*_DOC, "status", "error_class", "error"]).select(
            *_DOC,
            pl.col("status").alias("summary_status"),
            pl.col("error_class").alias("summary_error_class"),
            pl.when(pl.col("status").is_in(["failed", "blocked"]))
            .then(pl.lit("summaries"))
            .alias("summary_stage"),
            pl.col("error").alias("summary_error"),
        )
        return docs.unique(_DOC, keep="first").join(
            summaries.unique(_DOC, keep="first"), on=_DOC, how="full", coalesce=True
        )

    def _problems(self) -> pl.DataFrame:
        """The first page or image of each document that is not whole, pages first."""
        frames = []
        for stage, good in (("pages", ["ok"]), ("images", ["ok", "skipped"])):
            columns = [*_DOC, "page_number", "status", "error_class", "error"]
            rows = self.lake.scan(stage, columns).filter(~pl.col("status").is_in(good)).collect()
            frames.append(rows.sort("page_number").with_columns(stage=pl.lit(stage)))
        return (
            pl.concat(frames)
            .group_by(_DOC, maintain_order=True)
            .agg(
                pl.lit(value=True).alias("is_problem"),
                *(pl.col(name).first().alias(f"row_{name}") for name in _CAUSE),
            )
        )

    def _batch_flags(self) -> pl.DataFrame:
        """Whether a batch is in a run, and whether every stage of it is published."""
        complete = pl.col("stages").list.len() == len(STAGES)
        return self.batches.select(
            "batch",
            (pl.col("state") == "running").alias("is_running"),
            complete.alias("is_finished"),
        )


def _document_state() -> pl.Expr:
    unfinished = (
        ~pl.col("is_finished")
        | pl.col("is_to_be_retried")
        | pl.col("doc_status").is_null()
        | pl.col("summary_status").is_null()
        | (pl.col("doc_status") == "failed")
        | (pl.col("file_status") == "failed")
    )
    broken = (
        pl.col("is_problem")
        | (pl.col("doc_status") == "partial")
        | (pl.col("summary_status") == "failed")
    )
    blocked = (pl.col("summary_status") == "blocked").fill_null(value=False)
    return (
        pl.when(pl.col("is_quarantined"))
        .then(pl.lit("quarantined"))
        .when(blocked | pl.col("is_over_budget"))
        .then(pl.lit("blocked"))
        .when(pl.col("is_running"))
        .then(pl.lit("running"))
        .when(unfinished)
        .then(pl.lit("waiting"))
        .when(broken)
        .then(pl.lit("partial"))
        .otherwise(pl.lit("done"))
    )


def _file_state() -> pl.Expr:
    """A file's own failure first (its source is gone), then its document's state."""
    own = pl.col("own_quarantined") & (pl.col("status").is_null() | (pl.col("status") == "failed"))
    return (
        pl.when(own)
        .then(pl.lit("quarantined"))
        .when(pl.col("doc_state").is_not_null())
        .then(pl.col("doc_state"))
        .when(pl.col("is_running"))
        .then(pl.lit("running"))
        .otherwise(pl.lit("waiting"))
    )


def _file_cause() -> list[pl.Expr]:
    gone = pl.col("own_quarantined") & (pl.col("status") == "failed")
    own = pl.col("doc_state").is_null() | gone
    return [
        pl.when(own).then(pl.col(f"own_{name}")).otherwise(pl.col(f"doc_{name}")).alias(name)
        for name in _CAUSE
    ]
