"""Costs of summaries before anything was read: by defaults, then by what the model did here."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from resources.budget.foresight import PROMPT_TOKENS, TOKENS_A_PAGE, foreseen
from resources.settings import Settings
from tests.lakes import Pdf, make_lake, publish_batch, rewrite

MODEL = "m"
DOCUMENTS = 60


@pytest.fixture
def asking(settings: Settings) -> Settings:
    prices = json.dumps({MODEL: {"input": 3.0, "output": 5.0}})
    return replace(settings, summariser="openai", model=MODEL, prices=prices)


def test_without_a_model_there_is_nothing_to_pay(tmp_path: Path, settings: Settings) -> None:
    assert foreseen(make_lake(tmp_path), settings, 5, 50.0) is None


def test_defaults_hold_while_the_lake_knows_nothing(tmp_path: Path, asking: Settings) -> None:
    found = foreseen(make_lake(tmp_path), asking, 10, 100.0)
    assert found is not None
    read, written = 100 * TOKENS_A_PAGE + 10 * PROMPT_TOKENS, 10 * asking.summary_tokens
    assert (found.calls, found.input_tokens, found.output_tokens) == (10, read, written)
    assert found.usd == pytest.approx((read * 3.0 + written * 5.0) / 1e6, rel=1e-3)
    none = foreseen(make_lake(tmp_path), asking, 0, 0.0)
    assert none is not None
    assert (none.tokens, none.usd) == (0, 0)


def test_what_the_model_did_here_takes_over(tmp_path: Path, asking: Settings) -> None:
    lake = make_lake(tmp_path)
    publish_batch(lake, "b00000001", [Pdf(f"{n}.pdf") for n in range(DOCUMENTS)])
    pages = lake.read("docs")["n_pages"].sum()
    assert pages
    rewrite(
        lake,
        "summaries",
        lambda frame: frame.with_columns(
            model=pl.lit(MODEL),
            input_tokens=pl.lit(PROMPT_TOKENS + 1_000 * pages // DOCUMENTS),
            output_tokens=pl.lit(50),
        ),
    )
    found = foreseen(lake, asking, 100, 100.0)
    assert found is not None
    share = DOCUMENTS / (DOCUMENTS + 20)
    a_page = share * 1_000 + (1 - share) * TOKENS_A_PAGE
    assert found.input_tokens == pytest.approx(100 * (a_page + PROMPT_TOKENS), rel=0.01)
    written = share * 50 + (1 - share) * asking.summary_tokens
    assert found.output_tokens == pytest.approx(100 * written, rel=0.01)
    other = foreseen(lake, replace(asking, model="another"), 100, 100.0)
    assert other is not None
    assert other.input_tokens == 100 * (TOKENS_A_PAGE + PROMPT_TOKENS)
    assert other.usd is None  # nobody knows its price
