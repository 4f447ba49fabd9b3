"""Whether numbers hold on random halves of the documents, and not on all of them only.

Here: documents split in two at random, as often as asked, and each number made again of each half.
A split is by document: pages of one document are alike. A number whose parts do not make it up
(`Measured.parts`, `Measured.whole`) has no halves, and that is said. Not here: any measurement.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.measure import say
from bench.quality.measured import Better, Measured, Part, Whole, is_met

SEED: Final = 1
_LISTED: Final = 12
"""More halves than these are told by their range alone."""


@dataclass(frozen=True)
class Half:
    """A number of half the documents, and the target that it has there."""

    value: float
    target: float | None
    met: bool


def whole_of(parts: Sequence[Part], how: Whole, better: Better) -> float:
    """The number that parts make: nan when there are none, or they weigh nothing."""
    match how:
        case "sum":
            return math.fsum(part.value for part in parts)
        case "worst":
            values = [part.value for part in parts]
            worst = min if better == "higher" else max
            return worst(values) if values else math.nan
        case "mean":
            weight = math.fsum(part.weight for part in parts)
            total = math.fsum(part.value * part.weight for part in parts)
            return total / weight if weight else math.nan


def halves_of(measured: Measured, splits: int, seed: int = SEED) -> list[Half] | str:
    """Two halves a split, one after the other; or why there are none."""
    parts = measured.all_parts()
    documents = sorted({part.document for part in parts})
    if len(documents) < 2:
        return f"{len(documents)} document" + ("" if len(documents) == 1 else "s")
    how = _how(measured, parts)
    if how is None:
        return "the value is not made of its cases"
    halves = []
    for number in range(splits):
        mixed = random.Random(f"{seed} {number}").sample(documents, len(documents))
        first = set(mixed[: len(mixed) // 2])
        for inside in (True, False):
            of_half = [part for part in parts if (part.document in first) is inside]
            halves.append(_half(measured, of_half, how))
    return halves


def _how(measured: Measured, parts: Sequence[Part]) -> Whole | None:
    """How the parts make the value; None when they do not."""
    ways: Sequence[Whole] = (measured.whole,) if measured.whole else ("mean", "worst", "sum")
    for how in ways:
        if math.isclose(whole_of(parts, how, measured.better), measured.value, abs_tol=1e-9):
            return how
    return None


def _half(measured: Measured, parts: Sequence[Part], how: Whole) -> Half:
    value = whole_of(parts, how, measured.better)
    target = measured.target
    if any(part.target is not None for part in parts):
        targets = [Part(p.document, p.target, p.weight) for p in parts if p.target is not None]
        target = whole_of(targets, how, measured.better)
    return Half(value, target, is_met(value, target, measured.better))


def show_halves(results: Sequence[Measured], splits: int, seed: int = SEED) -> None:
    """Print of every number the range over halves, how many meet the target, and each of a few."""
    width = max((len(result.name) for result in results), default=0)
    title = "on random halves of the documents"
    say(f"\n{title:{width}}  {'all':>8}  {'lowest':>8}  {'highest':>8}")
    for result in results:
        found = halves_of(result, splits, seed)
        if isinstance(found, str):
            say(f"{result.name:{width}}  {result.value:8.4f}  no halves: {found}")
            continue
        values = [half.value for half in found]
        n_met = sum(half.met for half in found)
        verdict = "" if result.target is None else f"{n_met} of {len(found)} met"
        listed = " ".join(f"{h.value:.4f}{'' if h.met else '!'}" for h in found[:_LISTED])
        say(
            f"{result.name:{width}}  {result.value:8.4f}  {min(values):8.4f}  {max(values):8.4f}"
            f"  {verdict:14} {listed if len(found) <= _LISTED else ''}".rstrip()
        )
