"""What the images stage promises of a batch."""

from __future__ import annotations

import polars as pl

from assets.checks import CheckResult
from io_managers.staging import Staged, staged_rows
from resources.lake.lake import Lake


def placements_have_their_bytes(lake: Lake, staged: Staged) -> CheckResult:
    """Every placement that names an image finds its bytes in `image_data`, and none lie unused."""
    named = staged_rows(lake, staged, "images", ["sha256", "status"]).filter(
        (pl.col("status") == "ok") & pl.col("sha256").is_not_null()
    )
    stored = set(staged_rows(lake, staged, "image_data", ["sha256"])["sha256"])
    wanted = set(named["sha256"])
    missing, unused = len(wanted - stored), len(stored - wanted)
    text = f"{len(wanted)} distinct images named, {missing} without bytes, {unused} stored unused"
    return CheckResult(
        "placements_have_their_bytes",
        not missing and not unused,
        text,
        {"missing": missing, "unused": unused},
    )
