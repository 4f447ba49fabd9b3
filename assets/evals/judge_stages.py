"""A verdict for each stage whose version is not accepted, in the order that the data flows.

Here: which results a stage answers for, and what is judged after a rejection. Not here: the test
(`verdict.py`), or writing decisions down (`run.py`).

A stage answers for its own metrics, and for those of later stages up to the next judged one: a
summary that is worse because of its pages is the pages' fault. When a stage is rejected, those
after it are judged by what they make of accepted input, so that nobody answers for another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from assets.evals.base import Comparison, Limits, Result, Verdict
from assets.evals.golden_set import GoldenSet
from assets.evals.measuring import measure_golden
from assets.evals.plan import Plan, without
from assets.evals.reading import Reader
from assets.evals.sides import Sides
from assets.evals.verdict import ADVISORY, judge, too_few
from io_managers.schemas import STAGES
from resources.lake.lake import Lake

RUIN: Final = 0.25
"""Mean worsening, of a metric that is worse on every unit, that needs no statistics: engines that
are equal differ by hundredths."""
RUINED_UNITS: Final = 3
"""Fewer units than these say nothing, but as golden cases."""


@dataclass
class Judged:
    """Verdicts, and the results that they were made of.

    Attributes:
        verdicts: One for each stage that could be judged.
        new: Results of the new versions, under the stage that answers for each.
        old: The same of the accepted versions.
        notes: Stages that could not be judged, and why.
    """

    verdicts: list[Verdict] = field(default_factory=list)
    new: list[Result] = field(default_factory=list)
    old: list[Result] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def judge_all(
    lake: Lake, plan: Plan, sides: Sides, golden: GoldenSet, reader: Reader, limits: Limits
) -> Judged:
    """Judge every stage of the plan.

    Raises:
        SettingError: An engine cannot be made of the settings.
        EngineError: An engine is missing or broken, or its budget is spent.
        LakeError: The lake cannot be read or written.
    """
    judged = Judged()
    judged.new += [r for r in sides.new.results if plan.answering(r.subject) is None]
    side, new = plan.new, sides.new.results
    rejected: list[str] = []
    for stage in plan.subjects:
        mine = _answers(stage, plan, plan.new.versions[stage], new)
        before = _answers(stage, plan, plan.baselines.get(stage, ""), sides.old.results)
        judged.new += mine
        judged.old += before
        if not mine:  # no metric is this stage's alone
            mine = _after(stage, plan.new.versions[stage], new)
            before = _after(stage, plan.baselines.get(stage, ""), sides.old.results)
        verdict = without_ruin(_verdict(stage, plan, mine, before, limits), limits)
        judged.verdicts.append(verdict)
        if verdict.accepted or stage == plan.subjects[-1]:
            continue
        rejected.append(stage)
        put_back = without(lake, plan, side, stage)
        again = None
        if put_back is not None:
            which = f"golden-without-{stage}"
            again = reader.golden(put_back, golden, which, like=sides.old.golden)
        if put_back is None or again is None:
            left = plan.subjects[plan.subjects.index(stage) + 1 :]
            judged.notes.append(
                f"{', '.join(left)}: not judged, since {stage} was rejected and its accepted "
                "version cannot be made here to judge what comes after it; run quire evals run "
                f"again once {stage} is decided"
            )
            break
        side = put_back
        new = [
            *measure_golden(again, golden.cases).results,
            *(r for r in sides.new.results if r.suite == "live" and r.subject not in rejected),
        ]
    return judged


def _answers(stage: str, plan: Plan, version: str, results: Iterable[Result]) -> list[Result]:
    """The results that a judged stage answers for."""
    mine = (result for result in results if plan.answering(result.subject) == stage)
    return [replace(result, subject=stage, version=version) for result in mine]


def _after(stage: str, version: str, results: Iterable[Result]) -> list[Result]:
    """All results of a stage and of those after it, judged as that stage's."""
    mine = (r for r in results if STAGES.index(r.subject) >= STAGES.index(stage))
    return [replace(result, subject=stage, version=version) for result in mine]


def _verdict(
    stage: str, plan: Plan, new: Sequence[Result], old: Sequence[Result], limits: Limits
) -> Verdict:
    """One stage's verdict; where the golden set has no baseline its cases must pass by themselves.

    Without that a version whose baseline could only be read in part would be let off the cases.
    """
    version = plan.new.versions[stage]
    baseline = plan.baselines.get(stage) if old else None
    if baseline is None or any(result.suite == "golden" for result in old):
        return judge(stage, version, baseline, new, old, limits)
    golden = [result for result in new if result.suite == "golden"]
    alone = judge(stage, version, None, golden, [], limits)
    compared = judge(stage, version, baseline, [r for r in new if r.suite == "live"], old, limits)
    return replace(
        compared,
        accepted=alone.accepted and compared.accepted,
        reasons=tuple(dict.fromkeys([*compared.reasons, *alone.reasons])),
    )


def without_ruin(verdict: Verdict, limits: Limits) -> Verdict:
    """The verdict; rejected too where units are few, and all of them worse out of all reason.

    Of three pages nobody can be sure by statistics, and a version that loses all of their text
    would be accepted.
    """
    ruined = {c.explanation: _told(c, limits) for c in verdict.comparisons if _is_ruin(c)}
    if not ruined:
        return verdict
    others = (reason for reason in verdict.reasons if reason not in ruined)
    comparisons = tuple(ruined.get(c.explanation, c) for c in verdict.comparisons)
    reasons = (*(c.explanation for c in ruined.values()), *others)
    return replace(verdict, accepted=False, reasons=reasons, comparisons=comparisons)


def _told(ruined: Comparison, limits: Limits) -> Comparison:
    """The comparison as one that rejects, in words that do not say that nobody can be sure."""
    words = ruined.explanation.replace(
        too_few(limits.alpha), "all of them by far: no test is needed"
    )
    return replace(ruined, level="fail", explanation=words)


def _is_ruin(comparison: Comparison) -> bool:
    every = len(comparison.worst) == comparison.n  # of ten units on, the test itself is sure
    return (
        comparison.metric not in ADVISORY
        and comparison.n >= RUINED_UNITS
        and comparison.difference >= RUIN
        and every
    )
