"""Whether memory stays flat: MiB of the parent and of its largest worker as documents go by.

One `quire ingest` of batches of a hundred documents each, watched from outside. Resident memory,
which the kernel counts; pages that processes share are in each of them. Not here: what publishing
large images takes (`publish.py`).

    python -m bench.memory
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import inputs
from bench.measure import say
from bench.quire_side import EXIT_DONE, ROOT, SETTINGS

PER_BATCH = 100
MARKS = (100, 500, 1000)
_EVERY_SECONDS = 0.1
_MIB = 2**20


@dataclass(frozen=True)
class Peak:
    """The most that was seen while so many documents were published: parent, largest worker."""

    parent: float = 0.0
    worker: float = 0.0

    def with_sample(self, parent: float, worker: float) -> Peak:
        """The greater of this and one more look, each."""
        return Peak(max(self.parent, parent), max(self.worker, worker))


def watch(landing: Path, folder: Path, env: Mapping[str, str]) -> dict[int, Peak]:
    """Ingest a folder; returns the peaks by the number of documents that were published."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("QUIRE_")}
    (folder / "home").mkdir()
    command = [sys.executable, "-m", "cli.main", "ingest", str(landing), "--json"]
    process = subprocess.Popen(
        [*command, "--lake", str(folder / "lake")],
        cwd=ROOT,
        env={**inherited, **SETTINGS, "DAGSTER_HOME": str(folder / "home"), **env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    peaks: dict[int, Peak] = defaultdict(Peak)
    parent = psutil.Process(process.pid)
    while process.poll() is None:
        done = PER_BATCH * len(list((folder / "lake" / "summaries").glob("batch=*")))
        peaks[done] = peaks[done].with_sample(*_sample(parent))
        time.sleep(_EVERY_SECONDS)
    if process.returncode not in EXIT_DONE:
        _, complaint = process.communicate()
        raise RuntimeError(f"quire ingest ended with {process.returncode}: {complaint[-2000:]}")
    return peaks


def _sample(parent: psutil.Process) -> tuple[float, float]:
    try:
        own = parent.memory_info().rss / _MIB
        workers = [0.0]
        for child in parent.children():
            try:
                workers.append(child.memory_info().rss / _MIB)
            except psutil.NoSuchProcess:  # replaced between the two looks
                continue
    except psutil.NoSuchProcess:
        return 0.0, 0.0
    return own, max(workers)


def main() -> None:
    """Print one line a mark."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--layout", choices=("on", "off"), default="off")
    layout = parser.parse_args().layout
    settings = {"QUIRE_LAYOUT": layout, "QUIRE_OCR": "off", "QUIRE_BATCH_MAX_DOCS": str(PER_BATCH)}
    with tempfile.TemporaryDirectory(prefix="quire-bench-") as name:
        folder = Path(name)
        landing = folder / "landing"
        whole = inputs.text_layer(1, folder / "one")
        pages = whole.n_pages * MARKS[-1]
        inputs.text_layer(pages, landing)
        say(f"{MARKS[-1]} documents of {whole.n_pages} pages, layout {layout}")
        peaks = watch(landing, folder, settings)
    say(f"{'documents':>10} {'parent MiB':>11} {'worker MiB':>11}")
    for mark in MARKS:
        # While the batch before the mark was still being worked on.
        peak = peaks.get(mark - PER_BATCH, Peak())
        say(f"{mark:>10} {peak.parent:>11.0f} {peak.worker:>11.0f}")


if __name__ == "__main__":
    main()
