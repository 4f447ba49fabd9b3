"""An upgrade run to its end in this process: the steps of the sensor `upgrades`, batch by batch.

Here: running each step's batches as real Dagster runs, fresh batches before them, and doing the
gate and the comparison. Not here: what a step is (`sensors/upgrading.py`) or what is printed
(`upgrade.py`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Final

import dagster as dg

from cli.engine import Batches, Ingested, without_log_capture
from definitions import INGEST_JOB, build_defs
from resources.errors import QuireError
from resources.lake.lake import Lake
from resources.lake.upgrades import MOVING, Upgrade, read_upgrade, record
from resources.settings import Settings
from resources.telemetry.progress import Progress
from resources.workers.shared import shared_pool
from sensors.judging import judge
from sensors.partitions import add_partitions
from sensors.runs import UPGRADE_TAG, end_lost_runs, running_batches, this_process
from sensors.upgrades import fresh_batches
from sensors.upgrading import FAILED, compare_canary, mismatch, next_step, pass_gate

_LOOK_AGAIN_SECONDS: Final = 1.0


@dataclass
class Upgraded:
    """What one `quire upgrade` did."""

    upgrade: Upgrade
    runs: int = 0
    fresh: list[str] = field(default_factory=list)
    """Batches that were not finished, and went first."""
    failed_runs: dict[str, str] = field(default_factory=dict)


def run_upgrade(settings: Settings, upgrade: Upgrade, progress: Progress) -> Upgraded:
    """Move an upgrade until it ends, is stopped, or needs a person.

    Raises:
        QuireError: The settings make other versions than the upgrade's, or the lake is gone.
        KeyboardInterrupt: An interrupt came; the run that was going on has been ended.
    """
    why = mismatch(upgrade, settings)
    if why is not None:
        raise QuireError(why)
    lake = Lake(settings.lake, settings.storage_options)
    with dg.DagsterInstance.get() as home, without_log_capture(home) as instance:
        return _Runner(settings, lake, instance, progress, Upgraded(upgrade)).run()


class _Runner:
    def __init__(
        self,
        settings: Settings,
        lake: Lake,
        instance: dg.DagsterInstance,
        progress: Progress,
        result: Upgraded,
    ) -> None:
        self.settings = settings
        self.lake = lake
        self.instance = instance
        self.progress = progress
        self.result = result
        self.job = build_defs(settings, progress, pools=False).resolve_job_def(INGEST_JOB)

    def run(self) -> Upgraded:
        """Step after step; every step reads the record anew, so that it can be stopped."""
        self._claim()
        while True:
            upgrade = read_upgrade(self.lake)
            if upgrade is None or upgrade.state not in MOVING:
                self.result.upgrade = upgrade or self.result.upgrade
                return self.result
            self.result.upgrade = upgrade
            self._step(upgrade)

    def _claim(self) -> None:
        """Say that this process works on it, so that the sensor leaves it alone."""
        while True:
            upgrade = read_upgrade(self.lake)
            if upgrade is None or record(self.lake, replace(upgrade, runner=this_process())):
                return

    def _step(self, upgrade: Upgrade) -> None:
        lost = set(end_lost_runs(self.instance).values()) & upgrade.asked.keys()
        if lost:
            # Their runs died with their process, not of the batch: they are asked for at once.
            asked = {batch: one for batch, one in upgrade.asked.items() if batch not in lost}
            record(self.lake, replace(upgrade, asked=asked))
            return
        running = running_batches(self.instance)
        waiting = fresh_batches(self.lake, self.settings, running)
        fresh = [batch for batch in waiting if batch not in self.result.fresh]
        if fresh and upgrade.state != "judging":
            self._run_batches(fresh, None)
            self.result.fresh += fresh
            return
        step = next_step(self.lake, upgrade, running, limit=1)
        total = max(step.upgrade.n_stale, step.n_left_to_do)
        if step.work is None:
            done = total - step.n_left_to_do if upgrade.state == "backfilling" else 0
            self.progress.report("upgrade", upgrade.upgrade_id, done, total)
        if step.work == "judge":
            pass_gate(self.lake, upgrade, self._judge)
        elif step.work == "compare":
            compare_canary(self.lake, step.upgrade, self.settings)
        elif step.runs:
            for batch, stages in step.runs.items():
                self._upgrade_batch(step.upgrade, batch, stages)
        elif step.n_left_to_do:
            time.sleep(_LOOK_AGAIN_SECONDS)

    def _judge(self) -> list[str]:
        return judge(self.lake, self.settings, shared_pool(self.settings), self.progress)

    def _upgrade_batch(self, upgrade: Upgrade, batch: str, stages: tuple[str, ...]) -> None:
        tags = {UPGRADE_TAG: upgrade.upgrade_id}
        failed = self._run_batches([batch], stages, tags)
        if batch in failed:
            # What a person waits for is not left for half an hour: it is told, and left.
            left = {**upgrade.left, batch: f"{FAILED}: {failed[batch]}"}
            record(self.lake, replace(upgrade, left=left))

    def _run_batches(
        self,
        batches: list[str],
        stages: tuple[str, ...] | None,
        tags: dict[str, str] | None = None,
    ) -> dict[str, str]:
        """Run batches, or wait for them where others run them; returns why some failed."""
        add_partitions(self.instance, batches)
        ingested = Ingested()
        runner = Batches(
            self.settings,
            self.lake,
            self.instance,
            self.job,
            self.progress,
            ingested,
            selection=stages,
            tags=tags or {},
        )
        runner.run_all(batches)
        self.result.runs += ingested.runs
        self.result.failed_runs |= ingested.failed_runs
        return ingested.failed_runs
