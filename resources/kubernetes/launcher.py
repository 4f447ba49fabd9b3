"""dagster-k8s's run launcher, where it never takes a run for dead that may live, nor wants a token.

Run monitoring resumes or ends a run of which the launcher says anything but "running" or
"succeeded". dagster-k8s says "unknown" when Kubernetes could not be asked for half a minute, and of
every run that has no Job, such as one of `quire ingest`, which works in the process that was
called. Either would get a second worker beside a live one, or be failed.

With `max_resume_run_attempts` Dagster makes the launcher in every process that opens the instance,
and dagster-k8s's wants a token of Kubernetes then. A step's pod reads PDFs of strangers, and has
none (`step_handler.py` gives it one where this launcher is not used).

In `dagster.yaml`: `run_launcher: {module: resources.kubernetes.launcher, class:
QuireK8sRunLauncher, config: ...}`, with the configuration of `K8sRunLauncher`, which works too.
"""

from __future__ import annotations

import os
from typing import Final

from dagster_k8s.launcher import (
    CheckRunHealthResult,
    ConfigurableClassData,
    DagsterRun,
    K8sRunLauncher,
    RunLauncher,
    WorkerStatus,
)
from kubernetes.config import ConfigException

_TOKEN: Final = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105  # a path
_SOURCE_TAG: Final = "quire/source"
_COMMAND: Final = "cli"
_NO_JOB: Final = "could not be found"
"""dagster-k8s's words for a Job that Kubernetes does not have."""


class QuireK8sRunLauncher(K8sRunLauncher):  # type: ignore[misc]  # of an extra, unseen by mypy
    """`K8sRunLauncher`, but for runs of which nothing bad is known, and in pods without a token."""

    def __init__(self, inst_data: ConfigurableClassData | None = None, **config: object) -> None:
        """Take what `K8sRunLauncher` takes; where there is no token, it launches nothing."""
        try:
            super().__init__(inst_data=inst_data, **config)
        except ConfigException:
            if os.path.exists(_TOKEN) or not config.get("load_incluster_config"):
                raise
            self._inst_data = inst_data
            RunLauncher.__init__(self)

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """As dagster-k8s, except that not to know is no reason to end a run."""
        if run.tags.get(_SOURCE_TAG) == _COMMAND:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "it works where it was called")
        found: CheckRunHealthResult = super().check_run_worker_health(run)
        if found.status is WorkerStatus.UNKNOWN and _NO_JOB not in (found.msg or ""):
            return CheckRunHealthResult(WorkerStatus.RUNNING, found.msg)
        return found
