"""What is stale: published rows that another version than the wanted one made.

Here: the wanted version of each stage, and the stale rows of each batch, told from the logs of the
tables: files say which version made them, and only files of older lakes are opened. Rows that stay
on purpose (the new version tried the document and failed, or gave it up) are told apart. Not here:
bringing them up to date (`upgrades.py`) or what is printed (`cli/stale.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

import polars as pl
from deltalake import DeltaTable

from io_managers.schemas import STAGES, TABLES
from resources.lake.lake import Lake

STALE: Final = pl.Schema(
    {
        "stage": pl.String(),
        "batch": pl.String(),
        "version": pl.String(),
        "target": pl.String(),
        "rows": pl.Int64(),
        "kept": pl.Int64(),
    }
)
"""A row for each stage, batch and version that is not the target; `kept` of `rows` stay."""
_seen: Final[dict[str, list[tuple[str, int]]]] = {}
"""Versions and rows of files whose statistics do not tell, by their address."""
_FILE: Final = pl.Schema(
    {"batch": pl.String(), "path": pl.String(), "rows": pl.Int64(), "version": pl.String()}
)


def target_versions(lake: Lake, configured: Mapping[str, str]) -> dict[str, str]:
    """The version that each stage's rows should have.

    Args:
        lake: Where versions are decided.
        configured: What the settings make, by stage; used where the lake has accepted it.

    Returns:
        By stage; without the stages that have no accepted version, of which nothing is published.
    """
    rows = lake.read("versions", ["stage", "version", "state", "decided_at"])
    rows = rows.filter(pl.col("state") == "accepted").sort("decided_at", maintain_order=True)
    newest = dict(rows.select("stage", "version").iter_rows())
    accepted = set(rows.select("stage", "version").iter_rows())
    return {
        stage: configured[stage] if (stage, configured.get(stage)) in accepted else newest[stage]
        for stage in STAGES
        if stage in newest
    }


def stale_rows(
    lake: Lake, targets: Mapping[str, str], batches: Collection[str] | None = None
) -> pl.DataFrame:
    """Rows that are not of their stage's target, counted by stage, batch and version (`STALE`).

    Args:
        lake: The lake.
        targets: The wanted version by stage; other stages are not looked at.
        batches: Only these; all when not given.
    """
    frames = [
        _of_stage(lake, stage, targets[stage], batches) for stage in STAGES if stage in targets
    ]
    frames = [frame for frame in frames if not frame.is_empty()]
    if not frames:
        return pl.DataFrame(schema=STALE)
    order = pl.col("stage").replace_strict(list(STAGES), list(range(len(STAGES))))
    return pl.concat(frames).sort("batch", order, "version")


def to_do(stale: pl.DataFrame) -> dict[str, tuple[str, ...]]:
    """The stages of each batch that a run would bring up to date, in the order of the flow."""
    rows = stale.filter(pl.col("rows") > pl.col("kept")).select("batch", "stage").unique()
    found: dict[str, set[str]] = {}
    for batch, stage in rows.sort("batch").iter_rows():
        found.setdefault(batch, set()).add(stage)
    return {batch: tuple(s for s in STAGES if s in stages) for batch, stages in found.items()}


def versions_of_files(lake: Lake, stage: str, table: DeltaTable) -> pl.DataFrame:
    """`batch`, `path`, `rows` and `version` of a stage's files; several rows for a mixed file.

    A file whose statistics do not tell (of an earlier version of Quire, or of rows that were kept
    beside new ones) has its version column read.
    """
    actions = pl.DataFrame(table.get_add_actions(flatten=True))
    if actions.is_empty():
        return pl.DataFrame(schema=_FILE)
    low, high = (
        pl.col(name) if name in actions.columns else pl.lit(None)
        for name in ("min.version", "max.version")
    )
    files = actions.select(
        batch=pl.col("partition.batch"),
        path=pl.col("path"),
        rows=pl.col("num_records").cast(pl.Int64),
        version=pl.when(low == high).then(low).cast(pl.String),
    )
    told = files.filter(pl.col("version").is_not_null() & pl.col("rows").is_not_null())
    silent = files.filter(pl.col("version").is_null() | pl.col("rows").is_null())
    if silent.is_empty():
        return told.select(list(_FILE))
    return pl.concat([told.select(list(_FILE)), _read(lake, stage, silent)])


def _read(lake: Lake, stage: str, files: pl.DataFrame) -> pl.DataFrame:
    """The versions of some files, from their rows; a file never changes, so each is read once."""
    full = {f"{lake.table_uri(stage)}/{path}": path for path in files["path"]}
    fresh = {uri: path for uri, path in full.items() if uri not in _seen}
    if fresh:
        counted = (
            lake.scan_files(stage, list(fresh.values()), origin="_origin")
            .select("_origin", "version")
            .group_by("_origin", "version")
            .agg(pl.len().cast(pl.Int64))
            .collect()
        )
        _seen.update({uri: [] for uri in fresh})
        for uri, version, rows in counted.iter_rows():
            _seen[uri].append((version, rows))
    found = [
        {"path": path, "version": version, "rows": rows}
        for uri, path in full.items()
        for version, rows in _seen[uri]
    ]
    schema = {"path": pl.String, "version": pl.String, "rows": pl.Int64}
    counted = pl.DataFrame(found, schema=schema)
    return counted.join(files.select("path", "batch"), on="path").select(list(_FILE))


def _of_stage(lake: Lake, stage: str, target: str, batches: Collection[str] | None) -> pl.DataFrame:
    table = lake.open(stage)
    if table is None:
        return pl.DataFrame(schema=STALE)
    files = versions_of_files(lake, stage, table).filter(pl.col("version") != target)
    if batches is not None:
        files = files.filter(pl.col("batch").is_in(list(batches)))
    counted = files.group_by("batch", "version").agg(pl.col("rows").sum())
    if counted.is_empty():
        return pl.DataFrame(schema=STALE)
    kept = _kept(lake, stage, target, counted["batch"].unique().to_list())
    return (
        counted.join(kept, on=["batch", "version"], how="left")
        .with_columns(
            pl.col("kept").fill_null(0),
            stage=pl.lit(stage),
            target=pl.lit(target),
        )
        .select(list(STALE))
    )


def _kept(lake: Lake, stage: str, target: str, batches: Iterable[str]) -> pl.DataFrame:
    """Of stale rows, those whose document or page the target version tried and failed at.

    A failure never replaces good rows; the failure itself is tried again as its class says, or is
    in quarantine. Only batches that have such failures are opened.
    """
    columns = ["batch", "doc_id", "uri", "page_number", "stage", "version"]
    failures = lake.read("failures", columns).filter(
        (pl.col("stage") == stage)
        & (pl.col("version") == target)
        & pl.col("batch").is_in(list(batches))
    )
    unit = "doc_id" if "doc_id" in TABLES[stage].key else "uri"
    by_page = "page_number" in TABLES[stage].key
    frames = []
    for (batch,), failed in failures.group_by("batch"):
        wanted = [unit, "version", *(["page_number"] if by_page else [])]
        rows = lake.read(stage, wanted, batch=str(batch)).filter(pl.col("version") != target)
        whole = failed.filter(pl.col("page_number").is_null() | (not by_page))
        stays = rows[unit].is_in(whole[unit].to_list())
        if by_page:
            pages = set(failed.select(unit, "page_number").iter_rows())
            single = [key in pages for key in rows.select(unit, "page_number").iter_rows()]
            stays |= pl.Series(single, dtype=pl.Boolean)
        rows = rows.filter(stays).with_columns(batch=pl.lit(str(batch)))
        frames.append(rows.group_by("batch", "version").agg(pl.len().cast(pl.Int64).alias("kept")))
    schema = {"batch": pl.String, "version": pl.String, "kept": pl.Int64}
    return pl.concat(frames) if frames else pl.DataFrame(schema=schema)
