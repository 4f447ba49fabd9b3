"""How many calls may be in flight: additive up, multiplicative down, by what the server shows.

Here: the pure arithmetic; times come from the caller. Not here: calls, waits, retries
(`dispatch.py`).

It begins as TCP does: one more call for every good answer, until the first sign of too much. From
then on one more call for every round of good answers, and near the level that was too much last
time four times slower, so that it stays within a tenth of a limit that it cannot see. A sign of too
much is an answer that says so (429, 503), a call that ran out of time, or answers that come far
slower than they did (silent throttling): the *pace* of a call is its seconds divided by its work
(tokens written plus a part of those read), so that a long document is not taken for a slow server
and a slow server shows in both latency and tokens per second.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Final, Literal

Outcome = Literal["answered", "throttled", "timed_out", "other"]

START: Final = 4
_DOWN: Final = (0.9, 0.75, 0.5)
"""What stays of the limit: a tenth less at first, half when there was no recovery between."""
_NEAR: Final = 0.25
"""Growth near the last ceiling, as a part of the usual one; halved each time it was right."""
_LEAST_NEAR: Final = 1 / 16
"""Else a small limit is run into after every few answers: a fifth of the calls at a limit of 1."""
_PAST: Final = 1.25
"""This far above the last ceiling without a sign, the server has more room than it had."""
_SLOW: Final = 4.0
"""A call is slow at this multiple of the median pace: batching servers slow each call to a half or
a third as they fill, at rising throughput; that is no reason to ask for less."""
_RECENT: Final = 8
_SLOW_OF_RECENT: Final = 4
"""One straggler is chance; four of eight are not."""
_KNOWN: Final = 3
"""Paces before any call counts as slow; the first calls are the ones before the server is full."""
_REMEMBERED: Final = 64
_READ_SHARE: Final = 0.05
"""A token read costs about a twentieth of a token written (prefill is compute-bound)."""
_BASE_WORK: Final = 20.0
"""Of every call: short answers are mostly waiting."""


class Concurrency:
    """The limit of calls in flight, between 1 and `most`."""

    def __init__(self, most: int, start: int = START) -> None:
        """Begin at `start`, or at `most` when that is less."""
        self._most = max(1, most)
        self._limit = float(min(max(1, start), self._most))
        self._ceiling = math.inf
        self._doubling = True
        self._near = _NEAR
        self._in_flight = 0
        self._down_at = -math.inf
        self._downs = 0
        self._good_since_down = 0
        self._paces: deque[float] = deque(maxlen=_REMEMBERED)
        self._recent: deque[bool] = deque(maxlen=_RECENT)

    @property
    def limit(self) -> int:
        """Calls that may be in flight now; at least 1."""
        return int(self._limit)

    @property
    def in_flight(self) -> int:
        """Calls started and not finished."""
        return self._in_flight

    def may_start(self) -> bool:
        """Whether one more call may be started."""
        return self._in_flight < self.limit

    def start(self) -> None:
        """A call begins."""
        self._in_flight += 1

    def finish(
        self, outcome: Outcome, *, started: float, now: float, read: int = 0, written: int = 0
    ) -> None:
        """A call ended.

        Args:
            outcome: `answered` for a whole answer; `other` teaches nothing (cancelled, refused).
            started: When it began, in seconds of the caller's clock.
            now: When it ended.
            read: Tokens of the prompt.
            written: Tokens of the answer.
        """
        full = self._in_flight >= self.limit
        self._in_flight = max(0, self._in_flight - 1)
        if outcome == "throttled":
            self._lower(started, now)
        elif outcome == "timed_out":
            self._note(slow=True, started=started, now=now)
        elif outcome == "answered":
            work = _BASE_WORK + written + read * _READ_SHARE
            self._answered((now - started) / work, started, now, full=full)

    def _answered(self, pace: float, started: float, now: float, *, full: bool) -> None:
        known = len(self._paces) >= _KNOWN
        slow = known and pace > _SLOW * median(self._paces)
        if not slow:
            self._paces.append(pace)
        if self._note(slow=slow, started=started, now=now) or slow:
            return
        self._good_since_down += 1
        if self._good_since_down >= self.limit:
            self._downs = 0
        if full:
            self._raise()

    def _note(self, *, slow: bool, started: float, now: float) -> bool:
        """Keep whether a call was slow; True when that made the limit fall."""
        self._recent.append(slow)
        if sum(self._recent) < _SLOW_OF_RECENT:
            return False
        self._recent.clear()
        if self.limit == 1:  # less cannot be asked: this is what the server does now
            self._paces.clear()
        self._lower(started, now)
        return True

    def _raise(self) -> None:
        if self._limit > self._ceiling * _PAST + 1:
            self._ceiling = math.inf
            self._doubling = True
            self._near = _NEAR
        step = 1.0 if self._doubling else 1.0 / self._limit
        if abs(self._limit - self._ceiling) <= 1:
            step *= self._near
        self._limit = min(float(self._most), self._limit + step)

    def _lower(self, started: float, now: float) -> None:
        if started < self._down_at:
            return  # sent before the limit fell: it says nothing new
        same = abs(self.limit - self._ceiling) <= 1
        self._near = max(_LEAST_NEAR, self._near / 2) if same else _NEAR
        self._ceiling = float(self.limit)
        kept = _DOWN[min(self._downs, len(_DOWN) - 1)]
        self._limit = max(1.0, min(self._limit - 1.0, self._limit * kept))
        self._doubling = False
        self._down_at = now
        self._downs += 1
        self._good_since_down = 0
