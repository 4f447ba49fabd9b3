"""What the UI shows of a batch's documents."""

from __future__ import annotations

import shlex

import polars as pl

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
    """A few documents, troubled ones first, and the command that shows each page by page."""
    rows = staged_rows(context.lake, staged, "docs", _ROW)
    order = pl.col("status").replace_strict({"failed": 0, "partial": 1}, default=2)
    shown = rows.sort(order, maintain_order=True).head(10).to_dicts()
    lake = shlex.quote(context.lake.root)
    commands = "\n".join(f"quire report {row['doc_id'][:12]} --lake {lake}" for row in shown[:3])
    told = f"How they were read, page by page:\n\n```\n{commands}\n```" if shown else ""
    return "\n\n".join([table([{**r, "doc_id": r["doc_id"][:8]} for r in shown], _ROW), told])
