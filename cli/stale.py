"""`quire status --stale`: which rows another version made than the settings' or the accepted one.

Here: what is printed. Not here: what is stale (`resources/lake/stale.py`), or its mend
(`upgrade.py`).
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from cli.options import Opened
from cli.terminal import say, say_table
from io_managers.schemas import STAGES
from resources.lake.lake import Lake
from resources.lake.stale import stale_rows, target_versions
from resources.lake.upgrades import Upgrade, read_upgrade
from resources.settings import Settings

_LISTED: Final = 20


def _look(lake: Lake, settings: Settings) -> tuple[pl.DataFrame, dict[str, str]]:
    """The stale rows, and the versions of the settings that the lake has not accepted."""
    from sensors.stale_notice import configured_versions  # loads engines

    configured = configured_versions(settings)
    targets = target_versions(lake, configured)
    waiting = {s: v for s, v in configured.items() if s in targets and targets[s] != v}
    return stale_rows(lake, targets), waiting


def as_json(opened: Opened) -> dict[str, Any]:
    """Every batch with stale rows, what waits for a verdict, and the upgrade."""
    rows, waiting = _look(opened.lake, opened.settings)
    upgrade = read_upgrade(opened.lake)
    return {
        "stale": rows.to_dicts(),
        "not_accepted": waiting,
        "upgrade": None if upgrade is None else upgrade.as_dict(),
    }


def say_stale(opened: Opened) -> None:
    """What is stale, stage by stage, and what to do about it."""
    rows, waiting = _look(opened.lake, opened.settings)
    upgrade = read_upgrade(opened.lake)
    if rows.is_empty():
        say("nothing is stale: every row carries the accepted version of its stage")
    else:
        _say_rows(rows, upgrade)
    for stage, version in waiting.items():
        say(f"{stage}: the settings make {version}, which is not accepted: quire upgrade judges it")
    if upgrade is not None:
        say(upgrade.message)


def _say_rows(rows: pl.DataFrame, upgrade: Upgrade | None) -> None:
    order = pl.col("stage").replace_strict(list(STAGES), list(range(len(STAGES))))
    grouped = (
        rows.group_by("stage", "version", "target")
        .agg(
            pl.col("batch").n_unique(),
            pl.col("batch").min().alias("first"),
            pl.col("rows").sum(),
            pl.col("kept").sum(),
        )
        .sort(order, "version")
    )
    say_table(
        ["stage", "batches", "from", "rows", "of these stay", "made by", "to be made by"],
        [
            [r["stage"], r["batch"], r["first"], r["rows"], r["kept"], r["version"], r["target"]]
            for r in grouped.head(_LISTED).to_dicts()
        ],
        title="Stale",
    )
    if rows["kept"].sum():
        say("those that stay are of documents or pages that the new version failed at")
    left = len(upgrade.left) if upgrade is not None else 0
    if left:
        say(f"the last upgrade left {left:,} batches: quire status --stale --json says why")
    say("bring the others up to date with: quire upgrade")
