"""What the pages stage promises of a batch."""

from __future__ import annotations

import polars as pl

from assets.checks import CheckResult
from assets.context import readable_documents
from io_managers.staging import Staged, staged_rows
from resources.lake.lake import Lake


def page_numbers_are_complete(lake: Lake, staged: Staged) -> CheckResult:
    """Every readable document has exactly the pages 1 to n_pages."""
    documents = readable_documents(lake, staged.batch).select("doc_id", "n_pages")
    pages = staged_rows(lake, staged, "pages", ["doc_id", "page_number"])
    found = pages.group_by("doc_id").agg(
        pl.col("page_number").n_unique().alias("found"),
        pl.col("page_number").min().alias("first"),
        pl.col("page_number").max().alias("last"),
    )
    joined = documents.join(found, on="doc_id", how="full", coalesce=True)
    wrong = joined.filter(
        ~(
            (pl.col("found") == pl.col("n_pages"))
            & (pl.col("first") == 1)
            & (pl.col("last") == pl.col("n_pages"))
        ).fill_null(value=False)
        & ~((pl.col("n_pages") == 0) & pl.col("found").is_null()).fill_null(value=False)
    )
    text = f"{documents.height} documents, {wrong.height} of them without all of their pages"
    return CheckResult(
        "page_numbers_are_complete", wrong.height == 0, text, {"incomplete": wrong.height}
    )
