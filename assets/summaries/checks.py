"""What the summaries stage promises of a batch."""

from __future__ import annotations

from assets.checks import CheckResult
from io_managers.staging import Staged, staged_rows
from resources.lake.lake import Lake


def documents_have_a_summary_row(lake: Lake, staged: Staged) -> CheckResult:
    """Every document of `docs` has its row in `summaries`, and no other has."""
    documents = set(lake.read("docs", ["doc_id"], batch=staged.batch)["doc_id"])
    found = set(staged_rows(lake, staged, "summaries", ["doc_id"])["doc_id"])
    missing, strange = len(documents - found), len(found - documents)
    text = f"{len(documents)} documents, {missing} without a row, {strange} rows of no document"
    return CheckResult(
        "documents_have_a_summary_row",
        not missing and not strange,
        text,
        {"missing": missing, "strange": strange},
    )
