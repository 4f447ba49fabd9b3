"""The sections of a report but its pages: verdict, metrics, history, cost, what to type.

Here: HTML of numbers. Not here: pages and cases (`pages.py`), charts (`charts.py`), the long tables
at the end (`numbers.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

from assets.evals.base import Comparison, Verdict
from assets.evals.report.charts import axis, dots
from assets.evals.report.content import PageKey, Report, Row, Shown, mean_of, metric_rows
from assets.evals.report.scale import Scale
from resources.report.escaping import chip, counted, percent, safe

_REASONS: Final = 12
_CHARACTERS: Final = 600
"""Shown of a reason."""
SUITES: Final[Mapping[str, str]] = {
    "golden": "the golden set",
    "live": "documents of the lake",
}
TELLING: Final[Mapping[str, tuple[str, ...]]] = {
    "pages": ("cer", "wer", "words_missing", "unknown_words", "disagreement", "garbage"),
    "summaries": ("unsupported_numbers", "unsupported_names", "rouge_l", "summary_facts"),
}
"""The metrics of a stage that stand for its accuracy, the best first."""
_ENGINES: Final = '<h3 class="sub">By the engine that read the page</h3>'
_LEVELS: Final = {"fail": "✗ worse", "warn": "! worth a look", "pass": "✓ no worse"}


def top_html(report: Report, sections: Sequence[tuple[str, str]]) -> str:
    """Title, verdicts in plain words, and the way to the sections."""
    links = "".join(f'<a href="#{anchor}">{safe(name)}</a>' for anchor, name in sections)
    subtitle = f'<p class="soft">{safe(report.subtitle)}</p>' if report.subtitle else ""
    cards = "".join(_verdict(verdict, report) for verdict in report.verdicts)
    notes = "".join(f"<li>{_short(note)}</li>" for note in report.notes[:_REASONS])
    if notes:
        cards += f'<div class="verdict"><h3>Not compared</h3><ul>{notes}</ul></div>\n'
    return f"<header><h1>{safe(report.title)}</h1>{subtitle}<nav>{links}</nav></header>\n{cards}"


def _verdict(verdict: Verdict, report: Report) -> str:
    name = "accepted" if verdict.accepted else "rejected"
    reasons = "".join(f"<li>{_short(reason)}</li>" for reason in verdict.reasons[:_REASONS])
    if len(verdict.reasons) > _REASONS:
        reasons += f"<li>and {counted(len(verdict.reasons) - _REASONS, 'more reason')}</li>"
    mark = "✓" if verdict.accepted else "✗"
    return (
        f'<div class="verdict {name}"><h2>{mark} {safe(verdict.stage)}: '
        f'<span class="word">{name}</span></h2>'
        f"<p><code>{safe(verdict.version)}</code> {_compared(verdict, report)}</p>"
        f"{f'<ul>{reasons}</ul>' if reasons else ''}</div>\n"
    )


def _short(text: str) -> str:
    return safe(text) if len(text) <= _CHARACTERS else f"{safe(text[:_CHARACTERS])} …"


def _compared(verdict: Verdict, report: Report) -> str:
    if verdict.baseline is None:
        return "has no accepted version to be compared with: only the limits of cases decided."
    base = f"was compared with <code>{safe(verdict.baseline)}</code>"
    if not verdict.comparisons:
        return f"{base}; nothing that both have could be measured."
    worse = [c for c in verdict.comparisons if c.level == "fail"]
    n = max(c.n for c in verdict.comparisons)
    sure = f"confidence {(1 - report.limits.alpha) * 100:g} %, one-sided paired bootstrap"
    metrics = counted(len(verdict.comparisons), "metric")
    limit, on = percent(report.limits.fail), f"{base} on {n:,} units: of {metrics},"
    if not worse:
        but = "." if verdict.accepted else "; it is rejected for this:"
        return f"{on} none is surely worse by more than the limit of {limit} ({sure}){but}"
    names = safe(", ".join(c.metric for c in worse[:6]))
    return f"{on} {len(worse)} became worse by more than {limit} ({names}; {sure})."


def metrics_html(report: Report) -> str:
    """Every metric, old against new."""
    rows = metric_rows(report)
    if not rows:
        return '<p class="soft">Nothing was measured.</p>'
    has_old = any(row.old is not None for row in rows)
    told = [row for row in rows if row.differs] or rows
    same = [row for row in rows if row not in told]
    legend = _sides(report, has_old=has_old, bound=any(row.comparison for row in told))
    said = "Every metric is an error: further left is better. The scale is a square root."
    table = _metric_table(told, report, has_old=has_old)
    if same:
        closed = _metric_table(same, report, has_old=has_old)
        name = counted(len(same), "metric")
        table += f"<details><summary>{name} without a difference</summary>{closed}</details>"
    return f'<p class="soft">{said}</p>{legend}{table}'


def _metric_table(rows: Sequence[Row], report: Report, *, has_old: bool) -> str:
    scale = Scale.of([value for row in rows for value in (row.old, row.new)])
    head = (
        "<thead><tr><th>error</th><th class=n>n</th>"
        + (f"<th class=n>{safe(report.names[0])}</th>" if has_old else "")
        + f"<th class=n>{safe(report.names[1])}</th>"
        + ("<th class=n>difference</th>" if has_old else "")
        + f'<th class="chart">{axis(scale)}</th></tr></thead>'
    )
    body = []
    for (stage, suite), several in groupby(rows, key=lambda row: (row.stage, row.suite)):
        name = f"{stage}, on {SUITES.get(suite, suite)}"
        body.append(f'<tr class="group"><th colspan="6">{safe(name)}</th></tr>')
        body += [_metric(row, report, scale, has_old=has_old) for row in several]
    return f'<table class="stack">{head}<tbody>{"".join(body)}</tbody></table>'


def _sides(report: Report, *, has_old: bool, bound: bool = False) -> str:
    old, new = (safe(name) for name in report.names)
    ring = _mark('<circle class="old" cx="7" cy="7" r="5"/>')
    diamond = _mark('<path class="shape new" d="M7 1 13 7 7 13 1 7Z"/>')
    whisker = _mark('<path class="bound" d="M2 3V11M2 7H13"/>')
    sure = f"the difference is at least this, with confidence {(1 - report.limits.alpha) * 100:g} %"
    parts = [f"<li>{ring} {old}</li>"] * has_old + [f"<li>{diamond} {new}</li>"]
    if bound:
        parts.append(f"<li>{whisker} {sure}</li>")
    return f'<ul class="legend">{"".join(parts)}</ul>'


def _mark(shape: str) -> str:
    return f'<svg class="mark" aria-hidden="true">{shape}</svg>'


def _metric(row: Row, report: Report, scale: Scale, *, has_old: bool) -> str:
    c = row.comparison
    low = c.low if c and row.differs else None
    title = f"{row.metric}: {report.names[1]} {percent(row.new)}"
    if row.old is not None:
        title += f", {report.names[0]} {percent(row.old)}"
    level = f" {chip(_LEVELS[c.level], c.level)}" if c else ""
    words = f"<b>{safe(row.metric)}</b>{level}<small>{_short(_said(row, c))}</small>"
    cells = [f"<td>{words}</td>", _number(f"{row.n:,}", "n")]
    if has_old:
        cells.append(_number(percent(row.old), report.names[0]))
    cells.append(_number(percent(row.new), report.names[1]))
    if has_old:
        difference = "–" if row.old is None else _signed(row.new - row.old)
        cells.append(_number(difference, "difference"))
    chart = dots(scale, row.new, row.old, low, title)
    return f'<tr>{"".join(cells)}<td class="chart">{chart}</td></tr>'


def _said(row: Row, comparison: Comparison | None) -> str:
    if comparison is not None and comparison.level != "pass" and comparison.explanation:
        return comparison.explanation
    return row.words


def _signed(value: float) -> str:
    return f"+{percent(value)}" if value > 0 else percent(value)


def _number(text: str, label: str) -> str:
    return f'<td class="n" data-l="{safe(label)}">{safe(text)}</td>'


def engines_html(report: Report) -> str:
    """Mean error of pages by the engine that read them, both sides."""
    rows = _by_engine(report)
    if not rows:
        return ""
    scale = Scale.of([value for *_, old, new in rows for value in (old, new)])
    has_old = any(old is not None for *_, old, _ in rows)
    body = []
    for engine, metric, n, old, new in rows:
        shown = dots(scale, new, old, None, f"{engine}, {metric}")
        cells = [f"<td><b>{safe(engine)}</b> {safe(metric)}</td>", _number(f"{n:,}", "n")]
        cells += [_number(percent(old), report.names[0])] * has_old
        cells += [_number(percent(new), report.names[1])]
        body.append(f'<tr>{"".join(cells)}<td class="chart">{shown}</td></tr>')
    names = report.names if has_old else report.names[1:]
    heads = "".join(f"<th class=n>{safe(name)}</th>" for name in names)
    head = (
        f'<tr><th>engine</th><th class=n>pages</th>{heads}<th class="chart">{axis(scale)}</th></tr>'
    )
    table = f'<table class="stack"><thead>{head}</thead><tbody>{"".join(body)}</tbody></table>'
    return f"{_ENGINES}{_sides(report, has_old=has_old)}{table}"


def _by_engine(report: Report) -> list[tuple[str, str, int, float | None, float | None]]:
    """Engine, metric, pages, old and new mean; an engine may have read on one side only."""
    found: dict[tuple[str, str], tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    measured = {r.metric for r in report.new.results}
    metric = next((m for m in TELLING["pages"] if m in measured), None)
    if metric is None:
        return []
    for side, which in ((report.old, 0), (report.new, 1)):
        pages: dict[str, dict[PageKey, Shown]] = {
            "golden": side.pages("golden"),
            "live": side.pages("live"),
        }
        for r in side.results:
            place = report.place_of(r) if r.metric == metric else None
            _, page = pages[r.suite].get(place, (None, None)) if place else (None, None)
            if page is not None:
                engine = page.engine or page.source
                found[engine, metric][which].append(r.value)
    return [
        (
            engine,
            metric,
            max(len(old), len(new)),
            mean_of(old) if old else None,
            mean_of(new) if new else None,
        )
        for (engine, metric), (old, new) in sorted(found.items())
    ]


def commands_html(report: Report) -> str:
    """What to type next."""
    return "".join(
        f'<div class="type"><span>{safe(command.does)}</span>'
        f"<code>{safe(command.text)}</code></div>"
        for command in report.commands
    )
