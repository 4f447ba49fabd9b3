"""Folders as landing zones: every PDF below one, in the order of its path's bytes.

Here: walking, and what is left with the reason. Not here: what a listing is (`listing.py`).
"""

from __future__ import annotations

import errno
import os
import stat
import time
from datetime import UTC, datetime
from typing import Final

import polars as pl

from resources.errors import SettingError
from resources.landing.names import STILL_WRITTEN, is_passed_by, is_pdf, is_unfinished
from resources.landing.sightings import Row, Sightings
from resources.landing.uris import FILE, display_path, raw_bytes, uri_of_raw

_CLOCK_ENTRIES: Final = 256
"""Entries between looks at the clock: under 5 ms."""


def list_folder(
    location: str, *, after: str | None, seconds: float
) -> tuple[pl.DataFrame, list[tuple[str, str]], str | None]:
    """Sightings, what is left, and the place up to which the listing got; see `list_landing`."""
    if not os.path.exists(location):
        raise SettingError(
            f"there is no folder {display_path(location)}: create it, or give another"
        )
    if not os.path.isdir(location):
        one = Sightings()
        one.add(_one(location))
        return one.frame(), [], None
    walk = _Walk(location, after, time.monotonic() + seconds)
    walk.go()
    return walk.sightings.frame(), walk.left, walk.place


def _one(location: str) -> Row:
    if not is_pdf(location):
        raise SettingError(
            f"{display_path(location)} is a file, not a folder of PDFs: give the folder"
        )
    try:
        return look(location)
    except OSError as error:
        raise SettingError(
            f"{display_path(location)} cannot be taken ({error.strerror}): give a folder or a "
            "PDF that can be read"
        ) from error


class _Walk:
    """One walk through a folder's tree, depth first, in the order of the raw bytes of paths.

    A folder stands in that order as its path and a slash. With a list of its own instead of calls:
    a tree may be of any depth. Of the folders that it is in, it holds the names only.
    """

    def __init__(self, location: str, after: str | None, deadline: float) -> None:
        self.top = os.fsencode(os.path.abspath(location)).rstrip(b"/")
        self.root = os.fsencode(os.path.realpath(location))
        self.after = b"" if after is None else raw_bytes(after.removeprefix(FILE))
        self.deadline = deadline
        self.sightings = Sightings()
        self.left: list[tuple[str, str]] = []
        self.place: str | None = None

    def go(self) -> None:
        todo = [(self.top, self._names(self.top))]
        n_entries = 0
        while todo:
            folder, names = todo[-1]
            if not names:
                todo.pop()
                continue
            path = folder + b"/" + names.pop()
            if path.endswith(b"/"):
                inner = path[:-1]
                todo.append((inner, self._names(inner)))
            else:
                self._enter(path)
            n_entries += 1
            if n_entries % _CLOCK_ENTRIES == 0 and time.monotonic() > self.deadline:
                if any(names for _, names in todo):
                    self.place = uri_of_raw(path)
                return

    def _names(self, folder: bytes) -> list[bytes]:
        """Names in a folder that are not behind us, last first; those of folders with a slash."""
        base = folder + b"/"
        # Whatever lies below a folder that `after` is in may still come; nothing else is behind it.
        inside = self.after[len(base) :] if self.after.startswith(base) else b""
        try:
            with os.scandir(folder or b"/") as found:
                names = [name for entry in found if (name := _name(entry)) is not None]
        except OSError as error:
            if base > self.after:
                self.left.append((uri_of_raw(folder), f"cannot be listed: {error.strerror}"))
            return []
        if inside:
            names = [n for n in names if n > inside or (n.endswith(b"/") and inside.startswith(n))]
        names.sort(reverse=True)
        return names

    def _enter(self, path: bytes) -> None:
        """Put one entry that is no folder where it belongs."""
        try:
            reason = self._look(path)
        except OSError as error:  # a link to itself, a name too long, gone since it was listed
            reason = f"vanished or unreadable: {error.strerror}"
        if reason is not None:
            self.left.append((uri_of_raw(path), reason))

    def _look(self, path: bytes) -> str | None:
        """Add a PDF; returns why an entry is left, if it is."""
        name = os.fsdecode(path.rsplit(b"/", 1)[-1])
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode):
            if not _inside(os.path.realpath(path), self.root):
                return "a link that leaves the landing zone"
            found = os.stat(path)
            if stat.S_ISDIR(found.st_mode):
                return None  # a linked folder inside the zone is walked where it lies
        if is_pdf(name):
            self.sightings.add(_row(path, found))
        elif is_unfinished(name):
            return STILL_WRITTEN
        return None


def _name(entry: os.DirEntry[bytes]) -> bytes | None:
    """An entry's name, that of a folder with a slash; None for what is none of ours."""
    name = os.fsdecode(entry.name)
    if is_passed_by(name):
        return None
    try:
        if entry.is_dir(follow_symlinks=False):
            return entry.name + b"/"
        wanted = is_pdf(name) or is_unfinished(name) or entry.is_symlink()
    except OSError:  # gone meanwhile, or a disk that fails: said when it is looked at
        return entry.name
    return entry.name if wanted else None


def _inside(path: bytes, root: bytes) -> bool:
    return path == root or path.startswith(root.rstrip(b"/") + b"/")


def look(path: str | bytes) -> Row:
    """One file as it is now.

    Raises:
        OSError: It is not there, or is no regular file.
    """
    return _row(os.path.abspath(os.fsencode(path)), os.stat(path))


def _row(path: bytes, found: os.stat_result) -> Row:
    if not stat.S_ISREG(found.st_mode):
        # Opening a pipe or a device may wait for ever, for everybody.
        raise OSError(errno.EINVAL, "not a regular file")
    return uri_of_raw(path), found.st_size, None, _from_microseconds(found.st_mtime_ns // 1000)


def _from_microseconds(value: int) -> datetime | None:
    """A timestamp; years that Python cannot hold become None rather than an error."""
    try:
        return datetime.fromtimestamp(value // 1_000_000, UTC).replace(
            microsecond=value % 1_000_000
        )
    except (OverflowError, ValueError, OSError):
        return None
