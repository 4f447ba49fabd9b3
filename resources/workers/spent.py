"""What workers cost: the seconds that tasks had a worker, and those in which any had one.

Here: that record. Not here: whose work it was (`assets/in_hand.py`) or where it is booked
(`io_managers/usage.py`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Spent:
    """Time of tasks.

    Attributes:
        worker_seconds: Summed over the workers: two that are busy for a second make two.
        seconds: Wall-clock seconds in which at least one task was in hand.
    """

    worker_seconds: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        """Both together."""
        return Spent(self.worker_seconds + other.worker_seconds, self.seconds + other.seconds)

    def __sub__(self, other: Spent) -> Spent:
        """What came since."""
        return Spent(self.worker_seconds - other.worker_seconds, self.seconds - other.seconds)
