"""What the UI shows of a batch's pages: a few rows and their pictures."""

from __future__ import annotations

import polars as pl

from assets.context import StageContext, readable_documents
from assets.preview import picture, table
from io_managers.staging import Staged, staged_rows
from resources.errors import DocumentError
from resources.landing.sightings import local_copy
from resources.workers.pool import Task

_ROW = ["doc_id", "page_number", "status", "source", "confidence", "n_chars", "error_class"]
_N_PICTURES = 3


def preview_pages(context: StageContext, staged: Staged) -> str:
    """A few pages, troubled ones first, with the first pages of three documents in pictures."""
    rows = staged_rows(context.lake, staged, "pages", [*_ROW, "text"])
    order = pl.col("status").replace_strict({"failed": 0, "partial": 1}, default=2)
    shown = rows.sort(order, "doc_id", "page_number").head(8)
    shown = shown.with_columns(pl.col("doc_id").str.head(8))
    return "\n\n".join([_pictures(context), table(shown.to_dicts(), [*_ROW, "text"])])


def _pictures(context: StageContext) -> str:
    documents = readable_documents(context.lake, context.batch).head(_N_PICTURES).to_dicts()
    tasks = []
    for document in documents:
        try:
            with local_copy(document["uri"], None, None) as path:
                payload = {
                    "path": path,
                    "passwords": list(context.settings.passwords),
                    "doc_id": document["doc_id"],
                    "page_numbers": [1],
                }
        except DocumentError:
            continue  # already a row of `failures`; a preview has nothing to add
        name = "assets.pages.thumbnail:render_thumbnails"
        tasks.append(Task(document["file_name"], name, payload, (1,)))
    return " ".join(
        picture(blob, f"page 1 of {result.task.document}")
        for result in context.workers.run(tasks)
        for _, blob in result.records()
        if blob is not None
    )
