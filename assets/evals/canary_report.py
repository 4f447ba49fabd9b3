"""The canary's report: the page of an evaluation, over rows before an upgrade and after it.

Here: what that page shows, and where it lies. Not here: the comparison (`canary.py`) or the page
itself (`report/`).
"""

from __future__ import annotations

from typing import Final

from assets.evals.base import Limits
from assets.evals.canary import CanaryDiff
from assets.evals.report.content import Command, Report, Side
from assets.evals.report.write import render
from resources.errors import LakeError
from resources.lake.lake import Lake
from resources.lake.upgrades import FOLDER, Upgrade

_COMMANDS: Final = (
    Command("quire upgrade --resume", "goes on with the backfill all the same"),
    Command("quire upgrade --rollback", "puts the rows from before it back"),
)


def keep_canary_report(
    lake: Lake, upgrade: Upgrade, found: CanaryDiff, limits: Limits
) -> tuple[str | None, str]:
    """Write the page into the lake; returns its path there, or why there is none.

    It is something to look at: what is wrong with it must not stop an upgrade.

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
        page = render(report).encode("utf-8", "replace")
    except LakeError:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary, and it is told in the record
        return None, f"no report could be made: {type(error).__name__}: {error}"
    lake.put(path, page)
    return path, ""
