"""Errors as places: the square-root scale of every chart.

Here: numbers. Not here: drawing (`charts.py`).

On a square root 0.1 % and 0.5 % can be told apart beside 40 %, and 0, which most errors are, has a
place, as it has none on a logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_TICKS: Final = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_NEAR: Final = 13.0
"""Per cent of the width that a tick's words take."""


@dataclass(frozen=True)
class Scale:
    """A square-root scale from 0 to `top`, in per cent of the width."""

    top: float

    @staticmethod
    def of(values: Sequence[float | None]) -> Scale:
        """A scale that every finite value fits in."""
        known = [v for v in values if v is not None and math.isfinite(v) and v > 0]
        return Scale(max(known, default=0.01) * 1.1)

    def share(self, value: float) -> float:
        """Where a value stands, 0..1; below 0 is 0."""
        if not math.isfinite(value):
            return 1.0 if value > 0 else 0.0
        return min(1.0, math.sqrt(max(0.0, value) / self.top))

    def ticks(self) -> Iterator[float]:
        """Round values on the scale, none so near to another that their words meet."""
        last = -math.inf
        for tick in _TICKS:
            place = self.share(tick) * 100
            if tick <= self.top and place - last >= _NEAR:
                last = place
                yield tick
