"""Table care: fewer files, nothing left over, a log that opens quickly; safe beside writers.

Here: one pass over a lake, in the order that frees space first. Not here: how files are swapped
(`compaction.py`), what counts as left over (`sweeping.py`), the schedule
(`sensors/maintenance.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from deltalake.exceptions import DeltaError

from io_managers.completions import fold_left, unfolded
from io_managers.schemas import TABLES
from resources.errors import LakeError
from resources.lake.batches import all_batches, finished_batches
from resources.lake.compaction import Swap, compact_table
from resources.lake.lake import LOG_CHECKPOINT_COMMITS, Lake
from resources.lake.sweeping import (
    old_notices,
    spent_checkpoints,
    spent_epochs,
    spent_intents,
    temporary_files,
    unused_files,
)
from resources.lake.upgrades import needed_versions

KEEP_HOURS: Final = 7 * 24
"""Files that a commit replaced stay this long, for readers of an earlier version; those that an
upgrade may be taken back to stay until a week after its end."""


@dataclass
class Care:
    """What one pass did, and what it left alone."""

    swaps: list[Swap] = field(default_factory=list)
    n_replaced: int = 0
    n_unused: int = 0
    unused_bytes: int = 0
    n_checkpoints: int = 0
    n_intents: int = 0
    n_epochs: int = 0
    n_notices: int = 0
    n_temporary: int = 0
    n_answers: int = 0
    log_checkpoints: list[str] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)
    """What could not be done, and why; the next pass tries again."""

    @property
    def compacted(self) -> list[Swap]:
        """Partitions that have fewer files now."""
        return [swap for swap in self.swaps if swap.n_after < swap.n_before]

    def counts(self) -> dict[str, int]:
        """Every figure by name, zeros too."""
        return {
            "partitions_compacted": len(self.compacted),
            "files_before": sum(swap.n_before for swap in self.compacted),
            "files_after": sum(swap.n_after for swap in self.compacted),
            "replaced_files_removed": self.n_replaced,
            "unused_files_removed": self.n_unused,
            "unused_bytes_removed": self.unused_bytes,
            "spent_checkpoints_removed": self.n_checkpoints,
            "notes_of_died_runs_removed": self.n_intents,
            "old_epochs_removed": self.n_epochs,
            "old_notices_removed": self.n_notices,
            "temporary_files_removed": self.n_temporary,
            "models_answers_moved_into_their_table": self.n_answers,
            "logs_checkpointed": len(self.log_checkpoints),
            "left_for_the_next_pass": len(self.left),
        }

    def lines(self) -> list[str]:
        """What was done, for people: a line a thing, one line when there was nothing to do."""
        done = [f"{name.replace('_', ' ')}: {n:,}" for name, n in self.counts().items() if n]
        done += [f"{s.subject}: {s.n_before} files are {s.n_after} now" for s in self.compacted]
        done += [f"left {subject}: {why}" for subject, why in self.left]
        return done or ["nothing to do"]


def maintain(
    lake: Lake, running: Callable[[], Collection[str]], *, now: float | None = None
) -> Care:
    """Care for every table once.

    Args:
        lake: The lake.
        running: Which batches are in a run, asked again before each table.
        now: Epoch seconds, to tell how old an unused file is.

    Raises:
        LakeError: The lake cannot be read at all.
    """
    care = Care()
    sweep(lake, running(), care, now=now)
    _fold_answers(lake, running(), care)
    needed = needed_versions(lake, now)
    for name in TABLES:
        _vacuum(lake, name, care, needed.get(name))
    batches = all_batches(lake)
    finished = finished_batches(lake, batches) if batches else set()
    for name in TABLES:
        care.swaps += compact_table(lake, name, finished - set(running()))
    care.left += [(swap.subject, swap.left) for swap in care.swaps if swap.left]
    for name in TABLES:
        _shorten_log(lake, name, care)
    return care


def sweep(
    lake: Lake, running: Collection[str], care: Care | None = None, *, now: float | None = None
) -> Care:
    """Remove what nothing will read again: spent records, and unused files that expired.

    Raises:
        LakeError: The lake cannot be read at all.
    """
    care = Care() if care is None else care
    for folder in spent_checkpoints(lake):
        lake.delete_folder(folder)
        care.n_checkpoints += 1
    for path in spent_intents(lake):
        lake.delete(path)
        care.n_intents += 1
    for path in spent_epochs(lake):
        lake.delete(path)
        care.n_epochs += 1
    for path in old_notices(lake, now):
        lake.delete(path)
        care.n_notices += 1
    for path in temporary_files(lake, now):
        lake.delete(path)
        care.n_temporary += 1
    for file in unused_files(lake, running, now):
        if file.expired:
            lake.delete(file.path)
            care.n_unused += 1
            care.unused_bytes += file.n_bytes
    return care


def _fold_answers(lake: Lake, running: Collection[str], care: Care) -> None:
    """Move answers of models into their table that killed runs left beside it."""
    for batch in unfolded(lake):
        if batch in running:
            continue  # it folds them at its end
        try:
            care.n_answers += fold_left(lake, batch)
        except LakeError as error:
            care.left.append((f"answers of models of {batch}", _first_line(error)))


def _vacuum(lake: Lake, name: str, care: Care, needed: int | None) -> None:
    """Remove files that commits replaced over a week ago; no commit when there are none.

    Files of the version that an upgrade may go back to stay.
    """
    table = lake.open(name)
    if table is None:
        return
    keep = None if needed is None else [needed]
    try:
        if table.vacuum(retention_hours=KEEP_HOURS, dry_run=True, keep_versions=keep):
            gone = table.vacuum(retention_hours=KEEP_HOURS, dry_run=False, keep_versions=keep)
            care.n_replaced += len(gone)
    except (DeltaError, OSError) as error:
        care.left.append((f"replaced files of {name}", _first_line(error)))


def _shorten_log(lake: Lake, name: str, care: Care) -> None:
    """Put a long log into a checkpoint, and remove what is over Delta's 30 days before it.

    Marks of publishing are application transactions; a checkpoint holds them all.
    """
    try:
        table = lake.open(name)
        if table is None:
            return
        if _commits_to_read(lake, name) >= LOG_CHECKPOINT_COMMITS:
            table.create_checkpoint()
            care.log_checkpoints.append(name)
        table.cleanup_metadata()
    except (DeltaError, OSError, LakeError) as error:
        care.left.append((f"log of {name}", _first_line(error)))


def _commits_to_read(lake: Lake, name: str) -> int:
    """Commits since the log's last checkpoint: what every reader opens one by one."""
    names = lake.names(f"{name}/_delta_log")
    numbers = {n: int(n[:20]) for n in names if n[:20].isdecimal()}
    last = max((number for n, number in numbers.items() if ".checkpoint." in n), default=-1)
    return sum(n.endswith(".json") and number > last for n, number in numbers.items())


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300]
