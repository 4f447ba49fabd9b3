"""The layout model's regions: the same with its slow parts done again as without."""

import json
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pymupdf
import pytest

from assets.pages.layout.model import LayoutModel, Region

_AS_IT_COMES = """
import json, sys, pymupdf
from assets.pages.layout import shortcuts
shortcuts.TESTED = ()
from assets.pages.layout.model import LayoutModel
from dataclasses import astuple
model = LayoutModel(pymupdf.open(sys.argv[1]))
print(json.dumps([[astuple(r) for r in model.regions(n, 0)] for n in (1, 2, 3)]))
"""


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Two columns with an image; a ruled table on a tinted page; a heading and hidden text."""
    document = pymupdf.open()
    words = "The river rose again in the spring and the ferry stayed at the northern bank. "
    page = document.new_page()
    page.insert_text((60, 60), "On ferries", fontsize=20)
    for x in (60, 310):
        page.insert_textbox((x, 90, x + 230, 400), words * 9, fontsize=10)
    noise = bytes((i * 37 + i // 7) % 251 for i in range(100 * 80 * 3))
    pixmap = pymupdf.Pixmap(pymupdf.csRGB, 100, 80, noise, False)
    page.insert_image((60, 450, 300, 640), pixmap=pixmap)
    page = document.new_page()
    page.draw_rect(page.rect, color=None, fill=(0.9, 0.95, 1))
    for row in range(9):
        page.draw_line((60, 90 + 24 * row), (480, 90 + 24 * row))
        for column in range(4):
            page.draw_line((60 + 140 * column, 90), (60 + 140 * column, 282))
            if row < 8 and column < 3:
                at = (66 + 140 * column, 106 + 24 * row)
                page.insert_text(at, f"{row * 3 + column}.25 tonnes", fontsize=10)
    page = document.new_page()
    page.insert_text((60, 60), "A heading", fontsize=18)
    page.insert_textbox((60, 90, 500, 300), words * 6, fontsize=11)
    page.insert_text((60, 500), "never to be seen", fontsize=11, render_mode=3)
    path = tmp_path / "mixed.pdf"
    document.save(path)
    return path


def test_regions_are_those_of_the_model_as_it_comes(mixed: Path) -> None:
    """The stand-ins change no kind, no box and no edge of a table."""
    model = LayoutModel(pymupdf.open(mixed))
    ours = [model.regions(number, 0) for number in (1, 2, 3)]
    model.close()
    root = Path(__file__).parents[4]
    command = [sys.executable, "-c", _AS_IT_COMES, str(mixed)]
    printed = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
    theirs = [[_region(*found) for found in page] for page in json.loads(printed)]
    assert [[r.kind for r in page] for page in ours] == [[r.kind for r in page] for page in theirs]
    for mine, plain in zip(chain(*ours), chain(*theirs), strict=True):
        assert mine.box == pytest.approx(plain.box, abs=0.01)
        assert mine.rows == pytest.approx(plain.rows, abs=0.01)
        assert mine.columns == pytest.approx(plain.columns, abs=0.01)
    kinds = {region.kind for page in ours for region in page}
    assert {"picture", "table", "text"} <= kinds


def _region(
    kind: str, box: list[float], rows: list[float], columns: list[float], *_: object
) -> Region:
    return Region(kind, tuple(box), tuple(rows), tuple(columns))  # type: ignore[arg-type]
