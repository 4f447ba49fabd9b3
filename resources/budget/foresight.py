"""What summaries of documents that nobody has read yet are expected to cost.

Here: tokens and money from numbers of documents and pages. Not here: what one call is expected to
take (`predictions.py`, `engine.py`), which decides what may be spent.
"""

from __future__ import annotations

import math
from typing import Final

import polars as pl

from resources.budget.amounts import Amount
from resources.budget.prices import Prices
from resources.lake.lake import Lake
from resources.settings import Settings

TOKENS_A_PAGE: Final = 390
"""Of a document's markdown: the mean of 8,027 pages of real PDFs with a text layer."""
PROMPT_TOKENS: Final = 300
"""What is said beside the document: instructions of some 200 words, a title."""
_TRUST_DOCUMENTS: Final = 20
"""Summaries of so many documents by this model weigh as much as the defaults."""


def foreseen(lake: Lake, settings: Settings, documents: int, pages: float) -> Amount | None:
    """What the summaries of so many documents cost; None without a language model.

    From what this model read a page and wrote a document in this lake, blended with defaults while
    it did few. A document counts as one call, also where it is read in parts.

    Raises:
        LakeError: The lake cannot be read.
        SettingError: `QUIRE_PRICES` cannot be read.
    """
    if settings.summariser == "extractive":
        return None
    a_page, written = _seen(lake, settings)
    read = math.ceil(pages * a_page + documents * PROMPT_TOKENS)
    out = math.ceil(documents * written)
    each = (math.ceil(read / documents), math.ceil(out / documents)) if documents else (0, 0)
    cost = Prices.of(settings).cost(settings.model or "", *each)
    return Amount(documents, read, out, None if cost is None else cost * documents)


def _seen(lake: Lake, settings: Settings) -> tuple[float, float]:
    """Tokens read a page, and written a document."""
    docs = lake.scan("docs", ["doc_id", "n_pages"])
    of_model = (pl.col("model") == (settings.model or "")) & (pl.col("status") == "ok")
    rows = lake.scan("summaries", ["doc_id", "model", "status", "input_tokens", "output_tokens"])
    rows = rows.filter(of_model).join(docs, on="doc_id", how="inner")
    n, read, pages, written = rows.select(
        pl.len(),
        pl.col("input_tokens").sum(),
        pl.col("n_pages").sum(),
        pl.col("output_tokens").sum(),
    ).collect().row(0)  # fmt: skip
    trust = n / (n + _TRUST_DOCUMENTS)
    own_page = max(0, read - n * PROMPT_TOKENS) / pages if pages else 0.0
    own_written = written / n if n else 0.0
    return (
        trust * own_page + (1 - trust) * TOKENS_A_PAGE,
        trust * own_written + (1 - trust) * settings.summary_tokens,
    )
