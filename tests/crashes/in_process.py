"""The whole pipeline in this process, without Dagster: quick enough for hundreds of runs.

Workers are replaced by calls of the same functions, writing the same spool files; a crash point
raises `Killed` instead of ending the process. Real kills are in the other tests of this folder.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from assets.context import StageContext
from assets.docs.build import build_docs
from assets.files.build import build_files
from assets.images.build import build_images
from assets.pages.build import build_pages
from assets.summaries.build import build_summaries
from io_managers.publish import publish_staged
from resources import crash_points
from resources.errors import MAX_ATTEMPTS, ErrorClass
from resources.lake.batches import retryable_batches, unfinished_batches
from resources.lake.lake import Lake
from resources.settings import Settings
from resources.workers.child import run_task
from resources.workers.spent import Spent
from resources.workers.spool import ProgressFile, pack_payload
from resources.workers.tasks import Task, TaskFailure, TaskResult, failed
from sensors.scan import tick

BUILDS = (build_files, build_pages, build_images, build_docs, build_summaries)


class Killed(BaseException):
    """The process would be gone."""


class InProcessWorkers:
    """Does each task here and now; pages of documents that are failing time out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failing: set[str] = set()
        self.number = 0
        self.spent = Spent()

    def run(self, tasks: Iterable[Task]) -> Iterator[TaskResult]:
        for task in tasks:
            if task.function.startswith("assets.pages") and task.document in self.failing:
                yield failed(task, TaskFailure(ErrorClass.TIMEOUT, "no progress"), task.units)
                continue
            self.number += 1
            spool = str(self.folder / f"{self.number}.spool")
            progress = ProgressFile(f"{spool}-progress")
            packed = pack_payload(task.payload, f"{spool}-payload")
            told = run_task(task.function, packed, spool, progress.path)
            progress.close()
            if told is None:
                yield TaskResult(task, spool)
            else:
                failure = TaskFailure(ErrorClass(told["error_class"]), told["error"])
                yield failed(task, failure, task.units)


def ingest(settings: Settings, workers: Any) -> None:
    """Take what lies in the landing zone, and run until nothing more can be mended."""
    lake = Lake(settings.lake, settings.storage_options)
    tick(lake, settings, [settings.landing], linger=False)
    for _ in range(MAX_ATTEMPTS):
        todo = {*unfinished_batches(lake), *retryable_batches(lake, at_once=True)}
        for batch in sorted(todo):
            context = StageContext(lake, settings, workers, batch, str(uuid.uuid4()))
            for build in BUILDS:
                publish_staged(lake, build(context))


@contextmanager
def killed_at(point: str) -> Iterator[None]:
    """Within it, reaching the point raises `Killed`."""

    def kill(pid: int, number: int) -> None:
        raise Killed

    crash_points._reached.clear()
    with (
        mock.patch.dict(os.environ, {crash_points.VARIABLE: point}),
        mock.patch.object(os, "kill", kill),
    ):
        yield
