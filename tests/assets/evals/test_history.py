"""A batch beside the batches before it: what is chance, and what is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from assets.evals.base import Limits, Result
from assets.evals.history import MIN_BATCHES, MIN_GRADED, History, batch_drift, graded_drift
from assets.evals.kept import append_results
from resources.lake.lake import Lake

LIMITS = Limits()
START = datetime(2026, 1, 1, tzinfo=UTC)


def test_few_batches_tell_nothing() -> None:
    drift = batch_drift(0.9, [0.0] * (MIN_BATCHES - 1), "v", LIMITS)
    assert (drift.level, drift.confidence) == ("pass", None)
    assert f"{MIN_BATCHES} are needed" in drift.explanation


@pytest.mark.parametrize(
    ("value", "level"), [(0.02, "pass"), (0.024, "pass"), (0.027, "warn"), (0.04, "fail")]
)
def test_a_batch_is_worse_when_it_is_worse_than_every_one_before(value: float, level: str) -> None:
    drift = batch_drift(value, [0.0, *[0.01] * 98, 0.02], "v", LIMITS)
    assert drift.level == level
    assert drift.usual == pytest.approx(0.01)
    if value > 0.02:
        assert drift.confidence == pytest.approx(100 / 101)


def test_graded_pages_of_the_same_kind_pass_and_much_worse_ones_do_not() -> None:
    rng = np.random.default_rng(1)
    history = rng.gamma(0.5, 0.02, 400).tolist()
    alarms = 0
    for seed in range(200):
        values = np.random.default_rng(seed + 2).gamma(0.5, 0.02, 5).tolist()
        alarms += graded_drift(values, history, "v", LIMITS).level != "pass"
    assert alarms <= 2
    bad = graded_drift([0.2, 0.15, 0.3], history, "v", LIMITS)
    assert bad.level == "fail"
    assert bad.confidence is not None
    assert bad.confidence >= 0.999
    few = graded_drift([0.2], history[: MIN_GRADED - 1], "v", LIMITS)
    assert few.level == "pass"


def row(batch: int, value: float, version: str, case_id: str = "batch") -> Result:
    return Result(
        suite="live",
        case_id=case_id,
        metric="cer",
        subject="pages",
        version=version,
        value=value,
        passed=True,
        batch=f"b{batch:08d}",
        doc_id=None if case_id == "batch" else case_id[:1],
        page_number=None if case_id == "batch" else 1,
    )


def fill(lake: Lake, batch: int, results: list[Result], minute: int = 0) -> None:
    at = START + timedelta(hours=batch, minutes=minute)
    append_results(lake, f"live-{batch}-{minute}", results, at=at)


def test_the_history_is_that_of_the_version_or_of_the_one_before_it(lake: Lake) -> None:
    for batch in range(1, 13):
        fill(lake, batch, [row(batch, 0.01, "old"), row(batch, 0.5, "old", "d#1@clean")])
    fill(lake, 3, [row(3, 0.03, "old")], minute=5)  # measured again: the latest counts
    fill(lake, 20, [row(20, 0.9, "new")])
    history = History.read(lake, "b00000001")
    version, values = history.means("pages", "cer", "new")
    assert version == "old"
    assert sorted(values) == [*[0.01] * 10, 0.03]
    assert history.means("summaries", "cer", "new") == (None, [])
    assert history.means("pages", "cer", "old")[0] == "old"
    version, values = history.graded("cer", "clean", "old")
    assert (version, len(values)) == ("old", 10)
    assert history.graded("cer", "degraded", "old") == (None, [])


def test_batches_too_small_to_judge_are_no_history(lake: Lake) -> None:
    from dataclasses import replace

    for batch in range(1, 30):
        fill(lake, batch, [replace(row(batch, 0.01, "v"), passed=None)])
    assert History.read(lake, "b00000099").means("pages", "cer", "v") == (None, [])
    assert History.read(Lake(f"{lake.root}-none"), "b").means("pages", "cer", "v") == (None, [])
