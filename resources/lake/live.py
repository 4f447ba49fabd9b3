"""Which batches are live: those that Dagster's partition set has to hold.

A stream never ends, and Dagster's UI slows from some 25,000 partitions. A batch that is finished
and old leaves the set: its rows stay where they are, every command reads them, and whatever wants
it again (a retry, a release, an upgrade) puts its partition back first. Not here: the partition set
itself (`sensors/partitions.py`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable
from typing import Final

from resources.lake.lake import Lake

LIVE_FINISHED: Final = 2_000
"""The newest finished batches, which stay in the set: three weeks of 100 batches a day."""
PINNED_SECONDS: Final = 7 * 86_400.0
_PINS: Final = "_quire/live.json"


def retired(batches: Iterable[str], finished: Collection[str]) -> list[str]:
    """Finished batches that are no longer live, oldest first.

    Args:
        batches: All batches of the manifest.
        finished: Those that are published and that no run will mend.
    """
    done = sorted(batch for batch in set(batches) if batch in finished)
    return done[:-LIVE_FINISHED] if len(done) > LIVE_FINISHED else []


def pin(
    lake: Lake,
    batches: Collection[str],
    now: float | None = None,
    seconds: float = PINNED_SECONDS,
) -> None:
    """Keep batches live, however old, for a week or less: somebody wants to run them again."""
    now = time.time() if now is None else now
    pins = _pins(lake, now)
    until = now - PINNED_SECONDS + seconds
    wanted = {batch: max(until, pins.get(batch, until)) for batch in batches}
    lake.put(_PINS, json.dumps(pins | wanted).encode())


def pinned(lake: Lake, now: float | None = None) -> frozenset[str]:
    """Batches that stay live although they are old."""
    return frozenset(_pins(lake, time.time() if now is None else now))


def _pins(lake: Lake, now: float) -> dict[str, float]:
    held = lake.get(_PINS)
    pins: dict[str, float] = json.loads(held) if held else {}
    return {batch: at for batch, at in pins.items() if abs(now - at) < PINNED_SECONDS}
