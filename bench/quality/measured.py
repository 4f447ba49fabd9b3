"""What a measurement of quality says: one number, its target, and the pages that are worst.

Here: the record and how it is shown. Not here: any measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from bench.measure import say

WORST = 10


@dataclass(frozen=True)
class Case:
    """One page or document: where it is, its value, and what is to be said of it."""

    where: str
    value: float
    note: str = ""


@dataclass(frozen=True)
class Measured:
    """A number with its target, and the cases behind it."""

    name: str
    value: float
    target: float | None
    better: Literal["higher", "lower"]
    cases: Sequence[Case] = field(default=())
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is reached; True without one."""
        if self.target is None:
            return True
        return self.value >= self.target if self.better == "higher" else self.value <= self.target

    def worst(self) -> list[Case]:
        """The ten worst cases, worst first."""
        return sorted(self.cases, key=lambda c: c.value, reverse=self.better == "lower")[:WORST]


def show(results: Sequence[Measured]) -> None:
    """Print every number, then the worst cases of each."""
    width = max((len(r.name) for r in results), default=0)
    for result in results:
        sign = ">=" if result.better == "higher" else "<="
        target = "" if result.target is None else f"{sign} {result.target:g}"
        verdict = "" if result.target is None else ("met" if result.met else "NOT MET")
        say(f"{result.name:{width}}  {result.value:8.4f}  {target:10} {verdict:8} {result.note}")
    for result in results:
        if result.cases:
            say(f"\n{result.name}: the worst of {len(result.cases)}")
            for case in result.worst():
                say(f"  {case.value:8.4f}  {case.where}  {case.note}")
