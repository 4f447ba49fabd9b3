"""What a measurement of quality says: one number, its target, and the pages that are worst.

Here: the record and how it is shown. Not here: any measurement, and halves (`halves.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from bench.measure import say

WORST: Final = 10
Better = Literal["higher", "lower"]
Whole = Literal["mean", "sum", "worst"]
_PERFECT: Final = {"higher": 1.0, "lower": 0.0}
_FILE: Final = re.compile(r".*?\.pdf(?= |$)", re.IGNORECASE)


@dataclass(frozen=True)
class Case:
    """One page or document: where it is, its value, and what is to be said of it."""

    where: str
    value: float
    note: str = ""


@dataclass(frozen=True)
class Part:
    """What one case of a document adds to a number.

    Attributes:
        document: names the document; halves are made of whole documents.
        value: of this case, in the unit of the number.
        weight: of the value in a mean (words, cells, seconds of the other side).
        target: of this case, where the target of the number is the mean of such.
    """

    document: str
    value: float
    weight: float = 1.0
    target: float | None = None


@dataclass(frozen=True)
class Measured:
    """A number with its target, and the cases behind it.

    Attributes:
        name: of the number; starts with its kind.
        value: of all cases.
        target: what has to be reached; None where there is none.
        better: which side of the target is good.
        cases: what the worst are chosen from.
        note: of what, in which unit.
        parts: what the value is made from, where the cases are not: each case, with weight 1.
        whole: how it is made from them; None for the first of mean, worst and sum that gives it.
    """

    name: str
    value: float
    target: float | None
    better: Better
    cases: Sequence[Case] = field(default=())
    note: str = ""
    parts: Sequence[Part] = field(default=())
    whole: Whole | None = None

    @property
    def met(self) -> bool:
        """Whether the target is reached; True without one."""
        return is_met(self.value, self.target, self.better)

    def worst(self) -> list[Case]:
        """The ten worst cases, worst first, those left out that nothing is wrong with."""
        best, sign = _PERFECT[self.better], 1 if self.better == "higher" else -1
        faulty = [case for case in self.cases if not sign * case.value >= sign * best]
        return sorted(faulty, key=lambda case: sign * case.value)[:WORST]

    def all_parts(self) -> list[Part]:
        """The parts, else the cases as parts; a case's document is what stands up to `.pdf`."""
        if self.parts:
            return list(self.parts)
        found = ((_FILE.match(case.where), case) for case in self.cases)
        return [Part(m.group() if m else case.where, case.value) for m, case in found]


def is_met(value: float, target: float | None, better: Better) -> bool:
    """Whether a value reaches a target; True without one, False for what is no number."""
    if target is None:
        return True
    return value >= target if better == "higher" else value <= target


def show(results: Sequence[Measured]) -> None:
    """Print what must hold, what else was measured, then the worst cases of each."""
    held = [r for r in results if r.target is not None]
    for title, rows in (("must hold", held), ("beside", [r for r in results if r not in held])):
        width = max((len(r.name) for r in results), default=0)
        if rows:
            say(f"{title:{width}}  {'value':>8}  {'target':10} {'':8}")
        for row in rows:
            say(_line(row, width))
    say(f"{sum(r.met for r in held)} of {len(held)} met")
    for result in results:
        worst = result.worst()
        if worst:
            say(f"\n{result.name}: the worst of {len(result.cases)}")
            for case in worst:
                say(f"  {case.value:8.4f}  {case.where}  {case.note}")


def _line(result: Measured, width: int) -> str:
    sign = ">=" if result.better == "higher" else "<="
    target = "" if result.target is None else f"{sign} {result.target:.4g}"
    verdict = "" if result.target is None else ("met" if result.met else "NOT MET")
    return f"{result.name:{width}}  {result.value:8.4f}  {target:10} {verdict:8} {result.note}"
