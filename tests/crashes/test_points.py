"""Killed at each named place of ingest and publish, and run again: the tables end as they would."""

from __future__ import annotations

import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from resources.crash_points import POINTS, VARIABLE
from tests.crashes.place import WORKERS, make_counting_place
from tests.end_to_end.pdfs import plain

PAGES_EACH = 3
# Where a place is passed often, once in the middle too.
WHERE = (*POINTS, "stage.file_staged:7", "stage.checkpoint_recorded:4", "publish.after_commit:5")
# Before and after the commit, and what goes before, in every run of the tests: some fifteen seconds
# each. The others are slow; five random kills (`test_random_kills.py`) are in every run too.
ALWAYS = {
    "manifest.after_take",
    "stage.checkpoint_recorded",
    "publish.before_commit",
    "publish.after_commit",
}


@pytest.fixture(scope="module")
def pdfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pdfs")
    for number in range(5):
        plain(folder / f"{number}.pdf", PAGES_EACH, f"Document {number} speaks of the sea")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing more")
    shutil.copy(folder / "0.pdf", folder / "twin.pdf")
    with pymupdf.open(folder / "1.pdf") as document:
        noise = bytes((i * 37 + i // 7) % 251 for i in range(120 * 90 * 3))
        pixmap = pymupdf.Pixmap(pymupdf.csRGB, 120, 90, noise, 0)
        document[0].insert_image((72, 300, 312, 480), pixmap=pixmap)
        document.saveIncr()
    return folder


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, pdfs: Path) -> dict[str, list[dict[str, Any]]]:
    root = tmp_path_factory.mktemp("clean") / "place"
    place = make_counting_place(root, pdfs, BATCH_MAX_DOCS="4")
    assert place.ingest()[0] == 3
    return place.tables()


@pytest.mark.parametrize(
    "point", [p if p in ALWAYS else pytest.param(p, marks=pytest.mark.slow) for p in WHERE]
)
def test_a_process_that_kills_itself_there_loses_and_doubles_nothing(
    tmp_path: Path, pdfs: Path, clean: dict[str, list[dict[str, Any]]], point: str
) -> None:
    place = make_counting_place(tmp_path / "place", pdfs, BATCH_MAX_DOCS="4")
    dying = replace(place, settings={**place.settings, VARIABLE: point})
    assert dying.run("ingest", "--json")[0] == -signal.SIGKILL
    code, report = place.ingest()
    assert code == 3, report
    assert place.tables() == clean
    assert place.run("audit")[0] == 0
    read = place.pages_read()
    assert len(read) == 5 * PAGES_EACH
    again = sum(read.values()) - len(read)
    assert again <= (WORKERS + 1) * PAGES_EACH  # what workers had in hand, or waited beside them
    assert max(read.values()) <= 2
