"""Every stage's Job under every engine: valid to the letter, and asking for what the engine needs.

`pytest --rewrite-golden` writes the golden specs anew.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

pytest.importorskip("kubernetes_validate", reason="needs the extra k8s-dev")

import kubernetes_validate

from definitions import build_defs
from resources.kubernetes.pods import CONFIG_TAG, run_config, step_config
from resources.kubernetes.settings import STEPS
from resources.settings import Settings, load_settings
from tests.resources.kubernetes.jobs import (
    container_of,
    job_of,
    pod_of,
    secrets_of,
    step_job,
    validate,
)

LAUNCHERS_ACCOUNT = "dagster"
GOLDEN = Path(__file__).parents[2] / "data" / "kubernetes"
OCR = ("rapidocr", "tesseract", "surya", "off")
SUMMARISERS = ("extractive", "transformers", "openai", "openai_batch")
FULL = {
    "namespace": "quire",
    "image": "quire-cpu:1",
    "gpu_image": "quire-gpu:1",
    "service_account": "quire-step",
    "env_config_maps": ["quire-settings"],
    "env_secrets": ["quire-lake"],
    "api_key_secret": {"name": "quire-api", "key": "key"},
    "ocr_key_secret": {"name": "quire-ocr", "key": "key"},
    "node_selectors": {"gpu": {"quire/pool": "gpu"}, "cpu": {"quire/pool": "cpu"}},
    "tolerations": {"api": [{"key": "quire/api", "operator": "Exists"}]},
    "resources": {"docs": {"requests": {"cpu": "500m"}, "memory_classes": ["2Gi", "6Gi"]}},
    "priority_class": "quire-batch",
    "queue": "quire",
    "model_volume": "quire-models",
    "pending_seconds": 600,
    "tmp_size": "12Gi",
}
"""Every key that shapes a pod."""
SECRETS = {"dagster-postgresql-secret", "quire-lake"}
"""What every step has: Dagster's database and the lake."""


@pytest.fixture(autouse=True)
def _surya(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURYA_INFERENCE_URL", "http://surya.models:8000/v1")


def given(tmp_path: Path, **overrides: Any) -> Settings:
    """Settings of a cluster; a value that is no text is JSON."""
    values = {
        "executor": "k8s",
        "lake": "s3://bucket/lake",
        "landing": "s3://bucket/in",
        "k8s": FULL,
        "base_url": "http://models:8000/v1",
        "model": "some-model",
        **overrides,
    }
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}
    return load_settings({}, tmp_path, texts)


COMBINATIONS = [
    (stage, ocr, summariser)
    for ocr, summariser, stage in product(OCR, SUMMARISERS, STEPS)
    # `pages` and `evals` ask the OCR engine, `summaries` its own; the others ask none.
    if (stage in ("pages", "evals") or ocr == OCR[0])
    and (stage == "summaries" or summariser == SUMMARISERS[0])
]


@pytest.mark.parametrize(("stage", "ocr", "summariser"), COMBINATIONS)
@pytest.mark.parametrize("kubernetes", [{}, FULL], ids=["defaults", "full"])
def test_every_job_is_valid_to_the_letter(
    tmp_path: Path, stage: str, ocr: str, summariser: str, kubernetes: dict[str, Any]
) -> None:
    job = step_job(stage, given(tmp_path, ocr=ocr, summariser=summariser, k8s=kubernetes))
    validate(job)
    assert job["spec"]["backoffLimit"] == 0
    assert "podFailurePolicy" not in job["spec"]
    assert job["spec"]["activeDeadlineSeconds"] > 0
    assert job["spec"]["ttlSecondsAfterFinished"] > 0
    pod, container = pod_of(job), container_of(job)
    assert pod["restartPolicy"] == "Never"
    assert pod["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] != LAUNCHERS_ACCOUNT
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsGroup": 10001,
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for amounts in container["resources"].values():
        assert {"cpu", "memory", "ephemeral-storage"} <= set(amounts)
    mounts, volumes = container["volumeMounts"], [volume["name"] for volume in pod["volumes"]]
    paths = [mount["mountPath"] for mount in mounts]
    assert len(set(paths)) == len(paths)
    assert sorted({mount["name"] for mount in mounts}) == sorted(volumes)
    # Where the run's own pod goes says nothing of where its steps go.
    assert "runs" not in json.dumps([pod.get("nodeSelector"), pod["tolerations"]])
    assert pod.get("priorityClassName") != "runs"
    assert "a/b" not in container["resources"]["limits"]


@pytest.mark.parametrize(("stage", "ocr", "summariser"), COMBINATIONS)
def test_only_what_needs_it_has_a_gpu_or_a_key(
    tmp_path: Path, stage: str, ocr: str, summariser: str
) -> None:
    job = step_job(stage, given(tmp_path, ocr=ocr, summariser=summariser))
    pod, container = pod_of(job), container_of(job)
    has_gpu = stage == "summaries" and summariser == "transformers"
    assert container["resources"]["limits"].get("nvidia.com/gpu") == ("1" if has_gpu else None)
    assert "nvidia.com/gpu" not in container["resources"]["requests"]
    borne = {toleration.get("key") for toleration in pod["tolerations"]}
    assert ("nvidia.com/gpu" in borne) == has_gpu
    assert container["image"] == ("quire-gpu:1" if has_gpu else "quire-cpu:1")
    keys = set()
    if stage == "summaries" and summariser in ("openai", "openai_batch"):
        keys.add("quire-api")
    if stage in ("pages", "evals") and ocr == "surya":
        keys.add("quire-ocr")
    assert secrets_of(job) == SECRETS | keys
    kind = "gpu" if has_gpu else ("api" if keys else "cpu")
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert labels["quire/stage"] == stage
    assert labels["quire/class"] == kind
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "quire"


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/v1", "http://localhost:9/v1", ""])
def test_a_server_in_the_pod_has_the_pods_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("SURYA_INFERENCE_URL", url)
    settings = given(tmp_path, ocr="surya")
    limits = container_of(step_job("pages", settings))["resources"]["limits"]
    assert limits["nvidia.com/gpu"] == "1"
    assert "nvidia.com/gpu" not in str(step_job("images", settings))


def test_a_gpu_that_is_given_to_a_stage_without_need_is_not_asked_for(tmp_path: Path) -> None:
    wanted = {"limits": {"nvidia.com/gpu": "2", "memory": "12Gi"}}
    settings = given(tmp_path, k8s={"resources": {"pages": wanted, "summaries": wanted}})
    assert "nvidia.com/gpu" not in str(step_job("pages", settings))
    assert container_of(step_job("pages", settings))["resources"]["limits"]["memory"] == "12Gi"
    local = given(tmp_path, summariser="transformers", k8s={"resources": {"summaries": wanted}})
    limits = container_of(step_job("summaries", local))["resources"]["limits"]
    assert limits["nvidia.com/gpu"] == "2"


def test_the_judging_of_versions_has_the_keys_and_the_gpu_that_it_needs(tmp_path: Path) -> None:
    settings = given(tmp_path, ocr="surya", summariser="transformers")
    config = run_config(("pages", "summaries"), settings)
    job = job_of({CONFIG_TAG: json.dumps(config)}, "dagster-run-1", "run_worker")
    validate(job)
    assert container_of(job)["resources"]["limits"]["nvidia.com/gpu"] == "1"
    # What every run's pod has, its volumes and the lake's keys too, is the run launcher's to give.
    assert secrets_of(job) == {"dagster-postgresql-secret", "quire-ocr"}
    assert [mount["name"] for mount in container_of(job)["volumeMounts"]] == [
        "dagster-instance",
        "tmp",
    ]
    assert pod_of(job)["serviceAccountName"] == LAUNCHERS_ACCOUNT
    assert pod_of(job)["automountServiceAccountToken"] is True


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "template", "spec", "nodeSelectors"), {"a": "b"}),
        (("spec", "template", "spec", "containers", 0, "resources", "limit"), {"cpu": "1"}),
        (("spec", "template", "spec", "tolerations", 0, "effects"), "NoSchedule"),
        (("spec", "template", "spec", "securityContext", "runAsUser"), "quire"),
        (("spec", "backoff"), 3),
    ],
)
def test_a_wrong_field_is_told(tmp_path: Path, path: tuple[Any, ...], value: Any) -> None:
    job = step_job("pages", given(tmp_path))
    validate(job)
    place: Any = job
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(job)


def test_steps_of_the_graph_have_these_tags(tmp_path: Path) -> None:
    settings = given(tmp_path)
    definitions = build_defs(settings)
    for stage in STEPS:
        tags = definitions.resolve_assets_def(dg.AssetKey(stage)).op.tags
        assert json.loads(tags[CONFIG_TAG]) == step_config(stage, settings)
    assert definitions.resolve_job_def("ingest").executor_def.name == "quire_k8s"
    assert definitions.resolve_job_def("maintain_tables").executor_def.name == "in_process"
    here = build_defs(settings, pools=False)  # as `quire ingest` runs it
    assert here.resolve_job_def("ingest").executor_def.name == "in_process"
    assert CONFIG_TAG not in here.resolve_assets_def(dg.AssetKey("pages")).op.tags


GOLDENS: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"{stage}-cpu": (stage, {}) for stage in STEPS},
    "pages-surya-served": ("pages", {"ocr": "surya"}),
    "summaries-transformers": ("summaries", {"summariser": "transformers"}),
    "summaries-openai": ("summaries", {"summariser": "openai"}),
    "pages-defaults": ("pages", {"k8s": {}}),
}


@pytest.mark.parametrize("name", GOLDENS)
def test_golden_specs(tmp_path: Path, name: str, pytestconfig: pytest.Config) -> None:
    stage, overrides = GOLDENS[name]
    job = step_job(stage, given(tmp_path, **overrides))
    text = json.dumps(job, indent=1, sort_keys=True) + "\n"
    path = GOLDEN / f"{name}.json"
    if pytestconfig.getoption("rewrite_golden"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, "read the diff, then --rewrite-golden"


def test_goldens_are_compared_and_none_is_left_over(pytestconfig: pytest.Config) -> None:
    assert not pytestconfig.getoption("rewrite_golden"), "goldens were rewritten: read the diff"
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(GOLDENS)
