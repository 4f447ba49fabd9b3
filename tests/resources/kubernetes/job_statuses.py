"""A Kubernetes API that knows the status of Jobs, and a Dagster instance whose launcher asks it.

Here: what a run launcher asks to find out whether a run lives. A whole cluster is `tests/cluster`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import yaml


@dataclass
class JobStatuses:
    """What is answered: a status by Job, 404 for others, or one code for everything."""

    port: int = 0
    by_name: dict[str, dict[str, Any]] = field(default_factory=dict)
    code: int | None = None

    def delete(self, path: str) -> tuple[int, dict[str, Any]]:
        """Delete a Job: it is gone at once."""
        found = self.by_name.pop(path.rpartition("/jobs/")[2], None)
        return (404 if found is None else 200), {"kind": "Status"}

    def answer(self, path: str) -> tuple[int, dict[str, Any]]:
        """A code and a body."""
        if "/pods" in path:
            return 200, {"kind": "PodList", "items": []}
        name = path.rpartition("/jobs/")[2].removesuffix("/status")
        if self.code is not None or name not in self.by_name:
            return self.code or 404, {"kind": "Status", "code": self.code or 404}
        metadata = {"name": name}
        return 200, {"kind": "Job", "metadata": metadata, "status": self.by_name[name]}


@contextmanager
def serving() -> Iterator[JobStatuses]:
    """The API, on a port of its own."""
    statuses = JobStatuses()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(*statuses.answer(self.path))

        def do_DELETE(self) -> None:
            self._say(*statuses.delete(self.path))

        def _say(self, code: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    statuses.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield statuses
    finally:
        server.shutdown()
        server.server_close()


def write_kubeconfig(folder: Path, statuses: JobStatuses) -> Path:
    """A kubeconfig that leads to this API."""
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{statuses.port}"}}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "users": [{"name": "u", "user": {}}],
        "contexts": [context],
        "current-context": "c",
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def instance_on(folder: Path, statuses: JobStatuses, launcher: str) -> dg.DagsterInstance:
    """An instance with this run launcher (`module:class`)."""
    kubeconfig = write_kubeconfig(folder, statuses)
    module, _, name = launcher.partition(":")
    home = folder / "home"
    home.mkdir()
    given = {
        "service_account_name": "dagster",
        "instance_config_map": "dagster-instance",
        "dagster_home": "/opt/dagster/dagster_home",
        "job_namespace": "quire",
        "job_image": "quire:1",
        "load_incluster_config": False,
        "kubeconfig_file": str(kubeconfig),
    }
    yaml_text = yaml.safe_dump(
        {
            "run_launcher": {"module": module, "class": name, "config": given},
            "telemetry": {"enabled": False},
        }
    )
    (home / "dagster.yaml").write_text(yaml_text, encoding="utf-8")
    return dg.DagsterInstance.from_config(str(home))
