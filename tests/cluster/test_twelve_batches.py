"""Twelve batches on 4 CPU and 2 GPU slots, with pods lost at random: nothing is lost or doubled."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from resources.lake.lake import Lake
from tests.cluster.container import skip_without_containers
from tests.cluster.faults import BATCH, STAGE, Faults
from tests.cluster.nodes import GPU
from tests.cluster.objects import Stay
from tests.cluster.pdfs import many
from tests.cluster.postgres import Postgres
from tests.cluster.quire import (
    MODELS,
    STAGES,
    findings,
    make_data,
    quire_on,
    run_locally,
    tables_of,
)
from tests.cluster.saying_model import SUMMARY, make_saying_model
from tests.cluster.small import GPU_IMAGE
from tests.tiny_model import skip_without_models

BATCHES = 12
SHARE = 0.2


def most_at_once(stays: Iterable[Stay]) -> int:
    """The greatest number of pods that were there at the same time."""
    moments = [(stay.began, 1) for stay in stays] + [(stay.ended or 1e12, -1) for stay in stays]
    now = most = 0
    for _, change in sorted(moments):
        now += change
        most = max(most, now)
    return most


@pytest.mark.slow
@pytest.mark.models
def test_twelve_batches_with_a_fifth_of_all_pods_killed(
    tmp_path: Path, postgres: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    skip_without_containers()
    skip_without_models()
    weights = tmp_path / "weights"
    make_saying_model(weights / "tiny")
    pdfs = many(tmp_path / "pdfs", 2 * BATCHES)
    settings = {
        "QUIRE_SUMMARISER": "transformers",
        "QUIRE_MODEL": f"{MODELS}/tiny",
        "QUIRE_SUMMARY_TOKENS": "16",
        "QUIRE_BATCH_MAX_DOCS": "2",
        "OMP_NUM_THREADS": "1",
    }
    data = make_data(tmp_path / "data", pdfs)
    with quire_on(
        tmp_path / "cluster", postgres, data,
        settings=settings, models=weights,
        before=lambda small: Faults(small.cluster).at_random(SHARE, 12, (0.5, 12.0)),
    ) as quire:  # fmt: skip
        quire.wait(BATCHES, 2_400)
    stays = quire.deployment.cluster.stays
    lost = [stay for stay in stays if stay.how == "Preempted"]
    ours = [stay for stay in stays if "job-name" in stay.labels]
    steps = quire.stays
    with capsys.disabled():
        sys.stdout.write(f"\n{len(ours)} pods, {len(lost)} of them killed\n")
    assert len(lost) >= 0.1 * len(ours)
    on_gpu = [stay for stay in steps if stay.node == "gpu-0"]
    assert {stay.labels[STAGE] for stay in on_gpu} == {"summaries"}
    assert {stay.node for stay in steps if stay.labels[STAGE] == "summaries"} == {"gpu-0"}
    assert all(_gpus(stay) == (stay.node == "gpu-0") for stay in steps)
    assert {stay.spec["containers"][0]["image"] for stay in on_gpu} == {GPU_IMAGE}
    assert most_at_once(on_gpu) == 2
    assert most_at_once([stay for stay in steps if stay.node == "cpu-0"]) <= 4
    assert len({stay.labels[BATCH] for stay in on_gpu}) == BATCHES
    local = make_data(tmp_path / "local", pdfs)
    code, _ = run_locally(
        tmp_path / "here", local, "ingest", "--json",
        settings=settings, models=weights, timeout=1_800,
    )  # fmt: skip
    assert code == 3
    here = Lake(str(local / "lake"))
    assert tables_of(quire.lake) == tables_of(here)
    assert findings(quire.lake) == findings(here)
    _nothing_doubled(quire.lake)
    assert set(quire.lake.read("summaries")["summary"].drop_nulls()) == {SUMMARY}


def _gpus(stay: Stay) -> int:
    (container,) = stay.spec["containers"]
    return int(container["resources"]["limits"].get(GPU, 0))


def _nothing_doubled(lake: Lake) -> None:
    from io_managers.schemas import TABLES

    for name, schema in TABLES.items():
        rows = lake.read(name)
        assert rows.select(schema.key).is_duplicated().sum() == 0, name
    for stage in STAGES:
        assert lake.read(stage)["version"].n_unique() == 1
