"""Every number of a report as tables, closed until somebody wants them.

Here: HTML. Not here: charts (`charts.py`) or what they are of (`sections.py`).
"""

from __future__ import annotations

import math
from typing import Final

from assets.evals.base import Result
from assets.evals.report.content import Report, metric_rows
from resources.report.escaping import percent, safe

_BYTES: Final = 400_000
"""Of the list of results; each takes about 250."""
_NAME: Final = 160
"""Characters of a case's name."""
_EXPLAINED: Final = 160


def numbers_html(report: Report) -> str:
    """The facts of the run, all comparisons, and all results, the worst first."""
    facts = "".join(f"<dt>{safe(k)}</dt><dd>{safe(v)}</dd>" for k, v in report.facts.items())
    return f"{f'<dl>{facts}</dl>' if facts else ''}{_comparisons(report)}{_results(report)}"


def _comparisons(report: Report) -> str:
    rows = metric_rows(report)
    if not rows:
        return ""
    old, new = report.names
    numbers = ["n", old, new, "difference", "at least"]
    heads = ["stage", "suite", "metric", *numbers, "level"]
    body = []
    for row in rows:
        c = row.comparison
        difference = None if row.old is None else row.new - row.old
        words = [row.stage, row.suite, row.metric]
        values = [
            f"{row.n:,}", _value(row.old), _value(row.new), _value(difference),
            _value(c.low if c else None),
        ]  # fmt: skip
        body.append(
            "<tr>"
            + "".join(f"<td>{safe(word)}</td>" for word in words)
            + "".join(f'<td class="n">{value}</td>' for value in values)
            + f"<td>{safe(c.level if c else '')}</td></tr>"
        )
    head = "".join(
        f'<th class="n">{safe(name)}</th>' if name in numbers else f"<th>{safe(name)}</th>"
        for name in heads
    )
    return (
        f"<details><summary>{len(rows):,} metrics</summary>"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div></details>"
    )


def _results(report: Report) -> str:
    if not report.new.results:
        return ""
    before = {(r.suite, r.case_id, r.metric): r.value for r in report.old.results}

    def by(r: Result) -> float:
        value = r.value - before.get((r.suite, r.case_id, r.metric), 0.0)
        return value if math.isfinite(value) else math.inf

    ranked = sorted(report.new.results, key=by, reverse=True)
    rows: list[str] = []
    left = _BYTES
    for r in ranked:
        row = _result(r, before.get((r.suite, r.case_id, r.metric)))
        left -= len(row)
        if left < 0:
            break
        rows.append(row)
    heads = [safe(name) for name in report.names]
    head = (
        f'<tr><th>case</th><th>metric</th><th class="n">{heads[0]}</th>'
        f'<th class="n">{heads[1]}</th><th>explanation</th></tr>'
    )
    shown = f"{len(ranked):,} results"
    if len(ranked) > len(rows):
        shown = f"{len(rows):,} of {len(ranked):,} results: those that became worst"
    return (
        f'<details><summary>{shown}</summary><div class="scroll"><table><thead>{head}</thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></details>"
    )


def _result(r: Result, before: float | None) -> str:
    return (
        f"<tr><td>{_cut(r.case_id, _NAME)}</td><td>{safe(r.metric)}</td>"
        f'<td class="n">{percent(before)}</td>'
        f'<td class="n">{percent(r.value)}</td><td>{_cut(r.explanation, _EXPLAINED)}</td></tr>'
    )


def _value(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.5f}"


def _cut(text: str, limit: int) -> str:
    return safe(text) if len(text) <= limit else f"{safe(text[:limit])} …"
