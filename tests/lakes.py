"""Small lakes for tests: real Delta tables, written by the code that writes every lake.

`Batch` describes the files of a batch; `publish_batch` makes the rows of each stage and publishes
them. `rewrite` damages a table behind Quire's back, as another program could.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import write_deltalake

from io_managers.contents import claim
from io_managers.publish import claim_epoch, publish_staged
from io_managers.schemas import STAGES, TABLES
from io_managers.staging import Staged, stage_file
from io_managers.versions import StageVersion, register
from resources.errors import is_quarantined
from resources.lake.lake import Lake
from tests.object_store import ObjectStore

NOW = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n"
Row = dict[str, Any]


@dataclass(frozen=True)
class Pdf:
    """A file of a batch and what the stages find in it; by default all goes well."""

    name: str
    content: str = ""
    pages: int = 2
    title: str | None = None
    missing: bool = False
    file_error: str | None = None
    page_errors: dict[int, str] = field(default_factory=dict)
    page_status: dict[int, str] = field(default_factory=dict)
    source: str = "text_layer"
    figure: bytes | None = None
    body: str = "Some text of the page."
    summary_status: str = "ok"
    attempts: int = 1

    @property
    def uri(self) -> str:
        """Where it lies; the folder does not exist."""
        return f"file:///landing/{self.name}"

    @property
    def doc_id(self) -> str:
        """The sha256 of its bytes."""
        return hashlib.sha256((self.content or self.name).encode()).hexdigest()

    @property
    def failed(self) -> bool:
        """Whether nothing of it could be read."""
        return self.file_error is not None


def version(stage: str) -> StageVersion:
    """The version that these lakes are written with."""
    return StageVersion(stage, 1, "test", {"stage": stage})


def lake_in_bucket(s3: ObjectStore) -> Lake:
    """An empty lake below a prefix of a bucket of its own."""
    return Lake(f"s3://{s3.bucket('lake')}/quire/lake", s3.storage_options)


def make_lake(root: Path) -> Lake:
    """A lake with every stage's version accepted and no rows."""
    return accept_versions(Lake(str(root)))


def accept_versions(lake: Lake) -> Lake:
    """The same lake, with every stage's version accepted."""
    for stage in STAGES:
        register(lake, version(stage), "block")
    return lake


def add_manifest(lake: Lake, batch: str, pdfs: Sequence[Pdf]) -> None:
    """Take files into a batch, as the scan would."""
    rows = [
        {
            "batch": batch,
            "uri": pdf.uri,
            "file_name": pdf.name,
            "n_bytes": 1000,
            "etag": None,
            "mtime": NOW,
            "seen_at": NOW,
            "job_id": None,
        }
        for pdf in pdfs
    ]
    frame = pl.DataFrame(rows, schema=TABLES["manifest"].polars)
    write_deltalake(lake.ensure("manifest"), frame, mode="append")


def publish_batch(
    lake: Lake, batch: str, pdfs: Sequence[Pdf], stages: Sequence[str] = STAGES
) -> None:
    """Take files into a batch and publish it, up to the stages given."""
    add_manifest(lake, batch, pdfs)
    readable = {pdf.doc_id: pdf.uri for pdf in reversed(pdfs) if not pdf.missing}
    owners = claim(lake, batch, readable)
    owned = [
        pdf
        for pdf in pdfs
        if not pdf.missing
        and owners[pdf.doc_id].batch == batch
        and owners[pdf.doc_id].uri == pdf.uri
    ]
    rows = {
        "files": [_file_row(pdf, pdf in owned, owners) for pdf in pdfs],
        "pages": [row for pdf in owned if not pdf.failed for row in _page_rows(pdf)],
        "images": [_image_row(pdf) for pdf in owned if pdf.figure is not None],
        "docs": [_doc_row(pdf) for pdf in owned],
        "summaries": [_summary_row(pdf) for pdf in owned],
    }
    stored = {pdf.figure for pdf in owned if pdf.figure is not None}
    rows["image_data"] = [
        {"sha256": hashlib.sha256(data).hexdigest(), "format": "png", "data": data}
        for data in sorted(stored)
    ]
    for stage in stages:
        tables = ("image_data", "images") if stage == "images" else (stage,)
        failures = _failure_rows(stage, batch, [*owned, *(p for p in pdfs if p.missing)])
        _publish(lake, stage, batch, {table: rows[table] for table in tables}, failures)


def _publish(
    lake: Lake, stage: str, batch: str, tables: dict[str, list[Row]], failures: list[Row]
) -> None:
    staged = {}
    for table, rows in tables.items():
        common = {"batch": batch, "version": version(stage).name, "input_sha256": "0" * 64}
        frame = pl.DataFrame([{**common, **row} for row in rows], schema=TABLES[table].polars)
        file = stage_file(lake, table, frame, {"batch": batch}) if rows else None
        staged[table] = (file,) if file else ()
    epoch = claim_epoch(lake, stage, batch)
    handle = Staged(stage, batch, version(stage).name, epoch, staged, tuple(failures))
    publish_staged(lake, handle)


def publish_rows(lake: Lake, batch: str, table: str, rows: list[Row]) -> None:
    """Publish rows made elsewhere as the stage `table` of a batch."""
    _publish(lake, table, batch, {table: rows}, [])


def _file_row(pdf: Pdf, owned: bool, owners: dict[str, Any]) -> Row:
    error = "source_missing" if pdf.missing else pdf.file_error
    duplicate = not pdf.missing and not owned
    return {
        "doc_id": None if pdf.missing else pdf.doc_id,
        "uri": pdf.uri,
        "file_name": pdf.name,
        "n_bytes": 1000,
        "n_pages": None if error or duplicate else pdf.pages,
        "title": pdf.title,
        "status": "duplicate" if duplicate else "failed" if error else "ok",
        "duplicate_of_batch": owners[pdf.doc_id].batch if duplicate else None,
        "error_class": None if duplicate else error,
        "error": None if duplicate or not error else f"it is {error}",
        "ingested_at": NOW,
    }


def _page_rows(pdf: Pdf) -> list[Row]:
    rows = []
    for number in range(1, pdf.pages + 1):
        error = pdf.page_errors.get(number)
        status = pdf.page_status.get(number, "failed" if error else "ok")
        rows.append(
            {
                "doc_id": pdf.doc_id,
                "page_number": number,
                "status": status,
                "text": None if status == "failed" else pdf.body,
                "markdown": None if status == "failed" else pdf.body,
                "source": "none" if status == "failed" else pdf.source,
                "confidence": 0.9 if pdf.source == "ocr" else None,
                "n_chars": len(pdf.body),
                "elapsed_ms": 5,
                "error_class": error,
                "error": f"page {number}: {error}" if error else None,
            }
        )
    return rows


def _image_row(pdf: Pdf) -> Row:
    data = pdf.figure or b""
    return {
        "doc_id": pdf.doc_id,
        "page_number": 1,
        "image_index": 0,
        "sha256": hashlib.sha256(data).hexdigest(),
        "role": "figure",
        "format": "png",
        "n_bytes": len(data),
        "status": "ok",
    }


def _doc_row(pdf: Pdf) -> Row:
    failed = sum(status == "failed" for status in _statuses(pdf))
    markdown = "\n\n".join([f"# {pdf.title or pdf.name}", *[pdf.body] * pdf.pages])
    if pdf.figure is not None:
        markdown += f"\n\n![a figure](image:{hashlib.sha256(pdf.figure).hexdigest()})"
    whole = not pdf.failed and all(status == "ok" for status in _statuses(pdf))
    return {
        "doc_id": pdf.doc_id,
        "title": pdf.title,
        "markdown": "" if pdf.failed else markdown,
        "n_pages": None if pdf.failed else pdf.pages,
        "n_failed_pages": None if pdf.failed else failed,
        "content_sha256": hashlib.sha256(b"" if pdf.failed else markdown.encode()).hexdigest(),
        "status": "failed" if pdf.failed or failed == pdf.pages else "ok" if whole else "partial",
    }


def _statuses(pdf: Pdf) -> list[str]:
    return [row["status"] for row in _page_rows(pdf)]


def _summary_row(pdf: Pdf) -> Row:
    classes = {"failed": "summary_failed", "blocked": "budget"}
    status = "failed" if pdf.failed else pdf.summary_status
    error = pdf.file_error or classes.get(status)
    return {
        "doc_id": pdf.doc_id,
        "summary": f"What {pdf.name} says." if status == "ok" else None,
        "summariser": "extractive",
        "cost_usd": 0.0,
        "status": status,
        "error_class": error,
        "error": f"summary: {error}" if error else None,
    }


def _failure_rows(stage: str, batch: str, pdfs: Sequence[Pdf]) -> list[Row]:
    rows = []
    for pdf in pdfs:
        found: list[tuple[int | None, str]] = []
        if stage == "files" and (pdf.missing or pdf.file_error):
            found.append((None, pdf.file_error or "source_missing"))
        if stage == "pages" and not pdf.missing:
            found += [
                (number, error)
                for number, error in pdf.page_errors.items()
                if pdf.page_status.get(number, "failed") == "failed"
            ]
        if stage == "summaries" and pdf.summary_status == "failed":
            found.append((None, "summary_failed"))
        rows += [_failure_row(stage, batch, pdf, number, error) for number, error in found]
    return rows


def _failure_row(stage: str, batch: str, pdf: Pdf, number: int | None, error: str) -> Row:
    return {
        "batch": batch,
        "doc_id": None if pdf.missing else pdf.doc_id,
        "uri": pdf.uri,
        "page_number": number,
        "stage": stage,
        "version": version(stage).name,
        "error_class": error,
        "error": f"{stage} of {pdf.name}: {error}",
        "attempts": pdf.attempts,
        "quarantined": is_quarantined(error, pdf.attempts),
        "first_seen_at": NOW,
        "last_seen_at": NOW,
        "run_id": "run",
    }


def rewrite(lake: Lake, table: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Replace a table's rows behind Quire's back; the marks of publishing stay."""
    frame = change(lake.read(table)).select(list(TABLES[table].columns))
    schema = TABLES[table]
    write_deltalake(
        lake.ensure(table),
        frame.cast(dict(schema.polars)),  # type: ignore[arg-type]
        mode="overwrite",
        partition_by=list(schema.partition_by) or None,
    )


def set_where(
    column: str, value: Any, condition: pl.Expr
) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """A change for `rewrite`: one column of the rows that meet a condition."""
    return lambda frame: frame.with_columns(
        pl.when(condition).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)
    )


ALL_GOOD = (
    Pdf("report.pdf", title="A report", figure=PNG + b"one"),
    Pdf("scan.pdf", pages=3, source="ocr"),
    Pdf("copy of report.pdf", content="report.pdf"),
)
MIXED = (
    *ALL_GOOD,
    Pdf("broken.pdf", file_error="corrupt"),
    Pdf("gone.pdf", missing=True),
    Pdf("slow page.pdf", page_errors={2: "timeout"}, attempts=3),
    Pdf("once slow.pdf", page_errors={1: "timeout"}, attempts=1),
    Pdf("portfolio.pdf", page_errors={1: "unsupported"}, page_status={1: "partial"}),
    Pdf("dear.pdf", summary_status="blocked"),
)
"""One file in each state that a published batch can be in."""
