"""`quire audit`: proves that every file is accounted for and that the tables agree.

Here: looking at what lies outside the lake, what is printed, and exit 5 with findings. Not here:
the checks (`resources/lake/audit*.py`) or the mends (`repair.py`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from cli.exit_codes import ExitCode
from cli.instance import partitions
from cli.options import JsonOption, LakeOption, Opened, open_lake
from cli.repair import repair as mend
from cli.terminal import say, say_json, say_table
from resources.lake import audit as checks
from resources.lake.audit_leftovers import Leftovers, audit_leftovers
from resources.lake.audit_outside import Outside, audit_outside
from resources.landing.listing import list_landing
from resources.settings import is_local, load_settings

_LISTED: Final = 20


def audit(
    *,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also hash every stored image again: reads all bytes.")
    ] = False,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="First mend what is safe to mend; rows stay as they are."),
    ] = False,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that every file is accounted for and that the tables agree; exit 5 with findings."""
    opened = open_lake(lake, quiet=as_json)
    repaired = mend(opened) if repair and not opened.empty else []
    running = opened.running()
    outside = _outside(opened)
    found = checks.audit(opened.lake, running, deep=deep)
    beside = Leftovers((), ())
    if not opened.empty:
        beside = audit_leftovers(opened.lake, running)
        around = audit_outside(opened.lake, outside, running)
        found += [*beside.findings, *around.findings]
        beside = Leftovers((), (*beside.notes, *around.notes))
    if as_json:
        say_json(
            {
                "lake": opened.lake.root,
                "findings": [finding.as_dict() for finding in found],
                "notes": [note.as_dict() for note in beside.notes],
                "repaired": repaired,
                "running_batches": sorted(running),
            }
        )
    elif opened.empty and not found:
        say(opened.hint)
    else:
        _say(found, beside.notes, repaired if repair else None, len(running))
    if found:
        raise typer.Exit(ExitCode.AUDIT)


def _outside(opened: Opened) -> Outside:
    """The partitions, then the landing zone, if it is this lake's and there is one.

    Both are looked at before the manifest: what is in it by then has been taken. A bucket that
    cannot be listed ends the audit with the mend: it would prove less than it says.
    """
    if opened.empty:
        return Outside()
    known = partitions(opened.settings)
    landing = opened.settings.landing
    ours = opened.lake.root == load_settings().lake
    if not ours or (is_local(landing) and not os.path.isdir(landing)):
        return Outside(partitions=known)
    from sensors.take import unknown

    untaken = unknown(opened.lake, list_landing(landing, opened.settings.storage_options).sightings)
    return Outside(tuple(untaken["uri"]), known)


def _say(
    found: Sequence[checks.Finding],
    notes: Sequence[checks.Finding],
    repaired: Sequence[str] | None,
    running: int,
) -> None:
    for line in repaired or ():
        say(f"mended: {line}")
    if repaired is not None and not repaired:
        say("there was nothing that is safe to mend")
    if running:
        say(f"{running} batches are in a run: their tables were not compared with each other")
    if notes:
        _say_all(notes, "note", ["note", "about", "what is so", "what to do"])
        say()
    if not found:
        say("nothing found: every file is accounted for and the tables agree")
        return
    _say_all(found, "finding", ["finding", "about", "what is wrong", "what mends it"])


def _say_all(found: Sequence[checks.Finding], what: str, columns: Sequence[str]) -> None:
    shown: Counter[str] = Counter()
    listed = []
    for finding in found:
        shown[finding.kind] += 1
        if shown[finding.kind] <= _LISTED:
            listed.append([finding.kind, finding.subject, finding.message, finding.mend])
    say_table(columns, listed)
    say()
    totals = ", ".join(f"{kind} {count:,}" for kind, count in shown.most_common())
    cut = "" if len(listed) == len(found) else f" ({len(found) - len(listed):,} left out: --json)"
    say(f"{len(found):,} {what}{'' if len(found) == 1 else 's'}: {totals}{cut}")
