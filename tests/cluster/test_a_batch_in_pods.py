"""One batch, every stage a pod of its own, and one pod lost: its tables are a local run's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from resources.lake.lake import Lake
from tests.cluster.container import skip_without_containers
from tests.cluster.faults import BATCH, STAGE, Faults
from tests.cluster.objects import Pod
from tests.cluster.pdfs import few
from tests.cluster.postgres import Postgres
from tests.cluster.quire import STAGES, findings, make_data, quire_on, run_locally, tables_of
from tests.cluster.small import until

pytestmark = pytest.mark.xdist_group("cluster")


def test_a_batch_in_pods_of_which_one_is_lost(tmp_path: Path, postgres: Postgres) -> None:
    skip_without_containers()
    pdfs = few(tmp_path / "pdfs")
    data = make_data(tmp_path / "data", pdfs)
    local = make_data(tmp_path / "local", pdfs)
    with (
        ThreadPoolExecutor() as beside,
        quire_on(tmp_path / "cluster", postgres, data) as quire,
    ):
        here = beside.submit(run_locally, tmp_path / "here", local, "ingest", "--json")
        faults = Faults(quire.deployment.cluster)

        def begun(pod: Pod) -> bool:
            return bool(quire.lake.names(f"_quire/epochs/pages/{pod.labels[BATCH]}"))

        faults.once(
            lambda pod: pod.labels.get(STAGE) == "pages",
            quire.deployment.cluster.preempt,
            ready=begun,
        )
        assert here.result()[0] == 3
        quire.wait(1, 240)
        runs = quire.deployment.runs()
        assert [run.is_success for run in runs] == [True], quire.told()
        (run,) = runs
        said = [line for line in quire.deployment.events(run.run_id) if "preempted" in line]
        assert said, quire.told()
        until(lambda: all(stay.ended for stay in quire.stays))
    ends = [(stay.labels[STAGE], stay.how) for stay in quire.stays]
    assert ends == [
        ("files", "Completed"), ("pages", "Preempted"), ("pages", "Completed"),
        ("images", "Completed"), ("docs", "Completed"), ("summaries", "Completed"),
        ("evals", "Completed"),
    ]  # fmt: skip
    assert {stay.node for stay in quire.stays} == {"cpu-0"}
    assert {stay.labels["quire/class"] for stay in quire.stays} == {"cpu"}
    assert {stay.labels[BATCH] for stay in quire.stays} == {"b00000001"}
    assert tables_of(quire.lake) == tables_of(Lake(str(local / "lake")))
    assert findings(quire.lake) == findings(Lake(str(local / "lake"))) == []
    assert all(quire.lake.read(stage).height for stage in STAGES)
