"""What is asked of every batch's measures; nothing is held back by the answers.

Here: four plain checks, in words that a person understands. Not here: the tests behind them
(`history.py`, `verdict.py`), or Dagster's shell of them (`asset.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from assets.evals.base import METRICS, Comparison, Level, Limits
from assets.evals.history import Drift, History, batch_drift, graded_drift
from assets.evals.live import MIN_UNITS, Mean
from assets.evals.measured import MeasuredBatch
from resources.report.escaping import percent

CLEAN: Final = ("garbage", "unknown_words", "repetition")
SUPPORTED: Final = ("unsupported_numbers", "unsupported_names", "novelty", "language")
GRADED: Final = ("cer", "words_missing", "order", "disagreement")
_GRAVITY: Final[Mapping[Level, int]] = {"fail": 0, "warn": 1, "pass": 2}


@dataclass(frozen=True)
class EvalCheck:
    """A verdict on a batch's measures.

    Attributes:
        name: Of the asset check.
        level: `pass`; `warn` or `fail` become a failed check of severity WARN or ERROR.
        description: What is wrong, or that nothing is, and compared with what.
        metadata: Numbers, which Dagster plots over materialisations.
    """

    name: str
    level: Level
    description: str
    metadata: Mapping[str, int | float | str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether there is nothing to tell."""
        return self.level == "pass"


def run_checks(batch: MeasuredBatch, history: History, limits: Limits) -> list[EvalCheck]:
    """Every check, in the order of `CHECKS`."""
    return [
        text_is_clean(batch, history, limits),
        ocr_agrees_with_text_layer(batch, history, limits),
        summaries_are_supported(batch, history, limits),
        not_worse_than_before(batch),
    ]


def text_is_clean(batch: MeasuredBatch, history: History, limits: Limits) -> EvalCheck:
    """Pages hold no more garbage, unknown words and repetition than any batch before."""
    return _against_batches("text_is_clean", "pages", CLEAN, batch, history, limits)


def summaries_are_supported(batch: MeasuredBatch, history: History, limits: Limits) -> EvalCheck:
    """Numbers, names and words of summaries are their sources', as in every batch before."""
    return _against_batches(
        "summaries_are_supported", "summaries", SUPPORTED, batch, history, limits
    )


def ocr_agrees_with_text_layer(batch: MeasuredBatch, history: History, limits: Limits) -> EvalCheck:
    """OCR reads pictures of pages as their text layers have them, no worse than before."""
    name = "ocr_agrees_with_text_layer"
    drifts: list[tuple[str, Drift]] = []
    for mean in batch.means:
        if mean.degradation is None or mean.metric not in GRADED:
            continue
        version, earlier = history.graded(mean.metric, mean.degradation, mean.version)
        values = batch.graded(mean.metric, mean.degradation)
        drifts.append((mean.name, graded_drift(values, earlier, version, limits)))
    if not drifts:
        why = batch.why_not_graded or "no page of this batch was sampled"
        return EvalCheck(name, "pass", f"nothing graded: {why}", {"graded_pages": 0})
    return _told(name, drifts, {"graded_pages": batch.n_graded})


def not_worse_than_before(batch: MeasuredBatch) -> EvalCheck:
    """The same pages and summaries are no worse than the version before made them."""
    name = "not_worse_than_before"
    if not batch.comparisons:
        return EvalCheck(name, "pass", "no earlier version of these rows was measured")
    worst = sorted(batch.comparisons, key=lambda c: (_GRAVITY[c.level], -c.difference))
    bad = [comparison for comparison in worst if comparison.level != "pass"]
    before = ", ".join(batch.compared_with)
    pairs = max(comparison.n for comparison in worst)
    text = f"compared with {before} on {pairs:,} pages or summaries at most"
    said = "; ".join(comparison.explanation for comparison in bad)
    text = f"{said} ({text})" if bad else f"no metric is surely worse ({text})"
    return EvalCheck(name, worst[0].level, text, _differences(worst))


def _differences(comparisons: Iterable[Comparison]) -> dict[str, int | float | str]:
    found: dict[str, int | float | str] = {}
    for comparison in comparisons:
        found[f"{comparison.metric}_worse_by"] = comparison.difference
        found[f"{comparison.metric}_pairs"] = comparison.n
    return found


def _against_batches(
    name: str,
    subject: str,
    metrics: Sequence[str],
    batch: MeasuredBatch,
    history: History,
    limits: Limits,
) -> EvalCheck:
    means = [
        mean
        for mean in batch.means
        if mean.subject == subject and mean.metric in metrics and mean.degradation is None
    ]
    if not means:
        return EvalCheck(name, "pass", f"no {subject} to measure", {subject: 0})
    numbers: dict[str, int | float | str] = {mean.metric: mean.value for mean in means}
    large = [mean for mean in means if mean.n >= MIN_UNITS]
    if not large:
        most = max(mean.n for mean in means)
        text = f"{most} {subject} are too few to judge (under {MIN_UNITS}): {_listed(means)}"
        return EvalCheck(name, "pass", text, numbers)
    drifts = []
    for mean in large:
        version, earlier = history.means(subject, mean.metric, mean.version)
        drifts.append((mean.metric, batch_drift(mean.value, earlier, version, limits)))
    return _told(name, drifts, numbers)


def _listed(means: Iterable[Mean]) -> str:
    return ", ".join(f"{mean.metric} {mean.value:.4f}" for mean in means)


def _told(
    name: str, drifts: Sequence[tuple[str, Drift]], numbers: Mapping[str, int | float | str]
) -> EvalCheck:
    """The check that some tests come to: as grave as the gravest."""
    ordered = sorted(drifts, key=lambda pair: _GRAVITY[pair[1].level])
    level = ordered[0][1].level
    bad = [pair for pair in ordered if pair[1].level != "pass"]
    metadata = dict(numbers)
    for metric, drift in drifts:
        metadata[metric] = drift.value
        metadata[f"{metric}_history"] = drift.n
        if drift.usual is not None:
            metadata[f"{metric}_usual"] = drift.usual
        if drift.confidence is not None:
            metadata[f"{metric}_confidence"] = drift.confidence
    versions = sorted({drift.version for _, drift in drifts if drift.version})
    against = f" (history of {', '.join(versions)})" if versions else ""
    if not bad:
        said = "; ".join(f"{metric} {drift.explanation}" for metric, drift in drifts)
        return EvalCheck(name, level, said + against, metadata)
    said = "; ".join(
        f"{METRICS[_metric(metric)]}: {metric} {drift.explanation}, "
        f"confidence {percent(drift.confidence or 0)}"
        for metric, drift in bad
    )
    return EvalCheck(name, level, said + against, metadata)


def _metric(name: str) -> str:
    """A metric without its degradation."""
    return name if name in METRICS else name.rpartition("_")[0]


CHECKS: Final[Mapping[str, str]] = {
    check.__name__: check.__doc__ or ""
    for check in (
        text_is_clean,
        ocr_agrees_with_text_layer,
        summaries_are_supported,
        not_worse_than_before,
    )
}
"""Every check by name, and what it asks."""
