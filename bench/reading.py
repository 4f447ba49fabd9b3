"""Reading PDFs: Quire from file to published tables, beside the bare loop that stores nothing.

python -m bench.reading text          text-layer documents, layout off
python -m bench.reading layout        the same, layout on, beside pymupdf4llm
python -m bench.reading ocr           scans, beside RapidOCR
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import inputs, rivals
from bench.measure import Comparison, alternate, common_arguments, compare, show, write_json
from bench.quire_side import run_quire


@dataclass(frozen=True)
class Task:
    """What is read, with which settings of Quire, and how many pages make start-up small."""

    n_pages: int
    settings: dict[str, str]
    target: float


TASKS = {
    # Quire's start is about 4 s and a page about 4 ms: fewer pages would measure the start.
    "text": Task(8000, {"QUIRE_LAYOUT": "off", "QUIRE_OCR": "off"}, 0.5),
    "layout": Task(400, {"QUIRE_LAYOUT": "on"}, 0.9),
    "ocr": Task(60, {}, 0.9),
}


def _inputs(kind: str, n_pages: int, corpus: Path | None, folder: Path) -> inputs.Inputs:
    if corpus is not None and kind != "ocr":
        return inputs.from_folder(corpus, n_pages, folder)
    make = inputs.scanned if kind == "ocr" else inputs.text_layer
    return make(n_pages, folder)


def measure(
    kind: str, *, n_pages: int, rounds: int, workers: int, corpus: Path | None = None
) -> Comparison:
    """Pages per second of both sides."""
    task = TASKS[kind]
    with tempfile.TemporaryDirectory(prefix="quire-bench-") as name:
        given = _inputs(kind, n_pages, corpus, Path(name))
        settings = {"QUIRE_WORKERS": str(workers), **task.settings}

        def quire() -> float:
            return given.n_pages / run_quire(given.paths, settings, given.n_pages)

        def rival() -> float:
            return given.n_pages / rivals.run(kind, given.paths, workers)

        pairs = alternate(quire, rival, rounds)
    return compare(f"{kind}, {given.n_pages} pages", "pages/s", pairs, task.target)


def main() -> None:
    """Measure one or more kinds of reading."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(TASKS)}; all when none is given")
    parser.add_argument("--pages", type=int, help="pages to read, at least")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--corpus", type=Path, help="copies of the text-layer PDFs of this folder")
    common_arguments(parser, rounds=3)
    arguments = parser.parse_args()
    unknown = set(arguments.kinds) - set(TASKS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose of {', '.join(TASKS)}")
    results = [
        measure(
            kind,
            n_pages=arguments.pages or TASKS[kind].n_pages,
            rounds=arguments.rounds,
            workers=arguments.workers,
            corpus=arguments.corpus,
        )
        for kind in arguments.kinds or TASKS
    ]
    show(results)
    write_json(arguments.json, results)


if __name__ == "__main__":
    main()
