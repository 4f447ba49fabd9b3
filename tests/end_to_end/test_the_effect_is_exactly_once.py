"""Promise 3: killed at any moment and run again, the tables end as those of a run left alone."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.end_to_end.pdfs import plain
from tests.end_to_end.running import Place, contents, make_place

TABLES = ("files", "pages", "images", "docs", "summaries")


def fill(place: Place) -> None:
    for number in range(12):
        text = f"Document {number} speaks of the sea"
        plain(place.landing / f"{number:02d}.pdf", n_pages=3, text=text)
    (place.landing / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing more")


def kill(place: Place, after: float) -> bool:
    """Start an ingest and kill everything of it; False when it was done before."""
    process = place.start("ingest", "--json")
    time.sleep(after)
    ended = process.poll() is not None
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return not ended


def test_kill_minus_nine_loses_and_doubles_nothing(tmp_path: Path) -> None:
    landing = tmp_path / "clean"
    clean = make_place(landing, layout="off", batch_max_docs="5")
    fill(clean)
    code, _ = clean.ingest()
    assert code == 3
    battered = Place(tmp_path / "battered", clean.settings)
    (battered.root / "dagster_home").mkdir(parents=True)
    battered.landing.symlink_to(clean.landing)
    for after in (1.2, 1.6, 2.0, 2.4, 3.0):
        kill(battered, after)
    code, report = battered.ingest()
    assert code == 3, report
    assert battered.run("audit")[0] == 0
    for table in TABLES:
        ours, theirs = contents(battered.lake, table), contents(clean.lake, table)
        assert [_without_place(row) for row in ours] == [_without_place(row) for row in theirs]


def _without_place(row: dict[str, object]) -> dict[str, object]:
    return {k: v for k, v in row.items() if k not in ("uri", "input_sha256", "batch")}


@pytest.mark.parametrize("again", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_second_sighting_of_the_same_content_is_not_twice_the_work(
    tmp_path: Path, again: int
) -> None:
    place = make_place(tmp_path / "place", layout="off")
    plain(place.landing / "a.pdf", n_pages=2)
    place.ingest()
    for number in range(again):
        data = (place.landing / "a.pdf").read_bytes()
        (place.landing / f"copy{number}.pdf").write_bytes(data)
        code, report = place.ingest()
        assert (code, report["runs"]) == (0, 1)
    rows = place.lake.read("files")
    assert sorted(rows["status"]) == ["duplicate"] * again + ["ok"]
    assert place.lake.read("pages").height == 2
    assert place.lake.read("docs").height == 1
    assert place.run("audit")[0] == 0
