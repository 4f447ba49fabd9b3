"""Killed at each named place of ingest and publish, and run again: the tables end as they would."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from io_managers.checkpoints import checkpointed
from resources.crash_points import POINTS, VARIABLE
from tests.crashes.counting import NOTES
from tests.end_to_end.pdfs import plain
from tests.end_to_end.running import Place, contents

TABLES = ("manifest", "contents", "files", "pages", "images", "image_data", "docs", "summaries")
PAGES_EACH = 3
WORKERS = 2
# Where a place is passed often, once in the middle too.
WHERE = (*POINTS, "stage.file_staged:7", "stage.checkpoint_recorded:4", "publish.after_commit:5")


class CountingPlace(Place):
    """`quire` as in `quire.py` here."""

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.crashes.quire", *arguments],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def pages_read(self) -> Counter[str]:
        notes = self.root / NOTES
        return Counter(notes.read_text().splitlines()) if notes.exists() else Counter()


def make(root: Path, pdfs: Path, **more: str) -> CountingPlace:
    root.mkdir()
    (root / "dagster_home").mkdir()
    shutil.copytree(pdfs, root / "landing")
    settings = {"LAYOUT": "off", "OCR": "off", "BATCH_MAX_DOCS": "4", "WORKERS": str(WORKERS)}
    return CountingPlace(root, {f"QUIRE_{name}": value for name, value in settings.items()} | more)


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
    place = make(tmp_path_factory.mktemp("clean") / "place", pdfs)
    assert place.ingest()[0] == 3
    return rows(place)


def rows(place: Place) -> dict[str, list[dict[str, Any]]]:
    return {
        table: [_anywhere(row) for row in contents(place.lake, table)]
        for table in (*TABLES, "failures")
    }


def _anywhere(row: dict[str, Any]) -> dict[str, Any]:
    """A row without where and when the landing zone was."""
    return {k: v for k, v in row.items() if k not in ("uri", "owner_uri", "input_sha256", "mtime")}


@pytest.mark.parametrize("point", WHERE)
def test_a_process_that_kills_itself_there_loses_and_doubles_nothing(
    tmp_path: Path, pdfs: Path, clean: dict[str, list[dict[str, Any]]], point: str
) -> None:
    place = make(tmp_path / "place", pdfs)
    dying = CountingPlace(place.root, {**place.settings, VARIABLE: point})
    assert dying.run("ingest", "--json")[0] == -signal.SIGKILL
    code, report = place.ingest()
    assert code == 3, report
    assert rows(place) == clean
    assert place.run("audit")[0] == 0
    assert checkpointed(place.lake) == {}
    read = place.pages_read()
    assert len(read) == 5 * PAGES_EACH
    again = sum(read.values()) - len(read)
    assert again <= (WORKERS + 1) * PAGES_EACH  # what workers had in hand, or waited beside them
    assert max(read.values()) <= 2
