"""How pods are lost, and what follows: memory, no place, no GPU, the run's own pod."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from resources.kubernetes.settings import bytes_of
from tests.cluster.container import skip_without_containers
from tests.cluster.deployment import Deployment
from tests.cluster.faults import BATCH, STAGE, Faults
from tests.cluster.nodes import GPU, Node
from tests.cluster.objects import Pod, Stay
from tests.cluster.pdfs import few
from tests.cluster.postgres import Postgres
from tests.cluster.quire import MODELS, QuireOn, findings, make_data, quire_on, run_locally
from tests.cluster.saying_model import make_saying_model
from tests.cluster.small import nodes_of, until
from tests.end_to_end.pdfs import endless_page, plain
from tests.tiny_model import skip_without_models

pytestmark = pytest.mark.slow
_RUN = "dagster-run-"


@pytest.fixture(autouse=True)
def _needs() -> None:
    skip_without_containers()


def memory(stay: Stay) -> int:
    (container,) = stay.spec["containers"]
    return bytes_of(container["resources"]["limits"]["memory"])


def of(quire: QuireOn, stage: str) -> list[Stay]:
    return [stay for stay in quire.stays if stay.labels[STAGE] == stage]


def said(deployment: Deployment, words: str) -> list[str]:
    """Lines of all runs that hold some words."""
    lines = [line for run in deployment.runs() for line in deployment.events(run.run_id)]
    return [line for line in lines if words in line]


def test_a_pod_out_of_memory_is_tried_once_more_with_a_larger_one(
    tmp_path: Path, postgres: Postgres
) -> None:
    data = make_data(tmp_path / "data", few(tmp_path / "pdfs"))
    with quire_on(tmp_path / "cluster", postgres, data) as quire:
        faults = Faults(quire.deployment.cluster)
        faults.once(
            lambda pod: pod.labels.get(STAGE) == "pages",
            quire.deployment.cluster.oom,
            ready=lambda pod: bool(quire.lake.names(f"_quire/epochs/pages/{pod.labels[BATCH]}")),
        )
        quire.wait(1, 400)
        assert said(quire.deployment, "its pod was killed for more memory than 4Gi"), quire.told()
    first, second = of(quire, "pages")
    assert (first.how, second.how) == ("OOMKilled", "Completed")
    assert memory(second) == 2 * memory(first)
    assert {memory(stay) for stay in quire.stays if stay is not second} == {memory(first)}
    (failed,) = quire.lake.read("failures")["error_class"].unique()
    assert failed == "corrupt"
    assert findings(quire.lake) == []


def test_a_document_that_no_pod_has_memory_for_is_quarantined(
    tmp_path: Path, postgres: Postgres
) -> None:
    pdfs = tmp_path / "pdfs"
    pdfs.mkdir()
    plain(pdfs / "small.pdf", 2)
    endless_page(pdfs / "greedy.pdf", 2, 1)
    data = make_data(tmp_path / "data", pdfs)
    with quire_on(tmp_path / "cluster", postgres, data) as quire:
        faults = Faults(quire.deployment.cluster)

        claimed: dict[str, list[str]] = {}

        def reads_pages(pod: Pod) -> bool:
            if pod.labels.get(STAGE) != "pages":
                return False
            claimed[pod.name] = quire.lake.names(f"_quire/epochs/pages/{pod.labels[BATCH]}")
            return True

        def greedy_in_hand(pod: Pod) -> bool:
            """Whether this pod has noted that it has the document in hand."""
            lake, batch = quire.lake, pod.labels[BATCH]
            ours = set(lake.names(f"_quire/epochs/pages/{batch}")) - set(claimed[pod.name])
            notes = [lake.get(f"_quire/intents/pages/{batch}/{epoch}.json") for epoch in ours]
            rows = lake.read("files", ["doc_id", "file_name"]).to_dicts()
            (greedy,) = (row["doc_id"] for row in rows if row["file_name"] == "greedy.pdf")
            return any(greedy in json.loads(note)["documents"] for note in notes if note)

        blow = quire.deployment.cluster.oom
        faults.once(reads_pages, blow, ready=greedy_in_hand, times=99)
        for runs in (1, 2, 3):
            until(lambda runs=runs: len(quire.deployment.runs()) >= runs, 120)  # type: ignore[misc]
            quire.wait(1, 400)
            run_locally(tmp_path / "here", data, "retry", "greedy.pdf", "--json")
            if _quarantined(quire):
                break
        sizes = [memory(stay) // 2**30 for stay in of(quire, "pages")]
    assert _quarantined(quire) == [("memory", True)], quire.told()
    assert sizes[:2] == [4, 8]
    assert set(sizes[1:]) == {8}  # what is known to be too large is not tried in less again
    rows = quire.lake.read("files").join(quire.lake.read("docs"), on="doc_id")
    assert dict(rows.select("file_name", "status_right").iter_rows())["small.pdf"] == "ok"
    assert findings(quire.lake) == []


def _quarantined(quire: QuireOn) -> list[tuple[str, bool]]:
    rows = quire.lake.read("failures", ["stage", "error_class", "quarantined"]).to_dicts()
    return [
        (row["error_class"], True) for row in rows if row["stage"] == "pages" and row["quarantined"]
    ]


def test_a_run_whose_pod_is_killed_is_resumed(tmp_path: Path, postgres: Postgres) -> None:
    data = make_data(tmp_path / "data", few(tmp_path / "pdfs"))
    with quire_on(tmp_path / "cluster", postgres, data) as quire:
        faults = Faults(quire.deployment.cluster)
        faults.once(
            lambda pod: pod.name.startswith(_RUN),
            quire.deployment.cluster.preempt,
            ready=lambda _: bool(of(quire, "pages")),
        )
        quire.wait(1, 400)
        (run,) = quire.deployment.runs()
        assert run.is_success, quire.told()
        stays = [stay for stay in quire.deployment.cluster.stays if stay.pod.startswith(_RUN)]
        until(lambda: stays[-1].ended is not None)
    assert [stay.how for stay in stays] == ["Preempted", "Completed"]
    assert [stay.labels[STAGE] for stay in quire.stays if stay.how == "Completed"] == [
        "files", "pages", "images", "docs", "summaries", "evals",
    ]  # fmt: skip
    assert findings(quire.lake) == []


@pytest.mark.models
def test_a_step_that_gets_no_gpu_says_so_and_goes_on_when_there_is_one(
    tmp_path: Path, postgres: Postgres
) -> None:
    skip_without_models()
    make_saying_model(tmp_path / "weights" / "tiny")
    data = make_data(tmp_path / "data", few(tmp_path / "pdfs"))
    nodes = nodes_of()
    gpu: Node = nodes.pop("gpu-0")
    settings = {
        "QUIRE_SUMMARISER": "transformers",
        "QUIRE_MODEL": f"{MODELS}/tiny",
        "QUIRE_SUMMARY_TOKENS": "16",
    }
    with quire_on(
        tmp_path / "cluster", postgres, data,
        settings=settings, models=tmp_path / "weights", nodes=nodes, pods={"pending_seconds": 6},
    ) as quire:  # fmt: skip
        cluster = quire.deployment.cluster
        until(lambda: said(quire.deployment, "its pod waited over 6 s"), 300, every=1)
        (line, *_) = said(quire.deployment, "its pod waited over 6 s")
        assert "Unschedulable" in line
        assert "raise pending_seconds in QUIRE_K8S" in line
        assert of(quire, "summaries") == []
        with cluster.lock:
            cluster.nodes["gpu-0"] = gpu
        quire.wait(1, 400)
        time.sleep(1)
        waiting = [pod for pod in cluster.pods.values() if pod.phase == "Pending"]
    assert waiting == []
    (stay,) = of(quire, "summaries")
    assert (stay.node, stay.how) == ("gpu-0", "Completed")
    assert stay.spec["containers"][0]["resources"]["limits"][GPU] == "1"
    assert findings(quire.lake) == []
