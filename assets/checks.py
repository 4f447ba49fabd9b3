"""Checks that every stage shares: keys from the schemas, and the share of failed documents.

Here: plain functions over staged rows, and the record they return. Not here: what only one stage
promises (`assets/<stage>/checks.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from io_managers.schemas import TABLES
from io_managers.staging import Staged, staged_rows
from resources.lake.lake import Lake

FAILED_SHARE_LIMIT: Final = 0.25
"""A batch in which more than this share of its documents failed is worth a look: one bad producer
or a broken engine, rather than the odd bad file. Measured on 100 difficult files: 0.14 failed."""


@dataclass(frozen=True)
class CheckResult:
    """A verdict on a batch's rows, with what to show for it."""

    name: str
    passed: bool
    description: str
    metadata: Mapping[str, int | float | str] = field(default_factory=dict)


Check = Callable[[Lake, Staged], CheckResult]


def keys_are_unique(lake: Lake, staged: Staged) -> CheckResult:
    """No two rows of the stage's table share its key."""
    table = TABLES[staged.stage]
    rows = staged_rows(lake, staged, table.name, list(table.key))
    doubled = rows.height - rows.n_unique() if rows.height else 0
    text = f"{rows.height} rows, {doubled} of them repeat a key ({', '.join(table.key)})"
    return CheckResult("keys_are_unique", doubled == 0, text, {"doubled_rows": doubled})


def keys_are_not_null(lake: Lake, staged: Staged) -> CheckResult:
    """No row lacks a part of its key."""
    table = TABLES[staged.stage]
    rows = staged_rows(lake, staged, table.name, list(table.key))
    nulls = sum(rows[column].null_count() for column in table.key)
    text = f"{nulls} nulls in {', '.join(table.key)}"
    return CheckResult("keys_are_not_null", nulls == 0, text, {"nulls": nulls})


def failed_share(lake: Lake, staged: Staged) -> CheckResult:
    """The share of the batch's documents that failed at this stage is under the limit."""
    table = TABLES[staged.stage]
    unit = "uri" if staged.stage == "files" else "doc_id"
    rows = staged_rows(lake, staged, table.name, [unit, "status"])
    total = rows[unit].n_unique()
    failed = rows.filter(pl.col("status") == "failed")[unit].n_unique()
    share = failed / total if total else 0.0
    text = (
        f"{failed} of {total} documents failed ({share:.0%}; the limit is {FAILED_SHARE_LIMIT:.0%})"
    )
    return CheckResult(
        "failed_share",
        share <= FAILED_SHARE_LIMIT,
        text,
        {"failed": failed, "documents": total, "share": share},
    )


SHARED_CHECKS: Final[tuple[Check, ...]] = (keys_are_unique, keys_are_not_null, failed_share)
