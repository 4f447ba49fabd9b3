"""Hearing of an interrupt whatever handler is in place.

Here: one context manager. Not here: what an interrupt ends (`engine.py`) or what is said then
(`main.py`).
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_ENDING = {signal.SIGINT, signal.SIGTERM}


@contextmanager
def noting_interrupts() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether SIGINT or SIGTERM has come since.

    While a run goes on Dagster puts handlers of its own in place, treats what they catch as one
    more failure of a step, and keeps it to itself. The wake-up descriptor is written to for every
    signal, whichever handler is in place.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    noted: set[int] = set()

    def interrupted() -> bool:
        with suppress(BlockingIOError):
            noted.update(os.read(reading, 4096))
        return not noted.isdisjoint(_ENDING)

    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield interrupted
    finally:
        signal.set_wakeup_fd(before)
        os.close(reading)
        os.close(writing)
