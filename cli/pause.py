"""`quire pause` and `quire resume`: whether the sensor takes files and asks for runs.

Here: the commands. Not here: what heeds the pause (`sensors/new_pdfs.py`).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from cli.options import JsonOption, LakeOption, open_lake
from cli.terminal import say, say_json
from resources.lake.pause import pause_lake, resume_lake


def pause(
    *,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; everybody who looks sees it.")
    ] = "",
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop the sensor taking PDFs and asking for runs; runs that work go to their end."""
    opened = open_lake(lake, quiet=as_json)
    note = pause_lake(opened.lake, reason)
    running = sorted(opened.running())
    if as_json:
        say_json({"lake": opened.lake.root, "paused": asdict(note), "running": running})
        return
    say(note.message)
    if running:
        say(f"{len(running)} batches are in runs that go to their end: {', '.join(running[:5])}")


def resume(*, lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """Let the sensor take PDFs and ask for runs again."""
    opened = open_lake(lake, quiet=as_json)
    before = resume_lake(opened.lake)
    if as_json:
        was = None if before is None else asdict(before)
        say_json({"lake": opened.lake.root, "paused": None, "was_paused": was})
        return
    if before is None:
        say("it was not paused")
    else:
        say(f"resumed; it was paused since {before.since} by {before.by}")
