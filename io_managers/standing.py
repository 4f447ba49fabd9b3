"""A failure never replaces good rows: which published rows stand when their subject fails anew.

Here: comparing what a run made of a document, or of a page, with what is published of it. Not here:
keeping the rows (`stage_run.py`), the count of attempts (`failure_ledger.py`), or documents whose
source is gone, of which every row stays (`StageRun.keep_published`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import polars as pl

from resources.errors import PERMANENT, SOURCE_GONE

_RANKS: Final = {"failed": 0, "blocked": 0, "partial": 1}
_WHOLE: Final = 2
_PERMANENT: Final = [str(error_class) for error_class in PERMANENT]
_GONE: Final = frozenset(str(error_class) for error_class in SOURCE_GONE)

Subject = tuple[str, int | None]


def standing(
    failed: Mapping[Subject, Mapping[str, Any]],
    made: pl.DataFrame,
    published: pl.DataFrame,
    unit: str,
    *,
    may_be_empty: bool = False,
) -> pl.DataFrame:
    """Keys (`unit`, and `page_number` where the rows have it) of published rows that stand.

    They stand where they are better than what the run made: whole against partial, failed or
    blocked, partial against failed or blocked. Where a run made no failed row and only found, of
    things that no other run would find otherwise, that a page cannot be read as it should (a
    portfolio's placeholder is `partial`, `unsupported`), that is a verdict and not a failure: its
    rows are published.

    Args:
        failed: Failures that the run charged, by document (or uri) and page (None: all of it).
        made: The run's rows: `unit`, `page_number`, `status`, `error_class` where the table has it.
        published: Rows that are published and not carried over; likewise.
        unit: The column that tells documents apart.
        may_be_empty: Whether a page without a row is a good answer, as of a document's pages those
            are without images: then no failed row takes its place either.
    """
    on = [unit, "page_number"] if "page_number" in published.columns else [unit]
    subjects = _subjects(failed, published, unit, on, may_be_empty=may_be_empty)
    old = _by_subject(published, on).select(*on, pl.col("rank").alias("old"))
    new = _by_subject(made, on)
    found = subjects.join(old, on=on, how="left").with_columns(pl.col("old").fill_null(_WHOLE))
    found = found.join(new, on=on, how="left")
    # A failure with no row of its own, or beside good ones only, is of an answer that was refused.
    rank = pl.when(pl.col("rank").fill_null(0) == _WHOLE).then(0).otherwise(pl.col("rank"))
    verdict = pl.col("verdict").fill_null(value=False)
    return found.filter(~verdict & (pl.col("old") > rank.fill_null(0))).select(on)


def _subjects(
    failed: Mapping[Subject, Mapping[str, Any]],
    published: pl.DataFrame,
    unit: str,
    on: list[str],
    *,
    may_be_empty: bool,
) -> pl.DataFrame:
    """The published subjects that failed; a document that failed is all of its pages."""
    about = {subject for subject, row in failed.items() if row["error_class"] not in _GONE}
    whole = {name for name, page in about if page is None}
    keys = published.select(on).unique(maintain_order=True)
    of_page = pl.DataFrame(
        [(name, page) for name, page in about if page is not None],
        schema={unit: pl.String, "page_number": pl.Int32},
        orient="row",
    )
    found = [keys.filter(pl.col(unit).is_in(list(whole)))]
    if "page_number" in on:
        others = published.select(unit) if may_be_empty else keys
        found.append(of_page.join(others, on=others.columns, how="semi"))
    return pl.concat(found).unique(maintain_order=True)


def _by_subject(rows: pl.DataFrame, on: list[str]) -> pl.DataFrame:
    """The least rank of each subject's rows, and whether nothing of it failed but by a verdict."""
    if "error_class" not in rows.columns:
        rows = rows.with_columns(pl.lit(None, pl.String).alias("error_class"))
    error = pl.col("error_class")
    rank = pl.col("status").replace_strict(_RANKS, default=_WHOLE, return_dtype=pl.Int32)
    judged = error.is_null() | (error.is_in(_PERMANENT) & (pl.col("status") != "failed"))
    verdict = judged.all() & error.is_not_null().any()
    return rows.group_by(on, maintain_order=True).agg(
        rank.min().alias("rank"), verdict.alias("verdict")
    )


def versions_of(rows: pl.DataFrame, on: Collection[str]) -> dict[tuple[Any, ...], str]:
    """The version of the rows that stand, by subject."""
    return {tuple(key): version for *key, version in rows.select(*on, "version").iter_rows()}
