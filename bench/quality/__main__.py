"""How well Quire reads: every number with its target, and the worst ten pages of each.

python -m bench.quality all --corpus FOLDER                what issue 3 says must hold, in one table
python -m bench.quality text tables --corpus FOLDER        two kinds of it
python -m bench.quality tables --halves 5 --corpus FOLDER  and on ten random halves of the documents
python -m bench.quality all --documents 10 --pages 2 --corpus FOLDER    a quick look

The folder holds PDFs and a `manifest.csv` (path, category, password, ground_truth). What was read
is kept on disk until the code that reads changes: a second run costs little. Exit status 1 when
something is not met, or a kind could not be measured.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.quality.halves import SEED, show_halves
from bench.quality.measured import Measured, show

KINDS: Final = (
    "routing",
    "text",
    "order",
    "scans",
    "tables",
    "slices",
    "images",
    "summaries",
    "speed",
)
ALL: Final = "all"


def main(words: Sequence[str] | None = None) -> int:
    """Measure one or more kinds of quality; 0 when all that was measured is met."""
    arguments = _arguments(words)
    # Read by documents.py and by the kinds, some of them when they are imported.
    for name, value in (("DOCUMENTS", arguments.documents), ("PAGES", arguments.pages)):
        if value is not None:
            os.environ[f"QUIRE_QUALITY_{name}"] = str(value)
    results: list[Measured] = []
    for kind in KINDS if ALL in arguments.kinds else arguments.kinds:
        results += _measured(kind, arguments.corpus)
    show(results)
    if arguments.halves:
        show_halves(results, arguments.halves, arguments.seed)
    return 0 if all(result.met for result in results) else 1


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kinds", nargs="*", default=[ALL], help=f"{ALL}, or of {', '.join(KINDS)}")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--halves", type=_at_least_one, help="split the documents N times")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the splits ({SEED})")
    parser.add_argument("--documents", type=_at_least_one, help="take N of the folder at random")
    parser.add_argument("--pages", type=_at_least_one, help="read N of each document at most")
    arguments = parser.parse_args(words)
    unknown = set(arguments.kinds) - {ALL, *KINDS}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose of {ALL}, {', '.join(KINDS)}")
    if not (arguments.corpus / "manifest.csv").is_file():
        parser.error(f"{arguments.corpus} has no manifest.csv")
    return arguments


def _at_least_one(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _measured(kind: str, corpus: Path) -> list[Measured]:
    """The numbers of a kind; one that is not met, where it could not be measured."""
    started = time.monotonic()
    try:
        results: list[Measured] = importlib.import_module(f"bench.quality.{kind}").measure(corpus)
    except Exception as error:  # noqa: BLE001  # hours of the other kinds must not be lost
        traceback.print_exc()
        note = f"could not be measured: {type(error).__name__}: {error}"
        results = [Measured(kind, float("nan"), 0.0, "lower", note=note)]
    sys.stderr.write(f"{kind}: {time.monotonic() - started:.0f} s\n")
    return results


if __name__ == "__main__":
    sys.exit(main())
