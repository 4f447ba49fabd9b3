"""Documents of a batch: every document that the batch owns gets one markdown, failed ones a row.

Here: the stage's plain function. Not here: how pages become one text (`stitch.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from assets.ahead import ahead
from assets.answers import fault_of
from assets.context import StageContext, chunks, digest, owned_documents, rows_by_document
from assets.items import do_documents
from assets.versions import stage_version
from io_managers.failure_ledger import Subject
from io_managers.schemas import DOCS
from io_managers.stage_run import StageRun
from io_managers.staging import Staged
from resources.errors import ErrorClass
from resources.workers.pool import TaskFailure

_STITCH: Final = "assets.docs.work:stitch_documents"
_GIVEN: Final = ("version", "batch", "doc_id", "input_sha256")
_COLUMNS: Final = tuple(c for c in DOCS.columns if c not in _GIVEN)
_MAX_MARKDOWN: Final = 2**30
"""Characters; 20,000 full pages have a fifteenth of that."""
_PAGE_INPUT = [
    "doc_id",
    "page_number",
    "version",
    "input_sha256",
    "status",
    "error_class",
    "n_chars",
]
_IMAGE_INPUT = ["doc_id", "page_number", "image_index", "sha256", "role", "status"]
_PAGE_COLUMNS = ["doc_id", "page_number", "status", "error_class", "height", "blocks"]
_IMAGE_COLUMNS = ["doc_id", "page_number", "image_index", "sha256", "role", "status", "bbox"]
_Rows = dict[str, list[dict[str, Any]]]


def build_docs(context: StageContext) -> Staged:
    """Stitch every document whose pages or images differ from what its row was made of."""
    lake, batch = context.lake, context.batch
    version = stage_version("docs", context.settings)
    run = StageRun(lake, version, batch, context.run_id, gate=context.settings.gate)
    documents = owned_documents(lake, batch).to_dicts()
    inputs = _inputs(context, documents)
    carried = set(run.carry(inputs)["doc_id"])
    run.counts["carried"] = len(carried)
    done = carried | set(run.resumed.units)
    todo = [d for d in documents if d["doc_id"] not in done]
    total = len(todo) + len(run.resumed.units)
    for doc_id, record in do_documents(context, run, _STITCH, _items(context, todo)):
        if not isinstance(record, TaskFailure):
            fault = fault_of(DOCS, record, _COLUMNS, _MAX_MARKDOWN)
            if fault is not None:
                record = TaskFailure(ErrorClass.INVALID_OUTPUT, fault)  # noqa: PLW2901
        if isinstance(record, TaskFailure):
            run.fail(Subject(doc_id, None), record.error_class, record.error)
            record = _not_stitched(record)  # noqa: PLW2901
        row = {**record, "doc_id": doc_id, "input_sha256": inputs[doc_id]}
        run.add("docs", row, 500 + 2 * len(row["markdown"]))
        run.counts["documents"] += 1
        context.progress.report("docs", batch, run.counts["documents"], total)
        run.counts[f"docs_{row['status']}"] += 1
        run.counts["pages"] += row["n_pages"] or 0
        run.counts["tokens"] += row["n_tokens"]
        run.work.did("documents")
        run.done(doc_id)
    return run.finish()


def _inputs(context: StageContext, documents: Sequence[dict[str, Any]]) -> dict[str, str]:
    """A document's pages and images, each by what decides its content, and its title."""
    inputs: dict[str, str] = {}
    for chunk in chunks(documents):
        ids = [d["doc_id"] for d in chunk]
        pages = rows_by_document(context.lake, "pages", context.batch, ids, _PAGE_INPUT)
        images = rows_by_document(context.lake, "images", context.batch, ids, _IMAGE_INPUT)
        for document in chunk:
            doc_id = document["doc_id"]
            inputs[doc_id] = digest(
                document["title"],
                document["n_pages"],
                document["n_attachments"],
                document["error_class"],
                [list(row.values()) for row in pages[doc_id]],
                [list(row.values()) for row in images[doc_id]],
            )
    return inputs


def _items(
    context: StageContext, documents: Sequence[dict[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the workers are given of each document."""
    for chunk, pages, images in ahead(_rows(context, documents)):
        for document in chunk:
            doc_id = document["doc_id"]
            yield doc_id, {"document": _input(document, pages.pop(doc_id), images.pop(doc_id))}


def _rows(
    context: StageContext, documents: Sequence[dict[str, Any]]
) -> Iterator[tuple[list[dict[str, Any]], _Rows, _Rows]]:
    """Some documents at a time, with the rows of their pages and images."""
    for chunk in chunks(documents):
        ids = [d["doc_id"] for d in chunk]
        pages = rows_by_document(context.lake, "pages", context.batch, ids, _PAGE_COLUMNS)
        images = rows_by_document(context.lake, "images", context.batch, ids, _IMAGE_COLUMNS)
        yield chunk, pages, images


def _input(
    document: Mapping[str, Any],
    pages: Sequence[dict[str, Any]],
    images: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """The fields of a `DocumentInput`."""
    return {
        "doc_id": document["doc_id"],
        "file_title": document["title"],
        "n_pages": document["n_pages"],
        "pages": pages,
        "images": images,
        "n_attachments": document["n_attachments"] or 0,
    }


def _not_stitched(failure: TaskFailure) -> dict[str, Any]:
    markdown = f"> [the document could not be put together: {failure.error_class}]\n"
    return {
        "title": None,
        "markdown": markdown,
        "n_pages": None,
        "n_failed_pages": 0,
        "n_images": 0,
        "n_tokens": 0,
        "content_sha256": hashlib.sha256(markdown.encode()).hexdigest(),
        "status": "failed",
    }
