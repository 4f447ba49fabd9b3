"""`make dev` as people use it, started by a test: web server, daemon and sensors over one lake.

Here: the processes, and asking the web server in GraphQL, as the UI does. Not here: what is seen in
a browser (`test_ui.py`).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from resources.settings import REPOSITORY_ROOT
from tests.end_to_end.running import Place

_LAUNCH = """
mutation Launch($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
_BACKFILL = """
query Backfill($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    __typename
    ... on PartitionBackfill { status }
  }
}
"""
_OVER = ("COMPLETED", "COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def started(place: Place, *command: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=REPOSITORY_ROOT,
        env=place.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(url: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            assert time.monotonic() < deadline, f"{url} did not come up"
            time.sleep(0.5)


def wait_until(look: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true thing that a look finds."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(1)
    return found


@dataclass(frozen=True)
class DevServer:
    """Where the web server of a running `make dev` is."""

    home: str

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """What the web server answers to a GraphQL request."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.home}/graphql", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            told = json.load(answer)
        assert "errors" not in told, told
        data: dict[str, Any] = told["data"]
        return data

    def backfill(self, assets: list[str], partitions: list[str], seconds: float = 300) -> str:
        """Launch a backfill as the UI does, wait for its end, and return its id."""
        params = {
            "assetSelection": [{"path": [asset]} for asset in assets],
            "partitionNames": partitions,
        }
        launched = self.ask(_LAUNCH, params=params)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        backfill = str(launched["backfillId"])

        def over() -> bool:
            told = self.ask(_BACKFILL, id=backfill)["partitionBackfillOrError"]
            return told["status"] in _OVER

        wait_until(over, seconds, f"the end of backfill {backfill}")
        return backfill


@contextmanager
def make_dev(place: Place) -> Iterator[DevServer]:
    """`make dev` over a place, from the moment that its web server answers."""
    port = free_port()
    with started(place, "cli.dev", "--port", str(port)):
        server = DevServer(f"http://127.0.0.1:{port}")
        wait_for(f"{server.home}/server_info")
        yield server
