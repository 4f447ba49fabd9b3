"""Dagster on the stand-in cluster, as its chart deploys it: services, instance, settings, database.

Here: the ConfigMaps and Secret, the code server and the daemon as pods, and a look at the instance
from outside. Not here: what runs do, or what a chart says (`deploy/`).
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dagster as dg

from tests.cluster.cluster import Cluster
from tests.cluster.container import Stores
from tests.cluster.objects import Json, Pod
from tests.cluster.postgres import PASSWORD, Postgres
from tests.cluster.small import IMAGE, POOL, Small, until

HOME: Final = "/opt/dagster/dagster_home"
SETTINGS: Final = "quire-settings"
_INSTANCE: Final = "dagster-instance"
_WORKSPACE: Final = "dagster-workspace"
_SECRET: Final = "dagster-postgresql"
_KEY: Final = "postgresql-password"
READ_ONLY: Final = ("models",)
"""Claims that pods may not write to."""
_UP_SECONDS: Final = 120
_CONTROL: Final = {POOL: "control"}
_SAFE: Final = {
    "readOnlyRootFilesystem": True, "runAsUser": 10001, "runAsGroup": 10001, "runAsNonRoot": True,
}  # fmt: skip


@dataclass
class Deployment:
    """Dagster that runs on a cluster.

    Attributes:
        small: The cluster below it.
        instance: Its database, as this process sees it.
        claims: Folders that pods share.
    """

    small: Small
    instance: dg.DagsterInstance
    claims: Mapping[str, Path]

    @property
    def cluster(self) -> Cluster:
        """The cluster below it."""
        return self.small.cluster

    def runs(self, job: str | None = None) -> list[dg.DagsterRun]:
        """Runs of a job, or all, oldest first."""
        found = self.instance.get_runs(filters=dg.RunsFilter(job_name=job))
        return list(reversed(found))

    def events(self, run_id: str) -> list[str]:
        """What a run said, a line an event."""
        lines = []
        for entry in self.instance.all_logs(run_id):
            event = entry.dagster_event
            error = getattr(event.event_specific_data, "error", None) if event else None
            words = event.message if event else entry.user_message
            told = f": {error.message}" if error else ""
            lines.append(f"{entry.timestamp:.1f} {words}{told}")
        return lines


def instance_config(storage: Json, mounts: Mapping[str, str], **more: Any) -> Json:
    """The cluster's dagster.yaml: what Quire's own says, with pods instead of processes.

    Run pods mount shared claims as step pods do, by the same names: what a step's pod has from the
    run launcher and from its own tags alike is merged into one.
    """
    volumes: list[Json] = [{"name": "run-tmp", "empty_dir": {}}]
    shared: list[Json] = [{"name": "run-tmp", "mount_path": "/var/tmp"}]
    for name, path in mounts.items():
        read_only = {"read_only": True} if name in READ_ONLY else {}
        claim = {"claim_name": name, **read_only}
        volumes.append({"name": f"quire-{name}", "persistent_volume_claim": claim})
        shared.append({"name": f"quire-{name}", "mount_path": path, **read_only})
    config: Json = {
        "storage": storage,
        "run_launcher": {
            "module": "resources.kubernetes.launcher",
            "class": "QuireK8sRunLauncher",
            "config": {
                "job_namespace": "quire",
                "load_incluster_config": True,
                "service_account_name": "quire",
                "job_image": IMAGE,
                "dagster_home": HOME,
                "instance_config_map": _INSTANCE,
                "postgres_password_secret": _SECRET,
                "env_config_maps": [SETTINGS],
                "run_k8s_config": {
                    "container_config": {
                        "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}},
                        "security_context": _SAFE,
                        "volume_mounts": shared,
                    },
                    "pod_spec_config": {"volumes": volumes},
                },
            },
        },
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": "QueuedRunCoordinator",
            "config": {"dequeue_interval_seconds": 1},
        },
        "run_monitoring": {
            "enabled": True,
            "start_timeout_seconds": 180,
            "max_runtime_seconds": 14400,
            "max_resume_run_attempts": 3,
            "poll_interval_seconds": 5,
            "free_slots_after_run_end_seconds": 60,
        },
        "run_retries": {
            "enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False,
        },
        "concurrency": {
            "runs": {"max_concurrent_runs": 25},
            # No default_limit: on Postgres a pool that two runs meet for the first time fails the
            # second one (docs/decisions/stand-in-cluster.md).
            "pools": {"granularity": "op"},
        },
        "compute_logs": {
            "module": "dagster.core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
        },
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
    }  # fmt: skip
    return config | more


def _service(args: list[str], claims: Mapping[str, Path], mounts: Mapping[str, str]) -> Json:
    volumes: list[Json] = [
        {"name": "instance", "configMap": {"name": _INSTANCE}},
        {"name": "workspace", "configMap": {"name": _WORKSPACE}},
        {"name": "tmp", "emptyDir": {}},
        *({"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims),
    ]
    return {
        "nodeSelector": _CONTROL,
        "serviceAccountName": "quire",
        "volumes": volumes,
        "containers": [
            {
                "name": "dagster",
                "image": IMAGE,
                "args": args,
                "securityContext": _SAFE,
                "envFrom": [{"configMapRef": {"name": SETTINGS}}],
                "env": [
                    {"name": "DAGSTER_HOME", "value": HOME},
                    {"name": "HOME", "value": "/tmp"},
                    {"name": "DAGSTER_CURRENT_IMAGE", "value": IMAGE},
                    {
                        "name": "DAGSTER_PG_PASSWORD",
                        "valueFrom": {"secretKeyRef": {"name": _SECRET, "key": _KEY}},
                    },
                ],
                "volumeMounts": [
                    {
                        "name": "instance",
                        "mountPath": f"{HOME}/dagster.yaml",
                        "subPath": "dagster.yaml",
                    },
                    {"name": "workspace", "mountPath": "/dagster-workspace"},
                    {"name": "tmp", "mountPath": "/tmp"},
                    *({"name": name, "mountPath": path} for name, path in mounts.items()),
                ],
            }
        ],
    }


@contextmanager
def deployed(
    small: Small,
    postgres: Postgres,
    definitions: Path,
    settings: Mapping[str, str],
    mounts: Mapping[str, str] | None = None,
    *,
    daemon: bool = True,
    **config: Any,
) -> Iterator[Deployment]:
    """Dagster over a definitions file of the repository.

    Args:
        small: The cluster; its claims are mounted into every service.
        postgres: Where the instance's database is made.
        definitions: What the code server loads.
        settings: Variables of every service and pod, as a ConfigMap.
        mounts: Where claims are mounted, by name.
        daemon: Whether the daemon runs too, once the code server answers.
        config: Further keys of the instance.
    """
    claims = small.cluster.stores.claims
    port = _free_port()
    database = postgres.database()
    storage = postgres.storage(database, {"env": "DAGSTER_PG_PASSWORD"})
    server = {"host": "127.0.0.1", "port": port, "location_name": "quire"}
    small.cluster.stores = Stores(
        {
            _INSTANCE: {
                "dagster.yaml": json.dumps(instance_config(storage, mounts or {}, **config))
            },
            _WORKSPACE: {"workspace.yaml": json.dumps({"load_from": [{"grpc_server": server}]})},
            SETTINGS: dict(settings),
            **small.cluster.stores.config_maps,
        },
        {_SECRET: {_KEY: PASSWORD}, **small.cluster.stores.secrets},
        claims,
    )
    home = small.cluster.folder / "home"
    home.mkdir()
    own = {"storage": postgres.storage(database, PASSWORD), "telemetry": {"enabled": False}}
    (home / "dagster.yaml").write_text(json.dumps(own), encoding="utf-8")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        place = Deployment(small, instance, claims)
        code = ["dagster", "api", "grpc", "-h", "0.0.0.0", "-p", str(port)]
        code += ["-f", str(definitions), "-d", str(definitions.parent)]
        _start(small, "code-server", _service(code, claims, mounts or {}))
        _until_up(small, "code-server", lambda: _answers(port))
        if daemon:
            args = ["dagster-daemon", "run", "-w", "/dagster-workspace/workspace.yaml"]
            _start(small, "daemon", _service(args, claims, mounts or {}))
            _until_up(small, "daemon", instance.get_daemon_heartbeats)
        yield place


def _start(small: Small, name: str, spec: Json) -> Pod:
    pod = small.cluster.add_pod(name, spec, {"component": name})
    until(lambda: pod.phase != "Pending")
    return pod


def _until_up(small: Small, name: str, up: Callable[[], object]) -> None:
    pod = small.cluster.pods[name]
    until(lambda: up() or pod.over, _UP_SECONDS)
    assert not pod.over, small.cluster.log_of(name)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
