"""The application transactions of a table's log, all of them in one pass.

Here: replaying `txn` actions from the log's last checkpoint on. Not here: what they mean
(`io_managers/publish.py`).

Delta's own look-up reads the log again for each name that is asked: over a bucket 0.1 s each, and
there is one name per batch. What was read once is kept and goes on: commits never change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from resources.errors import LakeError

_COMMIT: Final = "{:020d}.json"
_CHECKPOINT: Final = re.compile(r"^(\d{20})\.checkpoint\..*parquet$")
_FAR: Final = 20
"""From so many commits on, another listing is cheaper: there is a newer checkpoint by then."""


@dataclass(frozen=True)
class Transactions:
    """The newest version of each application transaction, as of a table's version."""

    table_version: int
    versions: Mapping[str, int]


@dataclass(frozen=True)
class LogFiles:
    """How the files of a table's log are read."""

    names: Callable[[], Sequence[str]]
    read: Callable[[Sequence[str]], Sequence[bytes | None]]
    """Contents by name, None for what is not there."""
    scan: Callable[[str], pl.LazyFrame]
    """A checkpoint's rows."""


def replay(log: LogFiles, table_version: int, known: Transactions | None) -> Transactions:
    """The transactions of a table at a version, going on from what is known of an older one.

    Raises:
        LakeError: A commit is missing.
    """
    if known is not None and known.table_version == table_version:
        return known
    versions: dict[str, int] = {}
    first = 0
    if known is not None and 0 < table_version - known.table_version <= _FAR:
        versions, first = dict(known.versions), known.table_version + 1
    else:
        found = [(int(m[1]), m[0]) for name in log.names() if (m := _CHECKPOINT.match(name))]
        last = max((number for number, _ in found if number <= table_version), default=-1)
        for name in (name for number, name in found if number == last):
            versions |= _of_checkpoint(log.scan(name))
        first = last + 1
    names = [_COMMIT.format(number) for number in range(first, table_version + 1)]
    for name, data in zip(names, log.read(names), strict=True):
        if data is None:
            raise LakeError(
                f"commit {name} of a table's log is missing: restore it from a copy of the lake; "
                "never delete files of a table"
            )
        versions |= _of_commit(data.splitlines())
    return Transactions(table_version, versions)


def _of_commit(lines: Iterable[bytes]) -> dict[str, int]:
    actions = [json.loads(line) for line in lines if line.lstrip().startswith(b'{"txn"')]
    return {action["txn"]["appId"]: int(action["txn"]["version"]) for action in actions}


def _of_checkpoint(rows: pl.LazyFrame) -> dict[str, int]:
    txn = rows.select(
        app=pl.col("txn").struct.field("appId"), version=pl.col("txn").struct.field("version")
    )
    return dict(txn.filter(pl.col("app").is_not_null()).collect().iter_rows())
