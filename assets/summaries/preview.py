"""What the UI shows of a batch's summaries."""

from __future__ import annotations

from assets.context import StageContext
from assets.preview import cell
from io_managers.staging import Staged, staged_rows

_ROW = ["doc_id", "status", "summary"]


def preview_summaries(context: StageContext, staged: Staged) -> str:
    """The first summaries, in full."""
    rows = staged_rows(context.lake, staged, "summaries", _ROW)
    titles = dict(context.lake.read("docs", ["doc_id", "title"], batch=staged.batch).iter_rows())
    parts = []
    for row in rows.filter(rows["status"] == "ok").head(4).to_dicts():
        text = " ".join(cell(word) for word in (row["summary"] or "").split())
        parts.append(f"**{cell(titles.get(row['doc_id']) or row['doc_id'][:8])}**\n\n{text}")
    return "\n\n".join(parts) or "*no summaries*"
