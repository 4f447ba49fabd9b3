"""`python -m bench`: every benchmark in one run, in about a quarter of an hour on two cores.

`--short` takes a few minutes, in which Quire's start weighs on every ratio: a smoke test.
"""

from __future__ import annotations

import argparse
import os

from bench import orchestration, publish, reading, stream
from bench.measure import alternate, common_arguments, compare, say, show, write_json

PAGES = {"text": 2000, "layout": 150, "ocr": 24}
GIB = 0.5


def main() -> None:
    """Run every benchmark and print all ratios."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--short", action="store_true", help="small sizes, to try the benchmarks")
    common_arguments(parser, rounds=1)
    arguments = parser.parse_args()
    results = []
    for kind, task in reading.TASKS.items():
        say(f"reading: {kind} …")
        n_pages = PAGES[kind] if arguments.short else task.n_pages
        workers = os.cpu_count() or 1
        results.append(
            reading.measure(kind, n_pages=n_pages, rounds=arguments.rounds, workers=workers)
        )
    gib = GIB if arguments.short else 1.5
    say("publishing …")
    pairs = alternate(
        lambda: publish.peak_mib("quire", gib), lambda: publish.peak_mib("predicate", gib), 1
    )
    results.append(compare(f"publish {gib:g} GiB", "peak MiB", pairs))
    say("orchestration …")
    costs = orchestration.measure_sizes(orchestration.SIZES, orchestration.RUNS)
    part = 0.1 if arguments.short else 1.0
    costs += [orchestration.measure_load(load, part) for load in orchestration.LOADS.values()]
    say("a stream and a drop …")
    streams = stream.simulate(part / 100 if arguments.short else 1.0)
    show(results)
    orchestration.show_costs(costs)
    stream.show_streams(streams)
    write_json(arguments.json, results)


if __name__ == "__main__":
    main()
