"""Quire's side of the benchmarks: the command line in a process of its own, on a lake of its own.

Here: one whole `quire ingest`, start-up and publishing included, and proof that it did the work.
Not here: the rivals.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from resources.lake.lake import Lake

ROOT = Path(__file__).resolve().parent.parent
EXIT_DONE = (0, 3)
"""All done; or some document quarantined, as the odd one of a folder of real PDFs is."""

# A bench has no writers that are still writing and no files that are still to come.
SETTINGS = {"QUIRE_STABLE_SECONDS": "0", "QUIRE_BATCH_LINGER": "0"}


@dataclass(frozen=True)
class QuireRun:
    """One ingest: how long it took as a whole, and where its lake and Dagster's home lie."""

    seconds: float
    lake: Path
    home: Path
    output: str


@contextmanager
def ingest(pdfs: Sequence[Path], env: Mapping[str, str]) -> Iterator[QuireRun]:
    """Ingest PDFs into a lake that is there until the block ends."""
    with tempfile.TemporaryDirectory(prefix="quire-bench-") as name:
        folder = Path(name)
        landing, lake, home = folder / "landing", folder / "lake", folder / "home"
        landing.mkdir()
        home.mkdir()
        for number, pdf in enumerate(pdfs):
            _place(pdf, landing / f"{number:06d}.pdf")
        yield _ingest(landing, lake, home, env)


def _place(pdf: Path, target: Path) -> None:
    try:
        target.hardlink_to(pdf)
    except OSError:  # another file system
        shutil.copyfile(pdf, target)


def _ingest(landing: Path, lake: Path, home: Path, env: Mapping[str, str]) -> QuireRun:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("QUIRE_")}
    command = [sys.executable, "-m", "cli.main", "ingest", str(landing)]
    command += ["--lake", str(lake), "--json"]
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**inherited, **SETTINGS, "DAGSTER_HOME": str(home), **env},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - start
    if done.returncode not in EXIT_DONE:
        message = f"quire ingest ended with {done.returncode}: {done.stderr[-2000:]}"
        raise RuntimeError(message)
    return QuireRun(seconds, lake, home, done.stdout)


def run_quire(pdfs: Sequence[Path], env: Mapping[str, str], n_pages: int) -> float:
    """Seconds of a whole ingest, which has to have read text on `n_pages` pages."""
    with ingest(pdfs, env) as run:
        pages = Lake(str(run.lake)).scan("pages", ["status", "n_chars"])
        read = pages.filter((pl.col("status") != "failed") & (pl.col("n_chars") > 0))
        n_read = read.collect().height
        if n_read != n_pages:
            message = f"quire read {n_read} of {n_pages} pages: such a time would mean nothing"
            raise RuntimeError(message)
        return run.seconds
