"""A small cluster to hand, and Jobs for it.

Here: nodes as a deployment would have them, and a client as dagster-k8s makes it. The pool
`control` holds services and run pods, `cpu` and `gpu` hold steps. Nodes are
tainted as providers and `deploy/` do it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.cluster.cluster import Cluster
from tests.cluster.container import Stores, image_of_this_environment
from tests.cluster.nodes import GPU, Node
from tests.cluster.objects import Json
from tests.cluster.server import TOKEN, Api, serving

IMAGE: Final = "quire:test"
GPU_IMAGE: Final = "quire-gpu:test"
POOL: Final = "pool"


def nodes_of(cpu: int = 4, gpu: int = 2, control: int = 32) -> dict[str, Node]:
    """One node a pool, with so many slots; those of steps are spot nodes."""
    spot = {"key": "quire/spot", "value": "true", "effect": "NoSchedule"}
    device = {"key": GPU, "value": "present", "effect": "NoSchedule"}
    size = {"cpu": "64", "memory": "256Gi"}
    return {
        "control-0": Node("control-0", control, {POOL: "control"}),
        "cpu-0": Node("cpu-0", cpu, {POOL: "cpu"}, (spot,)),
        "gpu-0": Node("gpu-0", gpu, {POOL: "gpu"}, (spot, device), {**size, GPU: str(gpu)}),
    }


@dataclass
class Small:
    """A cluster, its API, and a client of it."""

    cluster: Cluster
    api: Api
    batch: Any
    core: Any


@contextmanager
def small_cluster(
    folder: Path, nodes: dict[str, Node] | None = None, **claims: Path
) -> Iterator[Small]:
    """A cluster that runs and is served."""
    import kubernetes

    folder.mkdir(parents=True, exist_ok=True)
    image = image_of_this_environment()
    stores = Stores({}, {}, claims)
    cluster = Cluster(folder, nodes or nodes_of(), {IMAGE: image, GPU_IMAGE: image}, stores)
    with serving(cluster) as api, cluster.running():
        configuration = kubernetes.client.Configuration(host=f"https://127.0.0.1:{api.port}")
        configuration.ssl_ca_cert = str(folder / "ca.crt")
        configuration.api_key = {"authorization": f"Bearer {TOKEN}"}
        client = kubernetes.client.ApiClient(configuration)
        yield Small(
            cluster, api, kubernetes.client.BatchV1Api(client), kubernetes.client.CoreV1Api(client)
        )


def job_of(name: str, *command: str, container: Json | None = None, **spec: Any) -> Json:
    """A Job of one container; keys of `spec` go to its pod, those with a capital J to itself."""
    own = {key.removeprefix("J_"): spec.pop(key) for key in list(spec) if key.startswith("J_")}
    each = {"name": "main", "image": IMAGE, "command": list(command), **(container or {})}
    pod = {"restartPolicy": "Never", "containers": [each], **spec}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, **own, "template": {"spec": pod}},
    }


def until(true: Callable[[], object], seconds: float = 20.0, every: float = 0.05) -> None:
    """Wait for something; TimeoutError when it does not come."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("it did not come about in time")
        time.sleep(every)
