"""`QUIRE_KEEP_SOURCES=on`: once taken, documents need the landing zone no more."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from assets.context import StageContext
from assets.images.build import build_images
from assets.pages.build import build_pages
from io_managers.publish import publish_staged
from resources.lake.lake import Lake
from resources.samples import recipe
from resources.settings import Settings
from tests.crashes.in_process import InProcessWorkers, ingest
from tests.end_to_end.pdfs import plain
from tests.end_to_end.running import make_place
from tests.lakes import lake_in_bucket
from tests.object_store import ObjectStore

BATCH = "b00000001"


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("where", ["folder", "bucket"])
def test_a_new_version_reads_what_the_lake_keeps(
    settings: Settings, tmp_path: Path, request: pytest.FixtureRequest, where: str, *, keep: bool
) -> None:
    settings = replace(settings, layout=False, ocr="off", gate="off", keep_sources=keep)
    if where == "bucket":
        store: ObjectStore = request.getfixturevalue("s3")
        lake = lake_in_bucket(store)
        settings = replace(settings, lake=lake.root, storage_options=lake.storage_options)
    lake = Lake(settings.lake, settings.storage_options)
    landing = Path(settings.landing)
    (landing / "a.pdf").write_bytes(recipe.recipe())
    plain(landing / "b.pdf")
    shutil.copy(landing / "b.pdf", landing / "copy of b.pdf")
    (tmp_path / "spool").mkdir()
    workers = InProcessWorkers(tmp_path / "spool")
    ingest(settings, workers)
    assert len(lake.find("_sources")) == (2 if keep else 0)
    before = lake.read("images").height
    for pdf in landing.glob("*.pdf"):
        pdf.unlink()

    newer = replace(settings, ocr="rapidocr", keep_scans=True)
    context = StageContext(lake, newer, workers, BATCH, "later")  # type: ignore[arg-type]
    for build in (build_pages, build_images):
        publish_staged(lake, build(context))
    rows = lake.read("pages").filter(pl.col("status") == "ok")
    assert rows.height
    assert {"rapidocr" in version for version in rows["version"]} == {keep}
    assert lake.read("images").height == before
    assert lake.read("failures").is_empty()  # rows whose source is gone stay as they are


@pytest.mark.parametrize("keep", ["on", pytest.param("off", marks=pytest.mark.slow)])
def test_people_still_see_the_pages(tmp_path: Path, keep: str) -> None:
    place = make_place(tmp_path / "place", keep_sources=keep, layout="off", ocr="off")
    plain(place.landing / "a.pdf")
    assert place.ingest()[0] == 0
    (place.landing / "a.pdf").unlink()
    code, _, err = place.run("report", "a.pdf", "--out", str(tmp_path / "a.html"))
    assert code == 0, err
    told = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert ("data:image/jpeg" in told) is (keep == "on")
    code, out, err = place.run("audit", "--deep")
    assert code == 0, (out, err)
