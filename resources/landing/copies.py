"""Reading the landing zone's files: from a uri to bytes on this machine's disk.

Here: local files as they lie, and objects streamed to temporary files, hashed as they come, a few
of them ahead of the workers. Workers are given paths: neither they nor the parent's memory see
credentials or whole objects. Not here: finding files (`listing.py`) or a store's API (`stores.py`).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from resources.errors import DocumentError, EngineError, ErrorClass
from resources.landing.local import look
from resources.landing.stores import (
    StoreError,
    Trouble,
    address_of,
    open_store,
    setting_error,
    trying,
)
from resources.landing.uris import FILE, key_of, path_of
from resources.workers.folders import spool_folder

if TYPE_CHECKING:  # it imports this room's addresses
    from resources.lake.sources import Sources

MAX_OBJECT: Final = 2 * 2**30
"""Bytes of an object that is read. Copies in hand come to one a worker and one besides, so with 4
workers to 10 GiB at worst; a scan of 1,000 pages at 2 MiB each still fits."""
AHEAD: Final = 4
"""Objects that are fetched before a worker asks for them, each by a thread."""
AHEAD_BYTES: Final = 2**30
"""Bytes of them, as announced. The next object is fetched whatever its size."""
_GONE: Final = "the file is gone from the landing zone: put it back under another name"
_CHANGED: Final = (
    "the file changed after it was seen: its new content is taken as a document of its own"
)
_OTHER: Final = "the file no longer has the content that was ingested"

T = TypeVar("T")


@dataclass(frozen=True)
class Wanted:
    """A file to read, and what it must still be; None where that is not known."""

    uri: str
    n_bytes: int | None = None
    etag: str | None = None
    mtime: datetime | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Copy:
    """Bytes on this machine: of an object with its hash and size, taken as it was streamed."""

    path: str
    sha256: str | None = None
    n_bytes: int | None = None


class Copies:
    """Files of a stage as paths, in order; objects are fetched ahead by a few threads.

    Copies lie in a folder that only this user can read. Each goes when it is released, all go with
    the context, and those of a killed run at the next one's start (`resources/workers/folders.py`).
    """

    def __init__(self, storage_options: Mapping[str, str], sources: Sources | None = None) -> None:
        """Take how stores are opened, and the documents that the lake keeps, which go before."""
        self._sources = sources
        self._options = dict(storage_options)
        self._stack = ExitStack()
        self._stop = threading.Event()
        self._threads: ThreadPoolExecutor | None = None
        self._folder: Path | None = None
        self._number = 0

    def __enter__(self) -> Self:
        """Nothing is made before the first object is asked for."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End downloads and remove every copy."""
        self._stop.set()
        self._stack.close()

    def each(self, wanted: Iterable[tuple[T, Wanted]]) -> Iterator[tuple[T, Copy | DocumentError]]:
        """Each file's path, or why there is none.

        That is `source_missing`, `source_changed`, `too_large` or `unreadable`.

        Raises:
            SettingError: The store cannot be reached or used at all.
            EngineError: The temporary folder cannot be written.
            LakeError: The documents that the lake keeps cannot be read.
        """
        source = ((item, self._kept(one)) for item, one in wanted)
        ahead: deque[tuple[T, Wanted, Future[Copy] | None]] = deque()
        following = next(source, None)
        while ahead or following is not None:
            while following is not None and _has_room(ahead, following[1]):
                future = self._fetch(following[1])
                ahead.append((*following, future))
                following = next(source, None)
            item, one, future = ahead.popleft()
            copy: Copy | DocumentError
            try:
                copy = _as_it_lies(one) if future is None else future.result()
            except DocumentError as error:
                copy = error
            yield item, copy

    def _kept(self, one: Wanted) -> Wanted:
        """The same bytes as the lake keeps them, where it does."""
        if self._sources is None or one.sha256 is None:
            return one
        uri = self._sources.uri(one.sha256)
        return one if uri is None else Wanted(uri, one.n_bytes, sha256=one.sha256)

    def release(self, path: str) -> None:
        """Remove a copy that nobody reads any more; a file of the landing zone stays."""
        if self._folder is not None and Path(path).parent == self._folder:
            Path(path).unlink(missing_ok=True)

    def _fetch(self, wanted: Wanted) -> Future[Copy] | None:
        if wanted.uri.startswith(FILE):
            return None
        if self._threads is None or self._folder is None:
            self._folder = self._stack.enter_context(_folder())
            self._threads = ThreadPoolExecutor(AHEAD, "quire-fetch")
            self._stack.callback(self._threads.shutdown, cancel_futures=True)
        self._number += 1
        path = str(self._folder / f"{self._number}.pdf")
        return self._threads.submit(_download, wanted, self._options, path, self._stop)


def _has_room(ahead: deque[tuple[T, Wanted, Future[Copy] | None]], one: Wanted) -> bool:
    if not ahead:
        return True
    if one.uri.startswith(FILE):  # looked at when its turn comes, so that the look is fresh
        return False
    held = sum(wanted.n_bytes or 0 for _, wanted, _ in ahead)
    return len(ahead) < AHEAD and held + (one.n_bytes or 0) <= AHEAD_BYTES


@contextmanager
def local_copy(
    wanted: Wanted, storage_options: Mapping[str, str], sources: Sources | None = None
) -> Iterator[Copy]:
    """One file's path for as long as the context lasts, checked to be the file that was seen.

    Raises:
        DocumentError: `source_missing`, `source_changed`, `too_large` or `unreadable`.
        SettingError: The store cannot be reached or used at all.
        EngineError: The temporary folder cannot be written.
        LakeError: The documents that the lake keeps cannot be read.
    """
    with Copies(storage_options, sources) as copies:
        ((_, copy),) = copies.each([(None, wanted)])
        if isinstance(copy, DocumentError):
            raise copy
        yield copy


def _as_it_lies(wanted: Wanted) -> Copy:
    """A local file: workers open it where it is, and hash it themselves."""
    path = path_of(wanted.uri)
    try:
        _, n_bytes, _, mtime = look(path)
    except FileNotFoundError:
        raise DocumentError(ErrorClass.SOURCE_MISSING, _GONE) from None
    except OSError as error:
        raise DocumentError(
            ErrorClass.UNREADABLE, f"cannot be read: {error.strerror}; mend access"
        ) from error
    seen = (wanted.n_bytes, wanted.mtime)
    if wanted.sha256 is None and wanted.n_bytes is not None and (n_bytes, mtime) != seen:
        raise DocumentError(ErrorClass.SOURCE_CHANGED, _CHANGED)
    return Copy(path)


def _download(wanted: Wanted, options: Mapping[str, str], path: str, stop: threading.Event) -> Copy:
    """Stream an object to a file; whatever goes wrong, no part of it stays."""
    address = address_of(wanted.uri)
    try:
        store = open_store(address, options)
        for attempt in trying(None):
            with attempt, store.opened(key_of(wanted.uri)) as found:
                _check(wanted, found.etag, found.n_bytes)
                return _write(found.chunks, found.n_bytes, wanted, path, stop)
        raise AssertionError  # the last attempt raises
    except StoreError as error:
        _remove(path)
        if error.trouble is Trouble.MISSING:
            raise DocumentError(ErrorClass.SOURCE_MISSING, _GONE) from error
        if error.trouble in (Trouble.UNUSABLE, Trouble.UNREACHABLE):
            # The same for every object: to blame each would end in their quarantine.
            raise setting_error(error, address) from error
        mend = "mend access" if error.trouble is Trouble.REFUSED else "a later run tries again"
        raise DocumentError(ErrorClass.UNREADABLE, f"cannot be read: {error}; {mend}") from error
    except BaseException:
        _remove(path)
        raise


def _check(wanted: Wanted, etag: str | None, n_bytes: int) -> None:
    """Refuse what is not what was seen, by what the store says before the first byte."""
    if wanted.etag not in (None, etag) or wanted.n_bytes not in (None, n_bytes):
        text = _CHANGED if wanted.sha256 is None else _OTHER
        raise DocumentError(ErrorClass.SOURCE_CHANGED, text)
    if n_bytes > MAX_OBJECT:
        raise DocumentError(
            ErrorClass.TOO_LARGE,
            f"{n_bytes:,} bytes: objects of more than {MAX_OBJECT >> 30} GiB are not read; "
            "split it, or copy it to a folder and ingest that",
        )


def _write(
    chunks: Iterator[bytes], announced: int, wanted: Wanted, path: str, stop: threading.Event
) -> Copy:
    digest = hashlib.sha256()
    n_bytes = 0
    with _disk(os.path.dirname(path)), open(path, "wb", buffering=0) as file:
        for chunk in chunks:
            n_bytes += len(chunk)
            if n_bytes > announced or stop.is_set():
                break
            digest.update(chunk)
            file.write(chunk)
    if n_bytes != announced:
        text = f"{n_bytes:,} bytes came of the {announced:,} that were announced"
        raise StoreError(Trouble.REFUSED if stop.is_set() else Trouble.TRANSIENT, text)
    if wanted.sha256 not in (None, digest.hexdigest()):
        raise DocumentError(ErrorClass.SOURCE_CHANGED, _OTHER)
    return Copy(path, digest.hexdigest(), n_bytes)


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)


@contextmanager
def _folder() -> Iterator[Path]:
    with ExitStack() as stack:
        with _disk(tempfile.gettempdir()):
            folder = stack.enter_context(spool_folder())
        yield folder


@contextmanager
def _disk(folder: str) -> Iterator[None]:
    """A full or broken disk ends the stage, in one line: the next object would meet it too."""
    try:
        yield
    except OSError as error:
        raise EngineError(
            f"the temporary folder {folder} cannot be written: {error.strerror}; "
            "free space there, or set TMPDIR to another folder, then run again"
        ) from error
