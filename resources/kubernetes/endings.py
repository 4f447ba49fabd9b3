"""How a step's pod came to its end, or why it will never begin, told from its status.

Here: reading what Kubernetes says of a Job and its pods. Not here: asking Kubernetes, or what
follows (`step_handler.py`), or what a document is charged (`io_managers/intents.py`).

| cause | what Kubernetes says |
|---|---|
| `oom` | a container terminated with reason `OOMKilled` |
| `disk` | evicted for more scratch space than its limit |
| `evicted`, `preempted` | evicted by its node; `DisruptionTarget`; suspended by its queue |
| `node_lost` | reason `NodeLost` or `NodeShutdown`; being deleted, or unknown, for two minutes |
| `gone` | the Job or its pod is there no more |
| `pending` | waited longer than `pending_seconds` |
| `deadline` | the Job's condition `DeadlineExceeded` |
| `crashed` | a container ended with another code than 0 |
| `silent` | the pod ended well, and its step said nothing |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

Model = Any
"""The Kubernetes client's objects are untyped."""
TERMINATING_SECONDS: Final = 120.0
"""A pod's grace is 60 s; what is still being deleted after two minutes has no kubelet."""
VANISHED_SECONDS: Final = 30.0
"""A Job whose pod was deleted is failed by its controller seconds later."""
_OTHER_NODES: Final = frozenset({"NodeLost", "NodeShutdown", "Shutdown", "Terminated"})


class Cause(StrEnum):
    """Why a step's pod did not come to its step's end."""

    OOM = "oom"
    DISK = "disk"
    EVICTED = "evicted"
    PREEMPTED = "preempted"
    NODE_LOST = "node_lost"
    GONE = "gone"
    PENDING = "pending"
    DEADLINE = "deadline"
    CRASHED = "crashed"
    SILENT = "silent"


LEFT_BEHIND: Final = frozenset({Cause.PENDING, Cause.NODE_LOST, Cause.PREEMPTED, Cause.GONE})
"""After these a Job may yet make, or keep, a pod, which nobody waits for any more."""


@dataclass(frozen=True)
class Ending:
    """Why a step has to be tried again, in words for people."""

    cause: Cause
    message: str
    memory: str | None = None
    """The memory limit of the pod, where it was too little."""


@dataclass
class Watched:
    """What earlier looks at a Job saw; times are of the one clock that the caller uses."""

    seen_pod: bool = False
    pending_since: float | None = None
    leaving_since: float | None = None
    vanished_since: float | None = None
    succeeded_since: float | None = None


def ending_of(
    status: Model, pods: Sequence[Model], watched: Watched, now: float, pending_seconds: float
) -> Ending | None:
    """How a step's Job ended, or None while it may go on.

    Args:
        status: The Job's `V1JobStatus`; None when there is no such Job.
        pods: Its `V1Pod`s.
        watched: What earlier looks saw; changed here.
        now: Seconds, of any clock.
        pending_seconds: How long a pod may wait for a node, an image or a volume.
    """
    if status is None:
        return Ending(Cause.GONE, "its Kubernetes Job is gone: it was deleted")
    pod = max(pods, key=_created, default=None)
    if status.failed or (pod is not None and pod.status.phase == "Failed"):
        return failed_ending(status, pods)
    if status.succeeded:
        watched.succeeded_since = watched.succeeded_since or now
        if now - watched.succeeded_since < VANISHED_SECONDS:
            return None
        return Ending(Cause.SILENT, "its pod ended without a word of its step")
    if _has(status.conditions, "Suspended"):
        watched.pending_since = None
        if watched.seen_pod:
            return Ending(Cause.PREEMPTED, "its queue took its place away")
        return None
    if pod is None:
        return _without_pod(watched, now, pending_seconds)
    watched.vanished_since = None
    if pod.metadata.deletion_timestamp or pod.status.phase == "Unknown":
        watched.leaving_since = watched.leaving_since or now
        if now - watched.leaving_since < TERMINATING_SECONDS:
            return None
        return Ending(Cause.NODE_LOST, f"its node {pod.spec.node_name or ''} no longer answers")
    watched.leaving_since = None
    if pod.status.phase == "Pending":
        return _waiting(watched, now, pending_seconds, why_waiting(pod))
    watched.seen_pod = True
    watched.pending_since = None
    return None


def _without_pod(watched: Watched, now: float, pending_seconds: float) -> Ending | None:
    if not watched.seen_pod:
        return _waiting(watched, now, pending_seconds, "no pod was made: see the Job's events")
    watched.vanished_since = watched.vanished_since or now
    if now - watched.vanished_since < VANISHED_SECONDS:
        return None
    return Ending(Cause.GONE, "its pod is gone: deleted, or its node was taken away")


def _waiting(watched: Watched, now: float, pending_seconds: float, why: str) -> Ending | None:
    if watched.pending_since is None:
        watched.pending_since = now
    if now - watched.pending_since < pending_seconds:
        return None
    return Ending(
        Cause.PENDING,
        f"its pod waited over {pending_seconds:g} s ({why}) and its Job was deleted: see that a "
        "node has room for what the stage asks for, or raise pending_seconds in QUIRE_K8S",
    )


def failed_ending(status: Model, pods: Sequence[Model]) -> Ending:
    """Why a Job has failed; an OOM kill is told before anything that befell the pod besides."""
    for pod in pods:
        if any(t.reason == "OOMKilled" for t in _terminated(pod)):
            memory = _memory_limit(pod)
            return Ending(
                Cause.OOM, f"its pod was killed for more memory than {memory or 'it has'}", memory
            )
    for pod in pods:
        if (found := _disrupted(pod)) is not None:
            return found
    if any(c.type == "Failed" and c.reason == "DeadlineExceeded" for c in status.conditions or ()):
        return Ending(Cause.DEADLINE, "it ran into deadline_seconds of QUIRE_K8S")
    for pod in pods:
        for terminated in _terminated(pod):
            if terminated.exit_code:
                text = f"its container ended with code {terminated.exit_code}"
                return Ending(Cause.CRASHED, f"{text}: see the pod's log")
    return Ending(Cause.GONE, "its pod is gone: deleted, or its node was taken away")


def _disrupted(pod: Model) -> Ending | None:
    """What the cluster, and not the step, made an end of."""
    reason, message = pod.status.reason or "", pod.status.message or ""
    if reason == "Evicted":
        if any(word in message for word in ("ephemeral", "emptyDir", "EmptyDir")):
            mend = "raise ephemeral-storage of the stage in QUIRE_K8S"
            return Ending(Cause.DISK, f"its pod used more scratch space than its limit: {mend}")
        return Ending(Cause.EVICTED, f"its pod was evicted: {message or reason}")
    for condition in pod.status.conditions or ():
        if condition.type == "DisruptionTarget" and condition.status == "True":
            return Ending(Cause.PREEMPTED, f"its pod was preempted ({condition.reason})")
    if reason in _OTHER_NODES:
        return Ending(Cause.NODE_LOST, f"its node went away ({reason})")
    return None


def why_waiting(pod: Model) -> str:
    """What a pending pod waits for, in Kubernetes' words."""
    for container in pod.status.container_statuses or ():
        waiting = container.state and container.state.waiting
        if waiting and waiting.reason not in (None, "ContainerCreating", "PodInitializing"):
            return f"{waiting.reason}: {waiting.message or 'no more is said'}"
    for condition in pod.status.conditions or ():
        if condition.type == "PodScheduled" and condition.status == "False":
            return f"{condition.reason}: {condition.message or 'no more is said'}"
    return "its containers are being made"


def _terminated(pod: Model) -> list[Any]:
    states = [container.state for container in pod.status.container_statuses or ()]
    return [state.terminated for state in states if state and state.terminated]


def _memory_limit(pod: Model) -> str | None:
    container = pod.spec.containers[0]
    limits = container.resources.limits if container.resources else None
    return str(limits["memory"]) if limits and "memory" in limits else None


def _has(conditions: Model, kind: str) -> bool:
    return any(c.type == kind and c.status == "True" for c in conditions or ())


def _created(pod: Model) -> str:
    return str(pod.metadata.creation_timestamp or "")
