"""Values for Dagster's chart: its fields, the pods they become, and the instance that it writes."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dagster_k8s", reason="needs the extra k8s: pip install 'quire[k8s]'")

import dagster as dg
import yaml

from resources.kubernetes.pods import USER
from resources.settings import REPOSITORY_ROOT
from tests.deploy.files import DEPLOY, Json, load, manifest, values
from tests.deploy.instances import instance_of
from tests.deploy.shapes import CHART, misfits

SETS = [(), ("values-gpu.yaml",), ("values-minimal.yaml",)]
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: none
clusters: [{name: none, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: none, context: {cluster: none, user: none}}]
users: [{name: none, user: {}}]
"""


@pytest.mark.parametrize("names", SETS)
def test_every_value_is_one_of_the_charts(names: tuple[str, ...]) -> None:
    assert list(misfits(values(*names), CHART)) == []


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("dagsterWebserver", "enableReadonly"), True),
        (("dagsterDaemon", "runMonitoring", "maxResumeAttempts"), 3),
        (("dagster-user-deployments", "deployments", 0, "envSecret"), []),
        (("dagsterWebserver", "service", "type"), "LoadBalancer"),
        (("ingress", "enabled"), "yes"),
    ],
)
def test_a_wrong_value_fails(path: tuple[Any, ...], wrong: Any) -> None:
    given = copy.deepcopy(values())
    place: Any = given
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = wrong
    assert any(str(path[-1]) in fault for fault in misfits(given, CHART))


def services(given: Json) -> list[Json]:
    return [
        given["dagsterWebserver"],
        given["dagsterDaemon"],
        *given["dagster-user-deployments"]["deployments"],
    ]


def pod(service: Json) -> Json:
    """The pod that the chart makes of a service's values."""
    probes: Json = {
        name: {key: value for key, value in service[name].items() if key != "enabled"}
        for name in ("livenessProbe", "startupProbe", "readinessProbe")
        if name in service
    }
    container: Json = {
        "name": "dagster",
        "image": "{repository}:{tag}".format(**service["image"]),
        "imagePullPolicy": service["image"]["pullPolicy"],
        "securityContext": service["securityContext"],
        "resources": service["resources"],
        "envFrom": [
            *({"configMapRef": source} for source in service["envConfigMaps"]),
            *({"secretRef": source} for source in service["envSecrets"]),
        ],
        "volumeMounts": service["volumeMounts"],
        **probes,
    }
    spec = {
        "containers": [container],
        "securityContext": service["podSecurityContext"],
        "nodeSelector": service["nodeSelector"],
        "tolerations": service.get("tolerations", []),
        "volumes": service["volumes"],
    }
    metadata = {"name": "dagster", "labels": service["labels"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize("names", SETS)
def test_what_becomes_of_it_is_a_pod_to_kubernetes(names: tuple[str, ...]) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="needs k8s-dev")
    for service in services(values(*names)):
        kubernetes_validate.validate(pod(service), "1.33", strict=True)
    wrong = pod(services(values())[0])
    wrong["spec"]["containers"][0]["securityContext"]["readOnlyRoot"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.33", strict=True)


def test_services_run_as_little_as_they_can() -> None:
    given = values()
    launcher = given["runLauncher"]["config"]["customRunLauncher"]["config"]["run_k8s_config"]
    contexts = [service["securityContext"] for service in services(given)]
    for context in [*contexts, launcher["container_config"]["securityContext"]]:
        assert context["runAsNonRoot"]
        assert context["runAsUser"] == USER
        assert context["readOnlyRootFilesystem"]
        assert not context["allowPrivilegeEscalation"]
        assert context["capabilities"] == {"drop": ["ALL"]}
    for service in services(given):
        assert {"/tmp", "/var/tmp"} <= {mount["mountPath"] for mount in service["volumeMounts"]}
        assert service["nodeSelector"] == {"quire/pool": "system"}
        assert service["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert "memory" in service["resources"]["limits"]


def test_no_web_server_is_exposed_and_one_only_reads() -> None:
    given = values()
    assert given["dagsterWebserver"]["service"]["type"] == "ClusterIP"
    assert not given["ingress"]["enabled"]
    assert given["dagsterWebserver"]["enableReadOnly"]


def test_the_proxy_asks_the_web_servers_that_the_chart_makes() -> None:
    given = values()["dagsterWebserver"]
    text = (DEPLOY / "helm/values.yaml").read_text(encoding="utf-8")
    (release,) = re.findall(r"helm upgrade --install (\S+) ", text)
    server = f"{release}-{given['nameOverride']}"
    settings = DEPLOY / "proxy/kubernetes/settings.env"
    lines = dict(line.split("=", 1) for line in settings.read_text().splitlines() if "=" in line)
    assert lines["PROXY_WEBSERVER"] == f"{server}:{given['service']['port']}"
    assert lines["PROXY_READONLY"] == f"{server}-read-only:{given['service']['port']}"


def test_no_secret_is_written_down() -> None:
    for path in sorted((DEPLOY / "helm").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(?i)(password|secret_?key|api_?key): *[\"']?[a-z0-9/+]{8}", text)
    given = values()
    assert given["postgresql"]["postgresqlPassword"] == ""
    assert not given["generatePostgresqlPasswordSecret"]


def instance(given: Json, folder: Path) -> dg.DagsterInstance:
    """Real Dagster over what the chart would write, in a folder; Kubernetes is not asked."""
    (folder / "kubeconfig").write_text(KUBECONFIG, encoding="utf-8")
    config = instance_of(copy.deepcopy(given))
    config["run_launcher"]["config"] |= {
        "load_incluster_config": False,
        "kubeconfig_file": str(folder / "kubeconfig"),
    }
    (folder / "dagster.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    made = dg.DagsterInstance.from_config(str(folder))
    _ = (made.run_launcher, made.run_coordinator, made.compute_log_manager)
    return made


@pytest.mark.parametrize("names", SETS)
def test_dagster_takes_the_instance(names: tuple[str, ...], tmp_path: Path) -> None:
    given = values(*names)
    with instance(given, tmp_path) as made:
        assert type(made.run_launcher).__name__ == "QuireK8sRunLauncher"
        assert made.run_launcher.supports_resume_run
        assert made.run_monitoring_enabled
        assert made.run_monitoring_max_resume_run_attempts == 3
        runs = given["additionalInstanceConfig"]["concurrency"]["runs"]["max_concurrent_runs"]
        queue: Any = made.get_concurrency_config().run_queue_config
        assert queue.max_concurrent_runs == runs


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (("additionalInstanceConfig", "concurrency", "pools"), "default_limits"),
        (("runLauncher", "config", "customRunLauncher", "config"), "env_secret"),
        (("runLauncher", "config", "customRunLauncher", "config", "run_k8s_config"), "pod_spec"),
    ],
)
def test_dagster_refuses_a_wrong_one(place: tuple[str, ...], name: str, tmp_path: Path) -> None:
    given = copy.deepcopy(values())
    found: Json = given
    for one in place:
        found = found[one]
    found[name] = {}
    with pytest.raises(dg.DagsterInvalidConfigError, match=name), instance(given, tmp_path):
        pass


def test_runs_are_pods_of_the_launchers_words(tmp_path: Path) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="needs k8s-dev")
    from dagster_k8s.container_context import K8sContainerContext
    from dagster_k8s.job import construct_dagster_k8s_job
    from kubernetes.client import ApiClient

    with instance(values(), tmp_path) as made:
        launcher: Any = made.run_launcher
        run = dg.DagsterRun(job_name="ingest", run_id="r")
        context = K8sContainerContext.create_for_run(run, launcher, include_run_tags=False)
        job = construct_dagster_k8s_job(
            context.get_k8s_job_config("quire:1", launcher),
            ["dagster", "api", "execute_run"],
            "dagster-run-r",
            context.run_k8s_config,
            component="run_worker",
        )
    found = ApiClient().sanitize_for_serialization(job)
    kubernetes_validate.validate(found, "1.33", strict=True)
    spec = found["spec"]["template"]["spec"]
    assert found["spec"]["backoffLimit"] == 0
    assert spec["priorityClassName"] == "quire-run"
    assert "tolerations" not in spec
    assert "nodeSelector" not in spec
    (container,) = spec["containers"]
    places = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert "/var/tmp" in places
    assert "/tmp" not in places


SHARED = [
    ("run_monitoring", "max_runtime_seconds"),
    ("run_monitoring", "free_slots_after_run_end_seconds"),
    ("run_retries", "max_retries"),
    ("run_retries", "retry_on_asset_or_op_failure"),
    ("concurrency", "pools", "granularity"),
    ("telemetry", "enabled"),
    ("nux", "enabled"),
]


@pytest.mark.parametrize("path", SHARED, ids=".".join)
def test_all_instances_agree_where_they_should(path: tuple[str, ...]) -> None:
    found = []
    for config in (
        load(REPOSITORY_ROOT / "dagster.yaml"),
        load(DEPLOY / "dagster.yaml"),
        instance_of(values()),
    ):
        value: Any = config
        for name in path:
            value = value[name]
        found.append(value)
    assert found[0] == found[1] == found[2]


def test_names_are_those_of_the_manifests() -> None:
    given = values()
    launcher = given["runLauncher"]["config"]["customRunLauncher"]["config"]
    account = manifest("ServiceAccount", "quire")["metadata"]["name"]
    assert launcher["service_account_name"] == account == given["global"]["serviceAccountName"]
    assert launcher["postgres_password_secret"] == given["global"]["postgresqlSecretName"]
    assert launcher["job_namespace"] == manifest("Namespace", "quire")["metadata"]["name"]
    assert launcher["dagster_home"] == given["global"]["dagsterHome"]
    assert launcher["env_config_maps"] == [
        manifest("ConfigMap", "quire-settings")["metadata"]["name"]
    ]
    priority = launcher["run_k8s_config"]["pod_spec_config"]["priorityClassName"]
    assert (
        manifest("PriorityClass", priority)["value"]
        > manifest("PriorityClass", "quire-step")["value"]
    )
    assert manifest("Service", given["postgresql"]["postgresqlHost"])


def test_the_chart_is_the_librarys_version() -> None:
    needed = (REPOSITORY_ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (version,) = re.findall(r'"dagster==([\d.]+)"', needed)
    text = (DEPLOY / "helm/values.yaml").read_text(encoding="utf-8")
    assert f"--version {version} " in text
