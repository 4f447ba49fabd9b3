"""`quire quarantine list` and `release`: documents that failed for good or too often, and why.

Here: what is printed. Not here: what quarantine means (`resources/errors.py`) or the release
(`resources/lake/release.py`).
"""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import JsonOption, LakeOption, open_lake
from cli.terminal import say, say_json, say_table
from resources.errors import SettingError
from resources.lake.release import quarantined, release_documents

commands = typer.Typer(help="Documents that failed for good or too often.")


@commands.callback()
def quarantine() -> None:
    """Documents that failed for good or too often."""


@commands.command("list")
def list_quarantined(*, lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """List what is in quarantine, with its error class and what mends it."""
    opened = open_lake(lake, quiet=as_json)
    rows = quarantined(opened.states())
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
    opened = open_lake(lake, quiet=as_json)
    opened.require_rows()
    rows = release_documents(opened.states(), docs or [], error_class)
    if as_json:
        say_json({"lake": opened.lake.root, "released": rows})
        return
    for row in rows:
        say(f"released {row['file_name']} ({row['error_class']})")
    say(f"{len(rows)} released: the next quire ingest FOLDER tries them again")
