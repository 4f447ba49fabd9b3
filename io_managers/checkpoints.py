"""Checkpoints: finished micro-batches of a running stage, durable but not yet visible to readers.

Here: one small record a micro-batch, naming the staged files that hold its rows, what it answers
for and what failed in it; and when such records are spent. Not here: which of them a run may still
use (`resume.py`), the files (`staging.py`).

A record lies under the epoch that was published when its run began: once anything newer is
published for that stage and batch, no record from before can be of use. It lies under its run's
version too, so a changed version starts a checkpoint of its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from io_managers.staging import StagedFile
from resources.lake.lake import TEMPORARY, Lake

FOLDER: Final = "_quire/checkpoints"
CHECKPOINT_SECONDS: Final = 5.0
"""A micro-batch is recorded when it has this much work in it: that, and the slices that workers
have in hand, is what a kill costs. A record costs about 10 ms."""
WHOLE: Final = 0
"""In place of a page number (from 1): the document, or file, as a whole."""
_TIMES: Final = ("first_seen_at", "last_seen_at")


@dataclass(frozen=True)
class MicroBatch:
    """What one record holds: files by table, pages answered for by document, failures, counts."""

    tables: Mapping[str, tuple[StagedFile, ...]]
    answered: Mapping[str, tuple[str, tuple[int, ...]]]
    """By document (or uri): the `input_sha256` that was read, and its pages or `WHOLE`."""
    failures: tuple[dict[str, Any], ...] = ()
    counts: Mapping[str, int] | None = None

    def paths(self) -> set[str]:
        """Its files, relative to the lake."""
        return {f"{table}/{file.path}" for table, files in self.tables.items() for file in files}


class Checkpoint:
    """The records of one stage, batch and version, and the run that adds to them."""

    def __init__(
        self, lake: Lake, stage: str, batch: str, version: str, base: int, epoch: int
    ) -> None:
        """Take the epoch that is published, 0 for none (`base`), and the run's own."""
        self.lake = lake
        self.folder = f"{FOLDER}/{stage}/{batch}/{base:08d}/{version}"
        self.epoch = epoch
        self._number = 0
        self._since = time.monotonic()

    def is_due(self) -> bool:
        """Whether enough work was done since the last record."""
        return time.monotonic() - self._since >= CHECKPOINT_SECONDS

    def record(self, micro_batch: MicroBatch) -> None:
        """Make a micro-batch durable. Its files must be.

        Raises:
            LakeError: The lake cannot be written.
        """
        self._number += 1
        name = f"{self.epoch:08d}-{self._number:06d}.json"
        self.lake.put_new(f"{self.folder}/{name}", _dump(micro_batch))
        self._since = time.monotonic()

    def load(self) -> list[MicroBatch]:
        """Every micro-batch that earlier runs recorded, oldest first."""
        held = self.lake.get_all([f"{self.folder}/{name}" for name in self.lake.names(self.folder)])
        return [micro_batch for data in held if (micro_batch := _parse(data)) is not None]


def forget_spent(lake: Lake, stage: str, batch: str, published: int | None) -> None:
    """Remove records that nothing can use any more: those from before what is published now."""
    base = f"{published or 0:08d}"
    for name in lake.names(f"{FOLDER}/{stage}/{batch}"):
        if name != base:
            lake.delete_folder(f"{FOLDER}/{stage}/{batch}/{name}")


def checkpointed(
    lake: Lake, without: Collection[str] = ()
) -> dict[tuple[str, str], list[MicroBatch]]:
    """Every record in the lake, by stage and batch, for audits and for sweeping unused files.

    Folders of records that are left out, such as spent ones, are named from the lake.
    """
    found: dict[tuple[str, str], list[MicroBatch]] = {}
    paths = _records(lake, FOLDER, without)
    for path, data in zip(paths, lake.get_all(paths), strict=True):
        micro_batch = _parse(data)
        if micro_batch is not None:
            stage, batch, *_ = path.removeprefix(f"{FOLDER}/").split("/")
            found.setdefault((stage, batch), []).append(micro_batch)
    return found


def n_records(lake: Lake, stage: str, batch: str) -> int:
    """How many micro-batches are recorded for a stage and batch."""
    return len(_records(lake, f"{FOLDER}/{stage}/{batch}"))


def _records(lake: Lake, folder: str, without: Collection[str] = ()) -> list[str]:
    """Paths of records below a folder, as `<stage>/<batch>/<base>/<version>/<name>`, in order."""
    depth = FOLDER.count("/") + 5
    found = []
    for path in lake.find(folder):
        spent = path.rsplit("/", 2)[0] in without
        whole = not path.rsplit("/", 1)[-1].startswith(TEMPORARY)
        if path.count("/") == depth and whole and not spent:
            found.append(path)
    return sorted(found)


def _dump(micro_batch: MicroBatch) -> bytes:
    value = {
        "tables": {
            table: [[f.path, f.n_rows, f.n_bytes, f.stats] for f in files]
            for table, files in micro_batch.tables.items()
        },
        "answered": {unit: list(what) for unit, what in micro_batch.answered.items()},
        "failures": [_with_times(row, datetime.isoformat) for row in micro_batch.failures],
        "counts": dict(micro_batch.counts or {}),
    }
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _parse(data: bytes | None) -> MicroBatch | None:
    """A record, or None for one that is gone or that a power cut tore: its work is done again."""
    try:
        value = json.loads((data or b"").decode("utf-8", "surrogatepass"))
    except ValueError:
        return None
    return MicroBatch(
        tables={
            table: tuple(
                StagedFile(path, n_rows, n_bytes, stats, checkpointed=True)
                for path, n_rows, n_bytes, stats in files
            )
            for table, files in value["tables"].items()
        },
        answered={
            unit: (given, tuple(pages)) for unit, (given, pages) in value["answered"].items()
        },
        failures=tuple(_with_times(row, datetime.fromisoformat) for row in value["failures"]),
        counts=value["counts"],
    )


def _with_times(row: Mapping[str, Any], change: Callable[[Any], object]) -> dict[str, Any]:
    return {**row, **{name: change(row[name]) for name in _TIMES}}


def without_files_that_are_gone(
    lake: Lake, micro_batches: Sequence[MicroBatch]
) -> list[MicroBatch]:
    """Those whose files are all there, as long as they were written (a sweep may have expired)."""
    paths = {path for micro_batch in micro_batches for path in micro_batch.paths()}
    folders = {path.rpartition("/")[0] for path in paths}
    present = {path: info["size"] for folder in folders for path, info in lake.find(folder).items()}
    return [
        micro_batch
        for micro_batch in micro_batches
        if all(
            present.get(f"{table}/{file.path}") == file.n_bytes
            for table, files in micro_batch.tables.items()
            for file in files
        )
    ]
