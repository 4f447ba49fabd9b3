"""Pages as pictures: which ones, the same each time, and only of text that can be seen."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pymupdf
import pytest
from PIL import Image

from assets.evals.pictures import Picture, make_pictures, one_each
from assets.evals.sampling import SampledPage, body_of, furniture_of, sample_pages
from resources.lake.lake import Lake
from resources.settings import Settings
from resources.workers.pool import WorkerPool
from tests.assets.evals.real_pages import (
    BATCH,
    commented,
    covered,
    english,
    german,
    invisible,
    lake_of,
    make,
    pages_of,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def lake(place: Path) -> Lake:
    long = make(place / "long.pdf", [english] * 9)
    other = make(place / "other.pdf", [german, english])
    odd = make(place / "odd.pdf", [covered, invisible, commented])
    return lake_of(place / "lake", {BATCH: [long, other], "b00000002": [odd]})


@pytest.fixture(scope="module")
def workers() -> Iterator[WorkerPool]:
    pool = WorkerPool(2, 4096, 60, 600)
    yield pool
    pool.close()


def names(pages: list[SampledPage]) -> list[str]:
    return [page.name for page in pages]


def test_the_same_pages_are_chosen_each_time_and_more_come_after_them(lake: Lake) -> None:
    four = sample_pages(lake, BATCH, n=4)
    assert names(four) == names(sample_pages(lake, BATCH, n=4))
    assert len(four) == len(set(names(four))) == 4
    assert names(sample_pages(lake, BATCH, n=100))[:4] == names(four)
    assert len(sample_pages(lake, BATCH, n=100)) == 11


def test_documents_and_languages_take_turns(lake: Lake) -> None:
    two = sample_pages(lake, BATCH, n=2)
    assert {page.language for page in two} == {"de", "en"}
    three = sample_pages(lake, BATCH, n=3)
    assert len({page.doc_id for page in three}) == 2


def test_a_share_of_nothing_reads_no_text_and_of_all_takes_all(lake: Lake) -> None:
    assert sample_pages(lake, BATCH, share=0.0) == []
    assert len(sample_pages(lake, BATCH, share=1.0)) == 11
    assert sample_pages(lake, "b00000099", share=1.0) == []


def test_a_lake_is_sampled_over_its_batches(lake: Lake) -> None:
    pages = sample_pages(lake, n=4)
    assert len(pages) == 4
    assert {page.batch for page in pages} == {BATCH, "b00000002"}


def test_pages_with_text_beside_the_page_are_no_truth(lake: Lake, place: Path) -> None:
    rows = pages_of(lake, place / "odd.pdf")
    assert rows.height == 3
    pages = sample_pages(lake, "b00000002", n=9)
    # The comment's page and the page with hidden text hold annotation blocks.
    assert [page.page_number for page in pages] == [1]


def test_what_a_sheet_of_white_covers_is_graded_by_nobody(
    lake: Lake, settings: Settings, workers: WorkerPool, tmp_path: Path
) -> None:
    made = make_pictures(sample_pages(lake, "b00000002", n=9), tmp_path, settings, workers)
    assert made.pictures == []
    (reason,) = made.left_out.values()
    assert "cannot be seen" in reason


def test_a_picture_is_one_page_of_the_same_size_with_no_text(
    lake: Lake, settings: Settings, workers: WorkerPool, tmp_path: Path
) -> None:
    pages = sample_pages(lake, BATCH, n=2)
    made = make_pictures(pages, tmp_path, settings, workers)
    assert made.left_out == {}
    kinds = [(page.name, kind) for page in pages for kind in ("clean", "degraded")]
    assert [(p.page.name, p.degradation) for p in made.pictures] == kinds
    for picture in made.pictures:
        with pymupdf.open(picture.path) as document:
            assert len(document) == 1
            assert document[0].get_text() == ""
            assert tuple(document[0].rect) == pytest.approx((0, 0, 595, 842), abs=1)
        assert picture.truth.startswith(("The keeper", "Der Leuchtturm"))
    clean, worn = (_pixels(picture) for picture in made.pictures[:2])
    assert clean.size == worn.size
    assert (
        len(worn.getcolors(256) or ()) > 100 > len(set(clean.crop((0, 1500, 800, 2000)).tobytes()))
    )


def _pixels(picture: Picture) -> Image.Image:
    with pymupdf.open(picture.path) as document:
        ((xref, *_),) = document[0].get_images()
        return Image.open(io.BytesIO(document.extract_image(xref)["image"]))


def test_headers_and_page_numbers_are_left_out_in_whatever_order_they_are_read() -> None:
    blocks = [
        {"kind": "header", "text": "The Annual Report"},
        {"kind": "header", "text": "March 2024"},
        {"kind": "text", "text": "The annual sum is 7."},
        {"kind": "footer", "text": "3 / 64"},
    ]
    furniture = furniture_of(blocks)
    layer = "The Annual Report\nMarch 2024\nThe annual sum is 7.\n3 / 64"
    read = "March 2024 The Annual Report\nThe annual sum is 7.\n3/64\n"
    assert body_of(layer, furniture) == body_of(read, furniture) == "The annual sum is 7."
    assert body_of("No header.\n\n12", frozenset()) == "No header."


def test_wear_is_the_same_in_each_run_unless_a_seed_is_given(
    lake: Lake, settings: Settings, workers: WorkerPool, tmp_path: Path
) -> None:
    pages = sample_pages(lake, BATCH, n=1)

    def made(name: str, seed: int | None) -> bytes:
        (tmp_path / name).mkdir()
        pictures = make_pictures(
            pages, tmp_path / name, settings, workers, degradations=["degraded"], seed=seed
        )
        return pictures.pictures[0].path.read_bytes()

    first = made("first", None)
    assert made("again", None) == first
    other = made("other", 7)
    assert other != first
    assert made("other again", 7) == other


def test_alternate_makes_one_picture_a_page(
    lake: Lake, settings: Settings, workers: WorkerPool, tmp_path: Path
) -> None:
    pages = sample_pages(lake, BATCH, n=100)
    assert {kind for page in pages for kind in one_each(page, ["clean", "degraded"])} == {
        "clean",
        "degraded",
    }
    made = make_pictures(pages[:2], tmp_path, settings, workers, alternate=True)
    assert [p.page.name for p in made.pictures] == names(pages[:2])


def test_a_source_that_is_gone_or_another_is_told_of(
    lake: Lake, settings: Settings, workers: WorkerPool, tmp_path: Path
) -> None:
    page = sample_pages(lake, BATCH, n=1)[0]
    gone = replace(page, doc_id="0" * 64, uri=(tmp_path / "gone.pdf").as_uri())
    changed = replace(page, doc_id="1" * 64)
    made = make_pictures([gone, page, changed], tmp_path, settings, workers, alternate=True)
    assert names([p.page for p in made.pictures]) == [page.name]
    assert made.left_out[gone.name].startswith("source_missing")
    assert made.left_out[changed.name].startswith("source_changed")
