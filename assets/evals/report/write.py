"""A report as one HTML page: no script, no request, and nothing that text of a PDF can do.

Here: the order of its sections, a report of an evaluation run, and where reports lie. Not here:
what the sections say.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Final

from assets.evals.base import EvalRun, Limits, Readings, undecided
from assets.evals.report.content import (
    Command,
    PageKey,
    Past,
    Pictures,
    Report,
    Side,
    engine_of,
    past_of,
)
from assets.evals.report.history import cost_html, history_html
from assets.evals.report.numbers import numbers_html
from assets.evals.report.pages import cases_html, failing, pages_html
from assets.evals.report.sections import commands_html, engines_html, metrics_html, top_html
from assets.evals.report.style import STYLE
from assets.evals.report.worst import PagePair, worst_pages
from resources.report.escaping import counted, safe
from resources.report.head import opening

REPORT: Final = "report.html"
"""Of a run: its name below `_quire/evals/<run_id>/`."""


def report_path(run_id: str) -> str:
    """Where the report of a run lies, from the lake's root."""
    return f"_quire/evals/{run_id}/{REPORT}"


def report_of(
    run: EvalRun,
    new: Side,
    old: Side | None = None,
    *,
    history: Sequence[Past] = (),
    pictures: Pictures | None = None,
    places: Mapping[str, PageKey] | None = None,
    limits: Limits | None = None,
    lake: str | None = None,
) -> Report:
    """The report of an evaluation run.

    Args:
        run: The run, with its verdicts.
        new: What the judged versions read and scored.
        old: The same of the accepted versions; None where there are none.
        history: Earlier runs (`past_of`).
        pictures: Of `worst_pages(report_of(...))`; they are put in last, with `replace`.
        places: Of each case that does not name its document, the page of the readings.
        limits: Those that the verdicts were made by.
        lake: The lake's root, for the commands at the end.
    """
    before = old or Side()
    return Report(
        title=title_of(run),
        subtitle=_subtitle(run),
        verdicts=run.verdicts,
        new=new,
        old=before,
        now=past_of(run, [*new.results, *before.results]),
        notes=run.notes,
        history=history,
        pictures=pictures or Pictures(),
        places=places or {},
        commands=_commands(run, lake),
        facts=_facts(run, new.readings, before.readings),
        limits=limits or Limits(),
    )


def title_of(run: EvalRun) -> str:
    """What a run decided, in a few words."""
    waiting = undecided(run)
    if not run.verdicts and not waiting:
        return "Evaluation: nothing to judge"
    rejected = [verdict.stage for verdict in run.verdicts if not verdict.accepted]
    accepted = [verdict.stage for verdict in run.verdicts if verdict.accepted]
    parts = [f"{', '.join(rejected)} rejected"] if rejected else []
    parts += [f"{', '.join(accepted)} accepted"] if accepted else []
    parts += [f"{', '.join(waiting)} not judged"] if waiting else []
    return f"Evaluation: {'; '.join(parts)}"


def _subtitle(run: EvalRun) -> str:
    cost = "unknown cost" if run.cost_usd is None else f"{run.cost_usd:.2f} USD"
    return (
        f"Run {run.run_id}, {run.started_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC: "
        f"{counted(run.n_cases, 'golden case')}, {counted(run.n_pages, 'page')} read, "
        f"{run.seconds:,.0f} s, {cost}."
    )


def _facts(run: EvalRun, new: Sequence[Readings], old: Sequence[Readings]) -> dict[str, str]:
    facts = {"run": run.run_id, "golden set": run.golden}
    for stage, version in run.versions.items():
        base = run.baselines.get(stage)
        compared = f", compared with {base}" if base and base != version else ""
        facts[stage] = f"{version}{compared}"
    for name, several in (("seconds, new", new), ("seconds, accepted", old)):
        total: dict[str, float] = {}
        for readings in several:
            for stage, spent in readings.seconds.items():
                total[stage] = total.get(stage, 0.0) + spent
        if total:
            facts[name] = ", ".join(f"{stage} {spent:.1f}" for stage, spent in total.items())
    return facts


def _commands(run: EvalRun, lake: str | None) -> list[Command]:
    """What a person may do now, as it is typed."""
    where = f" --lake {shlex.quote(lake)}" if lake else ""
    commands = []
    for verdict in run.verdicts:
        engine = engine_of(verdict.version)
        if verdict.accepted:
            does = f"Bring older {verdict.stage} up to {engine}: only what is stale is done again"
            commands.append(Command(f"quire upgrade{where}", does))
        else:
            does = f"Accept {verdict.stage} by {engine} all the same; your word is recorded as such"
            name = shlex.quote(verdict.version)
            commands.append(Command(f"quire evals accept {name}{where}", does))
    if any(not verdict.accepted for verdict in run.verdicts):
        does = "Or put the settings back, and judge again after the next change"
        commands.append(Command(f"quire evals run{where}", does))
    compare = f"quire evals compare {shlex.quote(run.run_id)}{where}"
    commands.append(Command(compare, "The worst pages side by side in the terminal"))
    return list(dict.fromkeys(commands))


def render(report: Report, pairs: Sequence[PagePair] | None = None) -> str:
    """The whole page.

    Args:
        report: What it shows.
        pairs: `worst_pages(report)`, where the caller has it already.
    """
    shown = worst_pages(report) if pairs is None else pairs
    sections = [("metrics", "Old against new" if report.old.results else "What was measured")]
    bodies = {"metrics": metrics_html(report) + engines_html(report)}
    if any(r.passed is not None for r in report.new.results):
        sections.append(("cases", f"Failing cases ({len(failing(report)):,})"))
        bodies["cases"] = cases_html(report)
    if report.old.readings or shown:
        sections.append(("worst", "Worst pages" if report.new.results else "Changed most"))
        bodies["worst"] = pages_html(report, shown)
    if report.now is not None:
        sections += [("history", "Error over time"), ("cost", "Cost against accuracy")]
        bodies |= {"history": history_html(report), "cost": cost_html(report)}
    if report.commands:
        sections.append(("next", "What to do now"))
        bodies["next"] = commands_html(report)
    sections.append(("numbers", "All numbers"))
    bodies["numbers"] = numbers_html(report)
    parts = [opening(f"Quire: {report.title}", STYLE), top_html(report, sections), "<main>\n"]
    for anchor, name in sections:
        parts.append(f'<section id="{anchor}"><h2>{safe(name)}</h2>{bodies[anchor]}</section>\n')
    return "".join([*parts, "</main></body></html>\n"])


def report_metadata(lake: str, run_id: str) -> dict[str, str]:
    """Where a run's report lies, for whoever shows a link: `path` or `url`, never both."""
    path = f"{lake.rstrip('/')}/{report_path(run_id)}"
    return {"url": path} if "://" in lake else {"path": path}
