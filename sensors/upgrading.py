"""An upgrade step by step: the gate, a canary, then the batches that are stale.

Here: what is to be changed, and which runs are to be asked for next; the sensor `upgrades`, the job
`upgrade` and `quire upgrade` all ask this. Not here: Dagster (`upgrades.py`), the record
(`resources/lake/upgrades.py`), what is stale (`resources/lake/stale.py`), or how versions are
judged (`assets/evals`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import polars as pl

from assets.evals.base import Limits
from assets.evals.canary import compare
from assets.evals.canary_report import keep_canary_report
from assets.evals.report.sheets import page_pictures
from assets.versions import stage_version
from io_managers.publish import transaction_id
from io_managers.schemas import STAGES
from io_managers.versions import StageVersion, is_accepted, register
from resources.errors import QuireError
from resources.lake.batches import HEAL_AFTER, MAX_REQUESTS
from resources.lake.lake import Lake
from resources.lake.stale import stale_rows, to_do
from resources.lake.upgrades import Asked, Change, Upgrade, begin, flow_from, record
from resources.settings import Settings
from resources.workers.shared import shared_pool

RUNS_AT_ONCE: Final = 25
"""Runs of an upgrade that are queued or working, at most: what a tick may ask for."""
PRIORITY: Final = -10
"""Below fresh batches (1) and those that are tried again (0): the queue takes it when idle."""
BESIDE: Final = ("evals",)
"""Assets of the ingest job that are no stage, and run after every selection of stages."""
KEPT: Final = "its run ended, and rows stay: a source is gone, or the new version failed at them"
FAILED: Final = "its runs failed"
_GOLDEN: Final = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Step:
    """What comes next.

    Attributes:
        upgrade: The record as it is now.
        runs: Batches to run, each with the stages to run; written into the record already.
        work: What has to be done first, and takes too long for a tick.
        n_left_to_do: Batches that are stale and not given up.
        message: One line for people.
    """

    upgrade: Upgrade
    runs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    work: Literal["judge", "compare"] | None = None
    n_left_to_do: int = 0
    message: str = ""


# Beginning ----------------------------------------------------------------------------------------


def begin_upgrade(lake: Lake, settings: Settings, n_canary: int) -> Upgrade | None:
    """Begin an upgrade to the versions of the settings; None when no row is stale.

    The versions are made known to the lake; where the gate is open, that accepts them.

    Raises:
        QuireError: An upgrade is open, a version was rejected, or summaries go through a Batch API.
    """
    versions = {stage: stage_version(stage, settings) for stage in STAGES}
    stale = stale_rows(lake, {stage: version.name for stage, version in versions.items()})
    stages = {stage for found in to_do(stale).values() for stage in found}
    if not stages:
        return None
    if settings.summariser == "openai_batch":
        raise QuireError(
            "quire upgrade cannot wait for a provider's Batch API: set QUIRE_SUMMARISER=openai for "
            "it (the same model, answers at once), or materialise single batches in the UI"
        )
    changes = tuple(
        Change(stage, _before(lake, versions[stage], stale), versions[stage].name)
        for stage in STAGES
        if stage in stages
    )
    for change in changes:
        if register(lake, versions[change.stage], settings.gate) == "rejected":
            raise QuireError(
                f"{change.stage}: version {change.to} was rejected: put the old settings back, or "
                f"quire evals accept {change.to}"
            )
    return begin(lake, changes, n_canary)


def _before(lake: Lake, version: StageVersion, stale: pl.DataFrame) -> str | None:
    """The version that a stage had: of others the one accepted last, else what most rows have."""
    stage = version.stage
    accepted = lake.read("versions", ["stage", "version", "state", "decided_at"]).filter(
        (pl.col("stage") == stage)
        & (pl.col("state") == "accepted")
        & (pl.col("version") != version.name)
    )
    if not accepted.is_empty():
        return str(accepted.sort("decided_at")["version"][-1])
    rows = stale.filter(pl.col("stage") == stage).group_by("version").agg(pl.col("rows").sum())
    return None if rows.is_empty() else str(rows.sort("rows", "version")["version"][-1])


def mismatch(upgrade: Upgrade, settings: Settings) -> str | None:
    """Why runs with these settings would not make what the upgrade is about; None when they do."""
    for change in upgrade.changes:
        made = stage_version(change.stage, settings).name
        if made != change.to:
            return (
                f"the upgrade makes {change.to}, but these settings make {made}: start again with "
                "the settings of the upgrade, or roll it back"
            )
    return None


# The gate -----------------------------------------------------------------------------------------


def pass_gate(lake: Lake, upgrade: Upgrade, judge: Callable[[], Sequence[str]]) -> Upgrade | None:
    """Have versions that are not accepted judged, and record what came of it.

    Args:
        lake: Where versions are decided.
        upgrade: In the state `judging`.
        judge: Judges the versions of the settings, decides them in `versions`, and returns why
            some were rejected; called only when there is one that is not accepted.

    Returns:
        The next record; None when somebody else was first.
    """
    reasons: Sequence[str] = ()
    if _not_accepted(lake, upgrade):
        reasons = judge()
    waiting = _not_accepted(lake, upgrade)
    if not waiting:
        return record(lake, replace(upgrade, state="canary"))
    why = "; ".join(reasons) or f"{', '.join(c.to for c in waiting)} was not accepted"
    return record(lake, replace(upgrade, state="rejected", why=why))


def _not_accepted(lake: Lake, upgrade: Upgrade) -> list[Change]:
    return [c for c in upgrade.changes if not is_accepted(lake, c.stage, c.to)]


# Runs ---------------------------------------------------------------------------------------------


def next_step(
    lake: Lake,
    upgrade: Upgrade,
    running: Collection[str],
    fresh: Collection[str] = (),
    *,
    limit: int = RUNS_AT_ONCE,
) -> Step:
    """What an upgrade does next; what it says is recorded before it is done.

    Args:
        lake: What is stale, and the record.
        upgrade: The record as it was read.
        running: Batches that are in a run, queued ones too.
        fresh: Batches that are yet to be finished for the first time: they go first.
        limit: Runs at most.
    """
    if upgrade.state == "judging":
        return Step(upgrade, work="judge", message=upgrade.message)
    if upgrade.state not in ("canary", "backfilling"):
        return Step(upgrade, message=upgrade.message)
    todo = to_do(stale_rows(lake, upgrade.targets))
    if not upgrade.canary and upgrade.state == "canary":
        chosen = choose_canary(lake, list(todo), upgrade.n_canary)
        chosen_now = record(lake, replace(upgrade, canary=chosen, n_stale=len(todo)))
        if chosen_now is None:
            return Step(upgrade, message="somebody else moved the upgrade at this moment")
        upgrade = chosen_now
    if upgrade.state == "canary":
        todo = {batch: todo[batch] for batch in upgrade.canary if batch in todo}
    found = _look(lake, upgrade, todo, running)
    if fresh and (found.due or found.waiting):
        told = f"{len(fresh)} fresh batches go first; {upgrade.message}"
        return Step(upgrade, n_left_to_do=len(found.open), message=told)
    return _ask(lake, upgrade, todo, found, limit)


@dataclass(frozen=True)
class _Looked:
    """How stale batches stand: to be asked for, or waiting for a run or its time; and given up."""

    due: Mapping[str, Asked]
    waiting: Collection[str]
    asked: Mapping[str, Asked]
    left: Mapping[str, str]

    @property
    def open(self) -> set[str]:
        return {*self.due, *self.waiting}


def _look(
    lake: Lake, upgrade: Upgrade, todo: Mapping[str, Sequence[str]], running: Collection[str]
) -> _Looked:
    marks = _marks(lake, todo) if todo else {}
    due: dict[str, Asked] = {}
    waiting: set[str] = set()
    asked: dict[str, Asked] = {}
    left = dict(upgrade.left)
    now = time.time()
    for batch in todo:
        before = upgrade.asked.get(batch, Asked())
        present = {
            stage: marks[stage].get(transaction_id(stage, batch), 0) for stage in todo[batch]
        }
        rose = [
            before.count and mark > before.marks.get(stage, mark) for stage, mark in present.items()
        ]
        if batch in left:
            continue
        if batch in running:
            waiting.add(batch)
            asked[batch] = before
        elif all(rose):
            left[batch] = KEPT
        elif any(rose) or before.count == 0:
            due[batch] = Asked(1, now, present)
        elif abs(now - before.last) < HEAL_AFTER[min(before.count, len(HEAL_AFTER)) - 1]:
            waiting.add(batch)
            asked[batch] = before
        elif before.count >= MAX_REQUESTS:
            left[batch] = f"{FAILED} {before.count} times: see them in the UI"
        else:
            due[batch] = Asked(before.count + 1, now, present)
    return _Looked(due, waiting, asked, left)


def _marks(lake: Lake, todo: Mapping[str, Sequence[str]]) -> dict[str, Mapping[str, int]]:
    """The epoch that each stage of each batch was published with, by stage."""
    found: dict[str, Mapping[str, int]] = {}
    for stage in {stage for stages in todo.values() for stage in stages}:
        table = lake.open(stage)
        found[stage] = {} if table is None else lake.transactions(stage, table)
    return found


def _ask(
    lake: Lake,
    upgrade: Upgrade,
    todo: Mapping[str, Sequence[str]],
    found: _Looked,
    limit: int,
) -> Step:
    chosen = sorted(found.due)[: max(0, limit)]
    asked = {**found.asked, **{batch: found.due[batch] for batch in chosen}}
    # What is due and not asked for this time keeps the count that it has.
    asked |= {b: upgrade.asked[b] for b in found.due if b in upgrade.asked and b not in chosen}
    changed = replace(upgrade, asked=asked, left=found.left)
    if not found.open:
        return _ended(lake, changed)
    if changed != upgrade:
        written = record(lake, changed)
        if written is None:
            return Step(upgrade, message="somebody else moved the upgrade at this moment")
        changed = written
    runs = {batch: (*flow_from(todo[batch]), *BESIDE) for batch in chosen}
    return Step(
        changed, runs, None, len(found.open), f"{len(found.open)} batches to go; {changed.message}"
    )


def _ended(lake: Lake, upgrade: Upgrade) -> Step:
    """Nothing is to be asked for any more: compare the canary, or end."""
    failed = [batch for batch, why in upgrade.left.items() if why.startswith(FAILED)]
    if failed:
        names = ", ".join(failed[:5])
        why = f"runs of {len(failed)} batches failed ({names}): see them in the UI"
        stopped = replace(upgrade, state="stopped", stopped_in=upgrade.state, why=why)
        written = record(lake, stopped) or upgrade
        return Step(written, message=written.message)
    if upgrade.state == "canary":
        return Step(upgrade, work="compare", message="the canary is done and is compared next")
    n_left = len(upgrade.left)
    why = f"{n_left} batches keep older rows: quire status --stale" if n_left else ""
    written = record(lake, replace(upgrade, state="done", why=why)) or upgrade
    return Step(written, message=written.message)


def choose_canary(lake: Lake, batches: Sequence[str], n: int) -> tuple[str, ...]:
    """Some batches of all ages and sizes, always the same ones of the same batches.

    They are cut by age into as many parts as are wanted, and of each part another size is taken.
    """
    if len(batches) <= n:
        return tuple(sorted(batches))
    sizes = dict(
        lake.scan("manifest", ["batch", "n_bytes"])
        .filter(pl.col("batch").is_in(list(batches)))
        .group_by("batch")
        .agg(pl.col("n_bytes").sum())
        .collect()
        .iter_rows()
    )
    ordered = sorted(batches)
    chosen = []
    for part in range(n):
        first, last = part * len(ordered) // n, (part + 1) * len(ordered) // n
        by_size = sorted(ordered[first:last], key=lambda batch: (sizes.get(batch) or 0, batch))
        share = (0.5 + part * _GOLDEN) % 1  # spread evenly, whatever their number
        chosen.append(by_size[int(share * len(by_size))])
    return tuple(sorted(chosen))


def compare_canary(lake: Lake, upgrade: Upgrade, settings: Settings) -> Upgrade | None:
    """Compare the canary with the rows before it, and record what came of it.

    Returns:
        The next record: the backfill, or `stopped` with why; None when somebody else was first.
    """
    limits = Limits(warn=settings.eval_warn, fail=settings.eval_fail)
    found = compare(lake, upgrade, limits)
    path, why_none = keep_canary_report(
        lake,
        upgrade,
        found,
        limits,
        lambda pairs: page_pictures(pairs, settings, shared_pool(settings)),
    )
    compared = {**found.as_dict(), "report": path, "no_report": why_none}
    if found.regressions:
        why = f"the canary is worse: {'; '.join(found.regressions)}"
        changed = replace(upgrade, state="stopped", stopped_in="canary", why=why)
    else:
        changed = replace(upgrade, state="backfilling", asked={})
    return record(lake, replace(changed, compared=compared))
