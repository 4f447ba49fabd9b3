"""The pages of a report: picture, old text and new text beside each other; and failed cases.

Here: HTML. Not here: which pages (`worst.py`), their words compared (`words.py`), or the pictures
(`sheets.py`).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

from assets.evals.base import PageReading, Result
from assets.evals.report.content import Pictures, Report
from assets.evals.report.words import PageDiff, Piece
from assets.evals.report.worst import PagePair, told
from resources.report.escaping import chip, counted, safe

_WORSE: Final = 6
"""Metrics named of a page."""
_EXPLAINED: Final = 600
"""Characters of an explanation that are shown."""
_CASES: Final = 100
_PICTURE_BYTES: Final = 1_500_000
"""Of all pictures together: a third more as base64, so that the page stays under 3 MB."""
_NO_PICTURE: Final = "no picture of it was made"


def pages_html(report: Report, pairs: Sequence[PagePair]) -> str:
    """The pages that became worst, each with its picture and both texts."""
    if not pairs:
        return '<p class="soft">No page became worse, and no text differs.</p>'
    old, new = report.names
    legend = (
        f'<ul class="legend"><li><del>only {safe(old)}</del></li>'
        f"<li><ins>only {safe(new)}</ins></li>"
        "<li><mark>in both, at another place</mark></li></ul>"
    )
    left = _PICTURE_BYTES
    parts = []
    for place, pair in enumerate(pairs, 1):
        picture, left = _picture(report.pictures, pair, place, left)
        parts.append(_pair(report, pair, place, picture))
    return legend + "".join(parts)


def _pair(report: Report, pair: PagePair, place: int, picture: str) -> str:
    number = pair.key[1]
    what = f"page {number}" if number else "summary"
    doc = f'<code title="{safe(pair.key[0])}">{safe(pair.key[0][:12])}</code>'
    worse = "".join(f"<li>{safe(told(one))}</li>" for one in pair.worse[:_WORSE])
    diff = pair.diff
    facts = (
        f"{diff.changed:.1%} of the words differ: {diff.removed:,} gone, {diff.added:,} come, "
        f"{diff.moved:,} elsewhere"
    )
    columns = "three" if picture else "three two"
    return (
        f'<article class="pair" id="worst-{place}"><h3>{place}. {safe(pair.file_name)}, {what} '
        f'{doc}</h3>{f"<ul>{worse}</ul>" if worse else ""}<p class="facts">{facts}</p>'
        f'<div class="{columns}">{picture}'
        f"{_side(report.names[0], 'old', pair.old_text, diff, pair.old)}"
        f"{_side(report.names[1], 'new', pair.new_text, diff, pair.new)}</div></article>\n"
    )


def _picture(pictures: Pictures, pair: PagePair, place: int, left: int) -> tuple[str, int]:
    """The page's picture while there is room for it; a summary has none, and needs none."""
    data = pictures.images.get(pair.key)
    if data is not None and len(data) <= left:
        source = f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
        alt = f"page {pair.key[1]} of {pair.file_name}"
        html = (
            f'<figure class="sheet"><input type="checkbox" id="zoom-{place}">'
            f'<label for="zoom-{place}"><img src="{source}" alt="{safe(alt)}">larger, smaller'
            "</label></figure>"
        )
        return html, left - len(data)
    if pair.key[1] == 0:
        return "", left
    reason = pictures.reasons.get(pair.key, _NO_PICTURE)
    if data is not None:
        reason = f"it has {len(data):,} bytes, and the report would be too large"
    return f'<div class="none">No picture of the page: {safe(reason)}.</div>', left


def _side(name: str, side: str, text: str | None, diff: PageDiff, page: PageReading | None) -> str:
    facts = [page.engine or page.source, page.status] if page else []
    if page is not None and page.confidence is not None:
        facts.append(f"confidence {page.confidence:.2f}")
    if page is not None and page.error_class:
        facts.append(page.error_class)
    told_facts = " · ".join(safe(fact) for fact in facts if fact)
    head = f"<h4>{safe(name)}{f' · {told_facts}' if told_facts else ''}</h4>"
    return f'<div class="text">{head}<pre>{_text(side, text, diff)}</pre></div>'


def _text(side: str, text: str | None, diff: PageDiff) -> str:
    if text is None:
        return '<span class="gone">this side does not have the page</span>'
    if not text.strip():
        return '<span class="gone">no text</span>'
    pieces, rest = (diff.old, diff.rest_old) if side == "old" else (diff.new, diff.rest_new)
    parts = [_piece(piece, "del" if side == "old" else "ins") for piece in pieces]
    if diff.before:
        same = f"… {diff.before:,} characters, the same in both"
        parts.insert(0, f'<span class="gone">{same}</span>\n')
    if rest:
        parts.append(f'\n<span class="gone">… {rest:,} more characters, not compared</span>')
    return "".join(parts)


def _piece(piece: Piece, changed: str) -> str:
    if piece.kind == "same":
        return safe(piece.text)
    tag = changed if piece.kind == "changed" else "mark"
    return f"<{tag}>{safe(piece.text)}</{tag}>"


def failing(report: Report) -> list[tuple[Result, Result | None]]:
    """Results that did not pass, with what the old side had; those that had passed come first."""
    before = {(r.suite, r.case_id, r.metric): r for r in report.old.results}
    found = [
        (r, before.get((r.suite, r.case_id, r.metric)))
        for r in report.new.results
        if r.passed is False
    ]
    found.sort(key=lambda pair: (not (pair[1] and pair[1].passed), pair[0].subject, pair[0].suite))
    return found


def cases_html(report: Report) -> str:
    """The cases that fail, with what was expected and what was found."""
    found = failing(report)
    judged = sum(r.passed is not None for r in report.new.results)
    if not judged:
        return '<p class="soft">No case has a limit of its own.</p>'
    if not found:
        return f"<p>✓ All {counted(judged, 'case')} passed.</p>"
    rows = []
    for result, old in found[:_CASES]:
        state = chip("passed before", "fail") if old and old.passed else _before(old)
        cells = [
            (
                f"<td><b>{safe(result.case_id)}</b> {state}<small>{safe(result.metric)} · "
                f"{safe(result.subject)}</small></td>"
            ),
            f'<td><div class="expl">{_cut(result.explanation)}</div></td>',
        ]
        if report.old.results:
            was = _cut(old.explanation) if old else "–"
            cells.append(f'<td><div class="expl soft">{was}</div></td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    heads = ["case", "expected and found"]
    if report.old.results:
        heads.append(f"found by {report.names[0]}")
    head = "".join(f"<th>{safe(name)}</th>" for name in heads)
    more = f'<p class="soft">and {len(found) - _CASES:,} more</p>' if len(found) > _CASES else ""
    return (
        f"<p>{len(found):,} of {judged:,} cases fail.</p>"
        f'<table class="stack"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
        f"{more}"
    )


def _before(old: Result | None) -> str:
    return chip("failed before too") if old and old.passed is False else ""


def _cut(text: str) -> str:
    return safe(text) if len(text) <= _EXPLAINED else f"{safe(text[:_EXPLAINED])} …"
