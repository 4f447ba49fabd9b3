"""Whether a version may be published: its errors against the accepted version's, unit by unit.

Here: pairing results, one comparison a suite and metric, and the verdict with its reasons. Not
here: measuring (`measures/`, `cases.py`), the bound itself (`bootstrap.py`), or writing a decision
down (`io_managers/versions.py`).

**The test.** Units (pages, documents or cases) are paired by suite, case and metric. A metric is
worse for *sure* when the one-sided lower bound of its mean difference, by a bootstrap over units,
is above 0 at confidence `1 - alpha`. A version is rejected when a metric is worse for sure *and* by
more than `Limits.fail` in the mean, so a difference that is sure and tiny harms nobody. Each error
counts 1 at most: one page that a model answered with a hundred pages must not hide what happened
on the others.

**Many metrics.** Each is tested at alpha, without a correction. With 25 metrics in two suites a
version that is exactly as good is called worse in some metric, for sure, in at most 1 - 0.999^50 =
4.9 % of evaluations; to be rejected for it the worsening has to pass `Limits.fail` too, which
chance differences of an equal version did in none of the runs that the tests make.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from assets.evals.base import METRICS, Comparison, Level, Limits, Result, Suite, Verdict
from assets.evals.bootstrap import least_units, lower_bound
from resources.report.escaping import percent

ADVISORY: Final = frozenset({"doubt", "novelty", "compression"})
"""Never a reason to reject: engines count confidence each in its own way, and a model that writes
its own sentences differs from one that quotes by design. They are told of at most."""
CASES: Final = frozenset(
    {"text_present", "text_absent", "text_order", "table_cell", "image_count", "summary_facts"}
)
_DOCUMENTS: Final = frozenset(
    {
        "unsupported_numbers",
        "unsupported_names",
        "novelty",
        "compression",
        "language",
        "rouge_l",
        "failed_summary",
    }
)
_GENERAL: Final = ("unknown_words", "wer", "cer")
"""Much that goes wrong with a text raises these: they are named after what says more."""
_ALL_WRONG: Final = CASES | {"cer", "wer", "words_missing", "rouge_l"}
"""Metrics that are 1 for a page, document or case of which nothing came."""
_FAILED: Final = {"pages": "failed_page", "summaries": "failed_summary"}
_WORST: Final = 10
_QUOTED: Final = 200
_NAMED: Final = 5

_HASH: Final = re.compile(r"^[0-9a-f]{64}(?=#)")

_Group = tuple[Suite, str]
_Values = dict[str, float]


def compare(
    old: Iterable[Result], new: Iterable[Result], limits: Limits | None = None
) -> list[Comparison]:
    """Every metric that both sides measured, suite by suite; the gravest first.

    A unit of which the new side has nothing at all counts as wrong (in the metrics where that
    means something, and as failed); one that is merely not measured any more in some metric, as
    OCR's confidence on a page that is no longer OCR'd, is left out of that metric. Explanations
    tell of both, and of units that only the new side has.

    Args:
        old: Results of the accepted version.
        new: Results of the version that is judged.
        limits: When a difference is a regression.
    """
    limits = limits or Limits()
    before, after = _Side.of(old), _Side.of(new)
    lost = before.cases - after.cases
    groups = set(before.values) | ({_failed_group(s, before, c) for s, c in lost} - {None})
    found = [
        _compare(group, before, after, lost, limits)
        for group in sorted(g for g in groups if g is not None)
    ]
    return sorted((c for c in found if c is not None), key=_gravity)


def judge(
    stage: str,
    version: str,
    baseline: str | None,
    new: Sequence[Result],
    old: Sequence[Result],
    limits: Limits | None = None,
) -> Verdict:
    """Decide about one version of one stage.

    It is rejected by a metric that is worse for sure and by more than `Limits.fail`, and by a
    golden case that passed with the baseline and fails, or has no result, now. Without a baseline a
    golden case that fails is enough.

    Args:
        stage: The stage; results about others are left out.
        version: The version that is judged.
        baseline: The accepted version, or None.
        new: Results of the version.
        old: Results of the baseline; none where there is none.
        limits: When a difference is a regression.
    """
    limits = limits or Limits()
    new = [result for result in new if result.subject == stage]
    old = [result for result in old if result.subject == stage] if baseline is not None else []
    if not new:
        why = f"nothing was measured of {version}: it cannot be judged"
        return Verdict(stage, version, baseline, accepted=False, reasons=(why,))
    comparisons = compare(old, new, limits)
    failing = _fallen_cases(old, new) if old else _failing_cases(new)
    grave = [c.explanation for c in comparisons if c.level == "fail"]
    notes = [c.explanation for c in comparisons if c.level == "warn"]
    if baseline is None:
        notes.append(
            "there is no accepted version that could be read with: only the limits of cases decided"
        )
    elif not old:
        notes.append(f"there are no results of {baseline}: only the limits of cases decided")
    return Verdict(
        stage=stage,
        version=version,
        baseline=baseline,
        accepted=not grave and not failing,
        reasons=(*_specific_first(grave, failing), *notes),
        comparisons=tuple(comparisons),
    )


def _specific_first(grave: Sequence[str], failing: Sequence[str]) -> list[str]:
    """Metrics, then single cases: what is wrong in general before where it was noticed."""
    if len(failing) > _NAMED:
        more = f"and {len(failing) - _NAMED} more golden cases fail"
        return [*grave, *failing[:_NAMED], more]
    return [*grave, *failing]


# Pairs --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Side:
    """The results of one version: errors by suite and metric, and then by case."""

    values: Mapping[_Group, _Values]
    cases: frozenset[tuple[Suite, str]]
    subjects: Mapping[tuple[Suite, str], str]
    texts: Mapping[tuple[Suite, str, str], str]

    @classmethod
    def of(cls, results: Iterable[Result]) -> _Side:
        several: dict[_Group, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        texts: dict[tuple[Suite, str, str], str] = {}
        subjects: dict[tuple[Suite, str], str] = {}
        for result in results:
            error = min(1.0, max(0.0, result.value))
            several[result.suite, result.metric][result.case_id].append(error)
            texts[result.suite, result.metric, result.case_id] = result.explanation
            subjects[result.suite, result.case_id] = result.subject
        values = {
            group: {case: sum(errors) / len(errors) for case, errors in cases.items()}
            for group, cases in several.items()
        }
        return cls(values, frozenset(subjects), subjects, texts)


def _failed_group(suite: Suite, side: _Side, case: str) -> _Group | None:
    metric = _FAILED.get(side.subjects[suite, case])
    return None if metric is None else (suite, metric)


@dataclass(frozen=True)
class _Paired:
    """The units of one metric that both sides can be compared on."""

    old: _Values
    new: _Values
    lost: int = 0
    """Units of which the new side has nothing; those that count are among the pairs."""
    left_out: int = 0
    """Units that the new side has, and did not measure in this metric."""
    only_new: int = 0


def _pair(
    group: _Group, before: _Side, after: _Side, lost: frozenset[tuple[Suite, str]]
) -> _Paired:
    suite, metric = group
    old, new = dict(before.values.get(group, {})), dict(after.values.get(group, {}))
    if metric in _FAILED.values():
        # Of what is gone nobody says that it failed, nor of the others that they did not.
        of_stage = {c for (s, c), subject in before.subjects.items()
                    if s == suite and _FAILED.get(subject) == metric}  # fmt: skip
        if any((suite, case) in lost for case in of_stage):
            old = dict.fromkeys(of_stage, 0.0) | old
            new = dict.fromkeys((c for c in of_stage if (suite, c) not in lost), 0.0) | new
    gone = {case for case in old if (suite, case) in lost}
    if metric in _ALL_WRONG or metric in _FAILED.values():
        new |= dict.fromkeys(gone, 1.0)
    both = sorted(old.keys() & new.keys())
    return _Paired(
        {case: old[case] for case in both},
        {case: new[case] for case in both},
        lost=len(gone),
        left_out=len(old.keys() - new.keys() - gone),
        only_new=len(new.keys() - old.keys()),
    )


# One metric ---------------------------------------------------------------------------------------


def _compare(
    group: _Group,
    before: _Side,
    after: _Side,
    lost: frozenset[tuple[Suite, str]],
    limits: Limits,
) -> Comparison | None:
    suite, metric = group
    paired = _pair(group, before, after, lost)
    if not paired.old:
        return None
    differences = {case: paired.new[case] - paired.old[case] for case in paired.old}
    n = len(differences)
    mean_old, mean_new = sum(paired.old.values()) / n, sum(paired.new.values()) / n
    difference = mean_new - mean_old
    low = lower_bound(list(differences.values()), limits.alpha)
    level = _level(metric, n, difference, low, limits)
    worse = sorted(
        (c for c in differences if differences[c] > 0), key=lambda c: (-differences[c], c)
    )
    comparison = Comparison(
        suite=suite,
        metric=metric,
        n=n,
        baseline_mean=mean_old,
        mean=mean_new,
        difference=difference,
        low=low,
        level=level,
        explanation="",
        worst=tuple(worse[:_WORST]),
    )
    words = _explained(comparison, len(worse), paired, limits)
    if worse and level != "pass" and (said := after.texts.get((suite, metric, worse[0]))):
        words += f"; worst {_HASH.sub(_shortened, worse[0])}: {_short(said)}"
    return replace(comparison, explanation=words)


def _level(metric: str, n: int, difference: float, low: float, limits: Limits) -> Level:
    if n < least_units(limits.alpha):  # whatever the bound says
        return "warn" if difference > limits.fail else "pass"
    if low <= 0 or difference <= min(limits.warn, limits.fail):
        return "pass"
    if difference > limits.fail and metric not in ADVISORY:
        return "fail"
    return "warn" if difference > limits.warn else "pass"


def _explained(comparison: Comparison, n_worse: int, paired: _Paired, limits: Limits) -> str:
    """One sentence: what is wrong, by how much, how sure, on how many; then what was left out."""
    metric, n = comparison.metric, comparison.n
    units = _units(metric)
    change = f"{percent(comparison.baseline_mean)} before, {percent(comparison.mean)} now"
    least = least_units(limits.alpha)
    if comparison.level == "pass" and comparison.difference <= 0:
        words = f"{metric} is no worse: {change}, on {n} {units}"
    elif n < least and comparison.difference > limits.warn:
        words = (
            f"{METRICS.get(metric, metric)}: {metric} {change}, worse on {n_worse} of {n} {units}, "
            f"{too_few(limits.alpha)}"
        )
    elif comparison.level == "pass":
        sure = "for sure, and too little to matter" if comparison.low > 0 else "within chance"
        words = f"{metric} differs {sure}: {change}, worse on {n_worse} of {n} {units}"
    else:
        words = (
            f"{METRICS.get(metric, metric)}: {metric} {change}, worse on {n_worse} of {n} {units} "
            f"({comparison.suite}), by at least {percent(comparison.low)} in the mean with "
            f"{percent(1 - limits.alpha)} confidence"
        )
    if paired.lost:
        words += f"; {paired.lost} of the baseline's {units} have no result now"
    if paired.left_out:
        words += f"; {paired.left_out} {units} are not measured any more"
    if paired.only_new:
        words += f"; {paired.only_new} {units} were not measured before and are left out"
    return words


def _shortened(found: re.Match[str]) -> str:
    """A document by as much of its hash as people need to find it."""
    return found[0][:12]


def too_few(alpha: float) -> str:
    """What is said of a large difference of fewer units than the test can be sure of."""
    return f"too few to be sure (at least {least_units(alpha)} are needed)"


def _units(metric: str) -> str:
    if metric in CASES:
        return "cases"
    return "documents" if metric in _DOCUMENTS else "pages"


def _gravity(comparison: Comparison) -> tuple[int, int, float, str, str]:
    rank = {"fail": 0, "warn": 1, "pass": 2}[comparison.level]
    general = 1 + _GENERAL.index(comparison.metric) if comparison.metric in _GENERAL else 0
    return rank, general, -comparison.difference, comparison.suite, comparison.metric


# Cases --------------------------------------------------------------------------------------------


def _failing_cases(new: Iterable[Result]) -> list[str]:
    return [_case(r, "fails") for r in _by_case(new) if r.passed is False]


def _fallen_cases(old: Iterable[Result], new: Iterable[Result]) -> list[str]:
    """Cases that passed before and do not now."""
    now = {(r.suite, r.case_id, r.metric): r for r in new}
    seen = Counter((r.suite, r.case_id) for r in now.values())
    reasons = []
    for before in _by_case(old):
        after = now.get((before.suite, before.case_id, before.metric))
        if not before.passed:
            continue
        if after is not None and after.passed is False:
            reasons.append(_case(after, "passed before and fails now"))
        elif after is None and (before.metric in CASES or not seen[before.suite, before.case_id]):
            reasons.append(_case(before, "passed before and has no result now"))
    return reasons


def _by_case(results: Iterable[Result]) -> list[Result]:
    judged = [r for r in results if r.suite == "golden" and r.passed is not None]
    return sorted(judged, key=lambda r: (r.suite, r.case_id, r.metric))


def _case(result: Result, what: str) -> str:
    said = f": {_short(result.explanation)}" if result.explanation else ""
    name = METRICS.get(result.metric, result.metric)
    return f"golden case {result.case_id} ({name}) {what}{said}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _QUOTED else line[: _QUOTED - 1] + "…"
