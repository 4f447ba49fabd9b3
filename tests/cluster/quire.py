"""Quire on the stand-in cluster: a landing zone and a lake on a shared volume, and runs over them.

Here: settings as a deployment gives them, waiting for the end, and the same work by `quire ingest`
to compare with. Not here: what Dagster is deployed as (`deployment.py`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from io_managers.publish import published_epoch
from resources.lake.audit import audit
from resources.lake.batches import all_batches
from resources.lake.lake import Lake
from resources.settings import REPOSITORY_ROOT
from tests.cluster.container import Stores, image_of_this_environment, start
from tests.cluster.deployment import Deployment, deployed
from tests.cluster.nodes import Node
from tests.cluster.objects import Json, Stay
from tests.cluster.postgres import Postgres
from tests.cluster.small import GPU_IMAGE, POOL, Small, small_cluster
from tests.end_to_end.running import contents

DATA: Final = "/data"
MODELS: Final = "/models"
_MADE: Final = 1_760_000_000
"""When every PDF says that it was written: the manifest holds that."""
STAGES: Final = ("files", "pages", "images", "docs", "summaries")
TABLES: Final = (
    "manifest", "contents", "files", "pages", "images", "image_data", "docs", "summaries",
    "failures",
)  # fmt: skip
_SETTINGS: Final = {
    "QUIRE_LANDING": f"{DATA}/landing",
    "QUIRE_LAKE": f"{DATA}/lake",
    "QUIRE_STABLE_SECONDS": "0",
    "QUIRE_BATCH_LINGER": "0",
    "QUIRE_WORKERS": "1",
    "QUIRE_LAYOUT": "off",
    "QUIRE_OCR": "off",
    "QUIRE_EVAL_SHARE": "0",
    "DAGSTER_DISABLE_TELEMETRY": "yes",
}
"""The same for the cluster and the local run: text layers only, so that pods take seconds."""


def make_data(folder: Path, pdfs: Path) -> Path:
    """A folder with these PDFs as its landing zone, and room for a lake; any user may write."""
    (folder / "lake").mkdir(parents=True)
    shutil.copytree(pdfs, folder / "landing")
    for pdf in (folder / "landing").iterdir():
        os.utime(pdf, (_MADE, _MADE))
    for place in (folder, folder / "landing", folder / "lake"):
        place.chmod(0o777)
    return folder


def pods_settings(**more: Any) -> Json:
    """`QUIRE_K8S` for the pools of `small.py`."""
    size = {"cpu": "1", "memory": "4Gi", "ephemeral-storage": "1Gi"}
    given: Json = {
        "shared_volume": {"claim": "shared", "mount_path": DATA},
        "node_selectors": {kind: {POOL: kind} for kind in ("cpu", "gpu")},
        "gpu_image": GPU_IMAGE,
        "resources": {stage: {"requests": size, "limits": size} for stage in (*STAGES, "evals")},
        "health_seconds": 3,
        "pending_seconds": 600,
    }
    return given | more


@dataclass
class QuireOn:
    """Quire on a cluster."""

    deployment: Deployment
    data: Path

    @property
    def lake(self) -> Lake:
        """The lake, from outside."""
        return Lake(str(self.data / "lake"))

    @property
    def stays(self) -> list[Stay]:
        """Stays of step pods, by when they began."""
        return [stay for stay in self.deployment.cluster.stays if "quire/stage" in stay.labels]

    def wait(self, n_batches: int, seconds: float) -> None:
        """Until so many batches are done and no run works; TimeoutError with what is left."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            runs = self.deployment.runs()
            if len(self.finished()) >= n_batches and all(run.is_finished for run in runs):
                return
            time.sleep(0.5)
        raise TimeoutError(f"after {seconds} s: {self.finished()} are finished; {self.told()}")

    def finished(self) -> list[str]:
        """Batches of which every stage is published; nothing is written to tell."""
        lake = self.lake
        if lake.open("manifest") is None:
            return []
        return [
            batch
            for batch in all_batches(lake)
            if all(published_epoch(lake, stage, batch) is not None for stage in STAGES)
        ]

    def told(self) -> str:
        """What is known of runs and pods, for a test that failed."""
        lines = [f"{run.status.value} {run.tags}" for run in self.deployment.runs()]
        for run in self.deployment.runs():
            lines += self.deployment.events(run.run_id)[-12:]
        for stay in self.deployment.cluster.stays:
            lines.append(f"{stay.pod} on {stay.node}: {stay.how}")
            if stay.how == "Error":
                lines.append(Path(stay.log).read_text(errors="replace")[-1500:])
        return "\n".join(lines)


@contextmanager
def quire_on(
    folder: Path,
    postgres: Postgres,
    data: Path,
    *,
    settings: Mapping[str, str] | None = None,
    nodes: dict[str, Node] | None = None,
    models: Path | None = None,
    pods: Mapping[str, Any] | None = None,
    before: Callable[[Small], None] | None = None,
    **config: Any,
) -> Iterator[QuireOn]:
    """Quire deployed over a data folder.

    Args:
        folder: For the cluster's own files.
        postgres: Where Dagster's database is made.
        data: The landing zone and lake (`make_data`).
        settings: More settings of Quire.
        nodes: The cluster's nodes.
        models: Weights, for every pod at `MODELS`.
        pods: More keys of `QUIRE_K8S`.
        before: Called with the cluster before anything runs on it.
        config: More keys of the instance.
    """
    given = {**_SETTINGS, **(settings or {}), "QUIRE_EXECUTOR": "k8s"}
    weights = {"model_volume": "models"} if models else {}
    given["QUIRE_K8S"] = json.dumps(pods_settings(**weights, **(pods or {})))
    claims = {"shared": data, **({"models": models} if models else {})}
    for path in [models, *models.rglob("*")] if models else []:
        path.chmod(0o755 if path.is_dir() else 0o644)  # pods are another user
    with small_cluster(folder, nodes, **claims) as small:
        if before is not None:
            before(small)
        definitions = REPOSITORY_ROOT / "definitions.py"
        mounts = {"shared": DATA, **({"models": MODELS} if models else {})}
        with deployed(small, postgres, definitions, given, mounts, **config) as deployment:
            yield QuireOn(deployment, data)
        assert small.api.refused == []
        assert small.api.unanswered == []


def run_locally(
    folder: Path,
    data: Path,
    *arguments: str,
    settings: Mapping[str, str] | None = None,
    models: Path | None = None,
    timeout: float = 600,
) -> tuple[int, Any]:
    """`quire` with these arguments in one container, as on one machine; its code and its JSON."""
    given = {**_SETTINGS, **(settings or {}), "DAGSTER_HOME": "/tmp/home", "HOME": "/tmp"}
    command = ["sh", "-c", 'mkdir -p /tmp/home && exec python -m cli.main "$@" > /tmp/out', "quire"]
    mounted = {"data": (data, DATA), **({"models": (models, MODELS)} if models else {})}
    names = {"tmp": (None, "/tmp"), **mounted}
    spec = {
        "volumes": [
            {"name": name, "emptyDir": {}}
            if source is None
            else {"name": name, "persistentVolumeClaim": {"claimName": name}}
            for name, (source, _) in names.items()
        ],
        "containers": [
            {
                "name": "main",
                "command": [*command, *arguments],
                "env": [{"name": name, "value": value} for name, value in given.items()],
                "volumeMounts": [
                    {"name": name, "mountPath": path} for name, (_, path) in names.items()
                ],
            }
        ],
    }
    stores = Stores({}, {}, {name: source for name, (source, _) in mounted.items()})
    place = folder / f"{arguments[0]}-{time.monotonic_ns()}"
    found = start(spec, image_of_this_environment(), stores, place, {"HOSTNAME": "local"}, None)
    try:
        code = found.process.wait(timeout)
    except subprocess.TimeoutExpired:
        found.kill()
        raise
    out = (place / "volumes" / "tmp" / "out").read_text(encoding="utf-8")
    assert out, found.log.read_text(encoding="utf-8")
    return code, json.loads(out)


def tables_of(lake: Lake) -> dict[str, list[Json]]:
    """What the tables hold but for what may differ between two runs of the same work."""
    return {name: contents(lake, name) for name in TABLES}


def findings(lake: Lake) -> list[str]:
    """What an audit finds, a line each."""
    return sorted(f"{found.subject}: {found.message}" for found in audit(lake, deep=True))
