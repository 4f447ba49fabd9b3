"""Which stage needs what under which engine: CPUs, a GPU, or nothing but the network.

Here: the one table of classes, used for pools and tags locally and for pods on Kubernetes, and what
each stage's pod asks for. Not here: how a pod is written down (`pods.py`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import urlsplit

from resources.kubernetes.settings import KubernetesSettings, StepResources, bytes_of
from resources.settings import REPOSITORY_ROOT, read_dotenv

GPU: Final = "nvidia.com/gpu"
_SUMMARISERS: Final = {
    "extractive": "cpu",
    "transformers": "gpu",
    "openai": "api",
    "openai_batch": "api",
}
_OWN_HOSTS: Final = ("", "localhost", "127.0.0.1", "::1")
_READS_PAGES: Final = ("pages", "evals")
"""Stages that ask the OCR engine; `evals` reads a share of the pages again."""

# A worker that reads pages with the layout model and RapidOCR peaks at about 1.2 GB resident; the
# parent holds some 0.6 GB. /tmp holds copies of sources in work and the workers' spools.
_DEFAULTS: Final[Mapping[tuple[str, str], tuple[str, str, str]]] = {
    ("files", "cpu"): ("2", "3Gi", "10Gi"),
    ("pages", "cpu"): ("4", "8Gi", "20Gi"),
    ("pages", "api"): ("2", "6Gi", "20Gi"),
    ("pages", "gpu"): ("4", "16Gi", "20Gi"),
    ("images", "cpu"): ("4", "8Gi", "20Gi"),
    ("docs", "cpu"): ("2", "4Gi", "10Gi"),
    ("summaries", "cpu"): ("2", "4Gi", "10Gi"),
    ("summaries", "api"): ("1", "3Gi", "10Gi"),
    ("summaries", "gpu"): ("4", "24Gi", "20Gi"),
    ("evals", "cpu"): ("2", "6Gi", "20Gi"),
    ("evals", "api"): ("2", "6Gi", "20Gi"),
    ("evals", "gpu"): ("4", "16Gi", "20Gi"),
}
"""CPUs, memory and scratch space of a pod, by stage and class."""


class Engines(Protocol):
    """The settings that decide a class."""

    @property
    def ocr(self) -> str:
        """`QUIRE_OCR`."""

    @property
    def summariser(self) -> str:
        """`QUIRE_SUMMARISER`."""


def compute_class(
    stage: str, engines: Engines, environment: Mapping[str, str] | None = None
) -> str:
    """`cpu`, `gpu` or `api`: what a stage works with under these engines.

    surya is always a server that is asked. Where `SURYA_INFERENCE_URL` names another host, the pod
    needs the network only; a server on the pod's own address has its GPU from the same pod.
    """
    if stage == "summaries":
        return _SUMMARISERS[engines.summariser]
    if stage in _READS_PAGES and engines.ocr == "surya":
        values = environment
        if values is None:
            values = {**read_dotenv(REPOSITORY_ROOT / ".env"), **os.environ}
        host = urlsplit(values.get("SURYA_INFERENCE_URL", "").strip()).hostname or ""
        return "gpu" if host in _OWN_HOSTS else "api"
    return "cpu"


def calls_summariser(stage: str, engines: Engines) -> bool:
    """Whether a stage's step sends `QUIRE_API_KEY` to a server."""
    return stage == "summaries" and compute_class(stage, engines) == "api"


def calls_surya(stage: str, engines: Engines) -> bool:
    """Whether a stage's step sends surya's key to a server."""
    return stage in _READS_PAGES and engines.ocr == "surya"


def resources_of(stage: str, kind: str, settings: KubernetesSettings) -> StepResources:
    """Requests, limits and memory classes of a stage's pod.

    What `QUIRE_K8S` gives wins over the defaults. CPU and memory limits are the requests, unless
    they are given: such a pod is the last that a node under pressure evicts. A pod of class
    `gpu` has one GPU (or the devices that are given), and no other has any, whatever is given.
    """
    cpu, memory, scratch = _DEFAULTS[stage, kind]
    given = settings.resources.get(stage, StepResources())
    usual = {"cpu": cpu, "memory": memory, "ephemeral-storage": scratch}
    limits = {**usual, **given.requests, **given.limits}
    requests = {**usual, **given.limits, **given.requests}
    classes = given.memory_classes or (
        limits["memory"],
        _times(limits["memory"], settings.large_memory_factor),
    )
    limits["memory"] = classes[0]
    requests["memory"] = given.requests.get("memory", classes[0])
    devices = {name: amount for name, amount in limits.items() if "/" in name}
    for name in devices:
        limits.pop(name)
        requests.pop(name, None)
    if kind == "gpu":
        limits |= devices or {GPU: "1"}
    return StepResources(requests, limits, classes)


def workers_of(resources: StepResources) -> int:
    """Worker processes of a pod: its CPUs, at least one; the node's cores are not its own."""
    return max(1, int(cpus(resources.limits["cpu"])))


def cpus(quantity: str) -> float:
    """A CPU quantity: `2`, `0.5` or `500m`."""
    milli = quantity.endswith("m")
    return float(quantity[:-1]) / 1000 if milli else float(quantity)


def _times(memory: str, factor: float) -> str:
    mebibytes = math.ceil(bytes_of(memory) * factor / 2**20)
    return f"{mebibytes // 1024}Gi" if mebibytes % 1024 == 0 else f"{mebibytes}Mi"
