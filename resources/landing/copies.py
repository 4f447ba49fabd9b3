"""Reading the landing zone's files: from a uri to bytes on this machine's disk.

Not here: finding files (`listing.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from resources.errors import DocumentError, ErrorClass
from resources.landing.local import look
from resources.landing.uris import FILE, path_of


@contextmanager
def local_copy(uri: str, n_bytes: int | None, mtime: datetime | None) -> Iterator[str]:
    """The path of a file's bytes, checked to be the file that was seen.

    Raises:
        DocumentError: `source_missing`, `source_changed`, or `unreadable`.
    """
    if not uri.startswith(FILE):
        raise DocumentError(ErrorClass.UNSUPPORTED, f"{uri}: object stores are not read yet")
    path = path_of(uri)
    try:
        _, n_bytes_now, _, mtime_now = look(path)
    except FileNotFoundError:
        raise DocumentError(
            ErrorClass.SOURCE_MISSING,
            "the file is gone from the landing zone: put it back under another name",
        ) from None
    except OSError as error:
        raise DocumentError(
            ErrorClass.UNREADABLE, f"cannot be read: {error.strerror}; mend access"
        ) from error
    if n_bytes is not None and (n_bytes_now, mtime_now) != (n_bytes, mtime):
        raise DocumentError(
            ErrorClass.SOURCE_CHANGED,
            "the file changed after it was seen: its new content is taken as a document of its own",
        )
    yield path
