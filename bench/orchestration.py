"""What orchestration costs: the part of an ingest in which no stage works.

Tiny documents go in at 1, 10, 100 and 1,000 a batch; then the loads that have a limit, in batches
as the rule cuts them. The time of every run and of every step comes from Dagster's own records.
Not here: how fast stages are (`reading.py`), a stream of files over days (`stream.py`).

    python -m bench.orchestration
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

import polars as pl

from bench import inputs
from bench.measure import say
from bench.quire_side import QuireRun, ingest
from io_managers.usage import STEP
from resources.lake.lake import Lake

SIZES = (1, 10, 100, 1000)
RUNS = 3
"""Batches of each size in one ingest; the first run of a process pays for imports."""
BIG = 1000
"""From this size on one batch is measured."""


@dataclass(frozen=True)
class Load:
    """Documents whose orchestration may take no more than a share of the runs' time."""

    name: str
    n_documents: int
    make: Callable[[int, Path], inputs.Inputs]
    settings: Mapping[str, str] = field(default_factory=dict)
    limit: float = 0.1


LOADS = {
    "ocr": Load("one-page scans", 200, inputs.one_page_scans, {}, 0.02),
    "text": Load("text layers, layout off", 2000, inputs.tiny, {"QUIRE_LAYOUT": "off"}, 0.1),
    "layout": Load("text layers, layout on", 2000, inputs.tiny, {}, 0.1),
}


@dataclass(frozen=True)
class Cost:
    """One ingest of `n_runs` batches.

    Attributes:
        name: what went in.
        n_runs: runs that Dagster recorded.
        n_documents: documents in all.
        wall: seconds of the whole command.
        steps: seconds in which a step was running.
        runs: seconds in which a run was running, steps included.
        idle: seconds of the steps in which no worker was at work.
        limit: what `share` may be at most, if it has a limit.
    """

    name: str
    n_runs: int
    n_documents: int
    wall: float
    steps: float
    runs: float
    idle: float = 0.0
    limit: float | None = None

    @property
    def per_run(self) -> float:
        """Seconds of a run outside its steps."""
        return (self.runs - self.steps) / self.n_runs

    @property
    def per_document(self) -> float:
        """Seconds outside the steps that each document bears."""
        return (self.runs - self.steps) / self.n_documents

    @property
    def outside_runs(self) -> float:
        """Seconds of the command in which no run was running: start, scan, manifest, end."""
        return self.wall - self.runs

    @property
    def share(self) -> float:
        """Share of the runs' time that is not spent in steps."""
        return (self.runs - self.steps) / self.runs

    @property
    def wall_share(self) -> float:
        """Share of the whole command's time that is not spent in steps, its start included."""
        return (self.wall - self.steps) / self.wall


def _cost(run: QuireRun, name: str, n_documents: int, limit: float | None = None) -> Cost:
    from dagster import DagsterInstance  # noqa: TID251 - the times are in its records

    runs = steps = 0.0
    with DagsterInstance.from_config(str(run.home)) as instance:
        records = instance.get_run_records()
        for record in records:
            runs += (record.end_time or 0.0) - (record.start_time or 0.0)
            for step in instance.get_run_step_stats(record.dagster_run.run_id):
                steps += (step.end_time or 0.0) - (step.start_time or 0.0)
    if not records:
        message = f"no runs under {run.home}: did quire use another DAGSTER_HOME?"
        raise RuntimeError(message)
    usage = Lake(str(run.lake)).read("usage", ["micro_batch", "seconds"])
    idle = float(usage.filter(pl.col("micro_batch") == STEP)["seconds"].sum())
    return Cost(name, len(records), n_documents, run.seconds, steps, runs, idle, limit)


def measure(per_batch: int, n_runs: int) -> Cost:
    """Ingest `n_runs` batches of `per_batch` tiny documents."""
    n_documents = per_batch * n_runs
    settings = {"QUIRE_BATCH_MAX_DOCS": str(per_batch), "QUIRE_LAYOUT": "off"}
    with tempfile.TemporaryDirectory(prefix="quire-bench-") as name:
        given = inputs.tiny(n_documents, Path(name))
        with ingest(given.paths, settings) as run:
            return _cost(run, f"{per_batch:,} tiny documents a batch", n_documents)


def measure_sizes(sizes: Sequence[int], n_runs: int) -> list[Cost]:
    """One ingest for each number of documents a batch."""
    return [measure(size, n_runs if size < BIG else 1) for size in sizes]


def measure_load(load: Load, share: float = 1.0) -> Cost:
    """Ingest a load, or a share of it, in the batches that the rule cuts."""
    with tempfile.TemporaryDirectory(prefix="quire-bench-") as name:
        given = load.make(max(1, round(load.n_documents * share)), Path(name))
        with ingest(given.paths, load.settings) as run:
            n_documents = len(given.paths)
            return _cost(run, f"{n_documents:,} {load.name}", n_documents, load.limit)


def show_costs(costs: Sequence[Cost]) -> None:
    """The table, the machine's load, and from how much work on a run's own cost is small."""
    say(
        f"{'':34} {'batches':>7} {'docs each':>9} {'command s':>9} {'in steps s':>10} "
        f"{'s a run':>8} {'share':>7} {'limit':>6} {'of command':>10} {'no worker s':>11}"
    )
    for cost in costs:
        limit = "" if cost.limit is None else f"{cost.limit:.0%}"
        say(
            f"{cost.name:34} {cost.n_runs:7d} {cost.n_documents / cost.n_runs:9.0f} "
            f"{cost.wall:9.2f} {cost.steps:10.2f} {cost.per_run:8.2f} {cost.share:7.1%} "
            f"{limit:>6} {cost.wall_share:10.1%} {cost.idle:11.2f}"
        )
    typical = median(cost.per_run for cost in costs)
    say(
        f"a run costs {typical:.2f} s beside its steps: under 2 % from {typical * 49:.0f} s of work"
    )
    say("share: of the runs' time, outside steps. of command: the same, with what comes before")
    say("and after runs. no worker: in steps, while no worker worked (marks, commits, checks)")
    say(f"load average {', '.join(f'{value:.1f}' for value in os.getloadavg())}")


def main() -> None:
    """Measure what orchestration costs."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES), help="docs a batch")
    parser.add_argument("--runs", type=int, default=RUNS, help="batches of each size")
    parser.add_argument("--loads", nargs="*", choices=LOADS, default=list(LOADS), help="which")
    parser.add_argument("--part", type=float, default=1.0, help="part of each load, to try it")
    parser.add_argument("--json", type=Path, default=None, help="write the results here as well")
    arguments = parser.parse_args()
    costs = measure_sizes(arguments.sizes, arguments.runs)
    costs += [measure_load(LOADS[name], arguments.part) for name in arguments.loads]
    show_costs(costs)
    if arguments.json is not None:
        rows = [{**asdict(cost), "share": cost.share} for cost in costs]
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
