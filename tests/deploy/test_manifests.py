"""The manifests beside the chart: right to Kubernetes, and what they promise of access and nodes.

Core kinds are held against Kubernetes' own schemas, others against `shapes.py`. To hold the others
against their projects' schemas too, put CRD files (Kueue's config/components/crd/bases, Karpenter's
pkg/apis/crds, KEDA's config/crd/bases) into one folder and name it in KUBERNETES_CRDS.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from resources.kubernetes.pods import GPU_TAINT, SPOT_TAINT, step_config
from resources.kubernetes.settings import CLASSES
from resources.settings import Settings, load_settings
from tests.deploy.files import MANIFESTS, Json, load, manifest, manifests
from tests.deploy.shapes import CUSTOM, misfits

ALL = dict(manifests())
KUBERNETES = "1.33"


def kind_of(found: Json) -> tuple[str, str]:
    return found["apiVersion"], found["kind"]


def faults(found: Json) -> list[str]:
    """What is wrong with an object: Kubernetes' word, or the shape of its kind."""
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="needs k8s-dev")
    if kind_of(found) in CUSTOM:
        unknown = set(found) - {"apiVersion", "kind", "metadata", "spec"}
        return [*map(str, unknown), *misfits(found["spec"], CUSTOM[kind_of(found)])]
    try:
        kubernetes_validate.validate(found, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [str(error.message)]
    return []


@pytest.mark.parametrize("name", ALL)
def test_every_object_is_one(name: str) -> None:
    assert faults(ALL[name]) == []


@pytest.mark.parametrize("name", ALL)
def test_a_wrong_field_of_any_kind_fails(name: str) -> None:
    wrong = copy.deepcopy(ALL[name])
    wrong.get("spec", wrong)["nosuchfield"] = {}
    assert faults(wrong)


def spoilt() -> Iterator[tuple[str, Json]]:
    for kind, name, path, value in (
        ("ClusterQueue", "quire", ("resourceGroups", 0, "flavors", 0, "quota"), []),
        ("ResourceFlavor", "quire-gpu", ("tolerations", 0, "effects"), "NoSchedule"),
        ("LocalQueue", "quire", ("clusterQueue",), None),
        ("NodePool", "quire-cpu", ("template", "spec", "requirements", 0, "operator"), "in"),
        ("ScaledObject", "quire-vllm", ("triggers", 0, "metadata", "threshold"), 32),
    ):
        wrong = copy.deepcopy(manifest(kind, name))
        place: Any = wrong["spec"]
        for one in path[:-1]:
            place = place[one]
        place[path[-1]] = value
        yield f"{kind}.{path[-1]}", wrong


@pytest.mark.parametrize(("name", "wrong"), spoilt())
def test_a_wrong_field_deep_within_fails(name: str, wrong: Json) -> None:
    assert any(name.rpartition(".")[2] in fault for fault in faults(wrong))


def published() -> dict[tuple[str, str], Json]:
    """The projects' own schemas, closed as an API server closes them."""
    given = os.environ.get("KUBERNETES_CRDS")
    if not given:
        pytest.skip("KUBERNETES_CRDS names no folder of CRDs")
    schemas = {}
    for path in Path(given).glob("*.yaml"):
        for found in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            group, kind = found["spec"]["group"], found["spec"]["names"]["kind"]
            for version in found["spec"]["versions"]:
                schema = version["schema"]["openAPIV3Schema"]
                _close(schema)
                schema["properties"]["metadata"] = {}
                schemas[f"{group}/{version['name']}", kind] = schema
    return schemas


def _close(schema: Any) -> None:
    if isinstance(schema, dict):
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
        if schema.get("x-kubernetes-int-or-string"):
            schema.pop("type", None)
        for value in schema.values():
            _close(value)
    elif isinstance(schema, list):
        for value in schema:
            _close(value)


def test_published_schemas_say_the_same() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schemas = published()
    for name, found in ALL.items():
        if kind_of(found) in CUSTOM:
            jsonschema.Draft202012Validator(schemas[kind_of(found)]).validate(found)
            wrong = {**found, "spec": {**found["spec"], "nosuchfield": {}}}
            assert not jsonschema.Draft202012Validator(schemas[kind_of(found)]).is_valid(wrong), (
                name
            )


@pytest.mark.parametrize(
    "path", sorted(MANIFESTS.rglob("kustomization.yaml")), ids=lambda path: path.parent.name
)
def test_kustomizations_name_every_file_beside_them(path: Path) -> None:
    named = set(load(path)["resources"])
    files = {one.name for one in path.parent.glob("*.yaml")} - {"kustomization.yaml"}
    assert files <= named
    assert all((path.parent / one).exists() for one in named)
    if shutil.which("kubectl"):
        command = ["kubectl", "kustomize", str(path.parent)]
        built = subprocess.run(command, capture_output=True, text=True, check=True)
        assert all(list(yaml.safe_load_all(built.stdout)))


def test_steps_have_no_right_and_runs_only_those_that_are_used() -> None:
    assert not manifest("ServiceAccount", "quire-step")["automountServiceAccountToken"]
    bound = [s["name"] for n, o in ALL.items() if "RoleBinding" in n for s in o["subjects"]]
    assert bound == ["quire"]
    granted = {
        (resource, verb)
        for rule in manifest("Role", "quire")["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert not any(verb in {"*", "patch", "update", "deletecollection"} for _, verb in granted)
    assert not any(resource in {"*", "secrets", "pods/exec"} for resource, _ in granted)
    assert granted >= calls()


def calls() -> set[tuple[str, str]]:
    """What dagster-k8s and Quire's step handler ask of the Kubernetes API, from their sources."""
    dagster_k8s = pytest.importorskip("dagster_k8s", reason="needs the extra k8s")
    ours = Path(step_config.__code__.co_filename).parent
    text = ""
    for folder in (Path(str(dagster_k8s.__file__)).parent, ours):
        text += "".join(
            path.read_text(encoding="utf-8")
            for path in sorted(folder.glob("*.py"))
            if path.name != "pipes.py"  # pods of Dagster Pipes, which nothing here starts
        )
    found = re.findall(
        r"\.(create|read|list|delete|patch|replace)_namespaced_([a-z_]+?)(?:_with_retries)?\b", text
    )
    verbs = {"read": "get", "replace": "update"}
    parts = {"pod_log": "pods/log", "job_status": "jobs/status", "pod_status": "pods/status"}
    asked = {(parts.get(what, f"{what}s"), verbs.get(verb, verb)) for verb, what in found}
    assert {("jobs", "create"), ("jobs/status", "get"), ("pods", "list")} <= asked
    return asked


def selects(selector: Json, labels: dict[str, str]) -> bool:
    """Whether a label selector takes a pod, as Kubernetes does."""
    checks: dict[str, Callable[[Any, list[str]], bool]] = {
        "In": lambda value, values: value in values,
        "NotIn": lambda value, values: value not in values,
        "Exists": lambda value, _: value is not None,
        "DoesNotExist": lambda value, _: value is None,
    }
    return all(labels.get(k) == v for k, v in selector.get("matchLabels", {}).items()) and all(
        checks[one["operator"]](labels.get(one["key"]), one.get("values", []))
        for one in selector.get("matchExpressions", [])
    )


DAGSTER = {"app.kubernetes.io/name": "dagster"}
STEP = {**DAGSTER, "app.kubernetes.io/component": "step_worker"}
RUN = {**DAGSTER, "app.kubernetes.io/component": "run_worker"}
CODE = {"app.kubernetes.io/name": "dagster-user-deployments", "quire/part": "code"}


@pytest.mark.parametrize(
    ("labels", "may_reach"),
    [
        ({**STEP, "quire/class": "cpu"}, {"dns", "database", "lake"}),
        ({**STEP, "quire/class": "gpu"}, {"dns", "database", "lake"}),
        ({**STEP, "quire/class": "api"}, {"dns", "database", "lake", "api"}),
        (RUN, {"dns", "database", "lake", "kubernetes", "ask-code"}),
        (CODE, {"dns", "database", "lake", "kubernetes"}),
        ({**DAGSTER, "quire/part": "daemon"}, {"dns", "database", "kubernetes", "ask-code"}),
        ({**DAGSTER, "quire/part": "webserver"}, {"dns", "database", "kubernetes", "ask-code"}),
        ({"quire/part": "postgres"}, {"dns"}),
        ({"quire/part": "vllm"}, {"dns"}),
    ],
)
def test_who_may_reach_what(labels: dict[str, str], may_reach: set[str]) -> None:
    policies = [o for n, o in ALL.items() if "NetworkPolicy" in n]
    mine = [p for p in policies if selects(p["spec"]["podSelector"], labels)]
    assert any(p["metadata"]["name"] == "quire-nothing" for p in mine)
    ways = {p["metadata"]["name"].removeprefix("quire-") for p in mine if "egress" in p["spec"]}
    assert ways == may_reach


def test_the_internet_is_for_api_steps_alone_and_the_metadata_service_for_nobody() -> None:
    for name, found in ALL.items():
        if "NetworkPolicy" not in name:
            continue
        blocks = [
            to["ipBlock"]
            for rule in found["spec"].get("egress", [])
            for to in rule.get("to", [])
            if "ipBlock" in to
        ]
        for block in blocks:
            if block["cidr"] == "0.0.0.0/0":
                assert name.endswith("quire-api")
                assert "169.254.0.0/16" in block["except"]
            else:
                assert block["cidr"] == "10.0.0.0/8"
        for rule in found["spec"].get("egress", []):
            assert rule.get("to"), f"{name}: an egress rule to everywhere"
            assert rule.get("ports")


def settings() -> Settings:
    pytest.importorskip("dagster_k8s", reason="needs the extra k8s")
    return load_settings(manifest("ConfigMap", "quire-settings")["data"], Path("/nowhere"))


def test_the_settings_are_quires() -> None:
    found = settings()
    assert found.executor == "k8s"
    kubernetes = found.kubernetes
    assert manifest("ServiceAccount", str(kubernetes.service_account))
    assert manifest("PriorityClass", str(kubernetes.priority_class))
    assert manifest("LocalQueue", str(kubernetes.queue))
    assert manifest("ConfigMap", kubernetes.env_config_maps[0])


@pytest.mark.parametrize("kind", CLASSES)
def test_a_steps_pod_has_a_pool_of_nodes_that_takes_it_and_a_flavour(kind: str) -> None:
    found = settings()
    stage = {"cpu": "pages", "gpu": "summaries", "api": "summaries"}[kind]
    engine = {"cpu": "extractive", "gpu": "transformers", "api": "openai"}[kind]
    config = step_config(stage, load_settings_with(found, engine))
    pod = config["pod_spec_config"]
    borne = {one["key"] for one in pod["tolerations"]}
    wanted = pod["nodeSelector"]
    pools = [o for n, o in ALL.items() if "NodePool" in n]
    (pool,) = (
        p for p in pools if selects_labels(wanted, p["spec"]["template"]["metadata"]["labels"])
    )
    taints = {one["key"] for one in pool["spec"]["template"]["spec"]["taints"]}
    assert taints <= borne
    assert SPOT_TAINT in taints
    assert (GPU_TAINT in taints) == (kind == "gpu")
    flavours = [o for n, o in ALL.items() if "ResourceFlavor" in n]
    (flavour,) = (f for f in flavours if selects_labels(wanted, f["spec"]["nodeLabels"]))
    assert {one["key"] for one in flavour["spec"]["tolerations"]} == taints


def load_settings_with(found: Settings, engine: str) -> Settings:
    data = manifest("ConfigMap", "quire-settings")["data"]
    model = {"QUIRE_MODEL": "/models/x", "QUIRE_BASE_URL": "http://quire-vllm:8000/v1"}
    assert found.summariser == "extractive"
    return load_settings({**data, **model, "QUIRE_SUMMARISER": engine}, Path("/nowhere"))


def selects_labels(wanted: dict[str, str], labels: dict[str, str]) -> bool:
    return wanted.items() <= labels.items()


def test_services_and_the_database_are_on_demand_and_steps_prefer_spot() -> None:
    offered = {}
    for name, found in ALL.items():
        if "NodePool" in name:
            needs = found["spec"]["template"]["spec"]["requirements"]
            (kinds,) = (n["values"] for n in needs if n["key"] == "karpenter.sh/capacity-type")
            offered[found["metadata"]["name"]] = kinds
    assert offered == {
        "quire-system": ["on-demand"],
        "quire-vllm": ["on-demand"],
        "quire-cpu": ["spot", "on-demand"],
        "quire-gpu": ["spot", "on-demand"],
    }
    pod = manifest("StatefulSet", "quire-postgres")["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"quire/pool": "system"}


def test_gpus_are_bounded_alike_by_queue_nodes_and_quota() -> None:
    (group,) = manifest("ClusterQueue", "quire")["spec"]["resourceGroups"]
    quota = {
        f["name"]: {r["name"]: r["nominalQuota"] for r in f["resources"]} for f in group["flavors"]
    }
    nodes = manifest("NodePool", "quire-gpu")["spec"]["limits"]["nvidia.com/gpu"]
    servers = manifest("ScaledObject", "quire-vllm")["spec"]["maxReplicaCount"]
    hard = manifest("ResourceQuota", "quire")["spec"]["hard"]["requests.nvidia.com/gpu"]
    assert quota["quire-cpu"]["nvidia.com/gpu"] == "0"
    assert quota["quire-gpu"]["nvidia.com/gpu"] == nodes
    assert int(hard) >= int(nodes) + servers
    assert all(set(found) == set(group["coveredResources"]) for found in quota.values())


def test_pods_of_ours_meet_the_namespaces_restricted_level() -> None:
    for name, found in ALL.items():
        if found["kind"] not in {"Deployment", "StatefulSet"}:
            continue
        pod = found["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not pod["automountServiceAccountToken"], name
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["readOnlyRootFilesystem"]
            assert not context["allowPrivilegeEscalation"]
            assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
            assert not container["image"].endswith(":latest")
            assert ":" in container["image"]
