"""The lake's own documents in an evaluation: which ones, and what their published rows say.

Here: documents whose summaries are judged. Not here: pages with a sound text layer (`sampling.py`),
or any reading (`reading.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import polars as pl

from assets.context import digest
from assets.evals.base import DocumentReading
from assets.evals.scratch import copied_documents
from resources.lake.lake import Lake

DOCUMENTS_A_PAGE: Final = 2
"""Documents that are summarised for each page of QUIRE_EVAL_PAGES: a call of a model costs about
what a page of OCR does, and twice as many units make a difference sure."""
BATCHES: Final = 24
"""Batches of a lake that are looked into, whatever its size."""
MIN_TOKENS: Final = 50
MAX_TOKENS: Final = 30_000
"""A book costs as much as hundreds of letters, and is one unit as they are."""


def sample_documents(lake: Lake, n: int) -> dict[str, str]:
    """Some documents of a lake with text enough for a summary, by hash, each with its batch.

    They are the same ones each time while the lake is the same.

    Raises:
        LakeError: The lake cannot be read.
    """
    found: dict[str, str] = {}
    batches = _batches(lake) if n else []
    for batch in batches:
        rows = lake.scan("docs", ["doc_id", "status", "n_tokens"], batch=batch).filter(
            (pl.col("status") == "ok") & pl.col("n_tokens").is_between(MIN_TOKENS, MAX_TOKENS)
        )
        share = max(4, -(-2 * n // len(batches)))  # twice its part: other batches may have few
        ids = rows.select("doc_id").collect()["doc_id"].sort().head(share)
        found |= dict.fromkeys(ids, batch)
    return {doc_id: found[doc_id] for doc_id in sorted(found)[:n]}  # doc_id is a hash


def _batches(lake: Lake) -> list[str]:
    """A few batches that have documents, by the hash of their names."""
    table = lake.open("docs")
    files = pl.DataFrame() if table is None else pl.DataFrame(table.get_add_actions(flatten=True))
    if files.is_empty():
        return []
    names = files.filter(pl.col("num_records") > 0)["partition.batch"].unique().to_list()
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[:BATCHES]


def published_summaries(
    lake: Lake, doc_ids: Sequence[str], version: str
) -> dict[str, DocumentReading]:
    """Documents with the summaries that a version made of the text that they have now, by doc_id.

    Rows that failed for want of money or of a server tell nothing of the version and are left out.

    Raises:
        LakeError: The lake cannot be read.
    """
    documents = {document.doc_id: document for document in copied_documents(lake, doc_ids)}
    given = lake.scan("docs", ["doc_id", "content_sha256", "status"])
    given = given.filter(pl.col("doc_id").is_in(list(documents)))
    inputs = {doc_id: digest(content, status) for doc_id, content, status in
              given.collect().iter_rows()}  # fmt: skip
    rows = (
        lake.scan("summaries", ["doc_id", "version", "input_sha256", "summary", "status"])
        .filter(pl.col("doc_id").is_in(list(documents)) & (pl.col("version") == version))
        .filter(pl.col("status").is_in(["ok", "empty"]))
        .collect()
    )
    return {
        row["doc_id"]: replace(
            documents[row["doc_id"]], summary=row["summary"], summary_status=row["status"]
        )
        for row in rows.iter_rows(named=True)
        if row["input_sha256"] == inputs.get(row["doc_id"])
    }
