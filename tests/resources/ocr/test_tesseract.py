"""Tesseract: the real command where it is installed, and one that hangs, or lacks its data."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pymupdf
import pytest
from PIL import Image as Pillow

from assets.pages.ocr.orientation import read_upright
from assets.pages.ocr.rendering import render
from assets.pages.read import read_pages
from resources.errors import DocumentError, ErrorClass
from resources.ocr.base import OcrUnavailableError
from resources.ocr.tesseract import Tesseract, installed_version, version_inputs
from resources.settings import REPOSITORY_ROOT

if TYPE_CHECKING:
    from resources.ocr.base import Image

TEXT = "Whoever takes a report writes a line into the book.\n"
N_LINES = 14


@pytest.fixture
def engine() -> Tesseract:
    if installed_version() == "absent":
        pytest.skip("needs the tesseract command: apt install tesseract-ocr tesseract-ocr-eng")
    return Tesseract()


@pytest.fixture
def image() -> Image:
    """A page of lines at 150 dpi, the first of them 72 points from the left and the top."""
    with pymupdf.open() as document:
        page = document.new_page(width=400, height=320)
        page.insert_textbox((72, 72, 390, 310), TEXT * N_LINES, fontsize=11, fontname="tiro")
        return render(page, 150)


def turned(image: Image, degrees: float) -> Image:
    """The page turned clockwise, on paper large enough."""
    sheet = Pillow.fromarray(image).rotate(
        -degrees, expand=True, fillcolor="white", resample=Pillow.Resampling.BICUBIC
    )
    return np.asarray(sheet)


@pytest.mark.tesseract
def test_lines_are_read_where_they_stand(engine: Tesseract, image: Image) -> None:
    steps: list[None] = []
    lines = engine.read(image, lambda: steps.append(None))
    assert [line.text for line in lines] == [TEXT.strip()] * N_LINES
    assert all(0.8 < line.confidence <= 1 for line in lines)
    assert lines[0].box[0][0] == pytest.approx(72 * 150 / 72, abs=4)
    assert len(steps) == 2


@pytest.mark.tesseract
@pytest.mark.parametrize("degrees", [-5, 3, 5])
def test_a_skewed_page_loses_no_line(engine: Tesseract, image: Image, degrees: int) -> None:
    skewed = turned(image, degrees)
    lines = engine.read(skewed, lambda: None)
    assert sum(line.text.startswith("Whoever takes") for line in lines) == N_LINES
    (x0, y0), (x1, y1) = lines[0].box[:2]
    assert np.degrees(np.arctan2(y1 - y0, x1 - x0)) == pytest.approx(degrees, abs=0.2)
    xs, ys = [p[0] for p in lines[0].box], [p[1] for p in lines[0].box]
    inside = skewed[int(min(ys)) : int(max(ys)) + 1, int(min(xs)) : int(max(xs)) + 1]
    assert inside.min() < 100  # there is ink where the line is said to stand


@pytest.mark.tesseract
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_page_that_lies_on_its_side_is_read(
    engine: Tesseract, image: Image, degrees: int
) -> None:
    reading = read_upright(engine, turned(image, degrees), lambda: None)
    assert reading.degrees == 360 - degrees
    assert [line.text for line in reading.lines] == [TEXT.strip()] * N_LINES


@pytest.mark.tesseract
def test_nothing_on_paper_is_no_line(engine: Tesseract) -> None:
    for shape in ((300, 200, 3), (1, 1, 3), (2, 900, 3)):
        assert engine.read(np.full(shape, 255, dtype=np.uint8), lambda: None) == []


@pytest.mark.tesseract
def test_a_scan_becomes_a_row(engine: Tesseract, image: Image, tmp_path: Path) -> None:
    held = io.BytesIO()
    Pillow.fromarray(image).save(held, "PNG")
    with pymupdf.open() as document:
        page = document.new_page(width=400, height=320)
        page.insert_image(page.rect, stream=held.getvalue())
        document.save(tmp_path / "scan.pdf")
    payload = {
        "path": str(tmp_path / "scan.pdf"),
        "passwords": [],
        "doc_id": None,
        "page_numbers": [1],
        "ocr": "tesseract",
        "layout": False,
    }
    ((row, _),) = list(read_pages(payload, lambda _: None))
    assert (row["status"], row["source"]) == ("ok", "ocr")
    assert row["engine"] == f"tesseract-{engine.version}"
    assert row["text"].split() == (TEXT * N_LINES).split()
    (block,) = row["blocks"]
    assert (block["kind"], block["font_size"]) == ("text", pytest.approx(11, abs=1))


@pytest.mark.tesseract
def test_what_the_command_says_is_told(
    engine: Tesseract, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESSDATA_PREFIX", "/nowhere")
    with pytest.raises(DocumentError, match=r"/nowhere/eng\.traineddata") as caught:
        engine.read(image, lambda: None)
    assert caught.value.error_class is ErrorClass.OCR_FAILED
    with pytest.raises(OcrUnavailableError, match="apt install tesseract-ocr"):
        Tesseract()
    assert version_inputs()["tesseract_data"] == "absent"


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A command of that name which says its process and hangs on every page."""
    command = folder / "tesseract"
    command.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        "--version) echo tesseract 9.9;;\n"
        f"--list-langs) printf 'Languages in \"{folder}/\" (1):\\neng\\n';;\n"
        f"*) echo $$ > {folder}/new && mv {folder}/new {folder}/pid; exec sleep 60;;\n"
        "esac\n"
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def test_the_version_names_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stand_in(tmp_path, monkeypatch)
    found = []
    for data in (None, b"fast", b"best"):
        if data is not None:
            (folder / "eng.traineddata").write_bytes(data)
        found.append(version_inputs())
    assert found[0]["tesseract"] == "9.9"
    assert len({inputs["tesseract_data"] for inputs in found}) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux kills it")
def test_a_killed_worker_leaves_no_tesseract_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stand_in(tmp_path, monkeypatch)
    code = (
        "import numpy as np\n"
        "from resources.ocr.tesseract import Tesseract\n"
        "Tesseract().read(np.zeros((9, 9, 3), dtype=np.uint8), lambda: None)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY_ROOT) as worker:
        until = time.monotonic() + 30
        while not (folder / "pid").exists():
            assert time.monotonic() < until
            time.sleep(0.02)
        worker.send_signal(signal.SIGKILL)
    pid = int((folder / "pid").read_text())
    until = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.02)
