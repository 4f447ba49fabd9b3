"""`quire evals`: versions judged, runs compared and listed, and a person's own word.

Here: the commands and what they print. Not here: the evaluation (`assets/evals/run.py`), the worst
pages (`assets/evals/report`), or who decides what (`io_managers/versions.py`).
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import polars as pl
import typer

from assets.evals.base import EvalRun, Verdict, is_rejected, undecided
from assets.evals.kept import all_runs, read_report, report_address
from cli.exit_codes import ExitCode
from cli.options import JsonOption, LakeOption, Opened, open_lake
from cli.progress import shown_progress
from cli.terminal import PIPED_WIDTH, say, say_json, say_table, say_text
from io_managers.schemas import STAGES
from io_managers.versions import decide, register
from resources.errors import SettingError
from resources.report.escaping import counted
from resources.workers.shared import shared_pool

if TYPE_CHECKING:
    from assets.evals.report.worst import PagePair

commands = typer.Typer(help="Versions judged before their rows may be published.")
_LISTED: Final = 20


@commands.callback()
def evals() -> None:
    """Versions judged before their rows may be published."""


@commands.command("run")
def run_evaluation(*, lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """Judge the versions of the settings that are not accepted; exit 5 when one is rejected."""
    from assets.evals.run import evaluate  # all stages: a second that other commands need not wait

    opened = open_lake(lake, quiet=as_json)
    opened.lake.check_writable()
    with shown_progress(as_json=as_json) as progress:
        run = evaluate(
            opened.lake, opened.settings, shared_pool(opened.settings), progress=progress
        )
    if as_json:
        say_json({"lake": opened.lake.root, **_told(opened, run)})
    else:
        say_run(opened, run)
    if is_rejected(run):
        raise typer.Exit(ExitCode.AUDIT)


def _told(opened: Opened, run: EvalRun) -> dict[str, Any]:
    has_report = read_report(opened.lake, run.run_id) is not None
    return {
        **asdict(run),
        "rejected": is_rejected(run),
        "undecided": undecided(run),
        "report": report_address(opened.lake, run.run_id) if has_report else None,
    }


def say_run(opened: Opened, run: EvalRun) -> None:
    """What a person is told of a run: verdicts with all reasons, worst pages, what to do next."""
    cost = "unknown" if run.cost_usd is None else f"{run.cost_usd:.4f} USD"
    say(
        f"{run.run_id}: {counted(run.n_cases, 'golden case')}, {counted(run.n_pages, 'page')}, "
        f"{run.seconds:.0f} s, {cost}"
    )
    if not run.verdicts and not run.baselines:
        say("nothing to judge: every version is accepted. What was measured is kept as a baseline")
    for verdict in run.verdicts:
        _say_verdict(opened, verdict)
    for note in run.notes:
        say(f"note: {note}")
    if run.verdicts:
        _say_worst(opened, run)
    if read_report(opened.lake, run.run_id) is not None:
        say(f"report: {report_address(opened.lake, run.run_id)}")
    option = f" --lake {opened.lake.root}" if opened.given else ""
    for verdict in run.verdicts:
        if not verdict.accepted:
            say(f"side by side: quire evals compare {run.run_id}{option}")
            say(f"accept it all the same: quire evals accept {verdict.stage}{option}")
            return
    if run.verdicts and not undecided(run):
        say(f"bring older rows up to date: quire upgrade{option}")


def _say_verdict(opened: Opened, verdict: Verdict) -> None:
    word = "accepted" if verdict.accepted else "REJECTED"
    against = f" against {verdict.baseline}" if verdict.baseline else ", without a baseline"
    say(f"{verdict.stage}: {word} {verdict.version}{against}")
    if opened.settings.gate == "off":
        say("  QUIRE_GATE=off: nothing was written of this")
    elif opened.settings.gate == "warn" and not verdict.accepted:
        say("  QUIRE_GATE=warn: its rows may be published all the same")
    for reason in verdict.reasons:
        say(f"  {reason}")


def _say_worst(opened: Opened, run: EvalRun) -> None:
    from assets.evals.report.worst import told
    from assets.evals.reporting import worst_of

    pairs = [pair for pair in worst_of(opened.lake, run) if pair.worse]
    if pairs:
        rows = [[_name(pair), "; ".join(told(worse) for worse in pair.worse[:3])] for pair in pairs]
        say_table(["worst pages", "what became worse"], rows)


def _name(pair: PagePair) -> str:
    return f"{pair.file_name}, {pair.what}"


@commands.command("compare")
def compare(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN] [RUN]", help="The newest run when none is named."),
    ] = None,
    *,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the worst pages side by side: a run against its baseline, or one run against another.

    Of two runs the first is the old side. The report of a run has the pages' pictures too.
    """
    from assets.evals.report.side_by_side import diff_text
    from assets.evals.report.worst import told
    from assets.evals.reporting import worst_of

    opened = open_lake(lake, quiet=as_json)
    chosen = [_find(opened, name) for name in (runs or [""])]
    if len(chosen) > 2:
        raise SettingError("name one run, or two: quire evals compare OLD NEW")
    run = chosen[-1]
    earlier = chosen[0] if len(chosen) == 2 else None
    pairs = worst_of(opened.lake, run, earlier)
    if as_json:
        say_json(
            {
                "lake": opened.lake.root,
                "run": run.run_id,
                "against": earlier.run_id if earlier else dict(run.baselines),
                "pages": [_as_json(pair) for pair in pairs],
            }
        )
        return
    old = earlier.run_id if earlier else ", ".join(run.baselines.values())
    say(f"{run.run_id} against {old or 'nothing: it judged no version'}")
    width = shutil.get_terminal_size((PIPED_WIDTH, 0)).columns if sys.stdout.isatty() else 100
    for pair in pairs:
        say()
        say(_name(pair))
        for worse in pair.worse:
            say(f"  {told(worse)}")
        say_text(diff_text(pair.old_text or "", pair.new_text or "", width - 2))
    if not pairs:
        say("no page differs")
    if read_report(opened.lake, run.run_id) is not None:
        say(f"with pictures: {report_address(opened.lake, run.run_id)}")


def _as_json(pair: PagePair) -> dict[str, Any]:
    return {
        "file_name": pair.file_name,
        "doc_id": pair.key[0],
        "what": pair.what,
        "page_number": pair.key[1] if pair.key[1] > 0 else None,
        "worse": [asdict(worse) for worse in pair.worse],
        "old": pair.old_text,
        "new": pair.new_text,
    }


def _find(opened: Opened, name: str) -> EvalRun:
    """The run of a name, or of the beginning of one; the newest for an empty name."""
    runs = all_runs(opened.lake)
    if not runs:
        raise SettingError(f"no version was judged yet in {opened.lake.root}: quire evals run")
    found = [run for run in runs if run.run_id.startswith(name)]
    exact = [run for run in found if run.run_id == name]
    if not found:
        raise SettingError(f"there is no run {name}: quire evals list names them")
    if name and not exact and len(found) > 1:
        raise SettingError(f"{len(found)} runs begin with {name}: give more of the name")
    return (exact or found)[0]


@commands.command("accept")
def accept(
    name: Annotated[
        str, typer.Argument(metavar="STAGE|VERSION", help="A stage means its current version.")
    ],
    *,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accept a version by your own word, whatever was judged of it."""
    opened = open_lake(lake, quiet=as_json)
    stage, version = _named(opened, name)
    decide(opened.lake, stage, version, "accepted", None)
    if as_json:
        say_json({"lake": opened.lake.root, "stage": stage, "version": version, "by": "person"})
        return
    option = f" --lake {opened.lake.root}" if opened.given else ""
    say(f"{stage}: {version} is accepted, by your word and no evaluation's")
    say(f"new documents are done by it; older rows: quire upgrade{option}")


def _named(opened: Opened, name: str) -> tuple[str, str]:
    """The stage and version that a person means.

    Raises:
        SettingError: There is no such version in this lake.
    """
    if name in STAGES:
        from assets.versions import stage_version  # brings every stage

        version = stage_version(name, opened.settings)
        register(opened.lake, version, "block")
        return name, version.name
    rows = opened.lake.read("versions", ["stage", "version"])
    found = rows.filter(pl.col("version") == name)
    if found.is_empty():
        raise SettingError(
            f"no stage or version is called {name}: quire evals list names the versions of a lake, "
            f"stages are {', '.join(STAGES)}"
        )
    return str(found["stage"][0]), name


@commands.command("list")
def list_evaluations(*, lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """List the versions of a lake with their states, and the evaluations that judged them."""
    opened = open_lake(lake, quiet=as_json)
    columns = ["stage", "version", "state", "decided_at", "eval_run"]
    rows = opened.lake.read("versions", columns).sort("decided_at", nulls_last=True)
    versions = sorted(rows.to_dicts(), key=lambda row: STAGES.index(row["stage"]))
    runs = all_runs(opened.lake)
    if as_json:
        told_runs = [_told(opened, run) for run in runs]
        say_json({"lake": opened.lake.root, "versions": versions, "runs": told_runs})
        return
    if not versions:
        say("no version is known yet: quire ingest FOLDER, or quire evals run")
        return
    say_table(
        ["stage", "version", "state", "decided", "by"],
        [[*(row[name] for name in columns[:4]), _by(row)] for row in versions],
    )
    if runs:
        say_table(
            ["evaluation", "judged", "outcome", "pages", "seconds", "USD"],
            [_row(run) for run in runs[:_LISTED]],
            title="Evaluations",
        )
        if len(runs) > _LISTED:
            say(f"and {len(runs) - _LISTED} older ones: --json lists all")


def _by(row: dict[str, Any]) -> str:
    if row["state"] == "candidate":
        return ""
    return row["eval_run"] or "a person, the gate's setting, or as the lake's first"


def _row(run: EvalRun) -> Sequence[object]:
    judged = ", ".join(verdict.stage for verdict in run.verdicts) or "nothing: a baseline"
    outcome = "rejected" if is_rejected(run) else "accepted" if run.verdicts else "measured"
    return [run.run_id, judged, outcome, run.n_pages, round(run.seconds), run.cost_usd]
