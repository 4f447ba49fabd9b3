"""How well Quire reads: every number with its target, and the worst ten pages of each.

python -m bench.quality --corpus FOLDER              all of it
python -m bench.quality routing text --corpus FOLDER

The folder holds PDFs and a `manifest.csv` (path, category, password, ground_truth).
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from bench.quality.measured import Measured, show

KINDS = ("routing", "text", "order", "scans", "tables", "slices", "images", "summaries", "speed")


def main() -> None:
    """Measure one or more kinds of quality."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(KINDS)}; all when none is given")
    parser.add_argument("--corpus", type=Path, required=True)
    arguments = parser.parse_args()
    unknown = set(arguments.kinds) - set(KINDS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose of {', '.join(KINDS)}")
    results: list[Measured] = []
    for kind in arguments.kinds or KINDS:
        module = importlib.import_module(f"bench.quality.{kind}")
        results += module.measure(arguments.corpus)
    show(results)


if __name__ == "__main__":
    main()
