"""Measuring: alternating rounds of two sides, medians, ratios, a small table and JSON.

Here: what every benchmark shares. Not here: what is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Comparison:
    """Quire beside a peer on the same work in the same run.

    Attributes:
        name: what was done.
        unit: what `quire` and `peer` count, such as pages/s.
        quire: median over the rounds.
        peer: median over the rounds.
        ratio: quire / peer.
        target: what the ratio has to reach (or, for costs, stay under); None when there is none.
        rounds: (quire, peer) of every round.
    """

    name: str
    unit: str
    quire: float
    peer: float
    ratio: float
    target: float | None
    rounds: tuple[tuple[float, float], ...]


def alternate(
    quire: Callable[[], float], peer: Callable[[], float], rounds: int
) -> list[tuple[float, float]]:
    """Run both sides `rounds` times, taking turns at going first, so that drift hits both."""
    results = []
    for number in range(rounds):
        if number % 2:
            theirs = peer()
            results.append((quire(), theirs))
        else:
            ours = quire()
            results.append((ours, peer()))
    return results


def compare(
    name: str, unit: str, rounds: Sequence[tuple[float, float]], target: float | None = None
) -> Comparison:
    """The medians of both sides and their ratio."""
    ours = median(quire for quire, _ in rounds)
    theirs = median(peer for _, peer in rounds)
    return Comparison(name, unit, ours, theirs, ours / theirs, target, tuple(rounds))


def say(line: str) -> None:
    """One line for the reader, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def show(comparisons: Sequence[Comparison]) -> None:
    """The table of comparisons, with the machine's load, without which no number means much."""
    say(f"{'':34} {'quire':>10} {'peer':>10} {'ratio':>7} {'target':>7}")
    for row in comparisons:
        target = "" if row.target is None else f"{row.target:g}"
        say(
            f"{row.name + ' (' + row.unit + ')':34} {row.quire:10.2f} {row.peer:10.2f} "
            f"{row.ratio:7.2f} {target:>7}"
        )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    say(f"{os.cpu_count()} cores, load average {load}")


def write_json(path: Path | None, comparisons: Sequence[Comparison]) -> None:
    """The same as JSON, rounds included, when a path was given."""
    if path is not None:
        rows = [asdict(comparison) for comparison in comparisons]
        path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def common_arguments(parser: argparse.ArgumentParser, rounds: int) -> None:
    """The arguments that every benchmark takes."""
    parser.add_argument("--rounds", type=int, default=rounds, help="rounds of each side")
    parser.add_argument("--json", type=Path, default=None, help="write the results here as well")
