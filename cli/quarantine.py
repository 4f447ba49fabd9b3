"""`quire quarantine list` and `release`: documents that failed for good or too often, and why.

Here: what is printed. Not here: what quarantine means (`resources/errors.py`) or the release
(`resources/lake/release.py`).
"""

from __future__ import annotations

from typing import Annotated, Any

import polars as pl
import typer

from cli.find import find
from cli.options import JsonOption, LakeOption, open_lake
from cli.terminal import say, say_json, say_table
from resources.errors import ErrorClass, QuireError, SettingError
from resources.lake.release import release
from resources.lake.states import LakeStates

commands = typer.Typer(help="Documents that failed for good or too often.")


@commands.callback()
def quarantine() -> None:
    """Documents that failed for good or too often."""


@commands.command("list")
def list_quarantined(*, lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """List what is in quarantine, with its error class and what mends it."""
    opened = open_lake(lake, quiet=as_json)
    rows = _quarantined(opened.states())
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


@commands.command("release")
def release_from(
    docs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DOC]...", help="File names, uris or paths, or doc_id digits."),
    ] = None,
    error_class: Annotated[
        str | None,
        typer.Option("--class", metavar="CLASS", help="All of one error class, as encrypted."),
    ] = None,
    *,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let documents out, so that the next quire ingest tries them again."""
    if not docs and error_class is None:
        raise SettingError("say what to release: quire quarantine release DOC, or --class CLASS")
    if error_class is not None and error_class not in set(ErrorClass):
        raise SettingError(f"--class {error_class}: choose one of {', '.join(ErrorClass)}")
    opened = open_lake(lake, quiet=as_json)
    opened.require_rows()
    states = opened.states()
    rows = [row for row in _quarantined(states) if row["error_class"] == error_class]
    rows += [_row(states, doc) for doc in docs or []]
    running = states.running_batches.intersection(row["batch"] for row in rows)
    if running:
        raise QuireError(
            f"{', '.join(sorted(running))} is in a run now: release after it has ended"
        )
    for row in rows:
        release(opened.lake, row["batch"], row["doc_id"], row["uri"])
    if as_json:
        say_json({"lake": opened.lake.root, "released": rows})
        return
    for row in rows:
        say(f"released {row['file_name']} ({row['error_class']})")
    say(f"{len(rows)} released: the next quire ingest FOLDER tries them again")


def _quarantined(states: LakeStates) -> list[dict[str, Any]]:
    first = pl.col("status").is_null() | (pl.col("status") != "duplicate")
    rows = states.files.filter((pl.col("state") == "quarantined") & first)
    columns = ["file_name", "doc_id", "error_class", "stage", "error", "batch", "uri"]
    return rows.select(columns).to_dicts()


def _row(states: LakeStates, doc: str) -> dict[str, Any]:
    found = find(states, doc)
    if found.state != "quarantined":
        raise QuireError(f"{found.label} is not in quarantine: it is {found.state}")
    names = ("file_name", "doc_id", "error_class", "stage", "error", "batch", "uri")
    return {name: getattr(found, name) for name in names}
