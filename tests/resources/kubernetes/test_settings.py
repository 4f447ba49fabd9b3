"""QUIRE_EXECUTOR and QUIRE_K8S: what is taken, and what is refused with words that say the mend."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from resources.errors import SettingError
from resources.kubernetes.classes import compute_class, resources_of, workers_of
from resources.kubernetes.settings import KubernetesSettings, SecretKey, read_kubernetes
from resources.settings import Settings, load_settings

pytest.importorskip("dagster_k8s", reason="needs the extra k8s: pip install 'quire[k8s]'")

CLUSTER = {"executor": "k8s", "lake": "s3://bucket/lake", "landing": "s3://bucket/in"}


def load(tmp_path: Path, **overrides: str) -> Settings:
    return load_settings({}, tmp_path, {**CLUSTER, **overrides})


def test_without_it_every_default_holds(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.executor == "k8s"
    assert settings.kubernetes == KubernetesSettings()
    assert settings.batch_seconds == 2_400
    assert load_settings({}, tmp_path).kubernetes == KubernetesSettings()


@pytest.mark.parametrize("name", ["k8s.json", "k8s.yaml"])
def test_it_may_be_a_file(tmp_path: Path, name: str) -> None:
    text = {
        "k8s.json": '{"namespace": "quire", "api_key_secret": {"name": "api", "key": "k"}}',
        "k8s.yaml": "namespace: quire\napi_key_secret: {name: api, key: k}\n",
    }[name]
    (tmp_path / name).write_text(text)
    found = load(tmp_path, k8s=name).kubernetes
    assert found.namespace == "quire"
    assert found.api_key_secret == SecretKey("api", "k")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('{"namespac": "x"}', "did you mean 'namespace'"),
        ('{"tolerations": {"cpus": []}}', "did you mean 'cpu'"),
        ('{"tolerations": {"cpu": [{"keys": "a"}]}}', "did you mean 'key'"),
        ('{"resources": {"page": {}}}', "did you mean 'pages'"),
        ('{"resources": {"pages": {"limit": {}}}}', "did you mean 'limits'"),
        ('{"resources": {"pages": {"limits": {"cpu": "two"}}}}', "500m, 2 or 8Gi"),
        ('{"resources": {"pages": {"memory_classes": ["8Gi", "4Gi"]}}}', "small to large"),
        ('{"api_key_secret": {"name": "a"}}', "api_key_secret.key"),
        ('{"api_key_secret": "sk-secret"}', "expected an object"),
        ('{"namespace": "Quire!"}', "lower-case"),
        ('{"env_secrets": "quire-lake"}', "list of names"),
        ('{"pending_seconds": 0}', "above 0"),
        ('{"deadline_seconds": 1.5}', "whole number"),
        ('{"large_memory_factor": 1}', "above 1"),
        ('{"shared_volume": {"claim": "a", "mount_path": "lake"}}', "absolute folder"),
        ('{"namespace": ', "neither JSON nor YAML"),
        ("nowhere.yaml", "cannot be read"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, value: str, words: str) -> None:
    with pytest.raises(SettingError, match="QUIRE_K8S") as caught:
        load(tmp_path, k8s=value)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["lake", "landing"])
def test_a_folder_of_this_machine_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingError, match=rf"QUIRE_{name.upper()}=/data/x .* shared_volume"):
        load(tmp_path, **{name: "/data/x"})


def test_a_folder_on_a_shared_volume_is_taken(tmp_path: Path) -> None:
    shared = {"shared_volume": {"claim": "quire", "mount_path": "/data/"}}
    places = {"lake": "/data/lake", "landing": "/data/in"}
    assert load(tmp_path, k8s=json.dumps(shared), **places).lake == "/data/lake"
    with pytest.raises(SettingError, match="QUIRE_LAKE=/database/lake"):
        load(tmp_path, k8s=json.dumps(shared), lake="/database/lake")


def test_without_the_extra_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dagster_k8s", None)
    with pytest.raises(SettingError, match=r"pip install 'quire\[k8s\]'"):
        load(tmp_path)


def test_batches_are_cut_for_the_workers_of_a_pod(tmp_path: Path) -> None:
    eight = json.dumps({"resources": {"pages": {"limits": {"cpu": "8"}}}})
    assert load(tmp_path).workers == 4
    assert load(tmp_path, k8s=eight).workers == 8
    assert load(tmp_path, k8s=eight, workers="3").workers == 3


def test_pods_without_the_key_load_stages_that_call_openai(tmp_path: Path) -> None:
    secret = json.dumps({"api_key_secret": {"name": "api", "key": "k"}})
    asked = {"summariser": "openai", "model": "m"}
    assert load(tmp_path, k8s=secret, **asked).base_url == "https://api.openai.com/v1"
    assert load(tmp_path, k8s=secret, base_url="http://m/v1", **asked).base_url == "http://m/v1"
    assert load(tmp_path, **asked).base_url is None


@pytest.mark.parametrize(
    ("given", "requests", "limits", "classes"),
    [
        ({}, {"cpu": "4", "memory": "8Gi"}, {"cpu": "4", "memory": "8Gi"}, ("8Gi", "16Gi")),
        (
            {"requests": {"cpu": "500m"}},
            {"cpu": "500m", "memory": "8Gi"},
            {"cpu": "500m", "memory": "8Gi"},
            ("8Gi", "16Gi"),
        ),
        (
            {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "3Gi"}},
            {"cpu": "1", "memory": "2Gi"},
            {"cpu": "2", "memory": "3Gi"},
            ("3Gi", "6Gi"),
        ),
        (
            {"memory_classes": ["1Gi", "1536Mi", "4Gi"]},
            {"cpu": "4", "memory": "1Gi"},
            {"cpu": "4", "memory": "1Gi"},
            ("1Gi", "1536Mi", "4Gi"),
        ),
    ],
)
def test_resources_of_a_stage(
    given: dict[str, Any], requests: dict[str, str], limits: dict[str, str], classes: Any
) -> None:
    settings = read_kubernetes(json.dumps({"resources": {"pages": given}}), Path("/"))
    found = resources_of("pages", "cpu", settings)
    scratch = {"ephemeral-storage": "20Gi"}
    assert dict(found.requests) == requests | scratch
    assert dict(found.limits) == limits | scratch
    assert found.memory_classes == classes
    assert workers_of(found) == max(1, int(limits["cpu"].replace("500m", "0")))


def test_pools_follow_the_engine_here_too(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    monkeypatch.setenv("SURYA_INFERENCE_URL", "http://elsewhere:8000/v1")
    assert compute_class("pages", settings) == "cpu"
    assert compute_class("pages", replace(settings, ocr="surya")) == "api"
    monkeypatch.setenv("SURYA_INFERENCE_URL", "http://127.0.0.1:8000/v1")
    assert compute_class("pages", replace(settings, ocr="surya")) == "gpu"
    for summariser, kind in {"transformers": "gpu", "openai": "api", "openai_batch": "api"}.items():
        assert compute_class("summaries", replace(settings, summariser=summariser)) == kind
