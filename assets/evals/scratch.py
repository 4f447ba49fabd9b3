"""Reading documents through the real stages in a lake of their own, of which nothing is published.

Here: PDFs of a folder through every stage, and summaries alone of documents that were read before.
Not here: which documents (`golden_set.py`, `live_sample.py`), or what is measured (`measures/`).

The scratch lake lies in a temporary folder; one that a killed process leaves is swept by the next
pool of workers. What models cost is booked in the real lake, and their answers are kept there: they
count against its budget, and an upgrade that follows does not pay for them again.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
from deltalake import write_deltalake

from assets.context import StageContext
from assets.docs.build import build_docs
from assets.evals.base import DocumentReading, PageReading, Readings
from assets.files.build import build_files
from assets.images.build import build_images
from assets.pages.build import build_pages
from assets.summaries.build import build_summaries
from assets.versions import stage_version
from io_managers.publish import publish_staged
from io_managers.schemas import MANIFEST, STAGES, TABLES
from io_managers.staging import Staged
from resources.budget.blocked import forget_refused
from resources.errors import SettingError
from resources.lake.lake import Lake
from resources.landing.listing import list_landing
from resources.landing.uris import display_name
from resources.settings import Settings
from resources.telemetry.progress import Progress
from resources.workers.folders import spool_folder
from resources.workers.pool import WorkerPool

BATCH: Final = "evals"
"""The one batch of a scratch lake; no batch of an ingestion has such a name. What is spent is
booked under it."""
_BUILD: Final[Mapping[str, Callable[[StageContext], Staged]]] = {
    "files": build_files,
    "pages": build_pages,
    "images": build_images,
    "docs": build_docs,
    "summaries": build_summaries,
}
_PAGE: Final = (
    "doc_id", "page_number", "status", "text", "markdown", "source", "engine", "confidence",
    "error_class",
)  # fmt: skip
_FILE: Final = ("doc_id", "file_name", "uri", "status", "error_class")
_DOC: Final = ("doc_id", "title", "markdown", "status")
_SUMMARY: Final = ("doc_id", "summary", "status", "error_class", "cost_usd")


def read_folder(
    folder: Path,
    settings: Settings,
    workers: WorkerPool,
    *,
    lake: Lake | None,
    run_id: str,
    stages: Sequence[str] = STAGES,
    progress: Progress | None = None,
) -> Readings:
    """Read every PDF below a folder.

    Args:
        folder: PDFs; links out of it and unfinished files are left, as in a landing zone.
        settings: What the stages read by; the gate is off.
        workers: Where PDFs are parsed.
        lake: The lake whose budget models' calls count against, and that keeps their answers; None
            for calls that nobody pays.
        run_id: In whose name is spent.
        stages: Stages to run, from the first on.
        progress: Told how far stages have come.

    Raises:
        SettingError: An engine cannot be made of these settings; or `stages` skips one.
        EngineError: An engine is missing or broken.
        LakeError: The real lake cannot be read or written, or the temporary folder is full.
    """
    if tuple(stages) != STAGES[: len(stages)]:
        raise SettingError(f"stages are read from the first on, not {', '.join(stages)}")
    with _scratch(settings, workers, lake, run_id, progress) as scratch:
        _fill_manifest(scratch.lake, folder)
        scratch.run(stages)
        return scratch.readings()


def summarise_copies(
    documents: Sequence[DocumentReading],
    settings: Settings,
    workers: WorkerPool,
    *,
    lake: Lake | None,
    run_id: str,
    progress: Progress | None = None,
) -> Readings:
    """Summarise documents that were read before: no page is read again.

    Args:
        documents: As they were stitched (`copied_documents`, or kept readings); of two with the
            same bytes the first counts. Their summaries are made anew.
        settings: What the summariser works by.
        workers: Where extractive summaries are made.
        lake: As in `read_folder`.
        run_id: In whose name is spent.
        progress: Told how far it has come.

    Raises:
        SettingError: The summariser cannot be made of these settings.
        EngineError: It is missing or broken.
        LakeError: The real lake cannot be read or written, or the temporary folder is full.
    """
    given = {document.doc_id: document for document in reversed(documents) if document.doc_id}
    with _scratch(settings, workers, lake, run_id, progress) as scratch:
        _fill_docs(scratch.lake, list(given.values()))
        scratch.run(["summaries"])
        rows = scratch.rows("summaries", _SUMMARY)
        return Readings(
            versions=scratch.versions,
            documents=tuple(_summarised(d, rows.get(d.doc_id, ())) for d in documents),
            seconds=scratch.seconds,
            cost_usd=scratch.cost(),
        )


def copied_documents(lake: Lake, doc_ids: Sequence[str]) -> tuple[DocumentReading, ...]:
    """Documents of a lake as `docs` has them now, without their pages, in the order of `doc_ids`.

    A document that has no row is left out.
    """
    names = (
        lake.scan("files", ["doc_id", "file_name", "uri", "status"])
        .filter(pl.col("doc_id").is_in(list(doc_ids)) & (pl.col("status") != "duplicate"))
        .collect()
    )
    files = {row["doc_id"]: row for row in names.to_dicts()}
    rows = lake.scan("docs", list(_DOC)).filter(pl.col("doc_id").is_in(list(doc_ids))).collect()
    docs = {row["doc_id"]: row for row in rows.to_dicts()}
    return tuple(
        DocumentReading(
            doc_id=doc_id,
            file_name=files[doc_id]["file_name"],
            uri=files[doc_id]["uri"],
            status=docs[doc_id]["status"],
            title=docs[doc_id]["title"],
            markdown=docs[doc_id]["markdown"] or "",
        )
        for doc_id in doc_ids
        if doc_id in docs and doc_id in files
    )


@dataclass
class _Scratch:
    """A lake for one reading."""

    lake: Lake
    context: StageContext
    given: Settings
    versions: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, stages: Sequence[str]) -> None:
        """Run and publish stages."""
        for stage in stages:
            started = time.monotonic()
            staged = _BUILD[stage](self.context)
            publish_staged(self.lake, staged)
            # A Batch API's version is judged by what the ordinary API answers.
            asked = self.context.settings.summariser == self.given.summariser
            meant = staged.version if asked else stage_version(stage, self.given).name
            self.versions[stage] = meant
            self.seconds[stage] = time.monotonic() - started

    def rows(self, table: str, columns: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Rows of a table by document, pages in order."""
        grouped: dict[str, list[dict[str, Any]]] = defaultdict(list)
        frame = self.lake.read(table, list(columns), batch=BATCH)
        if "page_number" in columns:
            frame = frame.sort("doc_id", "page_number")
        for row in frame.filter(pl.col("doc_id").is_not_null()).to_dicts():
            grouped[row["doc_id"]].append(row)
        return dict(grouped)

    def cost(self) -> float | None:
        """What calls of models cost in this reading; kept answers cost nothing."""
        costs = self.lake.read("summaries", ["cost_usd"], batch=BATCH)["cost_usd"]
        return None if costs.null_count() else float(costs.sum())

    def readings(self) -> Readings:
        """What the stages that were run made of every file."""
        pages = self.rows("pages", _PAGE)
        images = self._images()
        docs, summaries = self.rows("docs", _DOC), self.rows("summaries", _SUMMARY)
        documents = []
        files = self.lake.read("files", list(_FILE), batch=BATCH).sort("file_name", "uri")
        for file in files.iter_rows(named=True):
            doc_id = file["doc_id"] or ""
            doc = next(iter(docs.get(doc_id, ())), None)
            counts = images.get(doc_id, Counter())
            read = DocumentReading(
                doc_id=doc_id,
                file_name=file["file_name"],
                uri=file["uri"],
                status=doc["status"] if doc else _status(file["status"]),
                title=doc["title"] if doc else None,
                markdown=(doc["markdown"] or "") if doc else "",
                pages=tuple(
                    _page(row, counts[row["page_number"]]) for row in pages.get(doc_id, ())
                ),
                n_images=counts.total(),
                error_class=file["error_class"],
            )
            documents.append(_summarised(read, summaries.get(doc_id, ())))
        return Readings(self.versions, tuple(documents), self.seconds, self.cost())

    def _images(self) -> dict[str, Counter[int]]:
        """Figures by document and page; scans of pages, tiles and decoration are none."""
        shown = (pl.col("status") == "ok") & (pl.col("role") == "figure")
        columns = ["doc_id", "page_number", "status", "role"]
        rows = self.lake.read("images", columns, batch=BATCH).filter(shown)
        counts: dict[str, Counter[int]] = defaultdict(Counter)
        for doc_id, page in rows.select("doc_id", "page_number").iter_rows():
            counts[doc_id][page] += 1
        return counts


def _asked_at_once(settings: Settings) -> Settings:
    """The settings, with a provider's ordinary API in place of its Batch API.

    The same model gets the same questions; an evaluation cannot wait a day for its answers.

    Raises:
        SettingError: Requests go to a folder, where nobody answers at once.
    """
    if settings.summariser != "openai_batch":
        return settings
    if (settings.base_url or "").startswith("file:"):
        raise SettingError(
            "summaries through a folder (QUIRE_BASE_URL=file://...) cannot be judged, since an "
            "evaluation needs answers at once: give the address of a server of the same model, or "
            "accept the version yourself with quire evals accept summaries"
        )
    return replace(settings, summariser="openai")


@contextmanager
def _scratch(
    settings: Settings,
    workers: WorkerPool,
    lake: Lake | None,
    run_id: str,
    progress: Progress | None,
) -> Iterator[_Scratch]:
    with spool_folder() as folder:
        own = Lake(str(folder / "lake"))
        context = StageContext(
            lake=own,
            settings=replace(
                _asked_at_once(settings), gate="off", lake=own.root, keep_sources=False
            ),
            workers=workers,
            batch=BATCH,
            run_id=run_id,
            progress=progress or Progress(),
            books=lake,
        )
        try:
            yield _Scratch(own, context, settings)
        finally:
            if lake is not None and settings.summariser != "extractive":
                forget_refused(lake, BATCH)  # it is of no batch that waits


def _fill_manifest(lake: Lake, folder: Path) -> None:
    """One batch of every PDF, as the scan of a landing zone would write it."""
    found = list_landing(str(folder)).sightings
    rows = found.select(
        batch=pl.lit(BATCH),
        uri=pl.col("uri"),
        file_name=pl.Series([display_name(uri) for uri in found["uri"]], dtype=pl.String),
        n_bytes=pl.col("n_bytes"),
        etag=pl.col("etag"),
        mtime=pl.col("mtime"),
        seen_at=pl.lit(datetime.now(UTC), dtype=MANIFEST.columns["seen_at"].dtype),
        job_id=pl.lit(None, dtype=pl.String),
    )
    _append(lake, "manifest", rows.select(list(MANIFEST.columns)).to_dicts())


def _fill_docs(lake: Lake, documents: Sequence[DocumentReading]) -> None:
    """The rows that `summaries` reads, as if the stages before it had just been run."""
    files, docs = [], []
    given = {"batch": BATCH, "version": "copied", "input_sha256": ""}
    for document in documents:
        error_class = _error_of_reading(document)
        files.append(
            {
                **given,
                "doc_id": document.doc_id,
                "uri": document.uri,
                "file_name": document.file_name,
                "status": "failed" if error_class else "ok",
                "error_class": error_class,
                "ingested_at": datetime.now(UTC),
            }
        )
        text = "" if document.status == "failed" else document.markdown
        docs.append(
            {
                **given,
                "doc_id": document.doc_id,
                "title": document.title,
                "markdown": text,
                "content_sha256": hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(),
                "status": document.status,
            }
        )
    _append(lake, "files", files)
    _append(lake, "docs", docs)


def _append(lake: Lake, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        frame = pl.DataFrame(list(rows), schema=TABLES[table].polars)
        write_deltalake(lake.ensure(table), frame, mode="append")


def _status(file_status: str) -> str:
    return "ok" if file_status == "duplicate" else file_status


def _page(row: Mapping[str, Any], n_images: int) -> PageReading:
    return PageReading(
        doc_id=row["doc_id"],
        page_number=row["page_number"],
        status=row["status"],
        text=row["text"] or "",
        markdown=row["markdown"] or "",
        source=row["source"],
        engine=row["engine"],
        confidence=row["confidence"],
        n_images=n_images,
        error_class=row["error_class"],
    )


def _error_of_reading(document: DocumentReading) -> str | None:
    """Why the document could not be read; a class beside text is that of an earlier summary."""
    return document.error_class if document.status == "failed" else None


def _summarised(document: DocumentReading, rows: Sequence[Mapping[str, Any]]) -> DocumentReading:
    """The document with its new summary; without one where there is no row."""
    row: Mapping[str, Any] = next(iter(rows), {})
    return replace(
        document,
        summary=row.get("summary"),
        summary_status=row.get("status"),
        error_class=_error_of_reading(document) or row.get("error_class"),
    )
