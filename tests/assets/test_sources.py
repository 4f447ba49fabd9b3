"""Stages over a bucket: each reads the bytes that were ingested, or says that they are gone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assets.context import StageContext
from assets.files.build import build_files
from assets.pages.build import SLICE_PAGES, build_pages
from io_managers.publish import publish_staged
from resources.lake.lake import Lake
from resources.settings import Settings
from resources.workers.tasks import Task, TaskResult
from sensors.scan import tick
from tests.crashes.in_process import InProcessWorkers
from tests.end_to_end.pdfs import plain
from tests.object_store import ObjectStore


class Watched(InProcessWorkers):
    """Workers that note the paths they were given and what lies beside them meanwhile."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.paths: list[str] = []
        self.most = 0

    def run(self, tasks: Iterable[Task]) -> Iterator[TaskResult]:
        def noted() -> Iterator[Task]:
            for task in tasks:
                path = Path(task.payload["path"])
                self.paths.append(str(path))
                self.most = max(self.most, len(list(path.parent.glob("*.pdf"))))
                yield task

        yield from super().run(noted())


def test_pages_are_of_the_bytes_that_were_ingested(
    s3: ObjectStore, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    bucket = s3.bucket()
    n_pages = SLICE_PAGES + 1
    for name in ("changed.pdf", "gone.pdf", *(f"kept-{n}.pdf" for n in range(9))):
        plain(tmp_path / name, n_pages if name == "kept-0.pdf" else 1, name)
        s3.put(bucket, {name: (tmp_path / name).read_bytes()})
    settings = replace(
        settings, landing=f"s3://{bucket}", storage_options=s3.storage_options, layout=False
    )
    lake = Lake(settings.lake)
    (batch,) = tick(lake, settings, [settings.landing], linger=False).batches
    (tmp_path / "spool").mkdir()
    workers = Watched(tmp_path / "spool")
    context = StageContext(lake, settings, workers, batch, "run")  # type: ignore[arg-type]
    publish_staged(lake, build_files(context))
    s3.client.delete_object(Bucket=bucket, Key="gone.pdf")
    plain(tmp_path / "other.pdf", 1, "altogether other")
    s3.put(bucket, {"changed.pdf": (tmp_path / "other.pdf").read_bytes()})

    workers.paths.clear()
    publish_staged(lake, build_pages(context))
    names = dict(lake.read("files").select("doc_id", "file_name").iter_rows())
    pages = lake.read("pages").to_dicts()
    failed = {names[p["doc_id"]]: p["error_class"] for p in pages if p["status"] == "failed"}
    assert failed == {"gone.pdf": "source_missing", "changed.pdf": "source_changed"}
    good = [page for page in pages if page["status"] == "ok"]
    assert len(good) == n_pages + 8
    assert all(names[page["doc_id"]] in page["text"] for page in good)
    # The slices of the long one share a copy; each copy went with its last page.
    assert len(workers.paths) == 10
    assert len(set(workers.paths)) == 9
    assert workers.most < 9
    assert not [path for path in workers.paths if Path(path).exists()]
