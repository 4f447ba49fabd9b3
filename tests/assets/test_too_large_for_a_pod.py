"""A document that needs more memory than any pod has stops no other, and ends in quarantine."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

from assets.context import StageContext
from assets.files.build import build_files
from assets.pages.build import build_pages
from io_managers.ends import FOLDER, OUT_OF_MEMORY, End, memory_class, note_end
from io_managers.publish import publish_staged
from resources.kubernetes.endings import Cause
from resources.lake.lake import Lake
from resources.settings import Settings
from resources.workers.tasks import Task, TaskResult
from sensors.scan import tick
from tests.crashes.in_process import InProcessWorkers, Killed
from tests.end_to_end.pdfs import plain

CLASSES = ("8Gi", "16Gi")
AT_ONCE = 3


class Pod(InProcessWorkers):
    """Three documents in hand at once; the kernel ends it where the hog is read."""

    def __init__(self, folder: Path, lake: Lake, notes: str, hog: str) -> None:
        super().__init__(folder)
        self.lake, self.notes, self.hog = lake, notes, hog
        self.left: dict[str, bytes] = {}

    def run(self, tasks: Iterable[Task]) -> Iterator[TaskResult]:
        tasks = iter(tasks)
        while some := list(itertools.islice(tasks, AT_ONCE)):
            if any(task.document == self.hog for task in some):
                names = self.lake.names(self.notes)
                self.left = {name: self.lake.get(f"{self.notes}/{name}") or b"" for name in names}
                raise Killed
            yield from super().run(some)


def pods_until_published(settings: Settings, batch: str, hog: str, run_id: str) -> list[str]:
    """The memory of each pod of a run's `pages` until one comes to its end."""
    lake, notes = Lake(settings.lake), f"{FOLDER}/pages/{batch}"
    used: list[str] = []
    while len(used) < 9:
        number = min(memory_class(lake, "pages", batch), len(CLASSES) - 1)
        used.append(CLASSES[number])
        pod = Pod(Path(settings.lake).parent / "spool", lake, notes, hog)
        context = StageContext(lake, settings, pod, batch, run_id)  # type: ignore[arg-type]
        try:
            publish_staged(lake, build_pages(context))
        except Killed:
            for name, note in pod.left.items():  # what a killed process leaves
                lake.put(f"{notes}/{name}", note)
            end = End(Cause.OOM, f"job-{run_id}-{len(used)}", number == len(CLASSES) - 1)
            note_end(lake, "pages", batch, end)
        else:
            break
    return used


def test_a_document_too_large_for_any_pod(settings: Settings, tmp_path: Path) -> None:
    for name in ("a", "b", "hog", "d", "e", "f", "g"):
        plain(Path(settings.landing) / f"{name}.pdf", 1, f"the document {name}")
    lake = Lake(settings.lake)
    (batch,) = tick(lake, settings, [settings.landing], linger=False).batches
    (tmp_path / "spool").mkdir()
    files = InProcessWorkers(tmp_path / "spool")
    publish_staged(lake, build_files(StageContext(lake, settings, files, batch, "r0")))  # type: ignore[arg-type]
    names = dict(lake.read("files").select("file_name", "doc_id").iter_rows())
    hog = names["hog.pdf"]

    ran = [pods_until_published(settings, batch, hog, f"r{number}") for number in (1, 2, 3, 4)]
    # Once more with more memory, once alone, and then it is known; after that it begins alone.
    assert ran == [["8Gi", "16Gi", "16Gi", "16Gi"], ["16Gi"] * 2, ["16Gi"] * 2, ["8Gi"]]
    status = dict(lake.read("pages").select("doc_id", "status").iter_rows())
    assert {n for n, doc_id in names.items() if status[doc_id] != "ok"} == {"hog.pdf"}
    (failure,) = lake.read("failures").to_dicts()
    assert (failure["doc_id"], failure["error_class"]) == (hog, "memory")
    assert (failure["attempts"], failure["quarantined"]) == (3, True)
    assert failure["error"].startswith(OUT_OF_MEMORY)
    assert lake.names(f"{FOLDER}/pages/{batch}") == []
