"""The canary's report: the page of an evaluation, over rows before an upgrade and after it.

Here: what that page shows, and where it lies. Not here: the comparison (`canary.py`) or the page
itself (`report/`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from assets.evals.base import Limits
from assets.evals.canary import CanaryDiff
from assets.evals.report.content import Command, Pictures, Report, Side
from assets.evals.report.worst import PagePair, worst_pages
from assets.evals.report.write import render
from resources.errors import LakeError
from resources.lake.lake import Lake
from resources.lake.upgrades import FOLDER, Upgrade

_COMMANDS: Final = (
    Command("quire upgrade --resume", "goes on with the backfill all the same"),
    Command("quire upgrade --rollback", "puts the rows from before it back"),
)


def keep_canary_report(
    lake: Lake,
    upgrade: Upgrade,
    found: CanaryDiff,
    limits: Limits,
    draw: Callable[[Sequence[PagePair]], Pictures] | None = None,
) -> tuple[str | None, str]:
    """Write the page into the lake; returns its path there, or why there is none.

    It is something to look at: what is wrong with it must not stop an upgrade.

    Args:
        lake: Where it is written.
        upgrade: Whose canary.
        found: What the canary came to.
        limits: Those that its verdicts were made by.
        draw: Makes the pictures of pages (`report.sheets.page_pictures`); without it there are
            none.

    Raises:
        LakeError: It cannot be written.
    """
    report = Report(
        title=f"Canary of upgrade {upgrade.upgrade_id}",
        subtitle=f"{', '.join(upgrade.canary)}: {len(found.new.documents):,} documents, as they "
        "were before it and as they are now",
        verdicts=found.verdicts,
        new=Side(found.new_results, [found.new]),
        old=Side(found.old_results, [found.old]),
        commands=_COMMANDS if found.regressions else (),
        facts={stage.stage: stage.line for stage in found.stages},
        names=("before", "after"),
        limits=limits,
    )
    path = f"{FOLDER}/{upgrade.upgrade_id}/canary.html"
    try:
        pairs = worst_pages(report)
        if draw is not None:
            report = replace(report, pictures=draw(pairs))
        page = render(report, pairs).encode("utf-8", "replace")
    except LakeError:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary, and it is told in the record
        return None, f"no report could be made: {type(error).__name__}: {error}"
    lake.put(path, page)
    return path, ""
