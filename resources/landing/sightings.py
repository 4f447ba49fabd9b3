"""The landing zone: finding PDFs and reading their bytes, without ever writing to it.

Here: listing local folders into sightings, and turning a sighting's uri back into bytes on disk. An
object store becomes another `Source` behind the same two functions. Not here: which sightings are
new (`sensors/scan.py`).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from resources.errors import DocumentError, ErrorClass, SettingError
from resources.settings import is_local

_UNFINISHED: Final = (".part", ".tmp", ".crdownload", ".partial")
_FILE: Final = "file://"


@dataclass(frozen=True)
class Sighting:
    """One look at a file: where it is and what tells this content from another."""

    uri: str
    file_name: str
    n_bytes: int
    etag: str | None
    mtime: datetime | None


@dataclass(frozen=True)
class Listing:
    """What a look at the landing zone found, and what it left with the reason."""

    sightings: tuple[Sighting, ...]
    left: tuple[tuple[str, str], ...]


def uri_of(path: str | bytes) -> str:
    """`file://` and the absolute path's raw bytes, percent-encoded: any name is representable."""
    return _FILE + quote_from_bytes(os.path.abspath(os.fsencode(path)), safe="/")


def path_of(uri: str) -> str:
    """The path of a `file://` uri; non-UTF-8 bytes come back as surrogate escapes."""
    return os.fsdecode(unquote_to_bytes(uri.removeprefix(_FILE)))


def display_name(uri: str) -> str:
    """The last part of a uri, readable; only ever for display."""
    return unquote_to_bytes(uri.rstrip("/").rsplit("/", 1)[-1]).decode("utf-8", "replace")


def list_landing(location: str) -> Listing:
    """Every PDF below a folder, or one PDF file, sorted by uri.

    Files that are still being written under a temporary name, links that leave the folder, and what
    cannot be read or is no regular file are left, each with the reason; hidden files are passed by.

    Raises:
        SettingError: There is no such folder, or it is a file that is not a PDF or cannot be read.
    """
    if not is_local(location):
        raise SettingError(
            f"landing zone {location}: only local folders can be read by this version; copy the "
            "PDFs to a folder, or mount the bucket"
        )
    if not os.path.exists(location):
        raise SettingError(
            f"there is no folder {display_path(location)}: create it, or give another"
        )
    if not os.path.isdir(location):
        if not location.lower().endswith(".pdf"):
            raise SettingError(
                f"{display_path(location)} is a file, not a folder of PDFs: give the folder"
            )
        try:
            return Listing((_look(location),), ())
        except OSError as error:
            raise SettingError(
                f"{display_path(location)} cannot be taken ({error.strerror}): give a folder or a "
                "PDF that can be read"
            ) from error
    sightings: list[Sighting] = []
    left: list[tuple[str, str]] = []
    root = os.path.realpath(location)
    _walk(os.path.abspath(location), root, sightings, left)
    sightings.sort(key=lambda sighting: sighting.uri)
    return Listing(tuple(sightings), tuple(left))


def _walk(top: str, root: str, sightings: list[Sighting], left: list[tuple[str, str]]) -> None:
    """Look at every entry below a folder; with a list of its own, for trees of any depth."""
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as found:
                entries = list(found)
        except OSError as error:
            left.append((uri_of(folder), f"cannot be listed: {error.strerror}"))
            continue
        for entry in entries:
            try:
                reason = _enter(entry, root, folders, sightings)
            except OSError as error:  # a link to itself, a name too long, gone since it was listed
                reason = f"vanished or unreadable: {error.strerror}"
            if reason is not None:
                left.append((uri_of(entry.path), reason))


def _enter(
    entry: os.DirEntry[str], root: str, folders: list[str], sightings: list[Sighting]
) -> str | None:
    """Put one entry where it belongs; returns why it is left, if it is."""
    name = entry.name.lower()
    if name.startswith("."):
        return None
    if entry.is_symlink() and not _inside(os.path.realpath(entry.path), root):
        return "a link that leaves the landing zone"
    if entry.is_dir():
        if not entry.is_symlink():  # a linked folder inside the zone is walked where it lies
            folders.append(entry.path)
    elif name.endswith(".pdf"):
        sightings.append(_look(entry.path))
    elif name.endswith(_UNFINISHED):
        return "still being written under a temporary name"
    return None


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def _look(path: str) -> Sighting:
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        # Opening a pipe or a device may wait for ever, for everybody.
        raise OSError(errno.EINVAL, "not a regular file")
    uri = uri_of(path)
    mtime = _from_microseconds(found.st_mtime_ns // 1000)
    return Sighting(uri, display_name(uri), found.st_size, None, mtime)


def _from_microseconds(value: int) -> datetime | None:
    """A timestamp; years that Python cannot hold become None rather than an error."""
    try:
        return datetime.fromtimestamp(value // 1_000_000, UTC).replace(
            microsecond=value % 1_000_000
        )
    except (OverflowError, ValueError, OSError):
        return None


@contextmanager
def local_copy(uri: str, n_bytes: int | None, mtime: datetime | None) -> Iterator[str]:
    """The path of a file's bytes, checked to be the file that was seen.

    Raises:
        DocumentError: `source_missing`, `source_changed`, or `unreadable`.
    """
    if not uri.startswith(_FILE):
        raise DocumentError(ErrorClass.UNSUPPORTED, f"{uri}: object stores are not read yet")
    path = path_of(uri)
    try:
        now = _look(path)
    except FileNotFoundError:
        raise DocumentError(
            ErrorClass.SOURCE_MISSING,
            "the file is gone from the landing zone: put it back under another name",
        ) from None
    except OSError as error:
        raise DocumentError(
            ErrorClass.UNREADABLE, f"cannot be read: {error.strerror}; mend access"
        ) from error
    if n_bytes is not None and (now.n_bytes, now.mtime) != (n_bytes, mtime):
        raise DocumentError(
            ErrorClass.SOURCE_CHANGED,
            "the file changed after it was seen: its new content is taken as a document of its own",
        )
    yield path


def display_path(path: str) -> str:
    """A path with control characters and broken bytes escaped, fit for a terminal."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
