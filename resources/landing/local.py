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

from resources.errors import SettingError
from resources.landing.uris import display_path, raw_bytes, uri_of

UNFINISHED: Final = (".part", ".tmp", ".crdownload", ".partial")
"""Endings of names that programs write under until a file is whole."""
Row = tuple[str, int, str | None, datetime | None]
"""uri, bytes, etag (none here), time of change."""


def list_folder(
    location: str, *, after: str | None, seconds: float
) -> tuple[list[Row], list[tuple[str, str]], str | None]:
    """Rows, what is left, and the place up to which the listing got; see `list_landing`."""
    if not os.path.exists(location):
        raise SettingError(
            f"there is no folder {display_path(location)}: create it, or give another"
        )
    if not os.path.isdir(location):
        return [_one(location)], [], None
    walk = _Walk(location, after, time.monotonic() + seconds)
    walk.go()
    return walk.rows, walk.left, walk.place


def _one(location: str) -> Row:
    if not location.lower().endswith(".pdf"):
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

    With a list of its own instead of calls: a tree may be of any depth.
    """

    def __init__(self, location: str, after: str | None, deadline: float) -> None:
        self.top = os.path.abspath(location)
        self.root = os.path.realpath(location)
        self.after = None if after is None else raw_bytes(after.removeprefix("file://"))
        self.deadline = deadline
        self.rows: list[Row] = []
        self.left: list[tuple[str, str]] = []
        self.place: str | None = None

    def go(self) -> None:
        todo = self._entries(self.top)
        while todo:
            entry = todo.pop()
            path = os.fsencode(entry.path)
            if self.after is not None and self._is_behind(entry, path):
                continue
            if self.rows and len(self.rows) % 1000 == 0 and time.monotonic() > self.deadline:
                self.place = self.rows[-1][0]
                return
            try:
                reason = self._enter(entry, todo)
            except OSError as error:  # a link to itself, a name too long, gone since it was listed
                reason = f"vanished or unreadable: {error.strerror}"
            if reason is not None:
                self.left.append((uri_of(entry.path), reason))

    def _is_behind(self, entry: os.DirEntry[str], path: bytes) -> bool:
        """Whether an earlier listing was here; of a folder, whether it saw all below it."""
        assert self.after is not None
        if _is_folder(entry):
            return path + b"/" < self.after and not self.after.startswith(path + b"/")
        return path <= self.after

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        """Entries of a folder, last first; a folder sorts as its name and a slash."""
        try:
            with os.scandir(folder) as found:
                return sorted(found, key=_order, reverse=True)
        except OSError as error:
            self.left.append((uri_of(folder), f"cannot be listed: {error.strerror}"))
            return []

    def _enter(self, entry: os.DirEntry[str], todo: list[os.DirEntry[str]]) -> str | None:
        """Put one entry where it belongs; returns why it is left, if it is."""
        name = entry.name.lower()
        if name.startswith("."):
            return None
        if entry.is_symlink() and not _inside(os.path.realpath(entry.path), self.root):
            return "a link that leaves the landing zone"
        if entry.is_dir():
            if not entry.is_symlink():  # a linked folder inside the zone is walked where it lies
                todo += self._entries(entry.path)
        elif name.endswith(".pdf"):
            self.rows.append(look(entry.path))
        elif name.endswith(UNFINISHED):
            return "still being written under a temporary name"
        return None


def _order(entry: os.DirEntry[str]) -> bytes:
    name = os.fsencode(entry.name)
    return name + b"/" if _is_folder(entry) else name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def look(path: str) -> Row:
    """One file as it is now.

    Raises:
        OSError: It is not there, or is no regular file.
    """
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        # Opening a pipe or a device may wait for ever, for everybody.
        raise OSError(errno.EINVAL, "not a regular file")
    return uri_of(path), found.st_size, None, _from_microseconds(found.st_mtime_ns // 1000)


def _from_microseconds(value: int) -> datetime | None:
    """A timestamp; years that Python cannot hold become None rather than an error."""
    try:
        return datetime.fromtimestamp(value // 1_000_000, UTC).replace(
            microsecond=value % 1_000_000
        )
    except (OverflowError, ValueError, OSError):
        return None
