"""Rows of the table `pages` from pages of every sort, and a failed page that costs only itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pymupdf
import pytest

from io_managers.schemas import BLOCK, BLOCK_KINDS, PAGES
from resources.errors import DocumentError, ErrorClass
from resources.ocr.base import OcrUnavailableError

Read = Callable[..., list[dict[str, Any]]]
NOT_OURS = {"batch", "version", "input_sha256", "doc_id"}


def kinds(row: dict[str, Any]) -> list[str]:
    return [block["kind"] for block in row["blocks"]]


def test_a_row_has_the_columns_of_the_schema(read: Read, report: pymupdf.Document) -> None:
    (row,) = read(report)
    assert set(row) == set(PAGES.columns) - NOT_OURS
    fields = {field.name for field in BLOCK.fields}
    assert all(set(block) == fields for block in row["blocks"])
    assert set(kinds(row)) <= set(BLOCK_KINDS)


def test_a_text_layer_without_layout(read: Read, report: pymupdf.Document) -> None:
    (row,) = read(report)
    assert (row["status"], row["source"], row["confidence"]) == ("ok", "text_layer", None)
    assert kinds(row) == ["heading", "text", "picture"]
    assert row["markdown"].startswith("## Rules of the archive\n\nThe archive keeps")
    assert row["blocks"][2]["image_index"] == 0
    box = row["blocks"][2]["bbox"]
    assert box["x0"] == pytest.approx(40, abs=1)
    assert box["y1"] == pytest.approx(400, abs=1)
    assert row["n_chars"] == len(row["text"])


def test_layout_finds_the_same_text(read: Read, report: pymupdf.Document) -> None:
    (plain,), (row,) = read(report), read(report, layout=True)
    assert row["status"] == "ok"
    assert sorted(row["text"].split()) == sorted(plain["text"].split())
    assert [b["image_index"] for b in row["blocks"] if b["kind"] == "picture"] == [0]


@pytest.mark.parametrize("layout", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_boxes_are_those_of_the_page_as_shown(
    read: Read, report: pymupdf.Document, degrees: int, layout: bool
) -> None:
    """Checked by looking: what a block's box shows is ink, with paper around the text's block."""
    report[0].set_cropbox(pymupdf.Rect(20, 30, 390, 480))
    report[0].set_rotation(degrees)
    (row,) = read(report, layout=layout)
    page = report[0]
    assert (row["width"], row["height"]) == (page.rect.width, page.rect.height)
    text = next(b for b in row["blocks"] if b["text"].startswith("The archive"))
    box = pymupdf.Rect(*text["bbox"].values())
    inside, around = (
        page.get_pixmap(clip=box),
        page.get_pixmap(clip=pymupdf.Rect(box.x0 - 6, box.y0 - 6, box.x1 + 6, box.y1 + 6)),
    )
    assert not inside.is_unicolor
    ink = sum(b < 128 for b in inside.samples), sum(b < 128 for b in around.samples)
    assert ink[1] - ink[0] <= 0.02 * ink[1]
    assert text["text"].replace("\n", " ").startswith("The archive keeps one copy of every report.")


def test_a_blank_page_is_ok_and_empty(read: Read) -> None:
    document = pymupdf.open()
    document.new_page()
    (row,) = read(document)
    assert (row["status"], row["source"], row["text"], row["blocks"]) == ("ok", "none", "", [])


def test_a_scan_is_read_by_ocr(read: Read, scan: pymupdf.Document) -> None:
    (row,) = read(scan, ocr="rapidocr")
    assert (row["status"], row["source"], row["rotation"]) == ("ok", "ocr", 0)
    assert row["engine"].startswith("rapidocr-")
    assert row["confidence"] > 0.9
    assert "The archive keeps one copy of every report." in row["text"].replace("\n", " ")
    assert kinds(row) == ["heading", "text"]  # the scan itself is no picture
    box = row["blocks"][0]["bbox"]
    assert box["x0"] == pytest.approx(40, abs=5)
    assert box["y1"] == pytest.approx(65, abs=8)


def test_a_scan_on_its_side_is_turned(read: Read, scan: pymupdf.Document) -> None:
    scan[0].set_rotation(90)
    (row,) = read(scan, ocr="rapidocr")
    assert (row["status"], row["rotation"]) == ("ok", 270)
    assert row["text"].startswith("Rules of the archive")
    box = row["blocks"][0]["bbox"]  # the heading runs down the right edge of the page as shown
    assert box["x0"] > 400
    assert box["y0"] == pytest.approx(40, abs=5)


def test_a_scan_without_ocr_is_partial_and_says_the_mend(
    read: Read, scan: pymupdf.Document
) -> None:
    (row,) = read(scan)
    assert (row["status"], row["error_class"], row["source"]) == ("partial", "ocr_failed", "none")
    assert "QUIRE_OCR=rapidocr" in row["error"]


def test_a_stamp_on_a_scan_is_merged_with_what_ocr_reads(
    read: Read, scan: pymupdf.Document
) -> None:
    scan[0].insert_text((250, 20), "Received 4 May", fontsize=9)
    (row,) = read(scan, ocr="rapidocr")
    assert (row["status"], row["source"]) == ("ok", "mixed")
    assert row["text"].count("Received 4 May") == 1
    assert "The archive keeps one copy" in row["text"]
    assert {b["source"] for b in row["blocks"]} == {"text_layer", "ocr"}


def test_noise_is_not_passed_off_as_text(read: Read) -> None:
    document = pymupdf.open()
    page = document.new_page(width=300, height=300)
    for i in range(12):
        page.draw_line((20, 20 + 20 * i), (280, 30 + 19 * i), width=3)
    (row,) = read(document, ocr="rapidocr")
    assert (row["status"], row["error_class"]) == ("partial", "ocr_failed")


def test_a_page_that_cannot_be_read_costs_only_itself(read: Read, report: pymupdf.Document) -> None:
    rows = read(report, 1, 7, 1)
    assert [row["status"] for row in rows] == ["ok", "failed", "ok"]
    assert (rows[1]["page_number"], rows[1]["error_class"]) == (7, "unreadable")


def test_output_does_not_depend_on_how_pages_are_sliced(
    read: Read, report: pymupdf.Document
) -> None:
    report.fullcopy_page(0)
    report[1].insert_text((40, 450), "A larger heading on the second page", fontsize=30)
    together, alone = read(report, 1, 2), [*read(report, 1), *read(report, 2)]
    for row in (*together, *alone):
        del row["elapsed_ms"]
    assert together == alone


def test_fields_and_comments_are_blocks_of_their_own(read: Read) -> None:
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((72, 72), "Application")
    widget = pymupdf.Widget()
    widget.field_name, widget.field_value = "Town", "Reykjavik"
    widget.field_type, widget.rect = pymupdf.PDF_WIDGET_TYPE_TEXT, pymupdf.Rect(72, 100, 200, 120)
    page.add_widget(widget)
    page.add_text_annot((300, 300), "Ask her again")
    (row,) = read(document)
    assert "Town: Reykjavik" in row["text"]
    assert row["text"].count("Reykjavik") == 1
    assert "Ask her again" not in row["text"]
    assert kinds(row)[-2:] == ["field", "annotation"]


def test_the_cover_of_a_portfolio_is_not_the_document(read: Read, report: pymupdf.Document) -> None:
    catalog = report.pdf_catalog()
    report.xref_set_key(catalog, "Collection", "<</View/D>>")
    (row,) = read(report)
    assert (row["status"], row["error_class"]) == ("partial", "unsupported")


def test_the_placeholder_of_an_xfa_form_is_not_the_document(read: Read) -> None:
    document = pymupdf.open()
    document.new_page().insert_text((72, 72), "Please wait... open in Adobe Reader 8 or later")
    document.xref_set_key(document.pdf_catalog(), "AcroForm", "<</XFA[]/Fields[]>>")
    (row,) = read(document)
    assert (row["status"], row["error_class"]) == ("partial", "unsupported")


def test_a_page_too_large_to_render_says_so(read: Read) -> None:
    document = pymupdf.open()
    page = document.new_page(width=14400, height=14400)
    page.draw_rect((10, 10, 900, 900), fill=(0, 0, 0))
    document.xref_set_key(page.xref, "UserUnit", "10")
    (row,) = read(document, ocr="rapidocr")
    assert row["error_class"] in {"page_too_large", "ocr_failed"}


def test_page_labels(read: Read, report: pymupdf.Document) -> None:
    report.fullcopy_page(0)
    report.set_page_labels([{"startpage": 0, "style": "r", "firstpagenum": 4}])
    assert [row["page_label"] for row in read(report)] == ["iv", "v"]


def test_a_source_that_changed_is_not_read(read: Read, report: pymupdf.Document) -> None:
    with pytest.raises(DocumentError) as caught:
        read(report, doc_id="0" * 64)
    assert caught.value.error_class is ErrorClass.SOURCE_CHANGED


def test_a_missing_engine_stops_the_stage_and_not_the_page(
    read: Read, scan: pymupdf.Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(OcrUnavailableError, match="apt install tesseract-ocr"):
        read(scan, ocr="tesseract")
