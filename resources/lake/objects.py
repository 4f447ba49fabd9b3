"""Quire's small records in a lake: objects written whole, and some that only one may create.

Here: reading, writing, listing and removing them, in a folder or a bucket. Not here: tables
(`lake.py`), or the words for what goes wrong (`store_errors.py`).

Nothing is answered from a cache: other processes and hosts write beside this one.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import fsspec

from resources.errors import LakeError
from resources.lake.store_errors import is_conflict, is_no_bucket, told_as_lake_error
from resources.lake.store_options import filesystem_options

TEMPORARY: Final = ".tmp-"
"""How names of half-written objects begin; there are none in a bucket."""
_S3FS_TRIES: Final = 2
"""s3fs tries again around botocore's tries, five times: minutes, where a store is away."""
_CONFLICT_TRIES: Final = 8
"""S3 answers 409 to a conditional write that meets another in flight, and asks for another try."""


class Objects:
    """Small objects below a folder or bucket prefix."""

    root: str
    storage_options: dict[str, str]
    local: bool

    def filesystem(self) -> tuple[Any, str]:
        """The fsspec filesystem and this lake's root on it; fsspec keeps one per set of options."""
        if self.local:
            return fsspec.filesystem("file"), self.root
        options = filesystem_options(self.root, self.storage_options)
        filesystem, path = fsspec.url_to_fs(self.root, **options)
        if filesystem.protocol[0] == "s3":
            filesystem.retries = _S3FS_TRIES
        return filesystem, str(path).rstrip("/")

    def get(self, path: str) -> bytes | None:
        """Bytes of a small object, or None when it is not there."""
        filesystem, root = self.filesystem()
        with told_as_lake_error(f"cannot read {path}", self.root):
            try:
                return bytes(filesystem.cat_file(f"{root}/{path}"))
            except FileNotFoundError as error:
                self._check_bucket(error)
                return None

    def get_all(self, paths: Sequence[str]) -> list[bytes | None]:
        """The same of many objects, in order; of a bucket, many at once."""
        if self.local or len(paths) == 1:
            return [self.get(path) for path in paths]
        if not paths:
            return []
        filesystem, root = self.filesystem()
        with told_as_lake_error(f"cannot read {paths[0]}", self.root):
            found = filesystem.cat([f"{root}/{path}" for path in paths], on_error="return")
            return [self._or_none(found[f"{root}/{path}"]) for path in paths]

    def _or_none(self, found: bytes | Exception) -> bytes | None:
        if isinstance(found, FileNotFoundError):
            self._check_bucket(found)
            return None
        if isinstance(found, Exception):
            raise found
        return bytes(found)

    def _check_bucket(self, error: FileNotFoundError) -> None:
        """A bucket that is not there is no empty one."""
        if not self.local and is_no_bucket(error):
            raise error

    def has(self, path: str) -> bool:
        """Whether an object is there; of a bucket, with one request."""
        if self.local:
            return os.path.exists(f"{self.root}/{path}")
        filesystem, root = self.filesystem()
        with told_as_lake_error(f"cannot read {path}", self.root):
            try:
                filesystem.cat_file(f"{root}/{path}", start=0, end=1)
            except FileNotFoundError as error:
                self._check_bucket(error)
                return False
        return True

    def put(self, path: str, data: bytes) -> None:
        """Write a small object whole: a reader sees the old bytes or the new ones."""
        with told_as_lake_error(f"cannot write {path}", self.root):
            if self.local:
                replace_file(Path(self.root) / path, [data])
                return
            filesystem, root = self.filesystem()
            filesystem.pipe_file(f"{root}/{path}", data)

    def put_new(self, path: str, data: bytes) -> bool:
        """Write a small object only if none is there; False when another was first.

        Of a bucket, False may also mean that this write came through and its answer was lost.
        """
        with told_as_lake_error(f"cannot write {path}", self.root):
            if self.local:
                return _create_file(Path(self.root) / path, data)
            filesystem, root = self.filesystem()
            for attempt in range(_CONFLICT_TRIES):
                try:
                    filesystem.pipe_file(f"{root}/{path}", data, mode="create")
                except FileExistsError:
                    return False
                except Exception as error:
                    if not is_conflict(error):
                        raise
                    time.sleep(0.05 * 2**attempt)
                    continue
                return True
        raise LakeError(f"cannot write {path} in the lake {self.root}: too many writers, run again")

    def names(self, folder: str) -> list[str]:
        """Names of the small objects in a folder, sorted; none when it is not there.

        What a killed process left half-written is no object (`sweeping.py` removes it).
        """
        filesystem, root = self.filesystem()
        with told_as_lake_error(f"cannot list {folder}", self.root):
            try:
                found = filesystem.ls(f"{root}/{folder}", detail=False, refresh=True)
            except NotADirectoryError:
                return []
            except FileNotFoundError as error:
                self._check_bucket(error)
                return []
        names = (str(path).rstrip("/").rsplit("/", 1)[-1] for path in found)
        return sorted(name for name in names if not name.startswith(TEMPORARY))

    def find(self, folder: str) -> dict[str, dict[str, Any]]:
        """Every object below a folder, by its path in the lake: size, and when it was written."""
        filesystem, root = self.filesystem()
        start = f"{root}/"
        with told_as_lake_error(f"cannot list {folder}", self.root):
            try:
                listed = filesystem.find(f"{root}/{folder}/", detail=True)
            except FileNotFoundError as error:
                self._check_bucket(error)
                return {}
        return {str(path).removeprefix(start): info for path, info in listed.items()}

    def delete(self, path: str) -> None:
        """Remove a small object; nothing happens when it is not there."""
        filesystem, root = self.filesystem()
        with told_as_lake_error(f"cannot remove {path}", self.root):
            try:
                filesystem.rm_file(f"{root}/{path}")
            except FileNotFoundError:
                return

    def size(self, path: str) -> int | None:
        """Bytes of an object, or None when it is not there."""
        filesystem, root = self.filesystem()
        with told_as_lake_error(f"cannot read {path}", self.root):
            try:
                return int(filesystem.size(f"{root}/{path}"))
            except FileNotFoundError:
                return None

    def delete_folder(self, folder: str) -> None:
        """Remove a folder of small objects; nothing happens when it is not there."""
        filesystem, root = self.filesystem()
        with told_as_lake_error(f"cannot remove {folder}", self.root):
            try:
                filesystem.rm(f"{root}/{folder}", recursive=True)
            except FileNotFoundError:
                return

    def check_writable(self) -> None:
        """Find out now, with an error that says the mend, whether this lake can be written."""
        if self.local and Path(self.root).exists() and not Path(self.root).is_dir():
            raise LakeError(f"the lake {self.root} is a file: set QUIRE_LAKE or --lake to a folder")
        self.put("_quire/writable", b"ok\n")


def replace_file(path: Path, chunks: Iterable[bytes], incoming: Path | None = None) -> None:
    """Write a file whole, or not at all where making its chunks fails.

    Args:
        path: Its name; the folder is made.
        chunks: Its bytes.
        incoming: Where it lies until it is whole, on the same disk; beside its name when not given.
    """
    folder = incoming or path.parent
    for needed in (folder, path.parent):
        needed.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=TEMPORARY)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _create_file(path: Path, data: bytes) -> bool:
    """Write beside the final name, then link: exclusive, and never seen half-written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.link(name, path)
    except FileExistsError:
        return False
    finally:
        Path(name).unlink(missing_ok=True)
    return True
