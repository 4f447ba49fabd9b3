"""The executor `quire_k8s`: every step of a run is a pod of its own, by Quire's step handler.

Here: a shell that puts the handler into dagster-k8s's step delegating executor. Not here: the
handler (`step_handler.py`), or the run's own pod, which the run launcher makes.
"""

from __future__ import annotations

import dagster as dg
from dagster_k8s import K8sRunLauncher
from dagster_k8s.executor import (
    RetryMode,
    StepDelegatingExecutor,
)

from resources.errors import SettingError
from resources.kubernetes.step_handler import QuireStepHandler
from resources.settings import Settings


def quire_k8s_executor(settings: Settings) -> dg.ExecutorDefinition:
    """The executor under these settings; it has no configuration of its own."""

    @dg.executor(
        name="quire_k8s",
        config_schema={},
        requirements=dg.multiple_process_executor_requirements(),
    )
    def _quire_k8s(context: dg.InitExecutorContext) -> dg.Executor:
        launcher = context.instance.run_launcher
        if not isinstance(launcher, K8sRunLauncher):
            raise SettingError(
                "QUIRE_EXECUTOR=k8s needs run_launcher: K8sRunLauncher in dagster.yaml (see "
                "deploy/), and this instance has another; or set it to local"
            )
        handler = QuireStepHandler(
            settings,
            load_incluster_config=launcher.load_incluster_config,
            kubeconfig_file=launcher.kubeconfig_file,
        )
        executor: dg.Executor = StepDelegatingExecutor(
            handler,
            retries=RetryMode.ENABLED,
            check_step_health_interval_seconds=settings.kubernetes.health_seconds,
            should_verify_step=True,
        )
        return executor

    return _quire_k8s
