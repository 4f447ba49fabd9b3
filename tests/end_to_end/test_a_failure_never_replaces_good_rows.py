"""A failure never replaces good rows of the same document: every stage, from the file to a summary.

Workers do their tasks in this process; tasks of some functions are made to fail, as a newer parser
or model would. What a stage keeps, and how often it tries, is in `tests/io_managers`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pymupdf
import pytest
from PIL import Image

from assets.context import StageContext
from assets.docs import version as docs_version
from assets.files import version as files_version
from assets.images import version as images_version
from assets.pages import version as pages_version
from assets.summaries import version as summaries_version
from io_managers.publish import publish_staged
from io_managers.schemas import STAGES
from io_managers.versions import accepted_version
from resources.errors import ErrorClass
from resources.lake.audit import audit
from resources.lake.batches import retryable_batches
from resources.lake.lake import Lake
from resources.lake.states import LakeStates
from resources.samples.pictures import png
from resources.settings import Settings
from resources.workers.tasks import Task, TaskFailure, TaskResult, failed
from tests.crashes.in_process import BUILDS, InProcessWorkers, ingest
from tests.end_to_end.pdfs import plain

VERSIONS = {
    "files": files_version,
    "pages": pages_version,
    "images": images_version,
    "docs": docs_version,
    "summaries": summaries_version,
}


class Failing(InProcessWorkers):
    """Tasks of one stage's function run out of time."""

    stage = ""

    def run(self, tasks: Iterable[Task]) -> Iterator[TaskResult]:
        for task in tasks:
            if self.stage and task.function.startswith(f"assets.{self.stage}"):
                yield failed(task, TaskFailure(ErrorClass.TIMEOUT, "no progress"), task.units)
            else:
                yield from super().run([task])


@pytest.fixture
def place(settings: Settings, tmp_path: Path) -> tuple[Settings, Failing]:
    """A finished document of two pages, of which one has a picture."""
    settings = replace(settings, layout=False, ocr="off", gate="off")
    path = Path(settings.landing) / "a.pdf"
    plain(path, 2)
    with pymupdf.open(path) as document:
        image = png(Image.effect_noise((300, 200), 80))
        document[0].insert_image(pymupdf.Rect(72, 300, 372, 500), stream=image)
        document.saveIncr()
    (tmp_path / "spool").mkdir()
    workers = Failing(tmp_path / "spool")
    ingest(settings, workers)
    return settings, workers


def rows(lake: Lake) -> dict[str, list[tuple[object, ...]]]:
    """What readers see of every stage, without what tells when it was made."""
    passing = ("elapsed_ms", "ingested_at", "blocks")
    return {
        stage: sorted(lake.read(stage).drop(passing, strict=False).rows(), key=str)
        for stage in (*STAGES, "image_data")
    }


@pytest.mark.parametrize("stage", STAGES)
def test_a_newer_version_that_fails_leaves_the_rows_before(
    place: tuple[Settings, Failing], stage: str
) -> None:
    settings, workers = place
    lake = Lake(settings.lake)
    before = rows(lake)
    assert lake.read("images").height == lake.read("image_data").height == 1
    workers.stage = stage
    with mock.patch.object(VERSIONS[stage], "REVISION", 99):
        for n in (1, 2, 3):
            again(settings, workers)
            assert rows(lake) == before
            failures = lake.read("failures")
            assert set(failures["stage"]) == {stage}
            assert set(failures["attempts"]) == {n}
            assert set(failures["quarantined"]) == {n == 3}
            assert audit(lake) == []
        assert retryable_batches(lake) == []
        tables = {name: lake.open(name).version() for name in STAGES}  # type: ignore[union-attr]
        again(settings, workers)  # not for ever
        assert {n: lake.open(n).version() for n in STAGES} == tables  # type: ignore[union-attr]
        assert LakeStates(lake).documents["state"].to_list() == ["quarantined"]
        said = LakeStates(lake).documents["error"][0]
        assert said.endswith("made of it stay")
        assert f"{stage}-r" in said
        assert accepted_version(lake, stage) == failures["version"][0]


def again(settings: Settings, workers: Failing) -> None:
    """One run of the only batch."""
    lake = Lake(settings.lake)
    context = StageContext(lake, settings, workers, "b00000001", str(uuid.uuid4()))  # type: ignore[arg-type]
    for build in BUILDS:
        publish_staged(lake, build(context))
