"""The stand-in cluster does what a cluster does, as a Kubernetes client sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.container import Stores, skip_without_containers
from tests.cluster.nodes import GPU, Node, quantity
from tests.cluster.small import Small, job_of, small_cluster, until

pytestmark = pytest.mark.xdist_group("cluster")
NS = "quire"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    skip_without_containers()
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with small_cluster(tmp_path / "cluster", shared=shared) as made:
        made.cluster.stores = Stores(
            {"settings": {"COLOUR": "red", "SIZE": "3"}},
            {"keys": {"token": "s3cret"}},
            {"shared": shared},
        )
        yield made
        assert made.api.unanswered == []


def post(small: Small, job: dict[str, Any]) -> None:
    small.batch.create_namespaced_job(namespace=NS, body=job)


def pod_of(small: Small, job: str) -> Any:
    def found() -> list[Any]:
        return list(small.core.list_namespaced_pod(NS, label_selector=f"job-name={job}").items)

    until(found)  # a controller makes it, a moment later
    (pod,) = found()
    return pod


def refused(ask: Callable[[], object]) -> tuple[int, str]:
    """Status and body of a request that must fail."""
    from kubernetes.client.rest import ApiException

    with pytest.raises(ApiException) as told:
        ask()
    return int(told.value.status), str(told.value.body)


def status(small: Small, job: str) -> Any:
    return small.batch.read_namespaced_job_status(job, NS).status


def ended(small: Small, job: str) -> Any:
    until(lambda: status(small, job).conditions)
    return status(small, job)


def log(small: Small, job: str) -> str:
    name = pod_of(small, job).metadata.name
    return small.core.read_namespaced_pod_log(name, NS, _preload_content=False).data.decode()  # type: ignore[no-any-return]


def test_a_job_runs_in_a_container_of_its_own(small: Small) -> None:
    script = (
        "echo $0; hostname; id -u; echo $$; echo $COLOUR-$TOKEN-$NAME; touch /x; touch /tmp/x; env"
    )
    container = {
        "envFrom": [{"configMapRef": {"name": "settings"}}],
        "env": [
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
            {"name": "NAME", "value": "of $(COLOUR)"},
        ],
        "securityContext": {"readOnlyRootFilesystem": True, "runAsUser": 10001},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    volumes = [{"name": "tmp", "emptyDir": {}}]
    post(small, job_of("one", "sh", "-c", script, container=container, volumes=volumes))
    assert ended(small, "one").succeeded == 1
    lines = log(small, "one").splitlines()
    assert lines[1] == pod_of(small, "one").metadata.name
    assert lines[2:5] == ["10001", "1", "red-s3cret-of red"]
    assert lines[5] == "touch: cannot touch '/x': Read-only file system"
    names = {line.partition("=")[0] for line in lines[6:]}
    assert {"SIZE", "HOSTNAME", "KUBERNETES_SERVICE_HOST"} <= names
    assert not [name for name in names if name.startswith(("QUIRE", "DAGSTER", "PYTEST", "HOME"))]


def test_what_a_server_refuses(small: Small) -> None:
    asks_for_gpu = {"resources": {"requests": {GPU: "1"}}}
    cases = {
        "Additional properties": job_of("a", "true", container={"imagee": "x"}),
        "RFC 1123": job_of("Not_A_Name", "true"),
        "restartPolicy": job_of("b", "true", restartPolicy="Always"),
        "volumeMounts.name": job_of(
            "c", "true", container={"volumeMounts": [{"name": "none", "mountPath": "/x"}]}
        ),
        "equal to its limit": job_of("d", "true", container=asks_for_gpu),
        "must be at most": job_of(
            "e", "true",
            container={"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1500m"}}},
        ),
    }  # fmt: skip
    for words, job in cases.items():
        code, said = refused(lambda job=job: post(small, job))  # type: ignore[misc]
        assert code == 422
        assert words in said
    post(small, job_of("twice", "true"))
    assert refused(lambda: post(small, job_of("twice", "true")))[0] == 409
    assert refused(lambda: status(small, "never"))[0] == 404


def test_no_token_no_answer(small: Small) -> None:
    small.batch.api_client.configuration.api_key = {}
    assert refused(lambda: status(small, "any"))[0] == 401


def test_how_pods_end(small: Small) -> None:
    post(small, job_of("fails", "sh", "-c", "echo no >&2; exit 3"))
    for name in ("preempted", "evicted", "oom"):
        post(small, job_of(name, "sleep", "60"))
        until(lambda name=name: pod_of(small, name).status.phase == "Running")  # type: ignore[misc]
    names = {name: pod_of(small, name).metadata.name for name in ("preempted", "evicted", "oom")}
    lives = [small.cluster.pods[pod].container for pod in names.values()]
    until(lambda: all(len(found.processes()) == 1 for found in lives if found))
    assert small.cluster.preempt(names["preempted"])
    assert small.cluster.preempt(names["evicted"], gone=True)
    assert small.cluster.oom(names["oom"])
    until(lambda: [found.processes() for found in lives if found] == [[], [], []])
    for name in ("fails", *names):
        assert ended(small, name).failed == 1
    (state,) = pod_of(small, "fails").status.container_statuses
    assert (state.state.terminated.exit_code, state.state.terminated.reason) == (3, "Error")
    assert log(small, "fails") == "no\n"
    lost = pod_of(small, "preempted").status
    assert [c.type for c in lost.conditions] == ["PodScheduled", "DisruptionTarget"]
    assert small.core.list_namespaced_pod(NS, label_selector="job-name=evicted").items == []
    (state,) = pod_of(small, "oom").status.container_statuses
    assert state.state.terminated.reason == "OOMKilled"
    assert state.state.terminated.exit_code == 137
    (told,) = small.core.list_namespaced_event(
        NS, field_selector=f"involvedObject.name={names['preempted']}"
    ).items
    assert told.reason == "Preempted"
    assert [stay.how for stay in small.cluster.stays] == [
        "Error",
        "Preempted",
        "Preempted",
        "OOMKilled",
    ]


def test_with_a_backoff_limit_a_lost_pod_comes_again(small: Small) -> None:
    post(small, job_of("again", "sh", "-c", "exit 1", J_backoffLimit=2))
    assert ended(small, "again").failed == 3


def test_a_gpu_is_refused_when_none_is_left(small: Small) -> None:
    gpu = {"resources": {"limits": {GPU: "1"}}}
    tolerate = [
        {"key": "quire/spot", "operator": "Exists", "effect": "NoSchedule"},
        {"key": GPU, "operator": "Exists", "effect": "NoSchedule"},
    ]
    for number in range(3):
        post(small, job_of(f"gpu-{number}", "sleep", "60", container=gpu, tolerations=tolerate))
    post(small, job_of("untolerated", "sleep", "60", container=gpu))
    post(small, job_of("elsewhere", "true", tolerations=tolerate[:1], nodeSelector={"pool": "gpu"}))
    until(lambda: [pod_of(small, f"gpu-{n}").status.phase for n in range(2)] == ["Running"] * 2)
    waiting = pod_of(small, "gpu-2").status
    assert waiting.phase == "Pending"
    assert waiting.conditions[0].reason == "Unschedulable"
    assert "Too many pods" in waiting.conditions[0].message
    assert "untolerated taint" in pod_of(small, "untolerated").status.conditions[0].message
    assert pod_of(small, "elsewhere").status.phase == "Pending"
    small.batch.delete_namespaced_job("gpu-0", NS, propagation_policy="Background")
    small.cluster.preempt(pod_of(small, "gpu-1").metadata.name)
    until(lambda: pod_of(small, "gpu-2").status.phase == "Running")
    assert {(stay.node, stay.slot) for stay in small.cluster.stays} == {("gpu-0", 0), ("gpu-0", 1)}


def test_requests_fill_a_node(small: Small) -> None:
    small.cluster.nodes.clear()
    small.cluster.nodes["n"] = Node("n", 10, capacity={"cpu": "1", "memory": "1Gi"})
    half = {"resources": {"requests": {"cpu": "600m", "memory": "100Mi"}}}
    post(small, job_of("first", "sleep", "60", container=half))
    until(lambda: pod_of(small, "first").status.phase == "Running")
    post(small, job_of("second", "true", container=half))
    until(
        lambda: "Insufficient cpu" in (pod_of(small, "second").status.conditions[0].message or "")
    )
    small.cluster.lose_node("n")
    assert ended(small, "first").failed == 1
    assert quantity("1500m") == 1.5


def test_what_waits_says_what_for(small: Small) -> None:
    missing = {"envFrom": [{"secretRef": {"name": "nowhere"}}]}
    post(small, job_of("secretless", "true", container=missing))
    post(small, job_of("imageless", "true", container={"image": "nowhere"}))
    small.cluster.holds.append(lambda pod: "held" if "later" in pod.name else None)
    post(small, job_of("later", "true"))
    until(lambda: pod_of(small, "imageless").status.container_statuses)
    (state,) = pod_of(small, "secretless").status.container_statuses
    assert state.state.waiting.reason == "CreateContainerConfigError"
    assert state.state.waiting.message == 'secret "nowhere" not found'
    (state,) = pod_of(small, "imageless").status.container_statuses
    assert state.state.waiting.reason == "ImagePullBackOff"
    assert pod_of(small, "later").status.phase == "Pending"
    small.cluster.holds.clear()
    assert ended(small, "later").succeeded == 1


def test_a_deadline_ends_a_job(small: Small) -> None:
    post(
        small,
        job_of("slow", "sleep", "60", J_activeDeadlineSeconds=1, terminationGracePeriodSeconds=0),
    )
    assert ended(small, "slow").conditions[0].reason == "DeadlineExceeded"


def test_jobs_go_with_the_pod_that_owns_them(small: Small) -> None:
    post(small, job_of("run", "sleep", "60", terminationGracePeriodSeconds=0))
    until(lambda: pod_of(small, "run").status.phase == "Running")
    owner = pod_of(small, "run").metadata
    step = job_of("step", "sleep", "60", terminationGracePeriodSeconds=0)
    step["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "Pod", "name": owner.name, "uid": owner.uid}
    ]
    post(small, step)
    until(lambda: pod_of(small, "step").status.phase == "Running")
    small.batch.delete_namespaced_job("run", NS)
    until(lambda: not small.batch.list_namespaced_job(NS).items)
    until(lambda: not small.core.list_namespaced_pod(NS).items)


def test_claims_are_shared_and_outlive_pods(small: Small) -> None:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "shared"}}]
    writes = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    reads = {"volumeMounts": [{"name": "data", "mountPath": "/data", "readOnly": True}]}
    post(small, job_of("w", "sh", "-c", "echo kept > /data/f", container=writes, volumes=volumes))
    assert ended(small, "w").succeeded == 1
    script = "cat /data/f; echo no > /data/g"
    post(small, job_of("r", "sh", "-c", script, container=reads, volumes=volumes))
    assert ended(small, "r").failed == 1
    assert log(small, "r").startswith("kept\n")
