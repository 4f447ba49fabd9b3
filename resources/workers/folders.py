"""The temporary folder of a run: deleted at its end, or by the next run when its own was killed.

Here: making, locking and sweeping these folders; they hold text and pictures of documents. Not
here: what lies in them (`spool.py`).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PREFIX: Final = "quire-spool-"
_LOCK: Final = "lock"
_UNLOCKED_SECONDS: Final = 24 * 3600.0
"""A folder that has no lock is being made, or half deleted: it is swept when it is this old."""


@contextmanager
def spool_folder() -> Iterator[Path]:
    """A folder that only this user can read, locked while this process lives."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        handle = os.open(folder / f"{_LOCK}-new", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # It gets its name once it is held: a sweep never sees it free.
            (folder / f"{_LOCK}-new").rename(folder / _LOCK)
            yield folder
        finally:
            os.close(handle)


def sweep_spool_folders() -> None:
    """Delete the folders of this user's runs that were killed: the kernel has freed their locks."""
    with os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and _is_left_behind(entry):
                shutil.rmtree(entry.path, ignore_errors=True)  # another run may be sweeping it


def _is_left_behind(entry: os.DirEntry[str]) -> bool:
    try:
        found = entry.stat(follow_symlinks=False)
        if not entry.is_dir(follow_symlinks=False) or found.st_uid != os.getuid():
            return False
        handle = os.open(os.path.join(entry.path, _LOCK), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return time.time() - found.st_mtime > _UNLOCKED_SECONDS
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
