"""Dagster's own SQLite databases of an instance, made whole or made anew.

Dagster makes each file, then its tables, and takes a file that is there for one that is whole: a
process that is killed in between leaves an instance that no later one can use. Here: finding such
files and making the databases while nobody else does. Not here: where the instance lives
(`home.py`). Nothing is lost with a file that has no tables: what Quire knows stands in the lake.
"""

from __future__ import annotations

import fcntl
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

_DATABASES: Final = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
_STORAGE: Final = re.compile(r"^(run_|event_log_|schedule_)?storage\s*:", re.MULTILINE)
_LOCK: Final = "quire-making.lock"
_BESIDE: Final = ("", "-wal", "-shm", "-journal")


def make_databases(home: Path) -> None:
    """See that the databases of an instance are whole, where it keeps them in its own folder.

    Raises:
        OSError: The folder cannot be written.
    """
    files = [home / name for name in _DATABASES]
    if keeps_them_elsewhere(home) or all(_is_whole(file) for file in files):
        return
    with (home / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # freed by the kernel, whatever becomes of us
        for file in files:
            if file.exists() and not _is_whole(file):
                for beside in _BESIDE:
                    file.with_name(file.name + beside).unlink(missing_ok=True)
        if not all(file.exists() for file in files):
            _open_once(home)


def keeps_them_elsewhere(home: Path) -> bool:
    """Whether an instance's `dagster.yaml` names a storage of its own (Postgres, say).

    Raises:
        OSError: The file cannot be read.
    """
    try:
        text = (home / "dagster.yaml").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return False
    return bool(_STORAGE.search(text))


def _is_whole(file: Path) -> bool:
    """Whether a database has its tables: the last thing that Dagster writes is their revision."""
    if not file.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=10)) as database:
            return bool(database.execute("select 1 from alembic_version").fetchone())
    except sqlite3.DatabaseError as error:
        # Locked by a process that works in it, it has been whole for long; damaged otherwise, it
        # is for people to look at.
        return "no such table" not in str(error)


def _open_once(home: Path) -> None:
    """Let Dagster make what is missing."""
    import dagster as dg

    with dg.DagsterInstance.from_config(str(home)) as instance:
        _ = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
