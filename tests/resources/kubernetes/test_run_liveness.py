"""No live run of a pod is ended, and a dead one is, whoever asks and from which host."""

from __future__ import annotations

import time
from collections.abc import Iterator

import dagster as dg
import pytest

pytest.importorskip("dagster_k8s", reason="needs the extra k8s: pip install 'quire[k8s]'")

from sensors.runs import PROCESS_TAG, end_lost_runs, process_resource, this_process
from tests.resources.kubernetes.job_statuses import JobStatuses, instance_on, serving
from tests.sensors.runs import beat

OURS = "resources.kubernetes.launcher:QuireK8sRunLauncher"
THEIRS = "dagster_k8s:K8sRunLauncher"
DEAD = this_process().rsplit(":", 1)[0] + ":1"
"""A process of this host with this number that was born in 1970."""
STARTED = dg.DagsterRunStatus.STARTED
Place = tuple[dg.DagsterInstance, JobStatuses]


@dg.op(required_resource_keys={"process"})
def _nothing() -> None: ...


@dg.job(resource_defs={"process": process_resource})
def nothing() -> None:
    """A job whose step says its process, as every stage does."""
    _nothing()


@pytest.fixture(scope="module", params=[OURS, THEIRS], ids=["ours", "theirs"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("runs")
    with serving() as statuses, instance_on(folder, statuses, request.param) as instance:
        yield instance, statuses


@pytest.fixture
def place(shared: Place) -> Place:
    instance, statuses = shared
    for run in instance.get_runs():
        instance.delete_run(run.run_id)
    instance.wipe_daemon_heartbeats()
    statuses.code = None
    return shared


def a_run(place: Place, status: dict[str, int] | None, **tags: str) -> dg.DagsterRun:
    instance, statuses = place
    run = instance.create_run_for_job(
        nothing, status=STARTED, tags={name.replace("_", "/"): tag for name, tag in tags.items()}
    )
    if status is not None:
        statuses.by_name[f"dagster-run-{run.run_id}"] = status
    return run


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three hours on: a local run that was silent so long would be ended."""
    now = time.time
    monkeypatch.setattr("sensors.runs.time.time", lambda: now() + 10_800)


@pytest.mark.usefixtures("later")
def test_a_run_whose_pod_works_is_never_ended(place: Place) -> None:
    a_run(place, {"active": 1})
    a_run(place, {"active": 1}, quire_process=DEAD)  # of a step's pod, which has ended
    a_run(place, {"active": 1}, quire_process="another-host:7:1")
    assert end_lost_runs(place[0]) == {}


@pytest.mark.usefixtures("later")
def test_a_run_whose_pod_is_gone_is_ended_where_no_daemon_does_it(place: Place) -> None:
    dead = a_run(place, {"failed": 1}, dagster_partition="b00000001")
    a_run(place, {"active": 1})
    assert end_lost_runs(place[0]) == {dead.run_id: "b00000001"}
    assert place[0].get_run_by_id(dead.run_id).is_failure  # type: ignore[union-attr]


@pytest.mark.usefixtures("later")
def test_of_what_kubernetes_does_not_say_nothing_is_ended(place: Place) -> None:
    a_run(place, None)
    assert end_lost_runs(place[0]) == {}
    place[1].code = 403
    assert end_lost_runs(place[0]) == {}


def test_the_daemon_resumes_runs_and_the_sensor_leaves_them(place: Place) -> None:
    beat(place[0])
    a_run(place, {"failed": 1})
    assert end_lost_runs(place[0]) == {}


def test_a_command_that_died_here_is_ended_here(place: Place) -> None:
    dead = a_run(place, None, quire_source="cli", quire_process=DEAD)
    a_run(place, None, quire_source="cli", quire_process=this_process())
    a_run(place, None, quire_source="cli", quire_process="another-pod:7:1")
    assert list(end_lost_runs(place[0])) == [dead.run_id]


def test_a_step_in_a_pod_says_no_process(place: Place) -> None:
    ended = nothing.execute_in_process(instance=place[0])
    assert PROCESS_TAG not in place[0].get_run_by_id(ended.run_id).tags  # type: ignore[union-attr]
    with dg.DagsterInstance.ephemeral() as here:
        ended = nothing.execute_in_process(instance=here)
        assert here.get_run_by_id(ended.run_id).tags[PROCESS_TAG] == this_process()  # type: ignore[union-attr]


def health(place: Place, run: dg.DagsterRun) -> str:
    return str(place[0].run_launcher.check_run_worker_health(run).status.value)


def test_run_monitoring_is_told_of_the_dead_only(place: Place) -> None:
    assert health(place, a_run(place, {"active": 1})) == "RUNNING"
    assert health(place, a_run(place, {"failed": 1})) == "FAILED"
    assert health(place, a_run(place, None)) == "UNKNOWN"  # its Job was deleted


def test_ours_takes_no_run_for_dead_of_which_nothing_is_known(place: Place) -> None:
    run, command = a_run(place, {"active": 1}), a_run(place, None, quire_source="cli")
    ours = type(place[0].run_launcher).__name__ == "QuireK8sRunLauncher"
    assert health(place, command) == ("RUNNING" if ours else "UNKNOWN")
    place[1].code = 403
    assert health(place, run) == ("RUNNING" if ours else "UNKNOWN")
