"""A disk that fills up while quire ingests: one line that says so, and the work goes on later."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from io_managers.checkpoints import checkpointed
from resources.lake.audit import audit
from tests.crashes.place import CountingPlace, make_counting_place
from tests.end_to_end.pdfs import plain
from tests.end_to_end.running import Place

SIDE = 420
IMAGE_BYTES = SIDE * SIDE * 3
"""Noise, which no format makes smaller."""
N_PDFS = 4
REASON = "needs the right to mount a tmpfs"


@pytest.fixture(scope="module")
def pdfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pdfs")
    for number in range(N_PDFS):
        plain(folder / f"{number}.pdf", 2, f"Document {number} speaks of the sea")
        with pymupdf.open(folder / f"{number}.pdf") as document:
            pixmap = pymupdf.Pixmap(pymupdf.csRGB, SIDE, SIDE, os.urandom(IMAGE_BYTES), 0)
            document[0].insert_image((72, 300, 312, 480), pixmap=pixmap)
            document.saveIncr()
    return folder


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, pdfs: Path) -> dict[str, list[dict[str, Any]]]:
    place = make_counting_place(tmp_path_factory.mktemp("clean") / "place", pdfs)
    assert place.run("ingest", "--json")[0] == 0
    return place.tables()


def told(code: int, err: str) -> None:
    """See that the command ended with a line that says what is wrong and what mends it."""
    assert code == 1, err
    last = err.splitlines()[-1]  # native threads of libraries may have said more before it
    assert last.startswith("quire: ")
    assert "space" in last
    assert "run" in last
    assert "bug" not in last


class LimitedPlace(Place):
    """No file may hold more than two images: the system refuses it as it refuses a full disk."""

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * IMAGE_BYTES, before[1]))
        try:
            return super().start(*arguments)  # takes the limit with it
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_the_disk_refuses_is_one_line_and_the_next_run_goes_on(
    tmp_path: Path, pdfs: Path, clean: dict[str, list[dict[str, Any]]]
) -> None:
    made = make_counting_place(tmp_path / "place", pdfs)
    place = Place(made.root, made.settings)
    code, _, err = LimitedPlace(made.root, made.settings).run("ingest")
    told(code, err)
    assert len(err.splitlines()) == 1
    left = [path.stat().st_size for path in (place.root / "lake").rglob("*.parquet")]
    assert max(left) < IMAGE_BYTES
    read = place.lake.read("pages")
    assert place.run("ingest", "--json")[0] == 0
    assert made.tables() == clean
    assert place.lake.read("pages").equals(read)  # elapsed_ms too: they were not read again
    assert audit(place.lake) == []


@contextmanager
def mounted(folder: Path, size: int) -> Iterator[None]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if (
        shutil.which("mount") is None
        or subprocess.run(command, capture_output=True, check=False).returncode
    ):
        pytest.skip(REASON)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("free", [12, 130, 1100])
@pytest.mark.parametrize("all_on_it", [False, True])
def test_wherever_the_disk_is_full_the_next_run_goes_on(
    tmp_path: Path,
    pdfs: Path,
    clean: dict[str, list[dict[str, Any]]],
    free: int,
    *,
    all_on_it: bool,
) -> None:
    with mounted(tmp_path / "disk", 64 * 2**20):
        disk = tmp_path / "disk"
        made = make_counting_place(disk / "place", pdfs)
        more = {"TMPDIR": str(disk)}
        if not all_on_it:
            (tmp_path / "home").mkdir()
            more = {"DAGSTER_HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)}
        place = CountingPlace(made.root, made.settings | more)
        filler = disk / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(disk).free - free * 1024))
        code, _, err = place.run("ingest")
        told(code, err)
        recorded = [m for found in checkpointed(place.lake).values() for m in found]
        filler.unlink()
        assert place.run("ingest", "--json")[0] == 0
        assert place.tables() == clean
        assert checkpointed(place.lake) == {}
        images = {f"image_data/{path}" for path in paths(place, "image_data")}
        assert {p for m in recorded for p in m.paths() if p.startswith("image_data/")} <= images
        assert audit(place.lake) == []


def paths(place: CountingPlace, table: str) -> list[str]:
    handle = place.lake.open(table)
    assert handle is not None
    return [str(path) for path in handle.get_add_actions(flatten=True)["path"].to_pylist()]
