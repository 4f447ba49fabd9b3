"""What a run and a step cost on Kubernetes when they do nothing: Dagster's own, and processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from resources.settings import REPOSITORY_ROOT
from tests.cluster.container import skip_without_containers
from tests.cluster.deployment import deployed
from tests.cluster.postgres import Postgres
from tests.cluster.small import small_cluster, until

DEFINITIONS = REPOSITORY_ROOT / "tests" / "cluster" / "counting_pods.py"
STEPS = ["first", "second", "third"]


@pytest.mark.slow
def test_three_steps_that_do_nothing(
    tmp_path: Path, postgres: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    skip_without_containers()
    settings = {"DAGSTER_DISABLE_TELEMETRY": "yes"}
    with (
        small_cluster(tmp_path / "cluster") as small,
        deployed(small, postgres, DEFINITIONS, settings) as place,
    ):
        until(place.runs, 60)
        until(lambda: place.runs()[0].is_finished, 180)
        (run,) = place.runs()
        until(lambda: all(stay.ended for stay in small.cluster.stays[2:]))
        assert run.is_success, place.events(run.run_id)
        logged = place.instance.all_logs(run.run_id)
        assert small.api.unanswered == small.api.refused == []
    stays = [stay for stay in small.cluster.stays if "job-name" in stay.labels]
    assert [stay.labels.get("dagster/op") for stay in stays] == [None, *STEPS]
    assert [stay.node for stay in stays] == ["control-0", "cpu-0", "cpu-0", "cpu-0"]
    took = logged[-1].timestamp - logged[0].timestamp
    pods = [(stay.ended or 0.0) - stay.began for stay in stays[1:]]
    with capsys.disabled():
        sys.stdout.write(
            f"\na run of three steps: {took:.1f} s; their pods: "
            f"{', '.join(f'{seconds:.1f}' for seconds in pods)} s; load {os.getloadavg()[0]:.1f}\n"
        )
