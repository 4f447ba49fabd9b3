"""What the docs stage promises of a batch."""

from __future__ import annotations

from assets.checks import CheckResult
from assets.context import owned_documents
from io_managers.staging import Staged, staged_rows
from resources.lake.lake import Lake


def documents_are_accounted_for(lake: Lake, staged: Staged) -> CheckResult:
    """Every document of `files` that this batch owns has its row in `docs`, and no other has."""
    owned = set(owned_documents(lake, staged.batch)["doc_id"])
    found = set(staged_rows(lake, staged, "docs", ["doc_id"])["doc_id"])
    missing, strange = len(owned - found), len(found - owned)
    text = f"{len(owned)} documents owned, {missing} without a row, {strange} rows of no document"
    return CheckResult(
        "documents_are_accounted_for",
        not missing and not strange,
        text,
        {"missing": missing, "strange": strange},
    )
