"""A script that the engine lacks is not a success; bad paper and tables are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pymupdf
import pytest

from assets.pages.ocr.trust import ocr_problem, unread_share
from resources.ocr.base import OcrLine

Read = Callable[..., list[dict[str, Any]]]

KOREAN = (
    "기록 보관소는 모든 보고서의 사본을 하나씩 보관한다. "
    "각 사본에는 번호와 날짜와 선반이 적혀 있다. "
    "사본을 가져가는 사람은 장부에 한 줄을 쓰고 돌려줄 때 그 줄을 지운다."
)
RUSSIAN = (
    "Архив хранит по одному экземпляру каждого отчёта. У каждого экземпляра есть номер, дата и "
    "полка. Кто берёт экземпляр, делает запись в книге и вычёркивает её при возврате."
)
JAPANESE = (
    "資料室はすべての報告書を一部ずつ保管している。それぞれの写しには番号と日付と棚が記されている。"
    "写しを持ち出す人は帳面に一行を書き、返すときにその行を消す。"
)
FRENCH = (
    "Les archives gardent un exemplaire de chaque rapport. Chaque exemplaire porte un numéro, une "
    "date et une étagère. Celui qui l'emprunte écrit une ligne dans le registre."
)


def _scan(text: str, font: str) -> pymupdf.Document:
    written = pymupdf.open()
    page = written.new_page(width=320, height=200)
    writer = pymupdf.TextWriter(page.rect)
    writer.fill_textbox((20, 20, 300, 180), text, font=pymupdf.Font(font), fontsize=11)
    writer.write_text(page)
    document = pymupdf.open()
    sheet = document.new_page(width=320, height=200)
    sheet.insert_image(sheet.rect, pixmap=page.get_pixmap(dpi=200))
    return document


@pytest.mark.parametrize(
    ("text", "font"), [(KOREAN, "korea"), (RUSSIAN, "tiro")], ids=["korean", "russian"]
)
def test_a_script_that_the_engine_lacks_is_partial(read: Read, text: str, font: str) -> None:
    (row,) = read(_scan(text, font), ocr="rapidocr")
    assert (row["status"], row["error_class"]) == ("partial", "ocr_failed")
    assert "another QUIRE_OCR" in row["error"]


@pytest.mark.parametrize(
    ("text", "font"), [(JAPANESE, "japan"), (FRENCH, "tiro")], ids=["japanese", "french"]
)
def test_a_script_that_the_engine_has_is_read(read: Read, text: str, font: str) -> None:
    (row,) = read(_scan(text, font), ocr="rapidocr")
    assert (row["status"], row["source"]) == ("ok", "ocr")


def _line(text: str, confidence: float, width: float) -> OcrLine:
    return OcrLine(text, confidence, ((0.0, 0.0), (width, 0.0), (width, 20.0), (0.0, 20.0)))


def test_leaders_of_a_table_of_contents_count_as_read() -> None:
    assert unread_share([_line("Index " + "." * 40 + " 12", 0.98, 600.0)]) == 0.0
    assert unread_share([_line(". , : « » .", 0.98, 600.0)]) == 1.0


def test_a_signature_does_not_spoil_a_letter() -> None:
    letter = [_line("With kind regards from all of us here", 0.99, 400.0)] * 10
    assert ocr_problem([*letter, _line("Dlmuhz", 0.4, 200.0)]) is None


def test_ink_without_lines_is_a_problem() -> None:
    assert ocr_problem([]) is not None
