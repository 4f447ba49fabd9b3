"""What the UI shows of a batch's documents."""

from __future__ import annotations

from assets.context import StageContext
from assets.preview import table
from io_managers.staging import Staged, staged_rows

_ROW = [
    "doc_id",
    "title",
    "status",
    "n_pages",
    "n_failed_pages",
    "n_images",
    "n_tokens",
    "markdown",
]


def preview_docs(context: StageContext, staged: Staged) -> str:
    """A few documents with the beginning of their markdown."""
    rows = staged_rows(context.lake, staged, "docs", _ROW).head(10).to_dicts()
    return table([{**row, "doc_id": row["doc_id"][:8]} for row in rows], _ROW)
