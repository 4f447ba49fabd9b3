"""A small cluster: Jobs make pods, pods go to slots of nodes, containers run, and may be lost.

Here: what controllers, scheduler and kubelets do, in one thread, and faults on demand. Not here:
the API over it (`server.py`), or what a container is (`container.py`).
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.cluster.container import Container, Image, NotStartedError, Stores, start
from tests.cluster.nodes import Node
from tests.cluster.objects import Event, Job, Json, Pod, Stay

NAMESPACE: Final = "quire"
_TICK: Final = 0.05
_KILLED: Final = 137


@dataclass
class Cluster:
    """Nodes, what lives on them, and a record of what lived where.

    Attributes:
        folder: Where pods keep their logs and volumes.
        nodes: By name.
        images: What may be pulled, by name.
        stores: ConfigMaps, Secrets and claims.
        account: Files of the service account, for pods that mount one.
        variables: What a kubelet sets in every container: the API's address.
        holds: Pods for which one says why not are not scheduled.
        on_start: Called, outside the lock, with each pod that has just begun to run.
        stays: Which pod ran on which slot, and when.
    """

    folder: Path
    nodes: dict[str, Node]
    images: dict[str, Image]
    stores: Stores
    account: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    holds: list[Callable[[Pod], str | None]] = field(default_factory=list)
    on_start: list[Callable[[Pod], None]] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _broken: list[BaseException] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Its controllers at work; at the end every container is killed."""
        thread = threading.Thread(target=self._work, name="cluster", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
            for pod in self.pods.values():
                if pod.container is not None and not pod.over:
                    pod.container.kill()
        if self._broken:
            raise self._broken[0]

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                with self.lock:
                    begun = self._step()
                for pod in begun:
                    for tell in self.on_start:
                        tell(pod)
            except BaseException as error:  # noqa: BLE001 - raised in the test's thread
                self._broken.append(error)
                return
            time.sleep(_TICK)

    # -- what the API does ---------------------------------------------------------------

    def add_job(self, body: Json) -> Job:
        """Take a Job that was admitted; KeyError when there is one of its name."""
        job = Job(body["metadata"]["name"], NAMESPACE, body)
        with self.lock:
            if job.name in self.jobs:
                raise KeyError(job.name)
            self.jobs[job.name] = job
        return job

    def add_pod(self, name: str, spec: Json, labels: dict[str, str] | None = None) -> Pod:
        """A pod of no Job, such as a service's."""
        pod = Pod(name, NAMESPACE, spec, dict(labels or {}))
        with self.lock:
            self.pods[name] = pod
        return pod

    def delete_job(self, name: str) -> None:
        """Delete a Job, and in the background its pods."""
        with self.lock:
            job = self.jobs.pop(name)
            for pod in job.pods:
                if pod.name in self.pods:
                    self.delete_pod(pod.name)

    def delete_pod(self, name: str) -> None:
        """Delete a pod: SIGTERM, and SIGKILL when its grace is over."""
        with self.lock:
            pod = self.pods[name]
            if pod.container is None or pod.over:
                self._end(pod, "Failed", "Deleted", _KILLED)
                self._forget(pod)
            elif pod.stopping_since is None:
                pod.stopping_since = time.monotonic()
                pod.container.stop()

    def log_of(self, name: str) -> str:
        """What a pod wrote."""
        log = self.folder / "pods" / self.pods[name].uid / "log"
        return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""

    # -- faults --------------------------------------------------------------------------

    def preempt(self, name: str, *, gone: bool = False) -> bool:
        """Take a pod's place away at once; whether it was still running.

        Args:
            name: The pod.
            gone: Whether the pod itself goes too, as after an eviction; else it stays as Failed.
        """
        return self._strike(name, "Preempted", "PreemptionByScheduler", gone=gone)

    def oom(self, name: str) -> bool:
        """End a pod as the kernel does when it is over its memory limit."""
        return self._strike(name, "OOMKilled", None, gone=False)

    def lose_node(self, name: str) -> None:
        """A machine vanishes with its pods."""
        with self.lock:
            self.nodes[name].ready = False
            here = [pod.name for pod in self.pods.values() if pod.node == name]
            for pod in here:
                self._strike(pod, "NodeLost", "DeletionByTaintManager", gone=True)

    def _strike(self, name: str, how: str, disrupted: str | None, *, gone: bool) -> bool:
        with self.lock:
            pod = self.pods.get(name)
            if pod is None or pod.container is None or pod.over:
                return False
            pod.container.kill()
            pod.disrupted = disrupted
            self._end(pod, "Failed", how, _KILLED)
            if gone:
                self._forget(pod)
            return True

    # -- what controllers, scheduler and kubelets do -----------------------------------------

    def _step(self) -> list[Pod]:
        self._look_at_containers()
        for job in list(self.jobs.values()):
            self._look_at(job)
        return self._schedule()

    def _look_at_containers(self) -> None:
        for pod in list(self.pods.values()):
            if pod.container is None or pod.over:
                continue
            code = pod.container.exit_code()
            grace = pod.spec.get("terminationGracePeriodSeconds", 30)
            stopping = pod.stopping_since
            if code is None and stopping is not None and time.monotonic() - stopping > grace:
                pod.container.kill()
                code = _KILLED
            if code is not None:
                how = "Deleted" if stopping is not None else "Completed" if code == 0 else "Error"
                self._end(pod, "Failed" if code else "Succeeded", how, code)
                if stopping is not None:
                    self._forget(pod)

    def _look_at(self, job: Job) -> None:
        """What the Job controller does: count, make a pod, give up at limits, delete in the end."""
        spec = job.body["spec"]
        age = (datetime.now(UTC) - job.created).total_seconds()
        lives = {pod.uid for pod in self.pods.values()}
        if any(owner not in lives for owner in job.owners):
            self.delete_job(job.name)
            return
        if job.condition is not None:
            rest = (datetime.now(UTC) - (job.ended or job.created)).total_seconds()
            if rest > spec.get("ttlSecondsAfterFinished", float("inf")):
                self.delete_job(job.name)
            return
        job.failed = sum(pod.phase == "Failed" for pod in job.pods)
        job.succeeded = sum(pod.phase == "Succeeded" for pod in job.pods)
        if job.succeeded:
            self._close(job, "Complete", "CompletionsReached", "Reached expected number")
        elif job.failed > spec.get("backoffLimit", 6):
            self._close(job, "Failed", "BackoffLimitExceeded", "Job has reached its backoff limit")
        elif age > spec.get("activeDeadlineSeconds", float("inf")):
            self._close(
                job, "Failed", "DeadlineExceeded", "Job was active longer than its deadline"
            )
            for pod in job.pods:
                if not pod.over and pod.name in self.pods:
                    self.delete_pod(pod.name)
            job.failed = max(job.failed, 1)
        elif all(pod.over for pod in job.pods) and not spec.get("suspend"):
            self._make_pod(job)

    def _close(self, job: Job, kind: str, reason: str, message: str) -> None:
        job.condition = (kind, reason, message)
        job.ended = datetime.now(UTC)
        if kind == "Failed":
            self.events.append(Event(job.name, "Job", reason, message))

    def _make_pod(self, job: Job) -> None:
        template = job.body["spec"]["template"]
        metadata = template.get("metadata") or {}
        name = f"{job.name[:57]}-{len(job.pods)}{job.uid[:4]}"
        labels = {**(metadata.get("labels") or {}), "job-name": job.name}
        labels |= {"batch.kubernetes.io/job-name": job.name, "controller-uid": job.uid}
        pod = Pod(name, job.namespace, template["spec"], labels, job=job.uid)
        pod.annotations = dict(metadata.get("annotations") or {})
        job.pods.append(pod)
        self.pods[name] = pod

    def _schedule(self) -> list[Pod]:
        begun = []
        for pod in list(self.pods.values()):
            if pod.phase != "Pending" or (pod.node is not None and pod.waiting is None):
                continue
            if pod.node is None and not self._bind(pod):
                continue
            if self._start(pod):
                begun.append(pod)
        return begun

    def _bind(self, pod: Pod) -> bool:
        held = next((why for hold in self.holds if (why := hold(pod))), None)
        refusals: dict[str, int] = {}
        for node in self.nodes.values() if held is None else ():
            beside = [p for p in self.pods.values() if p.node == node.name and not p.over]
            why = node.refusal(pod.spec, [other.spec for other in beside])
            if why is None:
                taken = {other.slot for other in beside}
                pod.node = node.name
                pod.slot = min(set(range(node.slots)) - taken)
                return True
            refusals[why] = refusals.get(why, 0) + 1
        told = ", ".join(f"{count} {why}" for why, count in refusals.items())
        message = f"0/{len(self.nodes)} nodes are available: {held or told}."
        if message != pod.unschedulable:
            pod.unschedulable = message
            self.events.append(Event(pod.name, "Pod", "FailedScheduling", message))
        return False

    def _start(self, pod: Pod) -> bool:
        image = pod.spec["containers"][0]["image"]
        own = {
            **self.variables, "HOSTNAME": pod.name, "metadata.name": pod.name,
            "metadata.namespace": pod.namespace, "metadata.uid": pod.uid,
            "spec.nodeName": pod.node or "", "status.podIP": "127.0.0.1",
        }  # fmt: skip
        mounted = pod.spec.get("automountServiceAccountToken", True)
        try:
            if image not in self.images:
                raise NotStartedError(f"image {image} not found")
            place = self.folder / "pods" / pod.uid
            account = self.account if mounted else None
            found = start(pod.spec, self.images[image], self.stores, place, own, account)
        except NotStartedError as error:
            reason = "CreateContainerConfigError" if image in self.images else "ImagePullBackOff"
            if pod.waiting is None:
                self.events.append(Event(pod.name, "Pod", "Failed", str(error)))
            pod.waiting = (reason, str(error))
            return False
        pod.container, pod.waiting, pod.phase = found, None, "Running"
        pod.began = datetime.now(UTC)
        self._note(pod, found)
        return True

    def _note(self, pod: Pod, container: Container) -> None:
        assert pod.node is not None
        assert pod.slot is not None
        stay = Stay(pod.name, pod.labels, pod.spec, pod.node, pod.slot, time.time())
        stay.log = str(container.log)
        self.stays.append(stay)

    def _end(self, pod: Pod, phase: str, how: str, code: int) -> None:
        if pod.over:
            return
        pod.phase, pod.exit_code, pod.ended = phase, code, datetime.now(UTC)
        pod.ended_as = how if how in ("Completed", "OOMKilled") else "Error"
        if how in ("Preempted", "NodeLost"):
            pod.reason, pod.message = how, "Pod was terminated in response to a disruption"
            self.events.append(Event(pod.name, "Pod", how, pod.message))
        for stay in self.stays:
            if stay.pod == pod.name and stay.ended is None:
                stay.ended, stay.how = time.time(), how
        if pod.container is not None:
            place = self.folder / "pods" / pod.uid
            shutil.rmtree(place / "volumes", ignore_errors=True)

    def _forget(self, pod: Pod) -> None:
        self.pods.pop(pod.name, None)

    def slots_taken(self, **labels: Any) -> dict[str, int]:
        """How many pods a node holds now."""
        held: dict[str, int] = {}
        for pod in self.pods.values():
            if pod.node and not pod.over and labels.items() <= pod.labels.items():
                held[pod.node] = held.get(pod.node, 0) + 1
        return held
