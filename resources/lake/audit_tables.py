"""Rules that a table keeps by itself: keys once, known words, versions that are accepted.

Here: checks that read one table (and `versions`). Not here: checks across tables
(`audit_links.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import polars as pl

from io_managers.schemas import STAGES, TABLES
from io_managers.versions import ROLLBACK
from resources.errors import ErrorClass
from resources.lake.snapshot import AGAIN, READ_ORDER, STAGE_OF, Finding, Snapshot, findings

_CLASSED: Final = ("files", "pages", "images", "summaries", "failures")
_WITHOUT_CLASS: Final = {"files": ["ok", "duplicate"]}
_RESTORE: Final = "the rows were not written by Quire: restore {table} to an earlier version"


def check_tables(snapshot: Snapshot) -> Iterator[Finding]:
    """Everything that can be said of one table at a time."""
    for name in READ_ORDER:
        yield from _keys(snapshot, name)
        yield from _words(snapshot, name)
    for name in _CLASSED:
        yield from _classes(snapshot, name)
    for name in (*STAGE_OF, "failures"):
        yield from _versions(snapshot, name)
    for stage in STAGES:
        yield from _marks(snapshot, stage)


def _keys(snapshot: Snapshot, name: str) -> Iterator[Finding]:
    keys = list(TABLES[name].key)
    doubled = (
        snapshot.read(name, keys)
        .group_by(keys, maintain_order=True)
        .len()
        .filter(pl.col("len") > 1)
    )
    for row in doubled.iter_rows(named=True):
        count = row.pop("len")
        key = ", ".join(f"{column} {value}" for column, value in row.items() if value is not None)
        yield Finding(
            "file_twice" if name == "manifest" else "key_twice",
            f"{name}: {key}",
            "the same file was taken twice"
            if name == "manifest"
            else f"{count} rows of {name} have this key",
            "two writers bypassed Quire's transactions: restore the table to an earlier version",
        )


def _words(snapshot: Snapshot, name: str) -> Iterator[Finding]:
    for column, allowed in TABLES[name].statuses.items():
        counts = (
            snapshot.read(name, [column])
            .filter(pl.col(column).is_not_null() & ~pl.col(column).is_in(allowed))
            .group_by(column)
            .len()
        )
        for word, count in counts.iter_rows():
            yield Finding(
                "word_unknown",
                f"{name}.{column}",
                f"{count} rows say {word!r}; it may be {', '.join(allowed)}",
                _RESTORE.format(table=name),
            )


def _classes(snapshot: Snapshot, name: str) -> Iterator[Finding]:
    strange = (
        snapshot.read(name, ["error_class"])
        .filter(
            pl.col("error_class").is_not_null() & ~pl.col("error_class").is_in(list(ErrorClass))
        )
        .group_by("error_class")
        .len()
    )
    for word, count in strange.iter_rows():
        yield Finding(
            "class_unknown",
            f"{name}.error_class",
            f"{count} rows say {word!r}, which is not an error class",
            _RESTORE.format(table=name),
        )
    if name == "failures":
        return
    good = _WITHOUT_CLASS.get(name, ["ok"])
    columns = ["batch", "status", "error_class"]
    rows = snapshot.read(name, columns).group_by(columns, maintain_order=True).len()
    classed = pl.col("error_class").is_not_null()
    yield from findings(
        rows.filter(pl.col("status").is_in(good) & classed),
        "class_on_ok",
        f"{name} in {{batch}}",
        "{len} rows are {status} and yet have class {error_class}",
        AGAIN,
    )
    yield from findings(
        rows.filter((pl.col("status") == "failed") & ~classed),
        "class_missing",
        f"{name} in {{batch}}",
        "{len} failed rows have no error class",
        AGAIN,
    )


def _versions(snapshot: Snapshot, name: str) -> Iterator[Finding]:
    """Every row's version is known, and accepted.

    Batches that came during an upgrade keep their rows when it is rolled back: they were published
    while their version was accepted, and are stale (`quire status --stale`), not wrong.
    """
    stage = pl.col("stage") if name == "failures" else pl.lit(STAGE_OF.get(name, name))
    columns = ["version", "stage"] if name == "failures" else ["version"]
    used = (
        snapshot.read(name, columns)
        .select(stage.alias("stage"), "version")
        .group_by("stage", "version", maintain_order=True)
        .len()
    )
    known = snapshot.read("versions", ["stage", "version", "state", "eval_run"])
    rolled_back = pl.col("eval_run").fill_null("").str.starts_with(ROLLBACK)
    rows = used.join(known, on=["stage", "version"], how="left", maintain_order="left")
    yield from findings(
        rows.filter(pl.col("state").is_null()),
        "version_unknown",
        f"{name}: {{version}}",
        "{len} rows carry a version that the versions table does not know",
        "restore the versions table, or materialise these batches again",
    )
    yield from findings(
        rows.filter((pl.col("state") != "accepted") & ~rolled_back),
        "version_not_accepted",
        f"{name}: {{version}}",
        "{len} rows carry a version that is {state}",
        "materialise these batches again with the accepted version",
    )


def _marks(snapshot: Snapshot, stage: str) -> Iterator[Finding]:
    """Rows came through publishing, for a batch that the manifest knows."""
    batches = set(snapshot.read("manifest", ["batch"])["batch"].to_list())
    published = snapshot.published(stage)
    for batch in snapshot.batches_with_rows(stage):
        if batch not in published:
            yield Finding(
                "not_published",
                f"{stage} in {batch}",
                "there are rows without the mark of publishing",
                AGAIN.format(batch=batch),
            )
        if batch not in batches:
            yield Finding(
                "batch_unknown",
                f"{stage} in {batch}",
                "there are rows of a batch that the manifest does not know",
                "restore the manifest to a version that has the batch",
            )
