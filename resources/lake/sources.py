"""Documents' bytes, kept in the lake (`QUIRE_KEEP_SOURCES`): the landing zone may be emptied.

Here: where a document's bytes lie, and putting them there whole. Not here: who reads them
(`resources/landing/copies.py`) or keeps them (`assets/files/build.py`).

A document is named by its hash, so it is there once, and right: what is there is never written
again, and readers hash it as they hash any source. Nothing removes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from resources.errors import DocumentError, ErrorClass
from resources.lake.lake import Lake
from resources.lake.objects import replace_file
from resources.lake.store_errors import told_as_lake_error
from resources.landing.uris import object_uri, uri_of
from resources.settings import Settings

FOLDER: Final = "_sources"
_CHUNK: Final = 2**20
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
        """Keep a document that was read from a path.

        Returns:
            False where the file changed or went since, or can no longer be read. That is not told
            here: whoever reads the document next meets the same, and records it.

        Raises:
            LakeError: The lake cannot be written.
        """
        name = source_name(doc_id)
        if self.lake.has(name):
            return True
        with told_as_lake_error(f"cannot keep {name}", self.lake.root):
            try:
                if self.lake.local:
                    root = Path(self.lake.root)
                    replace_file(root / name, _chunks(path, doc_id), root / _INCOMING)
                else:
                    self._put(name, path, doc_id)
            except DocumentError:
                return False
        return True

    def _put(self, name: str, path: str, doc_id: str) -> None:
        for _ in _chunks(path, doc_id):
            pass  # no store is asked for what is no longer the document
        filesystem, root = self.lake.filesystem()
        filesystem.put_file(path, f"{root}/{name}")
        try:
            for _ in _chunks(path, doc_id):
                pass
        except DocumentError:
            self.lake.delete(name)  # it changed while it was sent
            raise


def _chunks(path: str, doc_id: str) -> Iterator[bytes]:
    """A file's bytes, which have to be the document's: else the last chunk is not the end.

    Raises:
        DocumentError: The file cannot be read, or is another one.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                yield chunk
    except OSError as error:
        raise DocumentError(ErrorClass.UNREADABLE, f"cannot be read: {error}") from error
    if digest.hexdigest() != doc_id:
        raise DocumentError(ErrorClass.SOURCE_CHANGED, "the file changed after it was read")
