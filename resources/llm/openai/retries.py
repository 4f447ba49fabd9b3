"""When a call is made again, and when a server counts as gone.

Here: waits, what `Retry-After` says, patience, and the record of an outage; pure, times come from
the caller. Not here: what an answer means (`answers.py`), who waits (`dispatch.py`).

Stamina is not used here: it sleeps where it retries, and a call that waits must not hold a slot.
"""

from __future__ import annotations

import email.utils
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

_JITTER_CAP: Final = 5.0
_DIFFERENT: Final = 3
_TRUST_SECONDS: Final = 600.0


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for.

    Attributes:
        seconds: For one request in all, from its first call; a wait that would end later is not
            begun. An hour: daily quotas are not waited for, minutes and hourly ones are.
        first_wait: Seconds before the second call; doubled with every further one, jittered.
        longest_wait: Where doubling ends; `Retry-After` may be longer.
        outage_seconds: A server that has not answered for so long is gone.
        outage_failures: And so many calls in a row must have failed.
        grace: Seconds that calls in flight get to end when the engine cannot go on: they may be
            paid for.
    """

    seconds: float = 3600.0
    first_wait: float = 1.0
    longest_wait: float = 60.0
    outage_seconds: float = 180.0
    outage_failures: int = 5
    grace: float = 30.0

    def backoff(self, n_failed: int) -> float:
        """Seconds to wait after the n-th failed call in a row, jittered by half."""
        wait = min(self.longest_wait, self.first_wait * 2.0 ** min(n_failed - 1, 30))
        return wait * random.uniform(0.5, 1.0)

    def wait(self, n_failed: int, retry_after: float | None) -> float:
        """Seconds until the next call: never less than the server asked for."""
        if retry_after is None:
            return self.backoff(n_failed)
        return retry_after + random.uniform(0.0, min(_JITTER_CAP, 0.1 * retry_after))


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that the server asks to wait, from `Retry-After` (seconds or date) or its `-ms`.

    A date is compared with the server's own `Date` where there is one: clocks differ.
    """
    scaled = ((headers.get("retry-after-ms"), 1e-3), (headers.get("retry-after"), 1.0))
    for value, scale in scaled:
        try:
            seconds = float(value or "") * scale
        except ValueError:
            continue
        return max(0.0, seconds) if math.isfinite(seconds) else None
    until = _date(headers.get("retry-after"))
    if until is None:
        return None
    begin = _date(headers.get("date")) or now or datetime.now(UTC)
    return max(0.0, (until - begin).total_seconds())


def _date(value: str | None) -> datetime | None:
    if not value:
        return None
    try:
        date = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


@dataclass
class Outage:
    """Calls that failed in a row, over all requests; any real answer ends it.

    One request whose every call makes the server fall over is that request's failure; three
    different ones are an outage, and so is one that cannot even be sent.
    """

    patience: Patience
    since: float = math.inf
    failures: int = 0
    unsent: bool = False
    trusted_until: float = -math.inf
    keys: set[str] = field(default_factory=set)

    def failed(self, key: str, now: float, *, sent: bool) -> None:
        """A call was not answered, or with a server's error."""
        self.since = min(self.since, now)
        self.failures += 1
        self.unsent = self.unsent or not sent
        self.keys.add(key)

    def answered(self) -> None:
        """The server does its work."""
        self.since, self.failures, self.unsent = math.inf, 0, False
        self.keys.clear()

    def proved(self, now: float) -> None:
        """It answered something harmless: what fails in the next minutes is the requests' own."""
        self.answered()
        self.trusted_until = now + _TRUST_SECONDS

    def suspected(self, now: float) -> bool:
        """Whether failures look like the server's, not like single requests'."""
        return self.unsent or (len(self.keys) >= _DIFFERENT and now >= self.trusted_until)

    def is_over(self, now: float) -> bool:
        """Whether waiting any longer is in vain."""
        return (
            self.suspected(now)
            and self.failures >= self.patience.outage_failures
            and now - self.since >= self.patience.outage_seconds
        )
