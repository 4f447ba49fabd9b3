"""`quire quarantine list`: documents that failed for good or too often, and why.

Here: what is printed. Not here: what quarantine means (`resources/errors.py`).
"""

from __future__ import annotations

import polars as pl
import typer

from cli.options import JsonOption, LakeOption, open_lake
from cli.terminal import say, say_json, say_table

commands = typer.Typer(help="Documents that failed for good or too often.")


@commands.callback()
def quarantine() -> None:
    """Documents that failed for good or too often."""


@commands.command("list")
def list_quarantined(*, lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """List what is in quarantine, with its error class and what mends it."""
    opened = open_lake(lake, quiet=as_json)
    first = pl.col("status").is_null() | (pl.col("status") != "duplicate")
    rows = (
        opened.states()
        .files.filter((pl.col("state") == "quarantined") & first)
        .select("file_name", "doc_id", "error_class", "stage", "error", "batch", "uri")
        .to_dicts()
    )
    if as_json:
        say_json({"lake": opened.lake.root, "quarantined": rows})
    elif opened.empty:
        say(opened.hint)
    elif not rows:
        say("nothing is in quarantine")
    else:
        say_table(
            ["file", "document", "class", "stage", "batch", "what happened"],
            [
                [
                    row["file_name"],
                    (row["doc_id"] or "")[:12],
                    row["error_class"],
                    row["stage"],
                    row["batch"],
                    row["error"],
                ]
                for row in rows
            ],
        )
