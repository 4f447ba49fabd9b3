"""How many requests are in flight: one more while all is well, half as many when it is not.

Here: the window (additive up, multiplicative down), and waiting for a place in it. Not here: what
counts as a sign of too much (`client.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

START: Final = 4.0
"""Requests at once to begin with: a llama-server has 4 to 8 places, a vLLM dozens."""


@dataclass
class Place:
    """A request's place in the window; whoever holds it says how the request went."""

    round: int
    overloaded: bool = False
    """The server had too much to do: it refused, or did not answer in time."""
    answered: bool = False


class Window:
    """Places for requests in flight, between 1 and `most`."""

    def __init__(self, most: int) -> None:
        """Begin with `START` places, or `most` if that is fewer."""
        self.most = most
        self.limit = min(START, float(most))
        self.in_flight = 0
        self._round = 0
        self._peak = 0
        self._changed = threading.Condition()

    @contextmanager
    def place(self) -> Iterator[Place]:
        """Wait for a place, and hold it."""
        with self._changed:
            self._changed.wait_for(lambda: self.in_flight < int(self.limit))
            self.in_flight += 1
            self._peak = max(self._peak, self.in_flight)
            place = Place(self._round)
        try:
            yield place
        finally:
            with self._changed:
                self._learn(place)
                self.in_flight -= 1
                self._changed.notify_all()

    def _learn(self, place: Place) -> None:
        if place.overloaded:
            # Requests that were in flight when it was halved tell of the same moment.
            if place.round == self._round:
                self.limit = max(1.0, self.limit / 2)
                self._round += 1
                self._peak = 0
        elif place.answered and self._peak >= int(self.limit):
            # A window that nobody filled since it grew says nothing of the next place.
            self.limit = min(float(self.most), self.limit + 1 / self.limit)
