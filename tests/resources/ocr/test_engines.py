"""Engines say what is missing, read what is there, and report every line to the clock."""

import numpy as np
import pymupdf
import pytest

from assets.pages.ocr.rendering import render
from resources.errors import SettingError
from resources.ocr.base import OcrUnavailableError, make_engine, version_inputs
from resources.ocr.tesseract import Tesseract, parse_tsv

TSV = (
    "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n"
    "4\t1\t1\t1\t1\t0\t10\t8\t90\t20\t-1\t\n"
    "5\t1\t1\t1\t1\t1\t10\t10\t40\t12\t90\tTwo\n"
    '5\t1\t1\t1\t1\t2\t60\t8\t40\t12\t80\t"words\n'
    "4\t1\t1\t1\t2\t0\t10\t38\t20\t16\t-1\t\n"
    "5\t1\t1\t1\t2\t1\t10\t34\t20\t29\t70\tend\n"
    "4\t1\t1\t1\t3\t0\t10\t68\t20\t10\t-1\t\n"
    "5\t1\t1\t1\t3\t1\t10\t68\t20\t10\t70\tsmall\n"
    "4\t1\t2\t1\t1\t0\t10\t98\t20\t40\t-1\t\n"
    "5\t1\t2\t1\t1\t1\t10\t98\t20\t40\t95\t \n"
)


def test_rapidocr_reads_a_line_and_reports_it() -> None:
    document = pymupdf.open()
    page = document.new_page(width=300, height=80)
    page.insert_text((20, 45), "Eleven white horses", fontsize=18)
    steps: list[None] = []
    engine = make_engine("rapidocr")
    assert engine is not None
    (line,) = engine.read(render(page, 150), lambda: steps.append(None))
    assert line.text == "Eleven white horses"
    assert line.confidence > 0.9
    assert line.box[0][0] == pytest.approx(20 * 150 / 72, abs=8)
    assert len(steps) == 2  # detection, one line


def test_an_engine_is_made_once() -> None:
    assert make_engine("rapidocr") is make_engine("rapidocr")
    assert make_engine("off") is None


def test_nothing_on_paper_is_no_line() -> None:
    engine = make_engine("rapidocr")
    assert engine is not None
    assert engine.read(np.full((200, 200, 3), 255, dtype=np.uint8), lambda: None) == []


def test_an_unknown_engine_is_a_setting_error() -> None:
    with pytest.raises(SettingError, match="QUIRE_OCR=abbyy"):
        make_engine("abbyy")
    with pytest.raises(SettingError):
        version_inputs("abbyy")


def test_missing_tesseract_says_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(OcrUnavailableError, match="apt install tesseract-ocr"):
        Tesseract()


def test_words_of_tesseract_become_lines() -> None:
    first, second, third = parse_tsv(TSV)
    assert [line.text for line in (first, second, third)] == ['Two "words', "end", "small"]
    assert first.confidence == pytest.approx((90 * 3 + 80 * 6) / 9 / 100)


def test_lines_of_tesseract_have_boxes_as_those_of_detectors() -> None:
    first, second, third = parse_tsv(TSV)
    # The usual height is 16: the first is higher, the second has it, the third is set smaller.
    assert [*first.box[0], *first.box[2]] == pytest.approx([7.6, 5.6, 102.4, 30.4])
    assert [*second.box[0], *second.box[2]] == pytest.approx([8.08, 36.08, 31.92, 55.92])
    assert [*third.box[0], *third.box[2]] == pytest.approx([8.8, 66.8, 31.2, 79.2])
    without_tail = TSV.replace("10\t68\t20\t10\t-1", "10\t68\t20\t12\t-1")
    assert parse_tsv(without_tail)[2].box[2][1] == pytest.approx(68 + 16 + 0.12 * 16)
