"""One document's slices run on every worker at once, and their time is booked as all workers'."""

from __future__ import annotations

from pathlib import Path

from assets.context import StageContext
from assets.pages.build import SLICE_PAGES
from assets.slices import Job, read_in_slices
from assets.versions import stage_version
from io_managers.stage_run import StageRun
from resources.lake.lake import Lake
from resources.landing.uris import uri_of
from resources.settings import Settings
from sensors.batching import SLICE_PAGES as PREDICTED_SLICE_PAGES
from tests.resources.workers.running import ENGINES, a_pool


def test_slices_of_one_document_run_on_all_workers_at_once(
    lake: Lake, settings: Settings, tmp_path: Path
) -> None:
    book = tmp_path / "book.pdf"
    book.write_bytes(b"%PDF-1.7\n%%EOF\n")
    pages = range(1, 3_001, 50)
    slow = {str(page): "wait 0.05" for page in pages}
    with a_pool(workers=2, page_timeout=30.0) as pool:
        context = StageContext(lake, settings, pool, "b00000001", "r1")
        run = StageRun(lake, stage_version("pages", settings), "b00000001", "r1")
        job = Job("book", uri_of(str(book)), None, pages, {"faults": slow})
        done: dict[int, list[int]] = {}
        for result in read_in_slices(context, run, f"{ENGINES}:pages", [job], 10):
            for record, _ in result.records():
                done.setdefault(record["pid"], []).append(record["page_number"])
    assert sorted(page for found in done.values() for page in found) == list(pages)
    assert len(done) == 2
    assert min(len(found) for found in done.values()) >= 10
    assert run.work.spent.worker_seconds >= 60 * 0.02


def test_predictions_cut_documents_as_the_pages_stage_does() -> None:
    assert PREDICTED_SLICE_PAGES == SLICE_PAGES
