"""Ingestion run to its end in this process: the scan, manifest, batches and assets of the sensor.

Here: running each batch as a real Dagster run, again while a failure may be mended, and waiting for
batches that another run holds. Not here: taking files (`submission.py`), what is printed
(`ingest.py`), or how an interrupt is heard (`interrupts.py`).
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import dagster as dg

from assets.versions import held_back
from cli.disk_full import told_of_full_disk
from cli.interrupts import noting_interrupts
from cli.submission import submit_all
from cli.terminal import warn
from definitions import INGEST_JOB, SUMMARISE_JOB, build_defs
from io_managers.heirs import Successions
from io_managers.schemas import STAGES
from resources.budget.amounts import Budget
from resources.budget.blocked import blocked_batches
from resources.budget.books import Books
from resources.crash_points import reach
from resources.errors import MAX_ATTEMPTS, QuireError
from resources.lake.batches import (
    all_batches,
    finished_batches,
    forget_requests,
    ingested_stages,
    published_batches,
    retryable_batches,
    unfinished_batches,
)
from resources.lake.lake import Lake
from resources.settings import Settings
from resources.telemetry.progress import Progress
from sensors.notifications import EndedRun, tell_of_run, why_failed
from sensors.partitions import add_partitions
from sensors.runs import (
    NO_RUN_RETRIES,
    PROCESS_TAG,
    end_lost_runs,
    running_batches,
    this_process,
)

ELSEWHERE: Final = "elsewhere"
"""Reported as the stage of a batch that another run holds: stages published, of all stages."""
_LOOK_AGAIN_SECONDS: Final = 1.0
_SUPERSEDED: Final = "superseded_run"
_NOT_MEASURED: Final = "evals: "
"""How the reason of a run begins that failed after every stage, when its rows were measured."""


@dataclass
class Ingested:
    """What one `quire ingest` came to."""

    seen: int = 0
    taken: int = 0
    waiting: int = 0
    left: tuple[tuple[str, str], ...] = ()
    batches: list[str] = field(default_factory=list)
    runs: int = 0
    failed_runs: dict[str, str] = field(default_factory=dict)
    job_id: str = ""
    held_back: dict[str, str] = field(default_factory=dict)
    """Stages that wait for an accepted version, and why: no batch was run."""
    covered: frozenset[str] = frozenset()
    """Batches that this command answered for; others may have come since, and are in work."""


class _Warnings(logging.Handler):
    """What modules log for a person to see, as lines of a command."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line on stderr."""
        warn(record.getMessage())


def _log() -> logging.Logger:
    log = logging.Logger("quire")  # noqa: LOG001  # of this command alone, and below no other
    log.addHandler(_Warnings(logging.WARNING))
    return log


def ingest(
    settings: Settings, locations: Sequence[str], progress: Progress, job_id: str | None = None
) -> Ingested:
    """Take every PDF below the locations and run every batch that is not finished.

    Args:
        settings: Of the lake and of every stage.
        locations: Folders, single PDFs, or object-store prefixes.
        progress: Told how far stages have come.
        job_id: The id of the submission, where it was told to somebody before.

    Raises:
        QuireError: The landing zone or the lake cannot be used at all.
        KeyboardInterrupt: An interrupt came; the run that was going on has been ended.
    """
    lake = Lake(settings.lake, settings.storage_options)
    lake.check_writable()
    submitted = submit_all(lake, settings, locations, job_id)
    result = Ingested(
        seen=submitted.job.n_seen,
        taken=submitted.job.n_new,
        waiting=submitted.job.n_waiting,
        left=submitted.last.left,
        batches=list(submitted.batches),
        job_id=submitted.job.job_id,
    )
    result.covered = frozenset(all_batches(lake))
    todo = batches_to_run(lake, settings)
    if todo:
        result.held_back = held_back(lake, settings)
    through_provider = ingested_stages(settings.summariser) != STAGES
    if (todo or through_provider) and not result.held_back:
        definitions = build_defs(settings, progress, pools=False)
        job = definitions.resolve_job_def(INGEST_JOB)
        with dg.DagsterInstance.get() as home, without_log_capture(home) as instance:
            add_partitions(instance, todo)
            batches = Batches(settings, lake, instance, job, progress, result)
            batches.run_all(todo)
            batches.hand_over()
            if through_provider:
                from cli.provider import go_through_provider  # brings an HTTP client

                batches.job = definitions.resolve_job_def(SUMMARISE_JOB)
                go_through_provider(
                    lake, settings, lambda: running_batches(instance), batches.publish
                )
    return result


def batches_to_run(lake: Lake, settings: Settings) -> list[str]:
    """Batches that are not finished, then those with failures that a run may mend now.

    A spent budget mends nothing: batches that wait for no more than that are left blocked.
    """
    stages = ingested_stages(settings.summariser)
    unfinished = unfinished_batches(lake, stages)
    spare = {*unfinished, *blocked_batches(Books(lake), Budget.of(settings)).waiting}
    mendable = retryable_batches(lake, stages=stages)
    return unfinished + [batch for batch in mendable if batch not in spare]


def without_log_capture(instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """The same instance, which leaves stdout and stderr of this process alone.

    Dagster's default sends both through files that `tail` processes copy back to the terminal: the
    progress bar would move once a second, and ^C would print those processes' tracebacks.
    """
    ref = instance.get_ref()
    with dg.DagsterInstance.ephemeral() as ephemeral:
        nothing = type(ephemeral.compute_log_manager)
    nowhere = ref.compute_logs_data._replace(
        module_name=nothing.__module__, class_name=nothing.__name__, config_yaml="{}"
    )
    return dg.DagsterInstance.from_ref(ref._replace(compute_logs_data=nowhere))


@dataclass
class Batches:
    """The batches of one `quire ingest` or `quire upgrade`, run here or waited for."""

    settings: Settings
    lake: Lake
    instance: dg.DagsterInstance
    job: dg.JobDefinition
    progress: Progress
    result: Ingested
    superseded: Counter[str] = field(default_factory=Counter)
    selection: Sequence[str] | None = None
    """The stages that are run; all of them when it is None."""
    tags: Mapping[str, str] = field(default_factory=dict)

    def run_all(self, todo: Sequence[str]) -> None:
        """Run every batch that no other run holds, then wait for the others to be finished."""
        pending = list(todo)
        met_elsewhere: set[str] = set()
        while pending:
            end_lost_runs(self.instance)
            held = running_batches(self.instance)
            met_elsewhere |= held.intersection(pending)
            batch = next((name for name in pending if name not in held), None)
            if batch is None:
                self._show_waiting(pending)
                time.sleep(_LOOK_AGAIN_SECONDS)
                continue
            pending.remove(batch)
            if batch in met_elsewhere and self._is_done(batch):
                self.progress.report(ELSEWHERE, batch, len(STAGES), len(STAGES))
                continue
            if not self._run_to_end(batch):
                met_elsewhere.add(batch)
                pending.append(batch)

    def hand_over(self) -> None:
        """Run the batches that documents move to or from because a source went meanwhile."""
        runs: Counter[str] = Counter()
        while True:
            due = {*Successions(self.lake).due()["batch"]} - set(self.result.failed_runs)
            todo = sorted(batch for batch in due if runs[batch] < MAX_ATTEMPTS)
            if not todo:
                return
            runs.update(todo)
            add_partitions(self.instance, todo)
            self.run_all(todo)

    def _is_done(self, batch: str) -> bool:
        finished = batch in finished_batches(self.lake, [batch], self.stages)
        return finished and not self._is_mendable(batch)

    @property
    def stages(self) -> tuple[str, ...]:
        """What the run of a batch goes through."""
        return ingested_stages(self.settings.summariser)

    def _is_mendable(self, batch: str) -> bool:
        return batch in retryable_batches(self.lake, at_once=True, stages=self.stages)

    def _show_waiting(self, batches: Sequence[str]) -> None:
        published = [published_batches(self.lake, stage, batches) for stage in STAGES]
        for batch in batches:
            done = sum(batch in found for found in published)
            self.progress.report(ELSEWHERE, batch, done, len(STAGES))

    def _run_to_end(self, batch: str) -> bool:
        """Run a batch until nothing more can be mended; False when another run was before it."""
        for _ in range(MAX_ATTEMPTS):
            self.result.runs += 1
            error = self._run(batch)
            if error is not None and error.startswith(_NOT_MEASURED):
                warn(f"{batch}: {error}")  # the batch is finished without it
                error = None
            if error is not None:
                self.superseded[batch] += _SUPERSEDED in error
                if _SUPERSEDED in error and self.superseded[batch] < MAX_ATTEMPTS:
                    return False
                self.result.failed_runs[batch] = error
                return True
            if not self._is_mendable(batch):
                break
            if batch in running_batches(self.instance):
                return False
        # Healing is for batches that nobody looks after: what a person asked for starts it anew.
        forget_requests(self.lake, batch)
        return True

    def publish(self, batch: str) -> bool:
        """One run of a batch whose provider has answered; whether it went well."""
        add_partitions(self.instance, [batch])
        self.result.runs += 1
        error = self._run(batch)
        if error is not None:
            self.result.failed_runs[batch] = error
        return error is None

    def _run(self, batch: str) -> str | None:
        """One run of a batch; returns why it failed, if it did."""
        run_id = str(uuid.uuid4())
        reach("run.before_start")
        with noting_interrupts() as interrupted:
            try:
                outcome = self.job.execute_in_process(
                    partition_key=batch,
                    instance=self.instance,
                    asset_selection=self._assets(),
                    run_id=run_id,
                    tags={
                        "quire/source": "cli",
                        PROCESS_TAG: this_process(),
                        **NO_RUN_RETRIES,
                        **self.tags,
                    },
                    raise_on_error=False,
                    run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                )
            except BaseException:
                # Dagster has an exception of its own for interrupts, which is no KeyboardInterrupt.
                if interrupted():
                    raise KeyboardInterrupt from None
                raise
            finally:
                self._end(run_id)
            if interrupted():
                raise KeyboardInterrupt
        error = None if outcome.success else _why(outcome)
        self._tell(EndedRun(run_id, batch, error))
        return error

    def _assets(self) -> list[dg.AssetKey] | None:
        return None if self.selection is None else [dg.AssetKey(name) for name in self.selection]

    def _tell(self, run: EndedRun) -> None:
        """Tell a webhook of a run; the terminal has its own words. Nothing of it fails the run."""
        if self.settings.webhook is None:
            return
        try:
            tell_of_run(self.lake, self.settings, self.instance, run, _log())
        except QuireError as error:
            warn(f"{run.batch}: no notification could be kept: {error}")

    def _end(self, run_id: str) -> None:
        """See that a run that was left in the middle does not stay STARTED."""
        run = self.instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            self.instance.report_run_canceled(run, "interrupted; the next run goes on from here")


def _why(outcome: dg.ExecuteInProcessResult) -> str:
    """Why a run failed, for people."""
    why = why_failed(outcome.all_events)
    step, _, message = why.partition(": ")
    full = told_of_full_disk(message)
    if full is not None:
        return f"{step}: {full}"
    return why or "the run failed: see it in the UI (make dev)"
