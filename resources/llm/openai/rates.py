"""What a provider allows per minute, kept on our side: requests and tokens.

Here: token buckets; times come from the caller. Not here: what tokens a call will take
(`resources/llm/tokens.py`).

A bucket holds a twentieth of a minute's allowance and fills at the rest over a minute, so that no
window of 60 seconds sees more than the allowance, wherever it begins. A call that is larger than
the bucket waits until it is full and leaves a debt.
"""

from __future__ import annotations

import math
from typing import Final

_MINUTE: Final = 60.0
_BURST: Final = 20


class Bucket:
    """An allowance per minute."""

    def __init__(self, per_minute: float) -> None:
        """Begin full."""
        self._size = max(1.0, per_minute / _BURST)
        self._per_second = max(per_minute - self._size, per_minute / 2) / _MINUTE
        self._level = self._size
        self._at = -math.inf

    def wait(self, now: float, cost: float) -> float:
        """Seconds until a call of this cost may start; 0 when it may now."""
        self._fill(now)
        missing = min(cost, self._size) - self._level
        # A billionth: what was filled in many small steps is never exactly full.
        return 0.0 if missing <= 1e-9 * self._size else missing / self._per_second

    def take(self, now: float, cost: float) -> None:
        """A call of this cost starts."""
        self._fill(now)
        self._level -= cost

    def correct(self, predicted: float, actual: float) -> None:
        """A call took more or less than was taken for it."""
        self._level = min(self._size, self._level + predicted - actual)

    def _fill(self, now: float) -> None:
        if self._at > -math.inf:
            gained = max(0.0, now - self._at) * self._per_second
            self._level = min(self._size, self._level + gained)
        self._at = max(self._at, now)


class Rates:
    """Requests and tokens per minute together; None is no limit."""

    def __init__(self, requests_per_minute: int | None, tokens_per_minute: int | None) -> None:
        """Begin with a full allowance."""
        self._requests = None if requests_per_minute is None else Bucket(requests_per_minute)
        self._tokens = None if tokens_per_minute is None else Bucket(tokens_per_minute)

    def wait(self, now: float, tokens: int) -> float:
        """Seconds until a call of so many tokens may start."""
        requests = 0.0 if self._requests is None else self._requests.wait(now, 1)
        return max(requests, 0.0 if self._tokens is None else self._tokens.wait(now, tokens))

    def take(self, now: float, tokens: int) -> None:
        """A call starts that is predicted to take so many tokens."""
        if self._requests is not None:
            self._requests.take(now, 1)
        if self._tokens is not None:
            self._tokens.take(now, tokens)

    def correct(self, predicted: int, actual: int) -> None:
        """What the call took in truth."""
        if self._tokens is not None:
            self._tokens.correct(predicted, actual)
