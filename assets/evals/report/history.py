"""What a report says of earlier runs: error over time, and cost against accuracy.

Here: HTML. Not here: this run's own numbers (`sections.py`), or drawing (`charts.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from assets.evals.base import Result, Suite
from assets.evals.report.charts import Point, key, lines, percent, scatter
from assets.evals.report.content import Past, Report, Seen, engine_of
from assets.evals.report.sections import SUITES, TELLING
from resources.report.escaping import counted, safe

_RUNS: Final = 60
"""A chart of 300 pixels shows no more."""
_CHARTS: Final = 6


def history_html(report: Report) -> str:
    """Error over time, a chart for each telling metric and a line for each engine."""
    runs = _runs(report)
    if len(runs) < 2:
        told = "This is the first run over this golden set: there is no history yet."
        return f'<p class="soft">{told}</p>'
    charts = []
    numbers = _numbers(runs)
    for stage, suite, metric in _kinds(runs):
        series: dict[str, list[Point]] = {}
        for past in runs:
            for seen in past.seen:
                value = seen.means.get((suite, metric))
                if seen.stage == stage and value is not None:
                    title = f"{past.started_at:%Y-%m-%d %H:%M} {seen.version}: {percent(value)}"
                    point = Point(past.started_at.timestamp(), value, title)
                    series.setdefault(engine_of(seen.version), []).append(point)
        if len({point.x for points in series.values() for point in points}) < 2:
            continue
        shown = {name: series[name] for name in numbers if name in series}
        name = f"{stage}: {metric} over {counted(len(runs), 'run')}"
        chart = lines(shown, numbers, (runs[0].started_at, runs[-1].started_at), name)
        note = f"<small>{safe(SUITES.get(suite, suite))}</small>"
        charts.append(
            f"<figure><figcaption>{safe(stage)}: {safe(metric)} {note}</figcaption>{chart}"
            f'<ul class="legend">{key(shown, numbers)}</ul></figure>'
        )
        if len(charts) == _CHARTS:
            break
    if not charts:
        return '<p class="soft">No metric was measured in two runs.</p>'
    return f'<div class="charts">{"".join(charts)}</div>{_left_out(report, runs)}'


def _runs(report: Report) -> list[Past]:
    """Runs over the same golden set in the order of time, this one among them."""
    every = [*report.history, *([report.now] if report.now else [])]
    golden = report.now.golden if report.now else None
    same = {p.run_id: p for p in every if golden is None or p.golden == golden}
    return sorted(same.values(), key=lambda past: (past.started_at, past.run_id))[-_RUNS:]


def _left_out(report: Report, runs: Sequence[Past]) -> str:
    missing = len({past.run_id for past in report.history} - {past.run_id for past in runs})
    if not missing:
        return ""
    told = f"{counted(missing, 'earlier run')} over another golden set, or older, not shown."
    return f'<p class="soft">{told}</p>'


def _kinds(runs: Iterable[Past]) -> list[tuple[str, Suite, str]]:
    """Stage, suite and metric of what is worth a chart, the most telling first."""
    known = {(seen.stage, *kind) for past in runs for seen in past.seen for kind in seen.means}

    def rank(kind: tuple[str, Suite, str]) -> tuple[int, str, str]:
        stage, suite, metric = kind
        telling = TELLING.get(stage, ())
        return (telling.index(metric) if metric in telling else 99, stage, suite)

    return sorted(known, key=rank)


def cost_html(report: Report) -> str:
    """What versions cost against how well they did."""
    newest: dict[str, Seen] = {}
    for past in _runs(report):
        newest |= {seen.version: seen for seen in past.seen}
    charts = []
    numbers = _numbers(_runs(report))
    for stage in TELLING:
        metric = _telling(stage, newest.values())
        if metric is None:
            continue
        for unit, what in (("s", "seconds a page"), ("USD", "USD a document")):
            series = _costs(report, metric, (s for s in newest.values() if s.stage == stage), unit)
            if series and any(point.x > 0 for points in series.values() for point in points):
                name = f"{stage}: {metric[1]} against {what}"
                charts.append(
                    f"<figure><figcaption>{safe(name)}</figcaption>"
                    f"{scatter(series, numbers, unit, name)}"
                    f'<ul class="legend">{key(series, numbers)}</ul></figure>'
                )
    if not charts:
        return '<p class="soft">No version was timed or paid for.</p>'
    said = "Lower is more accurate, further left is cheaper; a point is a version at its last run."
    return f'<p class="soft">{said}</p><div class="charts">{"".join(charts)}</div>'


def _telling(stage: str, every: Iterable[Seen]) -> tuple[Suite, str] | None:
    """The metric that stands for a stage, of the suite that has it for most versions."""
    counts: dict[tuple[Suite, str], int] = defaultdict(int)
    for seen in every:
        for kind in seen.means:
            counts[kind] += seen.stage == stage and kind[1] in TELLING[stage]
    known = [kind for kind, count in counts.items() if count]
    return max(known, key=lambda kind: (counts[kind], -TELLING[stage].index(kind[1])), default=None)


def _costs(
    report: Report, metric: tuple[Suite, str], every: Iterable[Seen], unit: str
) -> dict[str, list[Point]]:
    names = {r.version: name for r, name in _sides_of(report)}
    series: dict[str, list[Point]] = {}
    for seen in every:
        cost = seen.seconds if unit == "s" else seen.usd
        error = seen.means.get(metric)
        if cost is None or error is None:
            continue
        title = f"{seen.version}: {percent(error)}, {cost:.3g} {unit}"
        point = Point(cost, error, title, names.get(seen.version, ""))
        series.setdefault(engine_of(seen.version), []).append(point)
    return series


def _sides_of(report: Report) -> Iterator[tuple[Result, str]]:
    for side, name in ((report.old, report.names[0]), (report.new, report.names[1])):
        yield from ((result, name) for result in side.results)


def _numbers(runs: Iterable[Past]) -> dict[str, int]:
    """A colour and shape for each engine, the same in every chart; those seen last come first."""
    engines = [engine_of(seen.version) for past in runs for seen in past.seen]
    return {engine: number for number, engine in enumerate(dict.fromkeys(reversed(engines)))}
