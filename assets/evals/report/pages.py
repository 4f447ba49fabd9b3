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
from assets.evals.report.rows import Line, Row, rows_of, stretches
from assets.evals.report.words import LIMIT, Piece
from assets.evals.report.worst import PagePair, told
from resources.report.escaping import chip, counted, percent, safe

_WORSE: Final = 6
"""Metrics named of a page."""
_EXPLAINED: Final = 600
"""Characters of an explanation that are shown."""
_CASE_BYTES: Final = 200_000
_TEXT_BYTES: Final = 600_000
"""Of all texts with their marks; a usual page takes 20,000. Escaped, evil text is six times itself:
with pictures, cases and the list of results the report stays under 3 MB."""
_PICTURE_BYTES: Final = 1_250_000
"""Of all pictures together; a third more as base64. A usual page takes 115,000."""
_NEAR: Final = 2
"""Lines shown around a difference; longer stretches without one are closed."""
_FEW: Final = 4
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
    left, left_text = _PICTURE_BYTES, _TEXT_BYTES
    parts = []
    for place, pair in enumerate(pairs, 1):
        picture, left = _picture(report.pictures, pair, place, left)
        texts = _texts(report, pair)
        if len(texts) > left_text:
            texts = _gone("its texts are left out: the report would be too large")
        left_text -= len(texts)
        parts.append(_pair(report, pair, place, picture, texts))
    return legend + "".join(parts)


def _pair(report: Report, pair: PagePair, place: int, picture: str, texts: str) -> str:
    doc = f'<code title="{safe(pair.key[0])}">{safe(pair.key[0][:12])}</code>'
    name = f"{safe(pair.file_name)}, {pair.what} {doc}"
    worse = "".join(f"<li>{safe(told(one))}</li>" for one in pair.worse[:_WORSE])
    columns = "beside" if picture else "beside alone"
    return (
        f'<article class="pair" id="worst-{place}"><h3>{place}. {name}</h3>'
        f"{f'<ul>{worse}</ul>' if worse else ''}"
        f'<p class="facts">{_words(report, pair)}</p>'
        f'<div class="{columns}">{picture}<div class="text">{_heads(report, pair)}'
        f"{texts}</div></div></article>\n"
    )


def _words(report: Report, pair: PagePair) -> str:
    diff, (old, new) = pair.diff, report.names
    if pair.old_text is None or pair.new_text is None:
        return f"{safe(old if pair.old_text is None else new)} does not have it."
    if not diff.changed:
        return "Both have the same words."
    return (
        f"{percent(diff.changed)} of the words differ: {diff.removed:,} only {safe(old)}, "
        f"{diff.added:,} only {safe(new)}, {diff.moved:,} at another place."
    )


def _picture(pictures: Pictures, pair: PagePair, place: int, left: int) -> tuple[str, int]:
    """The page's picture while there is room for it; what is of no one page has none."""
    as_read = pictures.read.get(pair.key) if pair.suite == "live" else None
    data = as_read or pictures.images.get(pair.key)
    if data is not None and len(data) <= left:
        source = f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
        alt = f"page {pair.key[1]} of {pair.file_name}"
        html = (
            f'<figure class="sheet"><input type="checkbox" id="zoom-{place}">'
            f'<label for="zoom-{place}"><img src="{source}" alt="{safe(alt)}"><span>'
            f"{'As it was read. ' if as_read else ''}Enlarge or shrink</span></label></figure>"
        )
        return html, left - len(data)
    if pair.key[1] <= 0:
        return "", left
    reason = pictures.reasons.get(pair.key, _NO_PICTURE)
    if data is not None:
        reason = f"it has {len(data):,} bytes, and the report would be too large"
    return f'<div class="none">No picture of the page: {safe(reason)}.</div>', left


def _heads(report: Report, pair: PagePair) -> str:
    sides = zip(report.names, (pair.old, pair.new), strict=True)
    if not report.old.readings:
        sides = zip(report.names[1:], (pair.new,), strict=True)
    heads = "".join(f"<h4>{_head(name, page)}</h4>" for name, page in sides)
    return f'<div class="row heads">{heads}</div>'


def _head(name: str, page: PageReading | None) -> str:
    facts = [page.engine or page.source, page.status] if page else []
    if page is not None and page.confidence is not None:
        facts.append(f"confidence {page.confidence:.2f}")
    if page is not None and page.error_class:
        facts.append(page.error_class)
    return " · ".join(safe(fact) for fact in (name, *facts) if fact)


def _texts(report: Report, pair: PagePair) -> str:
    """Both texts in rows, or the new one alone where there is no old side."""
    if not report.old.readings:
        text = pair.new_text or ""
        shown = safe(text[:LIMIT]) if text.strip() else '<span class="gone">no text</span>'
        rest = _gone(f"{len(text) - LIMIT:,} more characters") if len(text) > LIMIT else ""
        return f'<div class="row single"><div class="line">{shown}</div></div>{rest}'
    diff, parts = pair.diff, []
    if diff.before:
        parts.append(_gone(f"{diff.before:,} characters, the same in both"))
    for near, rows in stretches(rows_of(diff), _NEAR):
        html = "".join(_row(row) for row in rows)
        if near or len(rows) <= _FEW:
            parts.append(html)
        else:
            alike = counted(len(rows), "line")
            parts.append(f"<details><summary>{alike} alike</summary>{html}</details>")
    if not parts:
        parts.append(_gone("neither has text"))
    for name, left in zip(report.names, (diff.rest_old, diff.rest_new), strict=True):
        if left:
            parts.append(_gone(f"{left:,} more characters of {name}, not compared"))
    return "".join(parts)


def _gone(words: str) -> str:
    return f'<p class="gone">… {safe(words)}</p>'


def _row(row: Row) -> str:
    """One line of both; on a telephone a line that both have is shown once."""
    old, new = row
    differs = any(line is None or line.differs for line in row)
    gap = any(line is not None and line.after_gap for line in row)
    classes = " ".join(["row", *["same"] * (not differs), *["gap"] * gap])
    return f'<div class="{classes}">{_line(old, "del")}{_line(new, "ins")}</div>'


def _line(line: Line | None, changed: str) -> str:
    pieces = "".join(_piece(piece, changed) for piece in line.pieces) if line else ""
    return f'<div class="line{"" if line else " void"}">{pieces}</div>'


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
    rows: list[str] = []
    for result, old in found:
        state = chip("passed before", "fail") if old and old.passed else _before(old)
        cells = [
            (
                f"<td><b>{_cut(result.case_id)}</b> {state}<small>{safe(result.metric)} · "
                f"{safe(result.subject)}</small></td>"
            ),
            f'<td><div class="expl">{_cut(result.explanation)}</div></td>',
        ]
        if report.old.results:
            was = _cut(old.explanation or ("passed" if old.passed else "–")) if old else "–"
            cells.append(f'<td><div class="expl soft">{was}</div></td>')
        if sum(map(len, rows)) > _CASE_BYTES:
            break
        rows.append(f"<tr>{''.join(cells)}</tr>")
    heads = ["case", "expected and found"]
    if report.old.results:
        heads.append(f"found by {report.names[0]}")
    head = "".join(f"<th>{safe(name)}</th>" for name in heads)
    left = len(found) - len(rows)
    more = f'<p class="soft">and {left:,} more</p>' if left else ""
    return (
        f"<p>{len(found):,} of {judged:,} cases fail.</p>"
        f'<table class="stack"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
        f"{more}"
    )


def _before(old: Result | None) -> str:
    return chip("failed before too") if old and old.passed is False else ""


def _cut(text: str) -> str:
    return safe(text) if len(text) <= _EXPLAINED else f"{safe(text[:_EXPLAINED])} …"
