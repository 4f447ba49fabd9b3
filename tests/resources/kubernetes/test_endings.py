"""How a pod ended is told from what Kubernetes says, in the Kubernetes client's own objects."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

pytest.importorskip("kubernetes", reason="needs the extra k8s: pip install 'quire[k8s]'")

from kubernetes import client as k8s

from resources.kubernetes.endings import Cause, Ending, Watched, ending_of

PENDING_SECONDS = 600.0


def pod(
    phase: str = "Running",
    *,
    terminated: dict[str, Any] | None = None,
    waiting: dict[str, Any] | None = None,
    conditions: list[dict[str, Any]] | None = None,
    deleted: bool = False,
    **status: Any,
) -> Any:
    state = k8s.V1ContainerState(
        terminated=k8s.V1ContainerStateTerminated(**terminated) if terminated else None,
        waiting=k8s.V1ContainerStateWaiting(**waiting) if waiting else None,
    )
    container = k8s.V1ContainerStatus(
        name="dagster", image="i", image_id="i", ready=False, restart_count=0, state=state
    )
    limits = k8s.V1ResourceRequirements(limits={"memory": "8Gi"})
    return k8s.V1Pod(
        metadata=k8s.V1ObjectMeta(
            name="p", deletion_timestamp=datetime.now(UTC) if deleted else None
        ),
        spec=k8s.V1PodSpec(
            node_name="node-1", containers=[k8s.V1Container(name="dagster", resources=limits)]
        ),
        status=k8s.V1PodStatus(
            phase=phase,
            container_statuses=[container],
            conditions=[k8s.V1PodCondition(**c) for c in conditions or ()],
            **status,
        ),
    )


def job(**status: Any) -> Any:
    conditions = [k8s.V1JobCondition(**c) for c in status.pop("conditions", ())]
    return k8s.V1JobStatus(conditions=conditions, **status)


def look(status: Any, *pods: Any) -> Ending | None:
    return ending_of(status, pods, Watched(seen_pod=True), 0.0, PENDING_SECONDS)


DISRUPTED = {"type": "DisruptionTarget", "status": "True"}


@pytest.mark.parametrize(
    ("status", "pods", "cause", "words"),
    [
        (
            job(failed=1),
            [pod("Failed", terminated={"exit_code": 137, "reason": "OOMKilled"})],
            Cause.OOM,
            "more memory than 8Gi",
        ),
        (  # a pod may be preempted and killed for memory: the kill would come again
            job(failed=1),
            [
                pod(
                    "Failed",
                    terminated={"exit_code": 137, "reason": "OOMKilled"},
                    conditions=[{**DISRUPTED, "reason": "PreemptionByScheduler"}],
                )
            ],
            Cause.OOM,
            "memory",
        ),
        (
            job(failed=1),
            [
                pod(
                    "Failed",
                    terminated={"exit_code": 137, "reason": "Error"},
                    conditions=[{**DISRUPTED, "reason": "PreemptionByScheduler"}],
                )
            ],
            Cause.PREEMPTED,
            "PreemptionByScheduler",
        ),
        (
            job(failed=1),
            [pod("Failed", reason="Evicted", message="The node was low on resource: memory.")],
            Cause.EVICTED,
            "low on resource",
        ),
        (
            job(failed=1),
            [
                pod(
                    "Failed",
                    reason="Evicted",
                    message="Usage of EmptyDir volume 'quire-tmp' exceeds the limit '20Gi'.",
                )
            ],
            Cause.DISK,
            "raise ephemeral-storage",
        ),
        (job(failed=1), [pod("Failed", reason="NodeShutdown")], Cause.NODE_LOST, "NodeShutdown"),
        (job(failed=1), [], Cause.GONE, "node was taken away"),
        (None, [], Cause.GONE, "Job is gone"),
        (
            job(
                failed=1,
                conditions=[{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}],
            ),
            [],
            Cause.DEADLINE,
            "deadline_seconds",
        ),
        (
            job(failed=1),
            [pod("Failed", terminated={"exit_code": 2, "reason": "Error"})],
            Cause.CRASHED,
            "code 2",
        ),
        (  # its Job is counted some seconds later
            job(active=1),
            [pod("Failed", terminated={"exit_code": 137, "reason": "OOMKilled"})],
            Cause.OOM,
            "memory",
        ),
        (
            job(active=0, conditions=[{"type": "Suspended", "status": "True"}]),
            [],
            Cause.PREEMPTED,
            "queue",
        ),
    ],
)
def test_causes(status: Any, pods: list[Any], cause: Cause, words: str) -> None:
    found = look(status, *pods)
    assert found is not None
    assert found.cause is cause
    assert words in found.message


def test_a_pod_that_works_or_ended_well_is_left(  # its step's own words are about to be read
) -> None:
    assert look(job(active=1), pod()) is None
    assert look(job(succeeded=1), pod("Succeeded", terminated={"exit_code": 0})) is None


def over_time(status: Any, *pods: Any, watched: Watched | None = None) -> list[Ending | None]:
    watched = watched or Watched()
    times = (0.0, 29.0, 31.0, 119.0, 121.0, 599.0, 601.0)
    return [ending_of(status, pods, watched, now + 1, PENDING_SECONDS) for now in times]


def first(endings: list[Ending | None]) -> tuple[int, Ending]:
    return next((n, found) for n, found in enumerate(endings) if found is not None)


@pytest.mark.parametrize(
    ("pods", "words"),
    [
        (
            [
                pod(
                    "Pending",
                    conditions=[
                        {
                            "type": "PodScheduled",
                            "status": "False",
                            "reason": "Unschedulable",
                            "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
                        }
                    ],
                )
            ],
            "Insufficient nvidia.com/gpu",
        ),
        (
            [pod("Pending", waiting={"reason": "ImagePullBackOff", "message": "no such image"})],
            "ImagePullBackOff: no such image",
        ),
        ([], "no pod was made"),
    ],
)
def test_a_pod_that_waits_too_long(pods: list[Any], words: str) -> None:
    number, found = first(over_time(job(active=1), *pods))
    assert (number, found.cause) == (6, Cause.PENDING)
    assert words in found.message
    assert "pending_seconds in QUIRE_K8S" in found.message


def test_a_job_that_queues_may_wait(  # Kueue keeps it suspended: there is no pod that waits
) -> None:
    queued = job(conditions=[{"type": "Suspended", "status": "True"}])
    assert over_time(queued) == [None] * 7


def test_a_pod_that_cannot_be_deleted_has_lost_its_node() -> None:
    number, found = first(over_time(job(active=1), pod(deleted=True)))
    assert (number, found.cause) == (4, Cause.NODE_LOST)
    assert "node-1" in found.message
    assert first(over_time(job(active=1), pod("Unknown")))[1].cause is Cause.NODE_LOST


def test_a_pod_that_vanished_and_one_that_said_nothing() -> None:
    gone = over_time(job(active=1), watched=Watched(seen_pod=True))
    assert (first(gone)[0], first(gone)[1].cause) == (2, Cause.GONE)
    silent = over_time(job(succeeded=1), pod("Succeeded"))
    assert (first(silent)[0], first(silent)[1].cause) == (2, Cause.SILENT)
