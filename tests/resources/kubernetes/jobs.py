"""Jobs of steps and runs, made as the executor makes them, and Kubernetes' own word on them."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("dagster_k8s", reason="needs the extra k8s: pip install 'quire[k8s]'")
pytest.importorskip("kubernetes_validate", reason="needs the extra k8s-dev")

import kubernetes_validate
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import (
    DagsterK8sJobConfig,
    UserDefinedDagsterK8sConfig,
    construct_dagster_k8s_job,
    get_user_defined_k8s_config,
)
from kubernetes.client import ApiClient

from assets.asset import step_tags
from resources.kubernetes.pods import step_over_run
from resources.settings import Settings

KUBERNETES = "1.33"
"""The schemas that every Job must meet, to the letter."""
LAUNCHER = K8sContainerContext(
    image_pull_policy="IfNotPresent",
    service_account_name="dagster",
    namespace="quire",
    env_config_maps=["quire-env"],
    volume_mounts=[
        {
            "name": "dagster-instance",
            "mountPath": "/opt/dagster/dagster_home/dagster.yaml",
            "subPath": "dagster.yaml",
        },
        {"name": "tmp", "mountPath": "/tmp"},
    ],
    volumes=[
        {"name": "dagster-instance", "configMap": {"name": "dagster-instance"}},
        {"name": "tmp", "emptyDir": {}},
    ],
    run_k8s_config=UserDefinedDagsterK8sConfig(
        container_config={"resources": {"limits": {"cpu": "1", "memory": "1Gi", "a/b": "1"}}},
        pod_spec_config={
            "nodeSelector": {"quire/pool": "runs", "quire/runs": "yes"},
            "tolerations": [{"key": "runs", "operator": "Exists"}],
            "priorityClassName": "runs",
        },
    ),
    labels={"app": "quire"},
)
"""What a run launcher of the Dagster chart gives every pod, and means for run pods."""


def step_job(stage: str, settings: Settings) -> dict[str, Any]:
    """The Job of a stage's step, as it goes over the wire."""
    tags = step_tags(stage, settings, pods=True)
    written = {name: v if isinstance(v, str) else json.dumps(v) for name, v in tags.items()}
    return job_of(written, f"dagster-step-{stage}", component="step_worker")


def job_of(tags: dict[str, str], name: str, component: str) -> dict[str, Any]:
    """The Job that dagster-k8s makes of tags over a run launcher's settings."""
    given = get_user_defined_k8s_config(tags)
    merged = LAUNCHER.merge(K8sContainerContext(run_k8s_config=given)).run_k8s_config
    if component == "step_worker":
        alone = step_over_run(merged.to_dict(), given.to_dict())
        merged = UserDefinedDagsterK8sConfig.from_dict(alone)
    config = DagsterK8sJobConfig(
        job_image="quire:1",
        dagster_home="/opt/dagster/dagster_home",
        instance_config_map="dagster-instance",
        postgres_password_secret="dagster-postgresql-secret",
    )
    job = construct_dagster_k8s_job(
        job_config=config,
        args=["dagster", "api", component],
        job_name=name,
        pod_name=name,
        component=component,
        user_defined_k8s_config=merged,
        labels={"dagster/job": "ingest"},
        env_vars=[{"name": "DAGSTER_RUN_JOB_NAME", "value": "ingest"}],
    )
    made = ApiClient().sanitize_for_serialization(job)
    return dict(json.loads(json.dumps(made)))


def validate(job: dict[str, Any]) -> None:
    """Raise unless the Kubernetes schemas hold for it, with no unknown field."""
    kubernetes_validate.validate(job, KUBERNETES, strict=True)


def pod_of(job: dict[str, Any]) -> dict[str, Any]:
    """The pod's spec."""
    return dict(job["spec"]["template"]["spec"])


def container_of(job: dict[str, Any]) -> dict[str, Any]:
    """Its one container."""
    (container,) = pod_of(job)["containers"]
    return dict(container)


def secrets_of(job: dict[str, Any]) -> set[str]:
    """Names of the Secrets whose keys a container's environment holds."""
    container = container_of(job)
    named = [env.get("valueFrom", {}).get("secretKeyRef", {}) for env in container["env"]]
    whole = [source.get("secretRef", {}) for source in container.get("envFrom", [])]
    return {reference["name"] for reference in (*named, *whole) if reference}
