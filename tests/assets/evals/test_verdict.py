"""A verdict: what is worse for sure rejects, noise and few units do not, and nothing is dropped."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from assets.evals.base import Level, Limits, Result, Suite
from assets.evals.bootstrap import least_units, lower_bound
from assets.evals.verdict import compare, judge

OLD, NEW = "pages-r1-a", "pages-r2-b"


def results(
    metric: str,
    values: Sequence[float],
    *,
    version: str = OLD,
    suite: Suite = "live",
    subject: str = "pages",
    passed: bool | None = None,
    explanation: str = "",
) -> list[Result]:
    return [
        Result(suite, f"d#{n:03d}", metric, subject, version, value, passed, explanation)
        for n, value in enumerate(values)
    ]


def level(old: Sequence[float], new: Sequence[float], metric: str = "cer") -> Level:
    (found,) = compare(results(metric, old), results(metric, new, version=NEW))
    return found.level


def noisy(mean: float, n: int, seed: int) -> list[float]:
    chance = random.Random(seed)
    return [max(0.0, chance.gauss(mean, mean / 2)) for _ in range(n)]


def test_a_sure_and_large_difference_fails() -> None:
    assert level([0.02] * 12, [0.05] * 12) == "fail"
    assert level(noisy(0.02, 40, 1), noisy(0.06, 40, 2)) == "fail"


def test_a_sure_and_small_one_warns_or_passes() -> None:
    assert level([0.02] * 12, [0.028] * 12) == "warn"
    assert level([0.02] * 12, [0.021] * 12) == "pass"


def test_chance_and_betterment_pass() -> None:
    assert level([0.05] * 12, [0.02] * 12) == "pass"
    assert [level(noisy(0.03, 60, 2 * k), noisy(0.03, 60, 2 * k + 1)) for k in range(20)] == [
        "pass"
    ] * 20


def test_one_bad_page_does_not_hide_the_others() -> None:
    """A page whose error is 80 would make every mean uncertain: one page is wrong at most once."""
    old = [0.02] * 60
    new = [0.07] * 59 + [80.0]
    (found,) = compare(results("cer", old), results("cer", new, version=NEW))
    assert found.level == "fail"
    assert found.mean < 0.1


def test_too_few_units_are_never_sure_and_say_so() -> None:
    assert least_units(0.001) == 10
    for n in range(1, 10):
        (found,) = compare(results("cer", [0.0] * n), results("cer", [0.5] * n, version=NEW))
        assert found.level == "warn"
        assert "too few to be sure (at least 10 are needed)" in found.explanation
    verdict = judge(
        "pages", NEW, OLD, results("cer", [0.5] * 5, version=NEW), results("cer", [0.0] * 5)
    )
    assert verdict.accepted
    assert "too few" in verdict.reasons[0]


def test_what_only_counts_as_a_hint_never_rejects() -> None:
    for metric in ("doubt", "novelty", "compression"):
        assert level([0.1] * 20, [0.5] * 20, metric) == "warn"


def test_a_lost_page_is_an_error_and_not_dropped() -> None:
    old = results("cer", [0.02] * 40) + results("failed_page", [0.0] * 40)
    new = results("cer", [0.02] * 20, version=NEW) + results("failed_page", [0.0] * 20, version=NEW)
    found = {c.metric: c for c in compare(old, new)}
    assert (found["cer"].n, found["cer"].level) == (40, "fail")
    assert found["failed_page"].mean == 0.5
    assert found["failed_page"].level == "fail"
    assert "20 of the baseline's pages have no result now" in found["cer"].explanation
    verdict = judge("pages", NEW, OLD, new, old)
    assert not verdict.accepted
    assert verdict.reasons[0].startswith("more pages failed")


def test_lost_documents_count_as_failed_where_nothing_was_said_of_failing() -> None:
    kind = {"subject": "summaries"}
    old = results("unsupported_numbers", [0.0] * 30, **kind)  # type: ignore[arg-type]
    new = results("unsupported_numbers", [0.0] * 15, version=NEW, **kind)  # type: ignore[arg-type]
    found = {c.metric: c for c in compare(old, new)}
    assert (found["failed_summary"].n, found["failed_summary"].mean) == (30, 0.5)
    assert (found["unsupported_numbers"].n, found["unsupported_numbers"].level) == (15, "pass")


def test_a_metric_that_no_longer_applies_is_told_of_and_no_error() -> None:
    old = results("doubt", [0.2] * 30) + results("failed_page", [0.0] * 30)
    new = results("doubt", [0.2] * 10, version=NEW) + results(
        "failed_page", [0.0] * 30, version=NEW
    )
    found = {c.metric: c for c in compare(old, new)}
    assert found["doubt"].level == "pass"
    assert "20 pages are not measured any more" in found["doubt"].explanation
    (only_new,) = compare(results("cer", [0.1] * 10), results("cer", [0.1] * 15, version=NEW))
    assert "5 pages were not measured before and are left out" in only_new.explanation


def test_the_words_name_what_is_wrong_and_where() -> None:
    old = results("words_missing", [0.0] * 60)
    new = results(
        "words_missing", [0.06] * 40 + [0.0] * 20, version=NEW, explanation="3 of 52 lines"
    )
    verdict = judge("pages", NEW, OLD, new, old)
    assert not verdict.accepted
    (reason,) = verdict.reasons
    assert reason.startswith(
        "text is missing: words_missing 0.00 % before, 4.00 % now, worse on 40 of 60 pages (live), "
        "by at least "
    )
    assert reason.endswith("with 99.9 % confidence; worst d#000: 3 of 52 lines")
    assert verdict.comparisons[0].worst == tuple(f"d#{n:03d}" for n in range(10))


def test_what_says_more_is_named_first() -> None:
    old = [r for m in ("cer", "wer", "order") for r in results(m, [0.0] * 20)]
    new = [
        r
        for m, value in (("cer", 0.5), ("wer", 0.6), ("order", 0.3))
        for r in results(m, [value] * 20, version=NEW)
    ]
    assert [c.metric for c in compare(old, new)] == ["order", "wer", "cer"]


def golden(values: Sequence[float], version: str, passed: Sequence[bool | None]) -> list[Result]:
    found = results("text_present", values, version=version, suite="golden", explanation="“a” gone")
    return [replace(r, passed=p) for r, p in zip(found, passed, strict=True)]


def test_a_golden_case_that_fails_now_is_a_reason() -> None:
    old = golden([0.0, 1.0, 0.0], OLD, [True, False, True])
    verdict = judge("pages", NEW, OLD, golden([0.0, 1.0, 1.0], NEW, [True, False, False]), old)
    assert not verdict.accepted
    assert [r for r in verdict.reasons if r.startswith("golden case")] == [
        "golden case d#002 (expected text is gone) passed before and fails now: “a” gone"
    ]
    assert judge("pages", NEW, OLD, golden([0.0, 1.0, 0.0], NEW, [True, False, True]), old).accepted
    lost = judge("pages", NEW, OLD, golden([0.0, 1.0], NEW, [True, False]), old)
    assert not lost.accepted
    assert any("d#002" in r and "has no result now" in r for r in lost.reasons)


def test_without_a_baseline_the_cases_decide() -> None:
    assert judge("pages", NEW, None, golden([0.0], NEW, [True]), []).accepted
    for baseline in (OLD, None):  # one that nothing is known of is none
        assert not judge("pages", NEW, baseline, golden([1.0], NEW, [False]), []).accepted
    verdict = judge("pages", NEW, None, golden([1.0], NEW, [False]), [])
    assert verdict.reasons[0] == "golden case d#000 (expected text is gone) fails: “a” gone"


def test_a_stage_answers_for_its_own_results_only() -> None:
    old = results("cer", [0.0] * 20) + results("novelty", [0.0] * 20, subject="summaries")
    new = results("cer", [0.5] * 20, version=NEW) + results(
        "novelty", [0.0] * 20, version=NEW, subject="summaries"
    )
    assert judge("summaries", NEW, OLD, new, old).accepted
    assert not judge("pages", NEW, OLD, new, old).accepted
    nothing = judge("images", NEW, OLD, new, old)
    assert not nothing.accepted
    assert "nothing was measured" in nothing.reasons[0]


def test_limits_are_settings() -> None:
    old, new = results("cer", [0.0] * 20), results("cer", [0.03] * 20, version=NEW)
    assert judge("pages", NEW, OLD, new, old, Limits(warn=0.05, fail=0.05)).accepted
    assert not judge("pages", NEW, OLD, new, old, Limits(warn=0.05, fail=0.02)).accepted


@pytest.mark.parametrize("n", [12, 60, 1_000, 6_000])
def test_the_bound_is_the_same_every_time_and_quick(n: int) -> None:
    chance = random.Random(n)
    values = [chance.gauss(0.01, 0.02) for _ in range(n)]
    started = time.perf_counter()
    first = lower_bound(values, 0.001)
    assert time.perf_counter() - started < 1
    assert first == lower_bound(list(reversed(values)), 0.001)
    assert first < sum(values) / n


def test_the_bound_of_few_normal_differences_is_that_of_students_t() -> None:
    chance = random.Random(7)
    values = [chance.gauss(0.0, 1.0) for _ in range(12)]
    mean = sum(values) / 12
    error = (sum((v - mean) ** 2 for v in values) / 11 / 12) ** 0.5
    assert lower_bound(values, 0.001) == pytest.approx(mean - 4.02 * error, abs=0.6 * error)
