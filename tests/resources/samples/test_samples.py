"""The sample PDFs: what the demo and the other tests rely on."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pymupdf
import pytest

from resources.errors import ErrorClass
from resources.samples.make import PASSWORDS, Sample, make_samples

MAX_BYTES = 3 * 1024 * 1024
MAX_PAGES_WITHOUT_TEXT = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("samples")


@pytest.fixture(scope="module")
def samples(folder: Path) -> dict[str, Sample]:
    return {sample.name: sample for sample in make_samples(folder)}


def open_sample(sample: Sample) -> pymupdf.Document:
    document = pymupdf.open(sample.path, filetype="pdf")
    if document.needs_pass:
        assert document.authenticate(PASSWORDS[0])
    return document


def readable(samples: dict[str, Sample]) -> list[Sample]:
    return [sample for sample in samples.values() if sample.expected_status != "failed"]


def test_two_runs_in_two_processes_give_the_same_bytes(
    samples: dict[str, Sample], tmp_path: Path
) -> None:
    program = "import pathlib, sys; from resources.samples.make import make_samples; "
    program += "make_samples(pathlib.Path(sys.argv[1]))"
    # Another hash seed: an order taken from a set would show.
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], check=True, env={"PYTHONHASHSEED": "7"}
    )
    for sample in samples.values():
        again = (tmp_path / sample.name).read_bytes()
        assert again == sample.path.read_bytes(), sample.name


def test_they_are_small(samples: dict[str, Sample]) -> None:
    assert sum(sample.path.stat().st_size for sample in samples.values()) <= MAX_BYTES


def test_nothing_but_the_samples_is_written(folder: Path, samples: dict[str, Sample]) -> None:
    assert {path.name for path in folder.iterdir()} == set(samples)


def test_expectations_speak_the_project_s_vocabulary(samples: dict[str, Sample]) -> None:
    for sample in samples.values():
        assert sample.expected_status in {"ok", "failed", "duplicate"}
        assert sample.expected_state in {"done", "partial", "quarantined"}
        assert (sample.expected_status == "failed") == (sample.expected_error_class is not None)
        if sample.expected_error_class is not None:
            assert ErrorClass(sample.expected_error_class)


def test_page_counts_are_true(samples: dict[str, Sample]) -> None:
    for sample in readable(samples):
        assert open_sample(sample).page_count == sample.n_pages, sample.name


def test_readable_samples_open_without_repair(samples: dict[str, Sample]) -> None:
    for sample in readable(samples):
        pymupdf.TOOLS.reset_mupdf_warnings()
        document = open_sample(sample)
        for page in document:
            page.get_pixmap(dpi=30)
        assert not document.is_repaired, sample.name
        assert pymupdf.TOOLS.mupdf_warnings() == "", sample.name


def test_few_pages_need_ocr(samples: dict[str, Sample]) -> None:
    without_text = [
        (sample.name, page.number + 1)
        for sample in readable(samples)
        for page in open_sample(sample)
        if not page.get_text().strip() and page.get_images()
    ]
    assert without_text == [
        ("scan-clean.pdf", 1),
        ("scan-noisy.pdf", 1),
        ("rotated.pdf", 2),
        ("mixed.pdf", 2),
    ]
    assert len(without_text) <= MAX_PAGES_WITHOUT_TEXT


def test_the_duplicate_sorts_after_its_owner(samples: dict[str, Sample]) -> None:
    by_digest: dict[str, list[str]] = {}
    for sample in samples.values():
        digest = hashlib.sha256(sample.path.read_bytes()).hexdigest()
        by_digest.setdefault(digest, []).append(sample.name)
    twins = [sorted(names) for names in by_digest.values() if len(names) > 1]
    # The recipe also lies inside the portfolio, but only as an attachment.
    assert twins == [["observatory-report.pdf", "observatory-report_final.pdf"]]
    assert samples[twins[0][0]].expected_status == "ok"
    assert samples[twins[0][1]].expected_status == "duplicate"


def test_the_report_has_what_a_reader_of_reports_must_find(samples: dict[str, Sample]) -> None:
    document = open_sample(samples["observatory-report.pdf"])
    pages = [page.get_text() for page in document]
    assert all("Annual Report 2024" in text and "Page " in text for text in pages)
    sizes = {
        round(span["size"])
        for page in document
        for block in page.get_text("dict")["blocks"]
        for line in block.get("lines", [])
        for span in line["spans"]
        if "Bold" in span["font"] and "Sans" in span["font"]
    }
    assert len(sizes) == 3, "three levels of headings"
    assert len(document[1].find_tables().tables) == 1
    assert [bool(page.get_images()) for page in document] == [False, False, True, False]
    assert "Figure 1." in pages[2]
    assert "Figure 2." in pages[3]
    assert len(document[3].get_drawings()) > 12, "the chart is drawn, not an image"
    # The hyphens that stitching joins (within a page and over the page break), and one it keeps.
    assert "instru-\nmentation" in pages[0]
    assert "tele-\n" in pages[1]
    assert "scope for about three weeks" in pages[2]
    assert "well-\nknown" in pages[1]


def test_the_columns_of_the_paper_stand_side_by_side(samples: dict[str, Sample]) -> None:
    page = open_sample(samples["paste-paper-two-columns.pdf"])[0]
    left = page.search_for("Why open time matters")[0]
    right = page.search_for("3 Results")[0]
    assert right.x0 > left.x1
    assert page.search_for("Abstract.")[0].y1 < min(left.y0, right.y0)


def test_only_its_password_opens_an_encrypted_sample(samples: dict[str, Sample]) -> None:
    known = pymupdf.open(samples["encrypted-known-password.pdf"].path)
    assert known.needs_pass
    assert not known.authenticate("wrong")
    assert known.authenticate(PASSWORDS[0])
    assert "a cod on the balcony" in known[0].get_text()
    assert known.metadata["title"] == "A Winter on Gull Rock"
    unknown = pymupdf.open(samples["encrypted-unknown-password.pdf"].path)
    assert unknown.needs_pass
    assert not unknown.authenticate("")
    assert not unknown.authenticate(PASSWORDS[0])


def test_the_broken_samples_are_broken(samples: dict[str, Sample]) -> None:
    truncated = samples["truncated.pdf"].path.read_bytes()
    whole = samples["observatory-report.pdf"].path.read_bytes()
    assert whole.startswith(truncated)
    assert pymupdf.open("pdf", truncated).page_count == 0
    assert b"%PDF-" not in samples["not-a-pdf.pdf"].path.read_bytes()
    assert samples["empty.pdf"].path.stat().st_size == 0


def test_the_turned_page_reads_upright_and_the_scan_does_not(samples: dict[str, Sample]) -> None:
    first, second = open_sample(samples["rotated.pdf"])
    assert first.rotation == 90
    assert first.rect.width > first.rect.height
    shown = first.search_for("Calendar")[0] * first.rotation_matrix
    assert shown.width > shown.height, "the words run from left to right as a viewer shows them"
    assert second.rotation == 0
    assert second.rect.width > second.rect.height


def test_form_comments_and_attached_files_are_there(samples: dict[str, Sample]) -> None:
    form = open_sample(samples["form-and-comments.pdf"])
    page = form[0]
    assert {widget.field_name: widget.field_value for widget in page.widgets()} == {
        "borrower": "Ada Merriman",
        "equipment": "Nipping press, No. 3",
        "days": "14",
        "instructed": "Yes",
    }
    assert sum("kilograms" in note.info["content"] for note in page.annots()) == 1
    note = open_sample(samples["with-attachment.pdf"])
    assert note.embfile_names() == ["swift-counts.csv"]
    assert note.embfile_get(0).startswith(b"date,birds,wind")
    portfolio = open_sample(samples["portfolio.pdf"])
    assert portfolio.xref_get_key(portfolio.pdf_catalog(), "Collection")[0] != "null"


def test_the_logo_is_one_image_on_five_pages(samples: dict[str, Sample]) -> None:
    document = open_sample(samples["newsletter-logo.pdf"])
    assert len({page.get_images()[0][0] for page in document}) == 1


def test_the_leaflet_holds_encodings_that_browsers_do_not_show(samples: dict[str, Sample]) -> None:
    document = open_sample(samples["cmyk-leaflet.pdf"])
    images = [document.extract_image(image[0]) for image in document[0].get_images()]
    assert [(image["ext"], image["colorspace"]) for image in images] == [("jpeg", 4), ("jpx", 3)]


def test_making_them_needs_no_orchestrator_and_no_frames() -> None:
    program = "import sys, resources.samples.make; "
    program += "sys.exit(bool({'dagster', 'polars', 'deltalake'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", program], check=True)
