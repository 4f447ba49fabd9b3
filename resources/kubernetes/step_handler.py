"""Steps as Kubernetes Jobs, watched: why a pod ended is read, said, and kept for the next try.

Here: a shell around dagster-k8s's step handler, which makes the Jobs. It adds labels, the memory
class, and what Kubernetes says of a pod that did not come to its step's end; that handler says
"Discovered failed Kubernetes job", waits for a pending pod for ever, and cannot go on beside the
failed Job of a run pod that died. Not here: what a pod looks like (`pods.py`), what its status
means (`endings.py`), or trying again, which is Dagster's.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any, Final

import dagster as dg
from dagster_k8s.client import DagsterK8sUnrecoverableAPIError
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.executor import (
    CheckStepHealthResult,
    DagsterEvent,
    EngineEventData,
    K8sStepHandler,
    StepHandlerContext,
)
from dagster_k8s.job import UserDefinedDagsterK8sConfig, get_user_defined_k8s_config

from io_managers.ends import End, memory_class, note_end
from resources.errors import QuireError
from resources.kubernetes.classes import compute_class, resources_of
from resources.kubernetes.endings import LEFT_BEHIND, Cause, Ending, Watched, ending_of
from resources.kubernetes.launcher import QuireK8sRunLauncher
from resources.kubernetes.pods import BATCH_LABEL, step_over_run, with_memory
from resources.kubernetes.settings import STEPS, bytes_of
from resources.lake.lake import Lake
from resources.settings import Settings

_PARTITION_TAG: Final = "dagster/partition"
_ENDED: Final = {
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_UP_FOR_RETRY,
}
_CONFLICT: Final = 409
_DELETED_SECONDS: Final = 90.0
"""A Job that is deleted is there until its pod has used up its grace."""
_LOG: Final = logging.getLogger(__name__)


class QuireStepHandler(K8sStepHandler):  # type: ignore[misc]  # of an extra, unseen by mypy
    """Makes a Job of every step, and knows how its pod ended."""

    def __init__(
        self, settings: Settings, *, load_incluster_config: bool, kubeconfig_file: str | None
    ) -> None:
        """Take the settings, and how the run launcher reaches Kubernetes."""
        super().__init__(
            image=None,
            container_context=K8sContainerContext(),
            load_incluster_config=load_incluster_config,
            kubeconfig_file=kubeconfig_file,
            enable_owner_references=True,
        )
        self._settings = settings
        self._watched: dict[str, Watched] = {}
        self._deleted: set[str] = set()

    @property
    def name(self) -> str:
        """As Dagster's events call it."""
        return "quire_k8s"

    # What a Job is made of -----------------------------------------------------------------------

    def _get_container_context(
        self, step_handler_context: StepHandlerContext
    ) -> K8sContainerContext:
        context = super()._get_container_context(step_handler_context)
        tags = step_handler_context.step_tags[self._get_step_key(step_handler_context)]
        given = get_user_defined_k8s_config(tags)
        merged, own = context.run_k8s_config.to_dict(), given.to_dict()
        config = step_over_run(merged, own)
        alone = UserDefinedDagsterK8sConfig.from_dict(config)
        return self._with_ours(context._replace(run_k8s_config=alone), step_handler_context)

    def _with_ours(
        self, context: K8sContainerContext, step: StepHandlerContext
    ) -> K8sContainerContext:
        """What only the step's own moment tells: its batch, its memory class, Dagster's folder."""
        container: dict[str, Any] = {}
        pod: dict[str, Any] = {}
        home = getattr(step.instance.run_launcher, "dagster_home", None)
        mounts = context.run_k8s_config.container_config.get("volume_mounts", ())
        if home and f"{home}/storage" not in {mount["mount_path"] for mount in mounts}:
            # What Dagster writes beside its read-only dagster.yaml: logs of the step's process.
            mount = {"name": "quire-dagster", "mountPath": f"{home}/storage"}
            container["volumeMounts"] = [mount]
            pod["volumes"] = [{"name": "quire-dagster", "emptyDir": {"sizeLimit": "1Gi"}}]
        if _opens_launcher(step.instance):
            pod["automountServiceAccountToken"] = True
        memory = self._memory(step)
        if memory is not None:
            given = context.run_k8s_config.container_config.get("resources") or {}
            container["resources"] = with_memory(given, memory)
        batch = step.dagster_run.tags.get(_PARTITION_TAG)
        labels = {"labels": {BATCH_LABEL: batch} if batch else {}}
        ours = UserDefinedDagsterK8sConfig(
            container_config=container,
            pod_spec_config=pod,
            pod_template_spec_metadata=labels,
            job_metadata=labels,
        )
        namespace = self._settings.kubernetes.namespace
        return context.merge(K8sContainerContext(namespace=namespace, run_k8s_config=ours))

    def _memory(self, context: StepHandlerContext) -> str | None:
        """The memory of a step's next pod, where pods before it had too little."""
        stage, batch = self._get_step_key(context), context.dagster_run.tags.get(_PARTITION_TAG)
        if stage not in STEPS or not batch:
            return None
        try:
            number = memory_class(self._lake(), stage, batch)
        except QuireError as error:
            _LOG.warning("%s of %s has its first memory class: %s", stage, batch, error)
            return None
        classes = self._classes(stage)
        return classes[min(number, len(classes) - 1)] if number else None

    def _classes(self, stage: str) -> tuple[str, ...]:
        kind = compute_class(stage, self._settings)
        return resources_of(stage, kind, self._settings.kubernetes).memory_classes

    def _lake(self) -> Lake:
        return Lake(self._settings.lake, self._settings.storage_options)

    # A step's life -------------------------------------------------------------------------------

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Make the step's Job; one of that name that has failed, of a run pod that died, goes."""
        job_name = self._get_k8s_step_job_name(step_handler_context)
        self._watched.pop(job_name, None)
        try:
            yield from super().launch_step(step_handler_context)
        except DagsterK8sUnrecoverableAPIError as error:
            if getattr(error.k8s_api_exception, "status", None) != _CONFLICT:
                raise
            if not self._make_room(job_name, self._namespace(step_handler_context)):
                return  # it is at work: the run pod before this one made it
            yield from super().launch_step(step_handler_context)

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        """Whether a step may still come to its end; if not, why, which is also kept in the lake."""
        job_name = self._get_k8s_step_job_name(step_handler_context)
        namespace = self._namespace(step_handler_context)
        status = self._api_client.get_job_status(namespace=namespace, job_name=job_name)
        pods = self._api_client.get_pods_in_job(job_name, namespace) if status else []
        ending = ending_of(
            status,
            pods,
            self._watched.setdefault(job_name, Watched()),
            time.monotonic(),
            self._settings.kubernetes.pending_seconds,
        )
        # Asked after its status: what a pod has said by its end is in the log by then.
        if ending is None or self._has_ended(step_handler_context):
            return CheckStepHealthResult.healthy()
        reason = f"{ending.message} (Job {job_name})"
        step_context = step_handler_context.get_step_context(
            self._get_step_key(step_handler_context)
        )
        DagsterEvent.engine_event(step_context, f"The step is lost: {reason}", EngineEventData())
        self._keep(step_handler_context, job_name, ending)
        if status is not None and not status.failed and ending.cause in LEFT_BEHIND:
            self._deleted.add(job_name)
            self._api_client.delete_job(job_name=job_name, namespace=namespace)
        return CheckStepHealthResult.unhealthy(reason)

    def _has_ended(self, context: StepHandlerContext) -> bool:
        """Whether the step's own end, in this attempt, is in the log already."""
        step_key, state = self._get_step_key(context), context.execute_step_args.known_state
        attempt: int = state.get_retry_state().get_attempt_count(step_key) if state else 0
        entries = context.instance.all_logs(context.dagster_run.run_id, of_type=_ENDED)
        ends = [entry for entry in entries if entry.step_key == step_key]
        return len(ends) > attempt

    def _keep(self, context: StepHandlerContext, job_name: str, ending: Ending) -> None:
        stage, batch = self._get_step_key(context), context.dagster_run.tags.get(_PARTITION_TAG)
        if stage not in STEPS or not batch:
            return
        largest = bytes_of(self._classes(stage)[-1])
        end = End(
            cause=str(ending.cause),
            job=job_name,
            largest=ending.cause is Cause.OOM and bytes_of(ending.memory or "0") >= largest,
        )
        try:
            note_end(self._lake(), stage, batch, end)
        except QuireError as error:
            _LOG.warning("how the pod of %s of %s ended is not kept: %s", stage, batch, error)

    def _namespace(self, context: StepHandlerContext) -> str:
        given = self._settings.kubernetes.namespace
        return str(given or super()._get_container_context(context).namespace)

    def _make_room(self, job_name: str, namespace: str) -> bool:
        """Delete a failed Job of this name and wait until it is gone; False when it may work."""
        status = self._api_client.get_job_status(namespace=namespace, job_name=job_name)
        if status is not None and job_name not in self._deleted:
            if not status.failed:
                return False
            self._api_client.delete_job(job_name=job_name, namespace=namespace)
        deadline = time.monotonic() + _DELETED_SECONDS
        while time.monotonic() < deadline:
            if self._api_client.get_job_status(namespace=namespace, job_name=job_name) is None:
                return True
            time.sleep(1)
        return True


def _opens_launcher(instance: dg.DagsterInstance) -> bool:
    """Whether a step's process makes the run launcher, and that one wants a token."""
    resumes = instance.run_monitoring_enabled and instance.run_monitoring_max_resume_run_attempts
    ours: bool = isinstance(instance.run_launcher, QuireK8sRunLauncher)
    return bool(resumes) and not ours
