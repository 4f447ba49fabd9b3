"""What the files stage promises of a batch."""

from __future__ import annotations

from assets.checks import CheckResult
from io_managers.staging import Staged, staged_rows
from resources.lake.lake import Lake


def files_match_the_manifest(lake: Lake, staged: Staged) -> CheckResult:
    """Every file of the batch's manifest has its row, and no other has."""
    seen = set(lake.read("manifest", ["uri"], batch=staged.batch)["uri"])
    found = set(staged_rows(lake, staged, "files", ["uri"])["uri"])
    missing, strange = len(seen - found), len(found - seen)
    text = f"{len(seen)} files in the manifest, {missing} without a row, {strange} rows of no file"
    return CheckResult(
        "files_match_the_manifest",
        not missing and not strange,
        text,
        {"missing": missing, "strange": strange},
    )
