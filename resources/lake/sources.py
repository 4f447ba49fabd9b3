"""Documents' bytes, kept in the lake (`QUIRE_KEEP_SOURCES`): the landing zone may be emptied.

Here: where a document's bytes lie, and putting them there whole. Not here: who reads them
(`resources/landing/copies.py`) or keeps them (`assets/files/build.py`).

A document is named by its hash, so it is there once, and right: what is there is never written
again, and readers hash it as they hash any source. Nothing removes it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from resources.lake.lake import TEMPORARY, Lake
from resources.lake.store_errors import told_as_lake_error
from resources.landing.uris import object_uri, uri_of
from resources.settings import Settings

FOLDER: Final = "_sources"
_INCOMING: Final = "_quire/incoming"
"""Where a killed process's half-written file is found and removed (`sweeping.py`)."""


def source_name(doc_id: str) -> str:
    """A document's place in the lake."""
    return f"{FOLDER}/{doc_id[:2]}/{doc_id}.pdf"


def sources_of(settings: Settings) -> Sources | None:
    """The kept documents of the settings' lake; None where none are kept."""
    if not settings.keep_sources:
        return None
    return Sources(Lake(settings.lake, settings.storage_options))


class Sources:
    """The documents that a lake keeps."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def uri(self, doc_id: str) -> str | None:
        """Where a document's bytes are kept; None when they are not.

        Raises:
            LakeError: The lake cannot be read.
        """
        name = source_name(doc_id)
        if not self.lake.has(name):
            return None
        if self.lake.local:
            return uri_of(f"{self.lake.root}/{name}")
        scheme, _, rest = self.lake.root.partition("://")
        bucket, _, prefix = rest.partition("/")
        return object_uri(scheme, bucket, f"{prefix}/{name}".lstrip("/"))

    def keep(self, doc_id: str, path: str) -> bool:
        """Keep a document that was read from a path; False where the file has changed since.

        Raises:
            LakeError: The lake cannot be written.
        """
        name = source_name(doc_id)
        if self.lake.has(name):
            return True
        with told_as_lake_error(f"cannot keep {name}", self.lake.root):
            return self._in_folder(name, path) if self.lake.local else self._in_bucket(name, path)

    def _in_folder(self, name: str, path: str) -> bool:
        incoming, final = Path(self.lake.root) / _INCOMING, Path(self.lake.root) / name
        incoming.mkdir(parents=True, exist_ok=True)
        handle, copy = tempfile.mkstemp(dir=incoming, prefix=TEMPORARY)
        try:
            with os.fdopen(handle, "wb") as file, open(path, "rb") as source:
                shutil.copyfileobj(source, file, 2**20)
                file.flush()
                os.fsync(file.fileno())
            if not _is_it(name, copy):
                return False
            final.parent.mkdir(parents=True, exist_ok=True)
            os.replace(copy, final)
        except FileNotFoundError:
            if os.path.exists(path):
                raise
            return False
        finally:
            Path(copy).unlink(missing_ok=True)
        return True

    def _in_bucket(self, name: str, path: str) -> bool:
        filesystem, root = self.lake.filesystem()
        if not _is_it(name, path):
            return False
        filesystem.put_file(path, f"{root}/{name}")
        if _is_it(name, path):
            return True
        self.lake.delete(name)  # it changed while it was sent
        return False


def _is_it(name: str, path: str) -> bool:
    """Whether a file has the content that a name says."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == Path(name).stem
    except FileNotFoundError:
        return False
