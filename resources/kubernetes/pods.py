"""What a stage's pod looks like: the value of the op tag `dagster-k8s/config`.

Here: everything that a step's Job has beyond what the run launcher gives every pod. Not here: what
is asked for (`classes.py`), the settings (`settings.py`), or making Jobs (`step_handler.py`).

The names are those of the Kubernetes API; dagster-k8s merges them over the run launcher's own, and
refuses those that it does not know. Jobs keep `backoffLimit: 0` and have no `podFailurePolicy`: a
pod that Kubernetes made again after its step had begun would leave the run STARTED for ever
(dagster issue 33755). Lost pods are Dagster's to retry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from resources.kubernetes.classes import (
    calls_summariser,
    calls_surya,
    compute_class,
    resources_of,
    workers_of,
)
from resources.kubernetes.settings import KubernetesSettings, SecretKey
from resources.settings import Settings

CONFIG_TAG: Final = "dagster-k8s/config"
STAGE_LABEL: Final = "quire/stage"
CLASS_LABEL: Final = "quire/class"
BATCH_LABEL: Final = "quire/batch"
QUEUE_LABEL: Final = "kueue.x-k8s.io/queue-name"
SPOT_TAINT: Final = "quire/spot"
GPU_TAINT: Final = "nvidia.com/gpu"
MODELS: Final = "/models"
USER: Final = 10_001
"""The user and group of the images."""
_OF_THE_RUN: Final = ("node_selector", "affinity", "tolerations", "priority_class_name")
_TMP: Final = "/tmp"  # noqa: S108  # a pod's own, made for it and gone with it
_KEEP_SECONDS: Final = 24 * 3600
"""A finished Job and its logs stay a day to be looked at."""
_GRACE_SECONDS: Final = 60
"""A pod that must go says so on its run, and closes its workers; a spot node has 30 to 120 s."""


def step_config(stage: str, settings: Settings) -> dict[str, Any]:
    """The `dagster-k8s/config` of a stage's step under these settings."""
    kubernetes = settings.kubernetes
    kind = compute_class(stage, settings)
    labels = {STAGE_LABEL: stage, CLASS_LABEL: kind}
    queue = {QUEUE_LABEL: kubernetes.queue} if kubernetes.queue else {}
    return {
        "container_config": _container(stage, kind, settings),
        "pod_template_spec_metadata": {"labels": labels},
        "pod_spec_config": _pod(kind, settings, _scratch(stage, kind, kubernetes)),
        "job_metadata": {"labels": {**labels, **queue}},
        "job_spec_config": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": _KEEP_SECONDS,
            "activeDeadlineSeconds": kubernetes.deadline_seconds,
        },
    }


def run_config(stages: Sequence[str], settings: Settings) -> dict[str, Any]:
    """The `dagster-k8s/config` of a job that does the work of these stages in the run's own pod.

    What every run's pod has is the run launcher's to give: its account, volumes and settings.
    """
    kubernetes = settings.kubernetes
    first = next((s for s in stages if compute_class(s, settings) == "gpu"), stages[0])
    kind = compute_class(first, settings)
    step = _container(first, kind, settings)
    workers = workers_of(resources_of(first, kind, kubernetes))
    env: list[dict[str, Any]] = [{"name": "QUIRE_WORKERS", "value": str(workers)}]
    for stage in stages:
        env += [key for key in _keys(stage, settings) if key not in env]
    container = {name: step[name] for name in ("image", "resources") if name in step}
    pod: dict[str, Any] = {"tolerations": tolerations_of(kind, kubernetes)}
    if selector := kubernetes.node_selectors.get(kind):
        pod["nodeSelector"] = dict(selector)
    return {"container_config": {**container, "env": env}, "pod_spec_config": pod}


def step_over_run(merged: Mapping[str, Any], step: Mapping[str, Any]) -> dict[str, Any]:
    """What a step's pod is when the run launcher's settings were merged under its own.

    Both are as dagster-k8s has them, in snake case. It appends lists, and the launcher's are meant
    for run pods: where those go says nothing of where steps go, and two volumes of one name, or at
    one path, are refused by Kubernetes.
    """
    pod, container = dict(merged["pod_spec_config"]), dict(merged["container_config"])
    ours, own = step["pod_spec_config"], step["container_config"]
    for name in _OF_THE_RUN:
        pod.pop(name, None)
        if name in ours:
            pod[name] = ours[name]
    if "resources" in own:
        container["resources"] = own["resources"]
    mounts = _unique(container.get("volume_mounts", ()), own.get("volume_mounts", ()), "mount_path")
    volumes = _unique(pod.get("volumes", ()), ours.get("volumes", ()), "name")
    mounted = {mount["name"] for mount in mounts}
    container["volume_mounts"] = mounts
    pod["volumes"] = [volume for volume in volumes if volume["name"] in mounted]
    return {**merged, "pod_spec_config": pod, "container_config": container}


def _unique(
    every: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]], key: str
) -> list[Mapping[str, Any]]:
    """All of ours, and of the others those that have a name, or a path, of their own."""
    taken = {one[key] for one in ours}
    return [*(one for one in every if one[key] not in taken), *ours]


def with_memory(config: Mapping[str, Any], memory: str) -> dict[str, Any]:
    """Container resources with this much memory: request and limit."""
    return {
        kind: {**dict(config.get(kind) or {}), "memory": memory} for kind in ("requests", "limits")
    }


def _container(stage: str, kind: str, settings: Settings) -> dict[str, Any]:
    kubernetes = settings.kubernetes
    asked = resources_of(stage, kind, kubernetes)
    image = (kubernetes.gpu_image if kind == "gpu" else None) or kubernetes.image
    return {
        **({"image": image} if image else {}),
        "resources": {"requests": dict(asked.requests), "limits": dict(asked.limits)},
        "env": _environment(stage, settings, workers_of(asked)),
        "envFrom": [
            *({"configMapRef": {"name": name}} for name in kubernetes.env_config_maps),
            *({"secretRef": {"name": name}} for name in kubernetes.env_secrets),
        ],
        "volumeMounts": _mounts(settings),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def _environment(stage: str, settings: Settings, workers: int) -> list[dict[str, Any]]:
    return [
        {"name": "HOME", "value": _TMP},
        {"name": "TMPDIR", "value": _TMP},
        {"name": "QUIRE_WORKERS", "value": str(workers)},
        *_keys(stage, settings),
    ]


def _keys(stage: str, settings: Settings) -> list[dict[str, Any]]:
    """Keys of the servers that a stage calls, by reference; nobody else is given one."""
    kubernetes = settings.kubernetes
    env = []
    if kubernetes.api_key_secret and calls_summariser(stage, settings):
        env.append(_from_secret("QUIRE_API_KEY", kubernetes.api_key_secret))
    if kubernetes.ocr_key_secret and calls_surya(stage, settings):
        env.append(_from_secret("VLLM_API_KEY", kubernetes.ocr_key_secret))
    return env


def _from_secret(name: str, secret: SecretKey) -> dict[str, Any]:
    return {
        "name": name,
        "valueFrom": {"secretKeyRef": {"name": secret.name, "key": secret.key}},
    }


def _has_models(settings: Settings) -> bool:
    """Whether weights are mounted: in every pod, since each loads every stage and its version."""
    used = settings.summariser == "transformers" or settings.ocr == "surya"
    return used and settings.kubernetes.model_volume is not None


def _mounts(settings: Settings) -> list[dict[str, Any]]:
    kubernetes = settings.kubernetes
    mounts: list[dict[str, Any]] = [{"name": "quire-tmp", "mountPath": _TMP}]
    if _has_models(settings):
        mounts.append({"name": "quire-models", "mountPath": MODELS, "readOnly": True})
    if kubernetes.shared_volume:
        mounts.append({"name": "quire-shared", "mountPath": kubernetes.shared_volume.mount_path})
    return mounts


def _scratch(stage: str, kind: str, kubernetes: KubernetesSettings) -> str:
    asked = resources_of(stage, kind, kubernetes).limits["ephemeral-storage"]
    return kubernetes.tmp_size or asked


def _pod(kind: str, settings: Settings, scratch: str) -> dict[str, Any]:
    kubernetes = settings.kubernetes
    volumes: list[dict[str, Any]] = [{"name": "quire-tmp", "emptyDir": {"sizeLimit": scratch}}]
    if _has_models(settings):
        claim = {"claimName": kubernetes.model_volume, "readOnly": True}
        volumes.append({"name": "quire-models", "persistentVolumeClaim": claim})
    if kubernetes.shared_volume:
        shared = {"claimName": kubernetes.shared_volume.claim}
        volumes.append({"name": "quire-shared", "persistentVolumeClaim": shared})
    pod: dict[str, Any] = {
        "serviceAccountName": kubernetes.service_account or "default",
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "tolerations": tolerations_of(kind, kubernetes),
        "volumes": volumes,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    if selector := kubernetes.node_selectors.get(kind):
        pod["nodeSelector"] = dict(selector)
    if kubernetes.priority_class:
        pod["priorityClassName"] = kubernetes.priority_class
    return pod


def tolerations_of(kind: str, kubernetes: KubernetesSettings) -> list[dict[str, Any]]:
    """Taints that a class bears: spot nodes; a GPU's only where a GPU is asked for."""
    given = kubernetes.tolerations.get(kind)
    if given is not None:
        return [dict(toleration) for toleration in given]
    spot = {"key": SPOT_TAINT, "operator": "Exists", "effect": "NoSchedule"}
    gpu = {"key": GPU_TAINT, "operator": "Exists", "effect": "NoSchedule"}
    return [spot, gpu] if kind == "gpu" else [spot]
