"""What a report says of earlier runs: error over time, and cost against accuracy.

Here: HTML. Not here: this run's own numbers (`sections.py`), or drawing (`charts.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final

from assets.evals.base import Result, Suite
from assets.evals.report.charts import Point, key, lines, scatter
from assets.evals.report.content import Past, Report, Seen, engine_of
from assets.evals.report.sections import SUITES, TELLING
from resources.report.escaping import counted, percent, safe

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
    names = _names(runs)
    numbers = _numbers(runs, names)
    for stage, suite, metric in _kinds(runs):
        series: dict[str, list[Point]] = {}
        for past in runs:
            for seen in past.seen:
                value = seen.means.get((suite, metric))
                if seen.stage == stage and value is not None:
                    title = f"{past.started_at:%Y-%m-%d %H:%M} {seen.version}: {percent(value)}"
                    point = Point(past.started_at.timestamp(), value, title)
                    series.setdefault(names[seen.version], []).append(point)
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
    runs_told = f"{counted(missing, 'earlier run')} over another golden set"
    told = f"Not shown: {runs_told}, or older than the last {_RUNS}."
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
    names = _names(_runs(report))
    numbers = _numbers(_runs(report), names)
    for stage in TELLING:
        metric = _telling(stage, newest.values())
        if metric is None:
            continue
        for unit, what in (("s", "seconds a page"), ("USD", "USD a document")):
            seen = [one for one in newest.values() if one.stage == stage]
            series = _costs(report, metric, seen, names, unit)
            if series and any(point.x > 0 for points in series.values() for point in points):
                title = f"{stage}: {metric[1]} against {what}"
                shown = [name for name in numbers if name in series]
                charts.append(
                    f"<figure><figcaption>{safe(title)}</figcaption>"
                    f"{scatter(series, numbers, unit, title)}"
                    f'<ul class="legend">{key(shown, numbers)}</ul></figure>'
                )
    if not charts:
        return '<p class="soft">No version was timed or paid for.</p>'
    said = "Lower is more accurate, further left is cheaper. A point is a version at its last run."
    return (
        f'<p class="soft">{said}</p><div class="charts">{"".join(charts)}</div>{_versions(newest)}'
    )


def _versions(newest: Mapping[str, Seen]) -> str:
    """The points of the charts as a table."""
    body = "".join(
        f"<tr><td>{safe(seen.version)}</td>"
        f'<td class="n">{_number(seen.seconds)}</td><td class="n">{_number(seen.usd)}</td>'
        f"<td>{safe(_means(seen))}</td></tr>"
        for seen in newest.values()
        if seen.stage in TELLING
    )
    return (
        f"<details><summary>These versions as a table</summary><table><thead><tr><th>version</th>"
        '<th class="n">s a page</th><th class="n">USD a document</th><th>errors</th></tr></thead>'
        f"<tbody>{body}</tbody></table></details>"
    )


def _means(seen: Seen) -> str:
    telling = (
        f"{metric} ({suite}) {percent(value)}"
        for (suite, metric), value in seen.means.items()
        if metric in TELLING[seen.stage]
    )
    return ", ".join(telling)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _telling(stage: str, every: Iterable[Seen]) -> tuple[Suite, str] | None:
    """The metric that stands for a stage, of the suite that has it for most versions."""
    counts: dict[tuple[Suite, str], int] = defaultdict(int)
    for seen in every:
        for kind in seen.means:
            counts[kind] += seen.stage == stage and kind[1] in TELLING[stage]
    known = [kind for kind, count in counts.items() if count]
    return max(known, key=lambda kind: (counts[kind], -TELLING[stage].index(kind[1])), default=None)


def _costs(
    report: Report,
    metric: tuple[Suite, str],
    every: Iterable[Seen],
    names: Mapping[str, str],
    unit: str,
) -> dict[str, list[Point]]:
    sides = {r.version: name for r, name in _sides_of(report)}
    series: dict[str, list[Point]] = {}
    for seen in every:
        cost = seen.seconds if unit == "s" else seen.usd
        error = seen.means.get(metric)
        if cost is None or error is None:
            continue
        title = f"{seen.version}: {percent(error)}, {cost:.3g} {unit}"
        point = Point(cost, error, title, sides.get(seen.version, ""))
        series.setdefault(names[seen.version], []).append(point)
    return series


def _sides_of(report: Report) -> Iterator[tuple[Result, str]]:
    for side, name in ((report.old, report.names[0]), (report.new, report.names[1])):
        yield from ((result, name) for result in side.results)


def _names(runs: Iterable[Past]) -> dict[str, str]:
    """What the line of each version is called: its engine, where no run has two of it.

    Two versions of one engine in one run differ in a setting: each then has its own line.
    """
    every = [seen for past in runs for seen in past.seen]
    twins = {
        (a.stage, engine_of(a.version))
        for past in runs
        for a, b in combinations(past.seen, 2)
        if a.stage == b.stage and engine_of(a.version) == engine_of(b.version)
    }
    names = {}
    for seen in every:
        engine = engine_of(seen.version)
        own = (seen.stage, engine) in twins and engine != seen.version
        names[seen.version] = f"{engine} {seen.version[-12:-6]}" if own else engine
    return names


def _numbers(runs: Iterable[Past], names: Mapping[str, str]) -> dict[str, int]:
    """A colour and shape for each line, the same in every chart; those seen last come first."""
    every = [seen for past in runs for seen in past.seen][::-1]
    every.sort(key=lambda seen: seen.stage not in TELLING)
    lines = dict.fromkeys(names[seen.version] for seen in every)
    return {name: number for number, name in enumerate(lines)}
