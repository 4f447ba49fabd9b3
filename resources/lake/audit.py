"""Whether a lake's tables agree with each other and with their own rules: nothing unaccounted.

Here: the order of the checks, and those about files on disk and bytes. Not here: rules of single
tables (`audit_tables.py`), rules across tables (`audit_links.py`), states (`states.py`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from typing import Final

import polars as pl

from io_managers.publish import MOVING
from resources.lake.audit_links import check_links
from resources.lake.audit_tables import check_tables
from resources.lake.lake import Lake
from resources.lake.snapshot import AGAIN, Finding, Snapshot

__all__ = ["Finding", "audit"]
_IMAGE_REFERENCE: Final = re.compile(r"(?<!\\)\]\(image:([0-9a-f]{64})\)")
_IMAGES_AT_ONCE: Final = 32
"""Images hashed at a time: a row group of 64 MiB at most stays in memory, not a batch of 4 GiB."""


def audit(
    lake: Lake, running_batches: Collection[str] = (), *, deep: bool = False
) -> list[Finding]:
    """All that does not hold in a lake; empty when everything is accounted for.

    Args:
        lake: The lake.
        running_batches: Batches in a run: their tables are changing, so they are not compared.
        deep: Also hash every stored image again.

    Raises:
        LakeError: The lake cannot be read at all.
    """
    # A document's move to another batch takes a run of each, which may be cut short: it is due.
    snapshot = Snapshot(lake, {*running_batches, *lake.names(MOVING)})
    lost = list(_data_files(snapshot))
    if lost:
        return lost  # reading on would fail: every other check needs these rows
    found = [*check_tables(snapshot), *check_links(snapshot), *_documents(snapshot)]
    if deep:
        found += _image_bytes(snapshot)
    return found


def _data_files(snapshot: Snapshot) -> Iterator[Finding]:
    """Files that a table's log names and that are not there."""
    root = snapshot.lake.root
    for name, table in snapshot.tables.items():
        if table is None:
            continue
        present = {f"{root}/{path}" for path in snapshot.lake.find(name)}
        for named in pl.DataFrame(table.get_add_actions(flatten=True))["path"]:
            path = f"{root}/{name}/{named}"
            # A listing leaves out a folder that changes under it: each file is asked for again.
            if path not in present and snapshot.lake.size(f"{name}/{named}") is None:
                yield Finding(
                    "data_file_missing",
                    f"{name}: {path.rsplit('/', 1)[-1]}",
                    f"the table names {path}, which is not there; other checks were left out",
                    "restore the file from a copy of the lake; never delete files of a table",
                )


def _documents(snapshot: Snapshot) -> Iterator[Finding]:
    """Markdown, batch by batch, so that memory holds one batch of documents."""
    for batch in snapshot.batches_with_rows("docs"):
        if batch in snapshot.running_batches:
            continue
        docs = snapshot.scan("docs", ["doc_id", "markdown", "content_sha256"], batch).collect()
        stored = snapshot.scan("image_data", ["sha256"], batch).collect()["sha256"]
        known = set(stored.to_list())
        for doc_id, markdown, recorded in docs.iter_rows():
            text = markdown or ""
            if markdown is not None or recorded is not None:
                actual = hashlib.sha256(text.encode()).hexdigest()
                if actual != recorded:
                    yield Finding(
                        "doc_hash",
                        f"docs {doc_id}",
                        f"content_sha256 is {recorded}, its markdown hashes to {actual}",
                        AGAIN.format(batch=batch),
                    )
            for sha256 in sorted(set(_IMAGE_REFERENCE.findall(text)) - known):
                yield Finding(
                    "doc_image_missing",
                    f"docs {doc_id}",
                    f"its markdown refers to image {sha256}, which {batch} has no bytes of",
                    AGAIN.format(batch=batch),
                )


def _image_bytes(snapshot: Snapshot) -> Iterator[Finding]:
    for batch in snapshot.batches_with_rows("image_data"):
        rows = snapshot.scan("image_data", ["sha256", "data"], batch)
        for frame in rows.collect_batches(chunk_size=_IMAGES_AT_ONCE):
            for sha256, data in frame.iter_rows():
                actual = hashlib.sha256(data or b"").hexdigest()
                if actual != sha256:
                    yield Finding(
                        "image_hash",
                        f"image_data {sha256}",
                        f"its bytes in {batch} hash to {actual}",
                        AGAIN.format(batch=batch),
                    )
