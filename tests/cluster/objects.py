"""Pods, Jobs and events, as the API shows them.

Here: what is known of each, and its JSON. Not here: what moves them on (`cluster.py`).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.cluster.container import Container

Json = dict[str, Any]


def stamp(moment: datetime | None = None) -> str:
    """A time as the API writes it."""
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Pod:
    """One pod."""

    name: str
    namespace: str
    spec: Json
    labels: dict[str, str]
    annotations: dict[str, str] = field(default_factory=dict)
    job: str | None = None
    """The uid of the Job that it is of."""
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: datetime = field(default_factory=_now)
    phase: str = "Pending"
    node: str | None = None
    slot: int | None = None
    waiting: tuple[str, str] | None = None
    """Reason and message of a container that is not started on a node."""
    reason: str | None = None
    message: str | None = None
    disrupted: str | None = None
    """The reason of the condition `DisruptionTarget`."""
    unschedulable: str | None = None
    ended_as: str | None = None
    exit_code: int | None = None
    began: datetime | None = None
    ended: datetime | None = None
    stopping_since: float | None = None
    """When SIGTERM was sent; the pod goes away when it has ended."""
    container: Container | None = None

    @property
    def over(self) -> bool:
        """Whether it ended."""
        return self.phase in ("Succeeded", "Failed")

    def conditions(self) -> list[Json]:
        """Whether it was scheduled, and disrupted."""
        found: list[Json] = [{"type": "PodScheduled", "status": "True" if self.node else "False"}]
        if self.node is None and self.unschedulable:
            found[0] |= {"reason": "Unschedulable", "message": self.unschedulable}
        if self.disrupted:
            found.append({"type": "DisruptionTarget", "status": "True", "reason": self.disrupted})
        return found

    def json(self) -> Json:
        """The pod as the API shows it."""
        owner = {"apiVersion": "batch/v1", "kind": "Job", "uid": self.job}
        owner["name"] = self.labels.get("job-name", "")
        status: Json = {"phase": self.phase, "conditions": self.conditions()}
        status |= {k: v for k, v in (("reason", self.reason), ("message", self.message)) if v}
        if self.node is not None:
            status["startTime"] = stamp(self.created)
            status["containerStatuses"] = [self._container_status()]
        metadata: Json = {
            "name": self.name,
            "namespace": self.namespace,
            "uid": self.uid,
            "labels": self.labels,
            "annotations": self.annotations,
            "creationTimestamp": stamp(self.created),
            "ownerReferences": [owner] if self.job else [],
        }
        if self.stopping_since is not None:
            metadata["deletionTimestamp"] = stamp()
        spec = {**self.spec, **({"nodeName": self.node} if self.node else {})}
        return {
            "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status,
        }  # fmt: skip

    def _container_status(self) -> Json:
        container = self.spec["containers"][0]
        state: Json = {"waiting": {"reason": "ContainerCreating"}}
        if self.waiting is not None:
            state = {"waiting": {"reason": self.waiting[0], "message": self.waiting[1]}}
        elif self.over:
            ended = {"exitCode": self.exit_code, "reason": self.ended_as}
            ended |= {"startedAt": stamp(self.began), "finishedAt": stamp(self.ended)}
            state = {"terminated": ended}
        elif self.phase == "Running":
            state = {"running": {"startedAt": stamp(self.began)}}
        return {
            "name": container["name"], "image": container["image"], "imageID": "", "state": state,
            "ready": self.phase == "Running", "restartCount": 0,
        }  # fmt: skip


@dataclass
class Job:
    """One Job and what became of its pods."""

    name: str
    namespace: str
    body: Json
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: datetime = field(default_factory=_now)
    pods: list[Pod] = field(default_factory=list)
    failed: int = 0
    succeeded: int = 0
    condition: tuple[str, str, str] | None = None
    """Type (`Complete`, `Failed`), reason and message."""
    ended: datetime | None = None

    @property
    def owners(self) -> list[str]:
        """The uids of what it is deleted with."""
        references = self.body["metadata"].get("ownerReferences") or []
        return [reference["uid"] for reference in references]

    def json(self) -> Json:
        """The Job as the API shows it."""
        active = sum(not pod.over for pod in self.pods)
        status: Json = {"startTime": stamp(self.created)}
        counts = {"active": active, "failed": self.failed, "succeeded": self.succeeded}
        status |= {name: count for name, count in counts.items() if count}
        if self.condition is not None and self.ended is not None:
            kind, reason, message = self.condition
            status["conditions"] = [
                {"type": kind, "status": "True", "reason": reason, "message": message}
            ]
            if kind == "Complete":
                status["completionTime"] = stamp(self.ended)
        metadata = {
            **self.body["metadata"],
            "namespace": self.namespace,
            "uid": self.uid,
            "creationTimestamp": stamp(self.created),
        }
        return {**self.body, "metadata": metadata, "status": status}


@dataclass(frozen=True)
class Event:
    """Something that befell an object."""

    about: str
    kind: str
    reason: str
    message: str
    at: datetime = field(default_factory=_now)

    def json(self) -> Json:
        """The event as the API shows it; all are warnings."""
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{self.about}.{uuid.uuid4().hex[:8]}", "namespace": "quire"},
            "involvedObject": {"kind": self.kind, "name": self.about},
            "type": "Warning",
            "reason": self.reason,
            "message": self.message,
            "count": 1,
            "lastTimestamp": stamp(self.at),
        }


@dataclass
class Stay:
    """The record of one pod on one slot, kept when the pod is gone."""

    pod: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]
    node: str
    slot: int
    began: float
    ended: float | None = None
    how: str = "running"
    """How it ended: `Completed`, `Error`, `OOMKilled`, `Preempted`, `NodeLost`, `Deleted`."""
    log: str = ""
