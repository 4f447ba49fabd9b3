"""Pages of a batch: each document read in slices by workers, each page a row whatever happens.

Here: the stage's plain function. Not here: how a page is read (`read.py` and its modules).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from assets.answers import checked
from assets.context import StageContext, readable_documents
from assets.pages.served.asks import ASKS
from assets.slices import Job, read_in_slices
from assets.versions import stage_version
from io_managers.failure_ledger import Subject
from io_managers.schemas import PAGES
from io_managers.stage_run import StageRun
from io_managers.staging import Staged
from io_managers.usage import sized
from resources.errors import SOURCE_GONE, ErrorClass
from resources.ocr.base import SERVED
from resources.workers.pool import TaskFailure, TaskResult
from resources.workers.spool import Record

if TYPE_CHECKING:
    from assets.pages.served.stage import Served
    from resources.settings import Settings

_READ: Final = "assets.pages.read:read_pages"
SLICE_PAGES: Final = 16
"""Pages a task: enough that opening the document is cheap beside reading it, and few enough that
one document keeps every worker busy."""
SERVED_SLICE_PAGES: Final = 4
"""The same where a server reads: images of so many pages lie in the temporary folder until they
are taken, 11 MB each."""
CHEAP_SLICE_PAGES: Final = 64
"""The same where no page can take long, without OCR and layout: some 0.3 s of work."""
_READ_BY: Final = {"ocr": "ocr", "mixed": "ocr"}
_GIVEN: Final = ("version", "batch", "doc_id", "input_sha256")
_COLUMNS: Final = tuple(c for c in PAGES.columns if c not in _GIVEN)


def build_pages(context: StageContext) -> Staged:
    """Read every page of every document that this batch owns."""
    settings = context.settings
    version = stage_version("pages", settings)
    run = StageRun(context.lake, version, context.batch, context.run_id, gate=settings.gate)
    # Without OCR, a page that needs it fails the same way in every run of this version.
    run.failures.always = {ErrorClass.OCR_FAILED} if settings.ocr == "off" else ()
    documents = readable_documents(context.lake, context.batch).to_dicts()
    carried = run.carry({d["doc_id"]: d["doc_id"] for d in documents}, by_page=True)
    run.counts["carried"] = carried.height
    run.counts["documents"] = len(documents)
    missing = _missing_pages(documents, carried, run.resumed.units)
    total = sum(len(pages) for pages in missing.values()) + run.counts["pages"]
    jobs = _jobs(context, documents, missing)
    sizes = {d["doc_id"]: d["n_bytes"] for d in documents}
    served = _served(run, settings) if settings.ocr in SERVED else None
    slice_pages = _slice_pages(settings)
    with closing(served) if served is not None else nullcontext():
        for result in read_in_slices(context, run, _READ, jobs, slice_pages, served):
            document = result.task.document
            asked = _add_pages(run, result, sizes[document], served)
            if result.failure is not None:
                fail_pages(run, document, result.failure)
                run.work.did(sized("failed", sizes[document]), n=len(result.failure.units))
            if answered := [page for page in result.task.units if page not in asked]:
                run.done(document, answered)
            context.progress.report("pages", context.batch, run.counts["pages"], total)
    return run.finish()


def _slice_pages(settings: Settings) -> int:
    if settings.ocr in SERVED:
        return SERVED_SLICE_PAGES
    return CHEAP_SLICE_PAGES if settings.ocr == "off" and not settings.layout else SLICE_PAGES


def _served(run: StageRun, settings: Settings) -> Served:
    from assets.pages.served.stage import Served  # brings an HTTP client

    return Served(run, settings)


def _add_pages(
    run: StageRun, result: TaskResult, n_bytes: int | None, served: Served | None
) -> set[int]:
    """Add the pages of a result; returns those that a server has been asked about instead."""
    document = result.task.document
    asked: set[int] = set()

    def rows() -> Iterator[Record]:
        for record, blob in result.records():
            if served is None or ASKS not in record:
                yield record, None
                continue
            fault = served.ask(result.task, record, blob)
            if fault is None:
                asked.add(record["page_number"])
            else:
                fail_pages(run, document, _invalid(record, fault))

    for record, _, fault in checked(PAGES, rows(), _COLUMNS):
        if fault is None:
            kind = sized(_READ_BY.get(record["source"], "text_layer"), n_bytes)
            spent = served.spent(document, record["page_number"]) if served else (0, 0)
            run.work.did(kind, (record["elapsed_ms"] or 0) + spent[0])
            if served is not None:
                record["elapsed_ms"] = (record["elapsed_ms"] or 0) + sum(spent)
            add_page(run, document, record)
        else:
            fail_pages(run, document, _invalid(record, fault))
    return asked


def _invalid(record: Mapping[str, Any], fault: str) -> TaskFailure:
    return TaskFailure(ErrorClass.INVALID_OUTPUT, fault, (record["page_number"],))


def _missing_pages(
    documents: Sequence[Mapping[str, Any]],
    carried: pl.DataFrame,
    resumed: Mapping[str, Collection[int]],
) -> dict[str, list[int]]:
    kept = {doc_id: set(pages) for doc_id, pages in resumed.items()}
    for doc_id, page in carried.select("doc_id", "page_number").iter_rows():
        kept.setdefault(doc_id, set()).add(page)
    return {
        d["doc_id"]: [n for n in range(1, d["n_pages"] + 1) if n not in kept.get(d["doc_id"], ())]
        for d in documents
    }


def _jobs(
    context: StageContext,
    documents: Sequence[Mapping[str, Any]],
    missing: Mapping[str, Sequence[int]],
) -> list[Job]:
    settings = context.settings
    payload = {
        "ocr": settings.ocr,
        "layout": settings.layout,
        "page_timeout": settings.page_timeout,
    }
    return [
        Job(d["doc_id"], d["uri"], d["n_bytes"], missing[d["doc_id"]], payload)
        for d in documents
        if missing[d["doc_id"]]
    ]


def add_page(run: StageRun, doc_id: str, record: Mapping[str, Any]) -> None:
    """Add one page as a worker read it, and its failure if it has one."""
    row = {column: record.get(column) for column in _COLUMNS}
    row |= {"doc_id": doc_id, "input_sha256": doc_id}
    run.add("pages", row, 200 + 4 * len(row["text"] or "") + 300 * len(row["blocks"] or ()))
    run.counts["pages"] += 1
    run.counts[f"pages_{row['status']}"] += 1
    run.counts[f"source_{row['source']}"] += 1
    run.counts["page_ms"] += row["elapsed_ms"] or 0
    if row["error_class"] is not None:
        run.fail(Subject(doc_id, None, row["page_number"]), row["error_class"], row["error"] or "")


def fail_pages(run: StageRun, doc_id: str, failure: TaskFailure) -> None:
    """Give every page that was lost a failed row; a document lost as a whole is one failure."""
    whole = failure.error_class in SOURCE_GONE
    for page in failure.units:
        record = {
            "page_number": page,
            "status": "failed",
            "source": "none",
            "blocks": [],
            "error_class": str(failure.error_class),
            "error": failure.error,
        }
        if whole:
            run.add("pages", {**dict.fromkeys(_COLUMNS), **record, **_ids(doc_id)}, 200)
            run.counts["pages_failed"] += 1
        else:
            add_page(run, doc_id, record)
    if whole:
        run.fail(Subject(doc_id, None), failure.error_class, failure.error)


def _ids(doc_id: str) -> dict[str, str]:
    return {"doc_id": doc_id, "input_sha256": doc_id}
