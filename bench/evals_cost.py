"""What measuring a batch costs beside making it: CPU-seconds of `evals` and of the stages.

    python -m bench.evals_cost --corpus FOLDER [--documents 12] [--share 0.002] [--layout on]

CPU-seconds of this process and its workers, so that other work on the machine changes nothing. One
batch of documents with a text layer goes through every stage in this process, then is measured:
alone, with a share of its pages graded, and once more, when nothing has changed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copy2
from typing import Any

import psutil

from assets.context import StageContext
from assets.docs.build import build_docs
from assets.evals.base import Limits
from assets.evals.build import build_evals
from assets.evals.checks import run_checks
from assets.evals.history import History
from assets.evals.measured import MeasuredBatch
from assets.files.build import build_files
from assets.images.build import build_images
from assets.pages.build import build_pages
from assets.summaries.build import build_summaries
from bench.measure import say
from bench.quality.documents import corpus_sources
from io_managers.publish import publish_staged
from resources.lake.lake import Lake
from resources.settings import load_settings
from resources.workers.pool import WorkerPool
from sensors.scan import tick

CATEGORIES = {"ordinary_en", "multi_column", "tables", "no_images"}
STAGES: dict[str, Callable[[StageContext], Any]] = {
    "files": build_files,
    "pages": build_pages,
    "images": build_images,
    "docs": build_docs,
    "summaries": build_summaries,
}


def main(words: Sequence[str] | None = None) -> int:
    """Make a batch, measure it, and print both costs."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.evals_cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=12)
    parser.add_argument("--share", type=float, default=0.002)
    parser.add_argument("--layout", default="on")
    arguments = parser.parse_args(words)
    sources = [s for s in corpus_sources(arguments.corpus) if s.category in CATEGORIES]
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        (root / "landing").mkdir()
        for source in sources[: arguments.documents]:
            copy2(source.path, root / "landing")
        _measure(root, arguments.share, arguments.layout)
    return 0


def _measure(root: Path, share: float, layout: str) -> None:
    given = {"landing": str(root / "landing"), "lake": str(root / "lake"), "layout": layout}
    settings = load_settings({}, root, {**given, "workers": "2", "stable_seconds": "0"})
    lake = Lake(settings.lake)
    workers = WorkerPool(2, 4096, 60, 1800)
    (batch,) = tick(lake, settings, [settings.landing], linger=False).batches
    context = StageContext(lake, settings, workers, batch, "bench")
    whole = 0.0
    try:
        for stage, build in STAGES.items():
            _, cpu, wall = _timed(lambda b=build: publish_staged(lake, b(context)))  # type: ignore[misc]
            say(f"{stage:24} {cpu:8.2f} CPU-s {wall:8.2f} s")
            whole += cpu
        pages = lake.read("pages", ["page_number"]).height
        say(f"{pages} pages, stages {whole:.2f} CPU-s")
        for name, of in (("alone", 0.0), ("with self-grading", share), ("again", share)):
            chosen = replace(context, settings=replace(settings, eval_share=of))
            measured, cpu, wall = _timed(lambda c=chosen: _evals(c))  # type: ignore[misc]
            say(
                f"evals, {name:17} {cpu:8.2f} CPU-s {wall:8.2f} s  {cpu / whole:6.2%} of the "
                f"stages; {measured.n_graded} pages graded, {measured.n_rows} rows"
            )
    finally:
        workers.close()


def _evals(context: StageContext) -> MeasuredBatch:
    measured = build_evals(context)
    run_checks(measured, History.read(context.lake, context.batch), Limits())
    return measured


def _timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    before, started = _cpu(), time.monotonic()
    result = work()
    return result, _cpu() - before, time.monotonic() - started


def _cpu() -> float:
    """CPU-seconds of this process, of its workers, and of those that have ended."""
    process = psutil.Process()
    times = [process.cpu_times(), *(c.cpu_times() for c in process.children(recursive=True))]
    return float(sum(t.user + t.system for t in times) + sum(times[0][2:4]))


if __name__ == "__main__":
    sys.exit(main())
