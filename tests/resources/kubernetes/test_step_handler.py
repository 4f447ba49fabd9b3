"""A Job that is in the way of a step is told from one that does its work.

What else the handler does is shown on a whole cluster, in `tests/cluster`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("dagster_k8s", reason="needs the extra k8s: pip install 'quire[k8s]'")

from resources.kubernetes.step_handler import QuireStepHandler
from resources.settings import Settings
from tests.resources.kubernetes.job_statuses import JobStatuses, serving, write_kubeconfig

Place = tuple[QuireStepHandler, JobStatuses]


@pytest.fixture
def place(tmp_path: Path, settings: Settings) -> Iterator[Place]:
    with serving() as statuses:
        kubeconfig = write_kubeconfig(tmp_path, statuses)
        handler = QuireStepHandler(
            settings, load_incluster_config=False, kubeconfig_file=str(kubeconfig)
        )
        yield handler, statuses


def test_the_failed_job_of_a_run_pod_that_died_makes_room(place: Place) -> None:
    handler, statuses = place
    statuses.by_name["step"] = {"failed": 1}
    assert handler._make_room("step", "quire")
    assert statuses.by_name == {}


def test_a_job_that_works_is_left_to_its_work(place: Place) -> None:
    handler, statuses = place
    statuses.by_name["step"] = {"active": 1}
    assert not handler._make_room("step", "quire")
    assert statuses.by_name == {"step": {"active": 1}}


def test_a_job_that_was_deleted_is_waited_for(place: Place) -> None:
    handler, _ = place
    assert handler._make_room("step", "quire")
