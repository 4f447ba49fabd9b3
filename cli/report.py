"""`quire report`: documents as one HTML file that shows how each page was read.

Here: the command, its arguments, and what it says. Not here: which pages are shown
(`reports/plan.py`) and how (`reports/`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import JsonOption, LakeOption, open_lake
from cli.reports import plan as planning
from cli.reports.write import Report
from cli.terminal import say, say_json
from resources.errors import QuireError, SettingError
from resources.lake.find import Found, find, of_batch
from resources.lake.states import LakeStates
from resources.report.escaping import counted


def report(
    docs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DOC]...", help="File names, uris or paths, or doc_id digits."),
    ] = None,
    *,
    batch: Annotated[
        str | None, typer.Option("--batch", metavar="BATCH", help="Every document of a batch.")
    ] = None,
    pages: Annotated[
        str | None, typer.Option("--pages", metavar="PAGES", help="Only these, such as 3-5,8.")
    ] = None,
    worst: Annotated[
        int | None,
        typer.Option("--worst", min=1, metavar="N", help="The N pages that were read worst."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write.")] = Path(
        "quire-report.html"
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write one HTML file: each page's picture with its blocks, beside the text and markdown."""
    if bool(docs) == (batch is not None):
        raise SettingError("say what to report on: quire report DOC..., or --batch BATCH")
    ranges = None if pages is None else planning.parse_pages(pages)
    opened = open_lake(lake, quiet=as_json)
    opened.require_rows()
    _check_out(out, force=force)
    states = opened.states()
    founds, notes = _of_batch(states, batch, worst) if batch else (_named(states, docs or []), [])
    plan = planning.make_plan(opened.lake, founds, ranges, worst)
    plan.notes = notes + plan.notes
    written = Report(out.absolute(), opened.settings, opened.lake)
    try:
        written.write(plan, batch or ", ".join(found.file_name for found in founds[:3]))
    except OSError as error:
        raise QuireError(
            f"cannot write {out}: {error.strerror or error}; give --out a file in a folder that "
            "can be written and has space"
        ) from error
    _tell(plan, written, as_json=as_json)


def _tell(plan: planning.Plan, written: Report, *, as_json: bool) -> None:
    notes = [*plan.notes, *(note for section in plan.sections for note in section.notes)]
    if as_json:
        say_json(
            {
                "lake": written.lake.root,
                "report": str(written.out),
                "documents": len(plan.sections),
                "pages": written.pages,
                "bytes": written.out.stat().st_size,
                "pictures_beside": str(written.folder) if written.beside else None,
                "notes": notes,
            }
        )
        return
    for note in notes:
        say(note)
    documents = counted(len(plan.sections), "document")
    say(f"{documents}, {counted(written.pages, 'page')}: {written.out}")
    if written.beside:
        say(f"{counted(len(written.beside), 'picture')} beside it in {written.folder}")


def _check_out(out: Path, *, force: bool) -> None:
    if out.is_dir():
        raise SettingError(f"--out {out} is a folder: give a file, such as {out}/quire-report.html")
    if out.exists() and not force:
        raise SettingError(f"{out} is there already: --force replaces it, --out names another file")
    if not out.absolute().parent.is_dir():
        raise SettingError(f"--out {out}: there is no folder {out.absolute().parent}")


def _named(states: LakeStates, docs: list[str]) -> list[Found]:
    found = {item.doc_id or item.uri: item for item in (find(states, doc) for doc in docs)}
    return list(found.values())


def _of_batch(states: LakeStates, batch: str, worst: int | None) -> tuple[list[Found], list[str]]:
    if batch not in states.batches["batch"]:
        raise QuireError(f"no batch {batch!r} in {states.lake.root}: quire status lists batches")
    founds = of_batch(states, batch)
    return (founds, []) if worst is not None else planning.of_batch(founds)
