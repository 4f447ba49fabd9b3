"""Pages that need OCR while it is off: told once, not tried again, read when it is on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from assets.context import StageContext
from assets.files.build import build_files
from assets.pages.build import build_pages
from io_managers.publish import publish_staged
from resources.lake.lake import Lake
from resources.samples import scans
from resources.settings import Settings
from sensors.scan import tick
from tests.crashes.in_process import InProcessWorkers
from tests.end_to_end.pdfs import plain


def test_a_scan_without_ocr_is_in_quarantine_after_one_run(
    settings: Settings, tmp_path: Path
) -> None:
    settings = replace(settings, ocr="off", gate="off")
    plain(Path(settings.landing) / "text.pdf", 1, "a page with a text layer")
    (Path(settings.landing) / "scan.pdf").write_bytes(scans.clean_scan())
    lake = Lake(settings.lake)
    (batch,) = tick(lake, settings, [settings.landing], linger=False).batches
    (tmp_path / "spool").mkdir()
    workers = InProcessWorkers(tmp_path / "spool")

    def run(run_id: str, settings: Settings) -> dict[str, int]:
        context = StageContext(lake, settings, workers, batch, run_id)  # type: ignore[arg-type]
        publish_staged(lake, build_files(context))
        staged = build_pages(context)
        publish_staged(lake, staged)
        return dict(staged.counts)

    n_pages = run("r1", settings)["pages"] - 1
    failures = lake.read("failures")
    assert failures.height == n_pages > 0
    assert set(failures.select("error_class", "attempts", "quarantined").iter_rows()) == {
        ("ocr_failed", 1, True)
    }
    assert run("r2", settings).get("pages", 0) == 0  # nothing is read again
    assert lake.read("failures").height == n_pages

    assert run("r3", replace(settings, ocr="rapidocr"))["pages"] == n_pages + 1
    assert lake.read("failures").is_empty()
    assert set(lake.read("pages")["status"]) == {"ok"}
