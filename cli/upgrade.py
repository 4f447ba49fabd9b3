"""`quire upgrade`: stale batches to the versions of the settings: gate, canary, backfill; and back.

Here: the command and what it prints. Not here: the steps (`upgrading.py`, `sensors/upgrading.py`)
or the way back (`resources/lake/rollback.py`).
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.exit_codes import ExitCode
from cli.home import prepare_home
from cli.instance import daemon_lives
from cli.options import JsonOption, LakeOption, Opened, open_lake
from cli.progress import shown_progress
from cli.terminal import say, say_json, warn
from resources.errors import SettingError
from resources.lake.pause import paused
from resources.lake.upgrades import MOVING, Upgrade, read_upgrade, resume, stop

_LEFT_LISTED = 10


def upgrade(
    *,
    canary: Annotated[
        int, typer.Option("--canary", metavar="N", min=1, help="Batches that go first.")
    ] = 3,
    detach: Annotated[
        bool, typer.Option("--detach", help="Only begin; the sensor of make dev does the rest.")
    ] = False,
    stop_it: Annotated[
        bool, typer.Option("--stop", help="Stop it; runs that work go to their end.")
    ] = False,
    go_on: Annotated[
        bool, typer.Option("--resume", help="Go on with one that was stopped.")
    ] = False,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Put back the rows from before the last upgrade.")
    ] = False,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring stale batches up to date with the settings: judge, try on a few batches, then all."""
    if stop_it + go_on + rollback > 1:
        raise SettingError("choose one of --stop, --resume and --rollback")
    opened = open_lake(lake, quiet=as_json)
    opened.require_rows()
    if stop_it:
        _tell(opened, stop(opened.lake), as_json=as_json)
    elif rollback:
        _roll_back(opened, as_json=as_json)
    else:
        begun = resume(opened.lake) if go_on else _begun(opened, canary)
        if begun is None:
            _say_nothing_stale(opened, as_json=as_json)
        elif detach:
            _tell(opened, begun, as_json=as_json)
            if not as_json:
                _say_who_goes_on(opened)
        else:
            _run(opened, begun, as_json=as_json)


def _begun(opened: Opened, canary: int) -> Upgrade | None:
    """The upgrade that moves already (a command before this one was killed), or a new one."""
    present = read_upgrade(opened.lake)
    if present is not None and present.state in MOVING:
        return present
    from sensors.upgrading import begin_upgrade  # loads engines

    return begin_upgrade(opened.lake, opened.settings, canary)


def _run(opened: Opened, begun: Upgrade, *, as_json: bool) -> None:
    if not as_json:
        say(begun.message)
    prepare_home(opened.settings)
    from cli.upgrading import run_upgrade  # imports Dagster: over a second

    with shown_progress(as_json=as_json) as progress:
        result = run_upgrade(opened.settings, begun, progress)
    ended = result.upgrade
    if as_json:
        more = {"runs": result.runs, "fresh": result.fresh, "failed_runs": result.failed_runs}
        say_json({"lake": opened.lake.root, **_as_json(ended), **more})
    else:
        _say(ended, opened.lake.root)
        _say_why_rejected(opened, ended)
    for batch, error in result.failed_runs.items():
        warn(f"{batch}: {error}")
    raise typer.Exit(_code(ended, failed=bool(result.failed_runs)))


def _say_why_rejected(opened: Opened, ended: Upgrade) -> None:
    """The evaluation that rejected it, as `quire evals run` tells of it."""
    if ended.state != "rejected":
        return
    from assets.evals.kept import newest_run
    from cli.evals import say_run

    run = newest_run(opened.lake)
    if run is not None and set(ended.targets.values()) & set(run.versions.values()):
        say_run(opened, run)


def _code(ended: Upgrade, *, failed: bool) -> ExitCode:
    if failed:
        return ExitCode.CANNOT_GO_ON
    if ended.state == "rejected" or (ended.state == "stopped" and ended.stopped_in == "canary"):
        return ExitCode.AUDIT
    return ExitCode.DONE if ended.state == "done" else ExitCode.UNFINISHED


def _roll_back(opened: Opened, *, as_json: bool) -> None:
    from resources.lake.rollback import roll_back

    with shown_progress(as_json=as_json) as progress:
        ended, result = roll_back(
            opened.lake,
            lambda done, total: progress.report("upgrade", "rollback", done, total),
        )
    if as_json:
        more = {"rolled_back": result.batches, "kept_new": result.left}
        say_json({"lake": opened.lake.root, **_as_json(ended), **more})
        return
    say(f"{len(result.batches):,} batches have the rows from before upgrade {ended.upgrade_id}")
    for change in ended.changes:
        say(f"{change.stage}: {change.to} is rejected, {change.before} is accepted")
    _say_left(ended)
    say("put the old settings back, or fresh PDFs are done with them only while this machine can")


def _tell(opened: Opened, told: Upgrade, *, as_json: bool) -> None:
    if as_json:
        say_json({"lake": opened.lake.root, **_as_json(told)})
    else:
        _say(told, opened.lake.root)


def _as_json(told: Upgrade) -> dict[str, Any]:
    return {"upgrade": told.as_dict(), "message": told.message}


def _say(told: Upgrade, root: str) -> None:
    say(told.message)
    if told.compared is not None:
        say(f"canary: {', '.join(told.canary)}")
        for line in told.compared.get("lines", ()):
            say(f"  {line}")
        report = told.compared.get("report")
        if report:
            say(f"  side by side: {root}/{report}")
    _say_left(told)


def _say_left(told: Upgrade) -> None:
    for batch in sorted(told.left)[:_LEFT_LISTED]:
        say(f"left {batch}: {told.left[batch]}")
    if len(told.left) > _LEFT_LISTED:
        say(f"... and {len(told.left) - _LEFT_LISTED:,} more: --json lists all")


def _say_nothing_stale(opened: Opened, *, as_json: bool) -> None:
    if as_json:
        say_json({"lake": opened.lake.root, "upgrade": None, "message": "nothing is stale"})
    else:
        say("nothing is stale: every row carries the version that the settings make")


def _say_who_goes_on(opened: Opened) -> None:
    held = paused(opened.lake)
    if held is not None:
        warn(held.message)
    elif daemon_lives(opened.settings):
        say("the sensor upgrades of the running daemon goes on with it")
    else:
        warn("no daemon is alive: make dev, or quire upgrade again, goes on with it")
