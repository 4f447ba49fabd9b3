"""dagster-k8s's run launcher, which never takes a run for dead that may live.

Here: one answer that differs. Run monitoring resumes or ends a run of which the launcher says
anything but "running" or "succeeded". dagster-k8s says "unknown" when Kubernetes could not be asked
for half a minute, and of every run that has no Job, such as one of `quire ingest`, which works in
the process that was called. Either would get a second worker beside a live one, or be failed.
Not here: anything about steps (`step_handler.py`).

In `dagster.yaml`: `run_launcher: {module: resources.kubernetes.launcher, class:
QuireK8sRunLauncher, config: …}`, with the configuration of `K8sRunLauncher`, which works too.
"""

from __future__ import annotations

from typing import Final

from dagster_k8s.launcher import (  # type: ignore[attr-defined]  # it does not say it exports them
    CheckRunHealthResult,
    DagsterRun,
    K8sRunLauncher,
    WorkerStatus,
)

_SOURCE_TAG: Final = "quire/source"
_COMMAND: Final = "cli"
_NO_JOB: Final = "could not be found"
"""dagster-k8s's words for a Job that Kubernetes does not have."""


class QuireK8sRunLauncher(K8sRunLauncher):
    """`K8sRunLauncher`, but for runs of which nothing bad is known."""

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """As dagster-k8s, except that not to know is no reason to end a run."""
        if run.tags.get(_SOURCE_TAG) == _COMMAND:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "it works where it was called")
        found: CheckRunHealthResult = super().check_run_worker_health(run)
        if found.status is WorkerStatus.UNKNOWN and _NO_JOB not in (found.msg or ""):
            return CheckRunHealthResult(WorkerStatus.RUNNING, found.msg)
        return found
