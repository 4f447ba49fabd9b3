"""What crashes and finished work leave in a lake, that nothing will read again.

Here: finding staged files that no commit used, spent records, old epochs, and temporary files.
Not here: removing them on a schedule (`maintenance.py`) or telling people (`audit_leftovers.py`).

Everything is found in an order that makes a writer beside it harmless: files are listed first, then
the checkpoints are read, then the table's log. What is committed or recorded meanwhile is seen.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl
from deltalake import DeltaTable

from io_managers.checkpoints import FOLDER, checkpointed
from io_managers.ends import FOLDER as INTENTS
from io_managers.publish import published_epoch
from io_managers.schemas import TABLES
from resources.lake.lake import TEMPORARY, Lake
from resources.lake.upgrades import needed_versions
from resources.telemetry.outbox import TOLD

EXPIRE_SECONDS: Final = 3 * 86400.0
"""Age at which a staged file that nothing names is taken for a crash's: a run is ended after four
hours (`max_runtime_seconds`), so its run is long gone."""
REMEMBER_SECONDS: Final = 30 * 86400.0
_BATCH: Final = re.compile(r"(?:^|/)batch=([^/]+)/")
_EPOCHS: Final = "_quire/epochs"


@dataclass(frozen=True)
class Unused:
    """A Parquet file under a table that no log and no checkpoint names; the path is the lake's."""

    path: str
    n_bytes: int
    age: float
    """Seconds since it was written."""

    @property
    def expired(self) -> bool:
        """Whether no run can still be about to publish it."""
        return self.age >= EXPIRE_SECONDS


def unused_files(
    lake: Lake, running: Collection[str] = (), now: float | None = None
) -> list[Unused]:
    """Data files that are in no version of a table and in no live checkpoint.

    Args:
        lake: The lake.
        running: Batches in a run: what lies in their partitions is about to be published.
        now: Epoch seconds.
    """
    now = time.time() if now is None else now
    found = {name: dict(_data_files(lake, name)) for name in TABLES}
    spent = set(spent_checkpoints(lake))
    recorded = {
        path
        for micro_batches in checkpointed(lake, without=spent).values()
        for micro_batch in micro_batches
        for path in micro_batch.paths()
    }
    unused = []
    needed = needed_versions(lake, now)
    for name, files in found.items():
        named = _named(lake.open(name)) if files else set()
        if name in needed:
            named |= _named(lake.at(name, needed[name]))
        for path, info in files.items():
            batch = _BATCH.search(path)
            busy = batch is not None and batch[1] in running
            if not busy and path not in named and f"{name}/{path}" not in recorded:
                age = now - _modified(info)
                unused.append(Unused(f"{name}/{path}", int(info["size"] or 0), age))
    return sorted(unused, key=lambda file: file.path)


def _data_files(lake: Lake, table: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Parquet files under a table, by path from the table's root, the log's own left out."""
    for path, info in lake.find(table).items():
        inside = path.removeprefix(f"{table}/")
        if inside.endswith(".parquet") and not inside.startswith("_"):
            yield inside, info


def _modified(info: dict[str, Any]) -> float:
    """Epoch seconds, whichever filesystem told it; what says nothing is taken for new."""
    for name in ("mtime", "LastModified", "last_modified", "updated"):
        value = info.get(name)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, int | float):
            return float(value)
    return time.time()


def _named(table: DeltaTable | None) -> set[str]:
    """Files that a table has now, or had lately and keeps for readers of earlier versions."""
    if table is None:
        return set()
    actions = pl.DataFrame(table.get_add_actions(flatten=True))
    present = set() if actions.is_empty() else set(actions["path"].to_list())
    removed = table.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False)
    return present | set(removed)


def spent_checkpoints(lake: Lake) -> list[str]:
    """Folders of records from before what is published: no run can go on from them."""
    inside = (path.removeprefix(f"{FOLDER}/").split("/") for path in lake.find(FOLDER))
    bases = {tuple(parts[:3]) for parts in inside if len(parts) > 3 and parts[2].isdecimal()}
    # Asked after the listing: a run that publishes meanwhile only spends more of them.
    return [
        f"{FOLDER}/{stage}/{batch}/{base}"
        for stage, batch, base in sorted(bases)
        if int(base) < (published_epoch(lake, stage, batch) or 0)
    ]


def spent_epochs(lake: Lake) -> list[str]:
    """Epochs below the greatest of each stage and batch; that one alone decides the next."""
    spent = []
    for folder, names in _grouped(lake.find(_EPOCHS)).items():
        numbers = sorted((name for name in names if name.isdecimal()), key=int)
        spent += [f"{folder}/{name}" for name in numbers[:-1]]
    return spent


def spent_intents(lake: Lake) -> list[str]:
    """Notes of what died runs had in hand, from before what is published."""
    spent = []
    for folder, names in _grouped(lake.find(INTENTS)).items():
        stage, batch = folder.split("/")[-2:]
        published = published_epoch(lake, stage, batch) or 0
        numbers = {name: name.partition(".")[0] for name in names}
        spent += [
            f"{folder}/{name}"
            for name, number in numbers.items()
            if number.isdecimal() and int(number) <= published
        ]
    return spent


def old_notices(lake: Lake, now: float | None = None) -> list[str]:
    """Marks of notifications that were heard a month ago: nobody notices those events again."""
    now = time.time() if now is None else now
    listed = lake.find(TOLD).items()
    return [path for path, info in listed if now - _modified(info) >= REMEMBER_SECONDS]


def temporary_files(lake: Lake, now: float | None = None) -> list[str]:
    """Half-written small objects of processes that were killed, three days old or older."""
    now = time.time() if now is None else now
    return [
        path
        for path, info in lake.find("_quire").items()
        if path.rsplit("/", 1)[-1].startswith(TEMPORARY) and now - _modified(info) >= EXPIRE_SECONDS
    ]


def _grouped(paths: Iterable[str]) -> dict[str, list[str]]:
    folders: dict[str, list[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, []).append(name)
    return folders
