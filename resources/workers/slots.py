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
    """Up to `n` slots; runs on one host take them in turn instead of doubling the load.

    A slot is an `flock` on a file, which the kernel releases when its holder dies, however it dies.
    Who waits for a slot holds the turnstile, and nobody takes a slot without passing it: a run that
    gives a slot back and wants the next one stands behind the run that was waiting.
    """

    def __init__(self, n: int) -> None:
        """Use `n` slots, numbered from 0; runs that ask for fewer share the lower ones."""
        self.folder = Path(tempfile.gettempdir()) / f"quire-slots-{os.getuid()}"
        self.n = n
        self._held: dict[int, int] = {}
        self._watched: int | None = None

    def acquire(self, *, wait: bool) -> int | None:
        """A free slot, or None; with `wait`, block until there is one."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        turnstile = self._lock("turnstile", wait=wait)
        if turnstile is None:
            return None
        try:
            while True:
                for slot in range(self.n):
                    if slot in self._held:
                        continue
                    handle = self._lock(f"slot-{slot}", wait=False)
                    if handle is not None:
                        self._held[slot] = handle
                        return slot
                if not wait:
                    return None
                time.sleep(0.02)
        finally:
            os.close(turnstile)

    def contested(self) -> bool:
        """Whether another run waits for a slot."""
        if self._watched is None:  # held open: this is asked after every task
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self._watched = self._open("turnstile")
        try:
            fcntl.flock(self._watched, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._watched, fcntl.LOCK_UN)
        return False

    def _open(self, name: str) -> int:
        return os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _lock(self, name: str, *, wait: bool) -> int | None:
        handle = self._open(name)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(handle)
            return None
        except BaseException:  # ^C while waiting
            os.close(handle)
            raise
        return handle

    def release(self, slot: int | None) -> None:
        """Give a slot back."""
        if slot is not None and slot in self._held:
            os.close(self._held.pop(slot))

    def close(self) -> None:
        """Give every slot back."""
        for slot in list(self._held):
            self.release(slot)
        if self._watched is not None:
            os.close(self._watched)
            self._watched = None
