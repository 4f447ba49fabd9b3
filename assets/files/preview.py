"""What the UI shows of a batch's files."""

from __future__ import annotations

from assets.context import StageContext
from assets.preview import table
from io_managers.staging import Staged, staged_rows

_COLUMNS = ["file_name", "status", "error_class", "n_pages", "n_bytes", "title"]


def preview_files(context: StageContext, staged: Staged) -> str:
    """The first files, failed ones first."""
    rows = staged_rows(context.lake, staged, "files", _COLUMNS)
    return table(rows.sort(["status", "file_name"]).head(10).to_dicts(), _COLUMNS)
