"""One set of worker slots per host, shared by every run: locks that die with their process.

Here: the locks. Not here: what a slot is used for (`pool.py`).
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from pathlib import Path


class HostSlots:
    """Up to `n` slots; two runs on one host take them in turn instead of doubling the load.

    A slot is an `flock` on a file, which the kernel releases when its holder dies, however it dies.
    """

    def __init__(self, n: int) -> None:
        """Use `n` slots, numbered from 0; runs that ask for fewer share the lower ones."""
        self.folder = Path(tempfile.gettempdir()) / f"quire-slots-{os.getuid()}"
        self.n = n
        self._held: dict[int, int] = {}
        self._extra = 0

    def acquire(self, *, wait: bool) -> int | None:
        """A free slot, or None; with `wait`, block until one is free."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        while True:
            for slot in range(self.n):
                if slot not in self._held and self._lock(slot):
                    return slot
            if len(self._held) >= self.n:
                # One task more than slots waits inside the pool, so that no worker waits for us.
                self._extra -= 1
                return self._extra
            if not wait:
                return None
            time.sleep(0.1)

    def _lock(self, slot: int) -> bool:
        handle = os.open(self.folder / f"slot-{slot}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        self._held[slot] = handle
        return True

    def release(self, slot: int | None) -> None:
        """Give a slot back."""
        if slot is not None and slot in self._held:
            os.close(self._held.pop(slot))

    def close(self) -> None:
        """Give every slot back."""
        for slot in list(self._held):
            self.release(slot)
