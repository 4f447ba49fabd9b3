"""What configuration files may hold, said once and closed: a field that is not here is an error.

Written by hand from what the projects publish, for the fields that ours use: Dagster's chart 1.13
(helm/dagster/schema), Kueue 0.19 (v1beta2), Karpenter 1.14 (v1), KEDA 2.20 (v1alpha1), the Compose
specification. Core kinds are not here: kubernetes-validate has their schemas. Held against the
projects' own schemas: set KUBERNETES_CRDS to a folder of CRDs (see test_manifests.py).

A shape is a type; a set of the allowed values; a list of one shape; a dict of shapes, where `name?`
may be missing and `*` stands for every other name; a tuple of alternatives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

Shape = Any

AMOUNT: Final = (str, int)
_TAINT: Final = {"key": str, "value?": str, "effect": {"NoSchedule", "NoExecute"}}
_TOLERATION: Final = {"key": str, "operator": {"Exists", "Equal"}, "value?": str, "effect": str}
_QUOTA: Final = {"name": str, "nominalQuota": AMOUNT}
_POLICY: Final = {"type": {"Pods", "Percent"}, "value": int, "periodSeconds": int}
_SCALING: Final = {"stabilizationWindowSeconds?": int, "policies": [_POLICY]}

CUSTOM: Final[dict[tuple[str, str], Shape]] = {
    ("kueue.x-k8s.io/v1beta2", "ResourceFlavor"): {
        "nodeLabels?": {"*": str},
        "nodeTaints?": [_TAINT],
        "tolerations?": [_TOLERATION],
    },
    ("kueue.x-k8s.io/v1beta2", "ClusterQueue"): {
        "namespaceSelector": {"matchLabels": {"*": str}},
        "queueingStrategy": {"StrictFIFO", "BestEffortFIFO"},
        "preemption?": {
            "withinClusterQueue": {"Never", "LowerPriority", "LowerOrNewerEqualPriority"},
            "reclaimWithinCohort": {"Never", "LowerPriority", "Any"},
        },
        "resourceGroups": [
            {"coveredResources": [str], "flavors": [{"name": str, "resources": [_QUOTA]}]}
        ],
    },
    ("kueue.x-k8s.io/v1beta2", "LocalQueue"): {"clusterQueue": str},
    ("karpenter.sh/v1", "NodePool"): {
        "template": {
            "metadata": {"labels": {"*": str}},
            "spec": {
                "nodeClassRef": {"group": str, "kind": str, "name": str},
                "taints?": [_TAINT],
                "requirements": [
                    {
                        "key": str,
                        "operator": {"In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"},
                        "values": [str],
                    }
                ],
                "expireAfter?": str,
                "terminationGracePeriod?": str,
            },
        },
        "limits": {"*": AMOUNT},
        "disruption": {
            "consolidationPolicy": {"WhenEmpty", "WhenEmptyOrUnderutilized"},
            "consolidateAfter": str,
        },
        "weight?": int,
    },
    ("keda.sh/v1alpha1", "ScaledObject"): {
        "scaleTargetRef": {"name": str},
        "minReplicaCount": int,
        "maxReplicaCount": int,
        "pollingInterval": int,
        "cooldownPeriod": int,
        "fallback?": {"failureThreshold": int, "replicas": int},
        "advanced?": {
            "horizontalPodAutoscalerConfig": {
                "behavior": {"scaleUp": _SCALING, "scaleDown": _SCALING}
            }
        },
        "triggers": [{"type": {"prometheus"}, "metadata": {"*": str}}],
    },
}
"""The `spec` of the kinds that Kubernetes itself does not know."""

_IMAGE: Final = {"repository": str, "tag": str, "pullPolicy": {"Always", "IfNotPresent", "Never"}}
_SOURCES: Final = [{"name": str}]
_OBJECT: Final = dict
"""Of Kubernetes: checked as part of a pod (test_chart.py)."""
_PLACED: Final = {
    "image": _IMAGE,
    "labels": {"*": str},
    "envConfigMaps": _SOURCES,
    "envSecrets": _SOURCES,
    "nodeSelector": _OBJECT,
    "tolerations?": [_OBJECT],
    "podSecurityContext": _OBJECT,
    "securityContext": _OBJECT,
    "volumes": [_OBJECT],
    "volumeMounts": [_OBJECT],
    "resources": _OBJECT,
    "livenessProbe": _OBJECT,
    "startupProbe": _OBJECT,
}
_DAYS: Final = {"purgeAfterDays": {"skipped": int, "success": int, "failure": int, "started": int}}
_THREADS: Final = {"useThreads": bool, "numWorkers": int}

CHART: Final[Shape] = {
    "global": {
        "postgresqlSecretName": str,
        "dagsterHome": str,
        "serviceAccountName": str,
        "celeryConfigSecretName": str,
    },
    "rbacEnabled": bool,
    "serviceAccount": {"create": bool, "name": str, "annotations": dict},
    "imagePullSecrets": [_OBJECT],
    "dagsterWebserver": {
        **_PLACED,
        "nameOverride": str,
        "replicaCount": int,
        "enableReadOnly": bool,
        "service": {"type": {"ClusterIP"}, "port": int, "annotations": dict},
        "dbPoolRecycle": int,
        "initContainerResources": _OBJECT,
        "readinessProbe": _OBJECT,
    },
    "dagster-user-deployments": {
        "enabled": bool,
        "enableSubchart": bool,
        "imagePullSecrets": [_OBJECT],
        "deployments": [
            {
                **_PLACED,
                "name": str,
                "dagsterApiGrpcArgs": [str],
                "port": int,
                "includeConfigInLaunchedRuns": {"enabled": bool},
                "env?": [_OBJECT],
            }
        ],
    },
    "dagsterDaemon": {
        **_PLACED,
        "enabled": bool,
        "heartbeatTolerance": int,
        "initContainerResources": _OBJECT,
        "runCoordinator": {
            "enabled": bool,
            "type": {"QueuedRunCoordinator"},
            "config": {"queuedRunCoordinator": dict},
        },
        "runMonitoring": {
            "enabled": bool,
            "startTimeoutSeconds": int,
            "cancelTimeoutSeconds": int,
            "maxRuntimeSeconds": int,
            "maxResumeRunAttempts": int,
            "pollIntervalSeconds": int,
            "freeSlotsAfterRunEndSeconds": int,
        },
        "runRetries": {"enabled": bool, "maxRetries": int, "retryOnAssetOrOpFailure": bool},
        "sensors": _THREADS,
        "schedules": _THREADS,
    },
    "runLauncher": {
        "type": {"CustomRunLauncher"},
        "config": {"customRunLauncher": {"module": str, "class": str, "config": dict}},
    },
    "additionalInstanceConfig": dict,
    "telemetry": {"enabled": bool},
    "computeLogManager": {"type": {"NoOpComputeLogManager"}},
    "scheduler": {"type": {"DagsterDaemonScheduler"}},
    "retention": {"enabled": bool, "schedule": _DAYS, "sensor": _DAYS},
    "postgresql": {
        "enabled": bool,
        "image": _IMAGE,
        "postgresqlHost": str,
        "postgresqlUsername": str,
        "postgresqlPassword": str,
        "postgresqlDatabase": str,
        "postgresqlParams": dict,
        "service": {"port": int},
    },
    "generatePostgresqlPasswordSecret": bool,
    "generateCeleryConfigSecret": bool,
    "busybox": {"image": _IMAGE},
    "migrate": {"enabled": bool},
    "ingress": {"enabled": bool},
    "rabbitmq": {"enabled": bool},
    "redis": {"enabled": bool, "internal": bool},
    "flower": {"enabled": bool},
}
"""Values for Dagster's chart."""

_SERVICE: Final = {
    "restart": str,
    "read_only": bool,
    "cap_drop": [{"ALL"}],
    "security_opt": [{"no-new-privileges:true"}],
    "logging?": {"driver": str, "options": {"*": str}},
    "image": str,
    "user": str,
    "tmpfs?": [str],
    "environment?": {"*": str},
    "env_file?": [{"path": str, "required": bool}],
    "volumes?": [str],
    "networks": [str],
    "ports?": [str],
    "command?": [str],
    "build?": {"context": str, "dockerfile": str, "target": {"cpu", "gpu"}},
    "stop_grace_period?": str,
    "depends_on?": {"*": {"condition": str, "restart?": bool}},
    "healthcheck?": {
        "test": [str],
        "interval": str,
        "timeout": str,
        "retries": int,
        "start_period?": str,
    },
}
COMPOSE: Final[Shape] = {
    "name?": str,
    "services": {"*": _SERVICE},
    "volumes?": {"*": type(None)},
    "networks?": {"*": (type(None), {"internal": bool})},
}
"""A Compose file, without its `x-` keys."""


def misfits(value: Any, shape: Shape, where: str = "") -> Iterator[str]:
    """Every place where a value is not of a shape."""
    if isinstance(shape, tuple):
        tried = [list(misfits(value, one, where)) for one in shape]
        if all(tried):
            yield from min(tried, key=len)
    elif isinstance(shape, set):
        if value not in shape:
            yield f"{where}: {value!r} is none of {sorted(shape)}"
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{where}: {value!r} is no list"
        else:
            for number, item in enumerate(value):
                yield from misfits(item, shape[0], f"{where}[{number}]")
    elif isinstance(shape, dict):
        yield from _fields(value, shape, where)
    elif not isinstance(value, shape) or (shape is int and isinstance(value, bool)):
        yield f"{where}: {value!r} is no {shape.__name__}"


def _fields(value: Any, shape: dict[str, Shape], where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: {value!r} is no object"
        return
    named = {name.removesuffix("?"): one for name, one in shape.items() if name != "*"}
    for name, item in value.items():
        if name in named or "*" in shape:
            yield from misfits(item, named.get(name, shape.get("*")), f"{where}.{name}")
        else:
            yield f"{where}.{name}: no such field"
    yield from (
        f"{where}.{name}: missing" for name in shape if name[-1:] not in "?*" and name not in value
    )
