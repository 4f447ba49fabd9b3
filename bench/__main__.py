"""`python -m bench`: every benchmark in one run, sized so that it ends in some minutes.

The single scripts take larger sizes; what is reported of Quire comes from those.
"""

from __future__ import annotations

import argparse
import os

from bench import orchestration, publish, reading
from bench.measure import alternate, common_arguments, compare, say, show, write_json

PAGES = {"text": 2000, "layout": 150, "ocr": 24}
GIB = 0.5


def main() -> None:
    """Run every benchmark and print all ratios."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--full", action="store_true", help="the sizes of the single scripts")
    common_arguments(parser, rounds=1)
    arguments = parser.parse_args()
    results = []
    for kind, task in reading.TASKS.items():
        say(f"reading: {kind} …")
        n_pages = task.n_pages if arguments.full else PAGES[kind]
        workers = os.cpu_count() or 1
        results.append(
            reading.measure(kind, n_pages=n_pages, rounds=arguments.rounds, workers=workers)
        )
    gib = 1.5 if arguments.full else GIB
    say("publishing …")
    pairs = alternate(
        lambda: publish.peak_mib("quire", gib), lambda: publish.peak_mib("predicate", gib), 1
    )
    results.append(compare(f"publish {gib:g} GiB", "peak MiB", pairs))
    say("orchestration …")
    costs = [orchestration.measure(size, orchestration.RUNS) for size in orchestration.SIZES]
    show(results)
    orchestration.show_costs(costs)
    write_json(arguments.json, results)


if __name__ == "__main__":
    main()
