"""What orchestration costs: the part of an ingest in which no stage works.

Tiny documents go in at 1, 10 and 100 a batch. The time of every run and of every step comes from
Dagster's own records. Not here: how fast stages are (`reading.py`).

    python -m bench.orchestration
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench import inputs
from bench.measure import say
from bench.quire_side import QuireRun, ingest

SIZES = (1, 10, 100)
RUNS = 3
"""Batches of each size in one ingest; the first run of a process pays for imports."""


@dataclass(frozen=True)
class Cost:
    """One ingest of `n_runs` batches.

    Attributes:
        per_batch: documents a batch.
        n_runs: runs that Dagster recorded.
        n_documents: documents in all.
        wall: seconds of the whole command.
        steps: seconds in which a step was running.
        runs: seconds in which a run was running, steps included.
    """

    per_batch: int
    n_runs: int
    n_documents: int
    wall: float
    steps: float
    runs: float

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


def _cost(run: QuireRun, per_batch: int, n_documents: int) -> Cost:
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
    return Cost(per_batch, len(records), n_documents, run.seconds, steps, runs)


def measure(per_batch: int, n_runs: int) -> Cost:
    """Ingest `n_runs` batches of `per_batch` tiny documents."""
    n_documents = per_batch * n_runs
    settings = {"QUIRE_BATCH_MAX_DOCS": str(per_batch), "QUIRE_LAYOUT": "off"}
    with tempfile.TemporaryDirectory(prefix="quire-bench-") as name:
        given = inputs.tiny(n_documents, Path(name))
        with ingest(given.paths, settings) as run:
            return _cost(run, per_batch, n_documents)


def show_costs(costs: list[Cost]) -> None:
    """The table, and the line that batches are cut by."""
    say("docs a batch  runs   wall s  in steps s  s a run  ms a document  outside runs s")
    for cost in costs:
        say(
            f"{cost.per_batch:12d} {cost.n_runs:5d} {cost.wall:8.2f} {cost.steps:11.2f} "
            f"{cost.per_run:8.2f} {cost.per_document * 1000:14.1f} {cost.outside_runs:15.2f}"
        )
    typical = median(cost.per_run for cost in costs)
    say(
        f"a run costs {typical:.2f} s beside its steps: under 2 % from {typical * 49:.0f} s of work"
    )


def main() -> None:
    """Measure what orchestration costs."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="docs a batch")
    parser.add_argument("--runs", type=int, default=RUNS, help="batches of each size")
    parser.add_argument("--json", type=Path, default=None, help="write the results here as well")
    arguments = parser.parse_args()
    costs = [measure(size, arguments.runs) for size in arguments.sizes]
    show_costs(costs)
    if arguments.json is not None:
        rows = [asdict(cost) for cost in costs]
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
