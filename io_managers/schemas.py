"""Every table's schema, written once: columns, types, key, partitioning and what each column means.

Writing, empty frames, checks, the UI's column descriptions and the README's table come from here.
Not here: how rows are published (`publish.py`) or read (`resources/lake`).
"""

from __future__ import annotations

from typing import Final

import polars as pl

from io_managers.api_jobs_schema import API_JOBS
from io_managers.table_schema import TIMESTAMP, Column, TableSchema
from io_managers.table_schema import column as _c

__all__ = [
    "API_JOBS", "BLOCK", "BLOCK_KINDS", "BOX", "COMPLETIONS", "CONTENTS", "DOCS", "EVALS",
    "FAILURES", "FILES", "IMAGES", "IMAGE_DATA", "MANIFEST", "PAGES", "STAGES", "SUMMARIES",
    "TABLES", "TIMESTAMP", "USAGE", "VERSIONS", "Column", "TableSchema",
]  # fmt: skip

BOX: Final = pl.Struct(
    {"x0": pl.Float64(), "y0": pl.Float64(), "x1": pl.Float64(), "y1": pl.Float64()}
)
BLOCK: Final = pl.Struct(
    {
        "kind": pl.String(),
        "bbox": BOX,
        "text": pl.String(),
        "markdown": pl.String(),
        "font_size": pl.Float64(),
        "source": pl.String(),
        "confidence": pl.Float64(),
        "image_index": pl.Int32(),
    }
)
BLOCK_KINDS: Final = (
    "title",
    "heading",
    "text",
    "list_item",
    "table",
    "picture",
    "caption",
    "formula",
    "footnote",
    "code",
    "header",
    "footer",
    "field",
    "annotation",
)
STAGES: Final = ("files", "pages", "images", "docs", "summaries")


_STAGE_COLUMNS: Final = {
    "batch": _c(pl.String, "the batch: the partition of every asset", null=False),
    "version": _c(pl.String, "version of the stage that made the row", null=False),
    "input_sha256": _c(pl.String, "hash of what the stage read for this row", null=False),
}
_ERROR_COLUMNS: Final = {
    "error_class": _c(pl.String, "class of the failure, null when ok"),
    "error": _c(pl.String, "what happened and what mends it"),
}


def _stage_table(
    name: str,
    row: str,
    key: tuple[str, ...],
    columns: dict[str, Column],
    **statuses: tuple[str, ...],
) -> TableSchema:
    return TableSchema(name, row, key, {**_STAGE_COLUMNS, **columns}, ("batch",), statuses)


def _id(description: str = "sha256 of the document's bytes") -> Column:
    return _c(pl.String, description, null=False)


MANIFEST = TableSchema(
    "manifest",
    "a file seen in the landing zone",
    ("uri", "etag", "n_bytes", "mtime"),
    {
        "batch": _c(pl.String, "the batch the file went into", null=False),
        "uri": _c(pl.String, "absolute, percent-encoded address of the file", null=False),
        "file_name": _c(pl.String, "last part of the uri, for display only", null=False),
        "n_bytes": _c(pl.Int64, "size when seen", null=False),
        "etag": _c(pl.String, "the store's etag; null for local files"),
        "mtime": _c(TIMESTAMP, "modification time when seen"),
        "seen_at": _c(TIMESTAMP, "when the scan saw it", null=False),
        "job_id": _c(pl.String, "the submission that it came with, null from the sensor"),
    },
)
CONTENTS = TableSchema(
    "contents",
    "a document and the batch that owns it",
    ("doc_id",),
    {
        "doc_id": _id(),
        "owner_batch": _c(pl.String, "the batch that does the document's work", null=False),
        "owner_uri": _c(pl.String, "the sighting whose bytes are read", null=False),
        "first_seen_at": _c(TIMESTAMP, "when the document was first claimed", null=False),
    },
)
FILES = _stage_table(
    "files",
    "a file, read and triaged",
    ("batch", "uri"),
    {
        "doc_id": _c(pl.String, "sha256 of the file's bytes; null when it could not be read"),
        "uri": _c(pl.String, "absolute, percent-encoded address of the file", null=False),
        "file_name": _c(pl.String, "for display only", null=False),
        "n_bytes": _c(pl.Int64, "size as read"),
        "n_pages": _c(pl.Int32, "pages of the document; null when it does not open"),
        "n_attachments": _c(pl.Int32, "embedded files"),
        "n_form_fields": _c(pl.Int32, "form fields"),
        "title": _c(pl.String, "title from the metadata"),
        "status": _c(pl.String, "ok, failed or duplicate", null=False),
        "duplicate_of_batch": _c(pl.String, "the batch that owns the same content"),
        "supersedes": _c(pl.String, "doc_id that the same uri held before"),
        **_ERROR_COLUMNS,
        "ingested_at": _c(TIMESTAMP, "when the file was triaged", null=False),
    },
    status=("ok", "failed", "duplicate"),
)
PAGES = _stage_table(
    "pages",
    "a page",
    ("doc_id", "page_number"),
    {
        "doc_id": _id(),
        "page_number": _c(pl.Int32, "from 1", null=False),
        "page_label": _c(pl.String, "the number printed in a viewer, such as iv"),
        "status": _c(pl.String, "ok, partial or failed", null=False),
        "text": _c(pl.String, "plain text in reading order"),
        "markdown": _c(pl.String, "markdown in reading order"),
        "source": _c(pl.String, "text_layer, ocr, mixed or none", null=False),
        "engine": _c(pl.String, "what read the page"),
        "confidence": _c(pl.Float64, "0-1, mean over OCR characters; null for a text layer"),
        "width": _c(pl.Float64, "points, as a viewer shows the page"),
        "height": _c(pl.Float64, "points, as a viewer shows the page"),
        "rotation": _c(pl.Int32, "extra clockwise turn that OCR needed: 0, 90, 180 or 270"),
        "blocks": _c(pl.List(BLOCK), "layout blocks in reading order, boxes in points"),
        "n_chars": _c(pl.Int32, "characters of text"),
        "elapsed_ms": _c(pl.Int64, "milliseconds the page took"),
        **_ERROR_COLUMNS,
    },
    status=("ok", "partial", "failed"),
    source=("text_layer", "ocr", "mixed", "none"),
)
IMAGES = _stage_table(
    "images",
    "a placement of an image on a page",
    ("doc_id", "page_number", "image_index"),
    {
        "doc_id": _id(),
        "page_number": _c(pl.Int32, "from 1", null=False),
        "image_index": _c(pl.Int32, "from 0 on each page", null=False),
        "sha256": _c(pl.String, "sha256 of the stored bytes, key of image_data"),
        "role": _c(pl.String, "figure, part, page_scan or decoration"),
        "bbox": _c(BOX, "points, origin top left, as a viewer shows the page"),
        "width": _c(pl.Int32, "pixels"),
        "height": _c(pl.Int32, "pixels"),
        "format": _c(pl.String, "png, jpeg, gif or webp"),
        "n_bytes": _c(pl.Int64, "size of the stored bytes"),
        "status": _c(pl.String, "ok, skipped or failed", null=False),
        **_ERROR_COLUMNS,
    },
    status=("ok", "skipped", "failed"),
    role=("figure", "part", "page_scan", "decoration"),
)
IMAGE_DATA = _stage_table(
    "image_data",
    "a distinct image of a batch",
    ("batch", "sha256"),
    {
        "sha256": _id("sha256 of data"),
        "format": _c(pl.String, "png, jpeg, gif or webp", null=False),
        "data": _c(pl.Binary, "the image file", null=False),
    },
)
DOCS = _stage_table(
    "docs",
    "a document",
    ("doc_id",),
    {
        "doc_id": _id(),
        "title": _c(pl.String, "from the page's title block, else the metadata"),
        "markdown": _c(pl.String, "the whole document; images as ![...](image:<sha256>)"),
        "n_pages": _c(pl.Int32, "pages of the document"),
        "n_failed_pages": _c(pl.Int32, "pages that could not be read"),
        "n_images": _c(pl.Int32, "figures referenced in the markdown"),
        "n_tokens": _c(pl.Int64, "model-independent estimate of markdown's tokens"),
        "content_sha256": _c(pl.String, "sha256 of markdown"),
        "status": _c(pl.String, "ok, partial or failed", null=False),
    },
    status=("ok", "partial", "failed"),
)
SUMMARIES = _stage_table(
    "summaries",
    "a document's summary",
    ("doc_id",),
    {
        "doc_id": _id(),
        "summary": _c(pl.String, "the summary"),
        "summariser": _c(pl.String, "extractive, transformers, openai or openai_batch"),
        "model": _c(pl.String, "the model, null for extractive"),
        "prompt_version": _c(pl.String, "the prompt, null for extractive"),
        "language": _c(pl.String, "ISO 639-1 code guessed from the text, null when unsure"),
        "input_tokens": _c(pl.Int64, "tokens read"),
        "output_tokens": _c(pl.Int64, "tokens written"),
        "cost_usd": _c(pl.Float64, "0 when free, null when unknown"),
        "elapsed_ms": _c(pl.Int64, "milliseconds"),
        "status": _c(pl.String, "ok, empty, failed or blocked", null=False),
        **_ERROR_COLUMNS,
    },
    status=("ok", "empty", "failed", "blocked"),
)
FAILURES = TableSchema(
    "failures",
    "a failure, replaced per batch and stage",
    ("batch", "doc_id", "uri", "page_number", "stage", "version"),
    {
        "batch": _c(pl.String, "the batch", null=False),
        "doc_id": _c(pl.String, "the document, when its bytes could be read"),
        "uri": _c(pl.String, "the file"),
        "page_number": _c(pl.Int32, "the page, null for the whole document"),
        "stage": _c(pl.String, "the stage that failed", null=False),
        "version": _c(pl.String, "version of that stage", null=False),
        "error_class": _c(pl.String, "one of the closed set of classes", null=False),
        "error": _c(pl.String, "what happened and what mends it"),
        "attempts": _c(pl.Int32, "runs that tried and failed", null=False),
        "quarantined": _c(pl.Boolean, "skipped until released", null=False),
        "first_seen_at": _c(TIMESTAMP, "first failure", null=False),
        "last_seen_at": _c(TIMESTAMP, "latest failure", null=False),
        "run_id": _c(pl.String, "the run that charged the latest attempt"),
        "input_sha256": _c(pl.String, "hash of what the stage read when it failed"),
    },
    ("batch", "stage"),
)
VERSIONS = TableSchema(
    "versions",
    "a stage's version",
    ("stage", "version"),
    {
        "stage": _c(pl.String, "the stage", null=False),
        "version": _c(pl.String, "<stage>-r<revision>-<engine>-<hash>", null=False),
        "settings_json": _c(pl.String, "what the hash was taken over"),
        "state": _c(pl.String, "candidate, accepted or rejected", null=False),
        "decided_at": _c(TIMESTAMP, "when the state was decided"),
        "eval_run": _c(pl.String, "the evaluation that decided, null for a lake's first"),
        "settings": _c(pl.String, "JSON of the QUIRE_* values that made it; no secrets"),
    },
    statuses={"state": ("candidate", "accepted", "rejected")},
)
EVALS = TableSchema(
    "evals",
    "a case's result",
    ("run_id", "suite", "case_id", "metric", "subject", "version"),
    {
        "run_id": _c(pl.String, "the evaluation run", null=False),
        "suite": _c(pl.String, "golden or live", null=False),
        "case_id": _c(pl.String, "the case", null=False),
        "metric": _c(pl.String, "what was measured", null=False),
        "subject": _c(pl.String, "the stage measured", null=False),
        "version": _c(pl.String, "the version measured", null=False),
        "batch": _c(pl.String, "null for golden cases"),
        "doc_id": _c(pl.String, "null for golden cases"),
        "page_number": _c(pl.Int32, "null for golden cases"),
        "value": _c(pl.Float64, "the measure"),
        "passed": _c(pl.Boolean, "the verdict"),
        "explanation": _c(pl.String, "why"),
        "evaluated_at": _c(TIMESTAMP, "when", null=False),
    },
)
USAGE = TableSchema(
    "usage",
    "append-only spend",
    ("run_id", "stage", "micro_batch", "kind"),
    {
        "run_id": _c(pl.String, "the run", null=False),
        "stage": _c(pl.String, "the stage", null=False),
        "micro_batch": _c(
            pl.String,
            "what was worked on: files, text_layer, ocr or failed (pages), pages, documents, each "
            "of files and pages with the size of the PDF (`ocr/2^17`: 2^17 bytes to twice that); "
            "loading: workers' time beside these; step: what the stage did while no worker worked; "
            "calls/...: calls of a model that were reserved together",
            null=False,
        ),
        "kind": _c(
            pl.String,
            "reserved (what calls of a model are expected to cost; counts for a day unless settled)"
            " or settled (what was spent)",
            null=False,
        ),
        "batch": _c(pl.String, "the batch", null=False),
        "version": _c(pl.String, "version of the stage that did it"),
        "n_items": _c(pl.Int64, "units of work: files, pages or documents; 1 for loading and step"),
        "seconds": _c(
            pl.Float64,
            "worker-seconds: time of every worker summed, so that it holds for any number of "
            "workers; of step, wall-clock seconds",
        ),
        "input_tokens": _c(pl.Int64, "tokens read"),
        "output_tokens": _c(pl.Int64, "tokens written"),
        "cost_usd": _c(pl.Float64, "0 when free, null when unknown"),
        "recorded_at": _c(TIMESTAMP, "when", null=False),
    },
    statuses={"kind": ("reserved", "settled")},
)
COMPLETIONS = TableSchema(
    "completions",
    "a language model's answer, kept so that it is not paid for twice",
    ("key",),
    {
        "key": _c(
            pl.String,
            "sha256 of what was asked, of the limits, and of all that the model's version says",
            null=False,
        ),
        "kind": _c(pl.String, "of what it was asked: a document, a part of one, notes", null=False),
        "model": _c(pl.String, "what the server said that it used"),
        "prompt_version": _c(pl.String, "file and hash of the prompt"),
        "text": _c(pl.String, "the answer as it came", null=False),
        "input_tokens": _c(pl.Int64, "tokens read"),
        "output_tokens": _c(pl.Int64, "tokens written"),
        "finish_reason": _c(pl.String, "why the answer ended"),
        "cost_usd": _c(pl.Float64, "0 when free, null when unknown"),
        "created_at": _c(TIMESTAMP, "when it was put into the table", null=False),
    },
    statuses={"kind": ("summary", "chunk", "reduce")},
)

TABLES: Final[dict[str, TableSchema]] = {
    t.name: t
    for t in (
        MANIFEST,
        CONTENTS,
        FILES,
        PAGES,
        IMAGES,
        IMAGE_DATA,
        DOCS,
        SUMMARIES,
        FAILURES,
        VERSIONS,
        EVALS,
        USAGE,
        COMPLETIONS,
        API_JOBS,
    )
}
"""Every table by name, in the order that the data flows."""
