"""`quire audit`: proves that every file is accounted for and that the tables agree.

Here: what is printed, and exit 5 with findings. Not here: the checks (`resources/lake/audit.py`).
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Final

import typer

from cli.exit_codes import ExitCode
from cli.options import JsonOption, LakeOption, open_lake
from cli.terminal import say, say_json, say_table
from resources.lake import audit as checks

_LISTED: Final = 20


def audit(
    *,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also hash every stored image again: reads all bytes.")
    ] = False,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that every file is accounted for and that the tables agree; exit 5 with findings."""
    opened = open_lake(lake, quiet=as_json)
    running = opened.running()
    found = checks.audit(opened.lake, running, deep=deep)
    if as_json:
        say_json(
            {
                "lake": opened.lake.root,
                "findings": [finding.as_dict() for finding in found],
                "running_batches": sorted(running),
            }
        )
    elif opened.empty and not found:
        say(opened.hint)
    else:
        _say(found, len(running))
    if found:
        raise typer.Exit(ExitCode.AUDIT)


def _say(found: list[checks.Finding], running: int) -> None:
    if running:
        say(f"{running} batches are in a run: their tables were not compared with each other")
    if not found:
        say("nothing found: every file is accounted for and the tables agree")
        return
    shown: Counter[str] = Counter()
    listed = []
    for finding in found:
        shown[finding.kind] += 1
        if shown[finding.kind] <= _LISTED:
            listed.append([finding.kind, finding.subject, finding.message, finding.mend])
    say_table(["finding", "about", "what is wrong", "what mends it"], listed)
    say()
    totals = ", ".join(f"{kind} {count:,}" for kind, count in shown.most_common())
    cut = "" if len(listed) == len(found) else f" ({len(found) - len(listed):,} left out: --json)"
    say(f"{len(found):,} findings: {totals}{cut}")
