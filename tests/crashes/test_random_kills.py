"""Everything is killed at random moments and started again: the tables end as a clean run's.

With `quire ingest` in every test run; with `dagster dev` (web server, daemon, code server, runs and
workers) over real PDFs in the slow one, which prints how much work was done twice.
"""

from __future__ import annotations

import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pymupdf
import pytest

from cli.databases import make_databases
from resources.lake.batches import all_batches, retryable_batches, unfinished_batches
from resources.settings import REPOSITORY_ROOT
from tests.crashes.place import WORKERS, CountingPlace, make_counting_place
from tests.end_to_end.pdfs import plain

SLICE_PAGES = 16
KILLS = 30
DOCUMENTS = 60
MAX_PAGES = 40


def kill_all(process: subprocess.Popen[Any]) -> None:
    """Kill a process and all that descends from it, as a host that loses power does."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        family = [*parent.children(recursive=True), parent]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.send_signal(signal.SIGSTOP)  # none is started meanwhile
        family = [*parent.children(recursive=True), parent]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
    process.communicate()


def test_five_kills_of_quire_ingest_lose_and_double_nothing(tmp_path: Path) -> None:
    pdfs = tmp_path / "pdfs"
    pdfs.mkdir()
    for number in range(12):
        plain(pdfs / f"{number:02d}.pdf", 3, f"Document {number} speaks of the sea")
    (pdfs / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing more")
    clean = make_counting_place(tmp_path / "clean", pdfs, BATCH_MAX_DOCS="5")
    assert clean.ingest()[0] == 3
    battered = make_counting_place(tmp_path / "battered", pdfs, BATCH_MAX_DOCS="5")
    moments = random.Random(4)
    for _ in range(5):
        process = battered.start("ingest", "--json")
        _wait_until_it_works(battered, process)
        time.sleep(moments.uniform(0, 2))
        kill_all(process)
    assert battered.ingest()[0] == 3
    assert battered.run("audit")[0] == 0
    assert battered.tables() == clean.tables()
    again = sum(battered.pages_read().values()) - len(battered.pages_read())
    assert again <= 5 * (WORKERS + 1) * 3


def _wait_until_it_works(place: CountingPlace, process: subprocess.Popen[str]) -> None:
    """Until its run has begun, so that the moment of the kill is somewhere in its work."""
    began = time.monotonic()
    runs = place.lake.names("_quire/epochs/files")
    while process.poll() is None and time.monotonic() < began + 60:
        stages = [place.lake.names(f"_quire/epochs/{stage}") for stage in ("files", "pages")]
        if stages[0] != runs or stages[1]:
            return
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.corpus
def test_thirty_kills_of_everything_lose_and_double_nothing(
    tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pdfs = tmp_path / "pdfs"
    pdfs.mkdir()
    _choose(corpus, pdfs)
    clean = make_counting_place(tmp_path / "clean", pdfs, BATCH_MAX_DOCS="20")
    clean.ingest()
    good = _good_pages(clean)
    battered = make_counting_place(tmp_path / "battered", pdfs, BATCH_MAX_DOCS="20")
    moments = random.Random(30)
    worst = kills = 0
    while kills < KILLS:
        before = _read_again(battered, good)
        process = _dagster_dev(battered)
        _wait_for_new_work(battered, process, sum(battered.pages_read().values()))
        time.sleep(moments.uniform(0, 3))
        kill_all(process)
        kills += 1
        worst = max(worst, _read_again(battered, good) - before)
    process = _dagster_dev(battered)
    _wait_until_finished(battered)
    kill_all(process)
    assert battered.run("audit")[0] == 0
    assert battered.tables() == clean.tables()
    again = _read_again(battered, good)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{kills} kills, {len(good)} pages: {again} read again, {worst} at most after one\n"
        )
    assert worst <= (WORKERS + 1) * SLICE_PAGES


def _good_pages(place: CountingPlace) -> set[str]:
    """Pages that are read once when nothing is killed: those that fail are tried three times."""
    rows = place.lake.read("pages", ["doc_id", "page_number", "status"])
    return {f"{doc_id} {page}" for doc_id, page, status in rows.iter_rows() if status == "ok"}


def _read_again(place: CountingPlace, pages: set[str]) -> int:
    return sum(times - 1 for page, times in place.pages_read().items() if page in pages)


def _choose(corpus: Path, folder: Path) -> None:
    """Sixty PDFs of the corpus, of all kinds, none of them long."""
    found = sorted(corpus.rglob("*.pdf"))
    random.Random(60).shuffle(found)
    for path in found:
        with suppress(Exception), pymupdf.open(path) as document:
            if document.page_count > MAX_PAGES:
                continue
        shutil.copy(path, folder / f"{len(list(folder.iterdir())):02d}.pdf")
        if len(list(folder.iterdir())) == DOCUMENTS:
            return


def _dagster_dev(place: CountingPlace) -> subprocess.Popen[bytes]:
    home = place.root / "dagster_home"
    (home / "dagster.yaml").write_bytes((REPOSITORY_ROOT / "dagster.yaml").read_bytes())
    make_databases(home)  # as `make dev` does
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dagster", "dev", "-m", "tests.crashes.counting_definitions"]
    return subprocess.Popen(
        [*command, "-h", "127.0.0.1", "-p", str(port)],
        cwd=REPOSITORY_ROOT,
        env=place.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _wait_for_new_work(
    place: CountingPlace, process: subprocess.Popen[bytes], before: int, seconds: float = 120
) -> None:
    began = time.monotonic()
    while process.poll() is None and time.monotonic() < began + seconds:
        working = sum(place.pages_read().values()) > before
        if working or (place.lake.open("manifest") and not unfinished_batches(place.lake)):
            return
        time.sleep(0.2)


def _wait_until_finished(place: CountingPlace, seconds: float = 900) -> None:
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        lake = place.lake
        if all_batches(lake) and not unfinished_batches(lake) and not retryable_batches(lake):
            return
        time.sleep(1)
    raise AssertionError(f"not finished after {seconds} s: {unfinished_batches(place.lake)}")
