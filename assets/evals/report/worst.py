"""Which pages a report shows: those that became worst, or changed most.

Here: the ranking. Not here: their pictures (`sheets.py`) or how they are shown (`pages.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from assets.evals.base import METRICS, PageReading, Suite
from assets.evals.report.content import DOCUMENT, SUMMARY, PageKey, Report, Shown
from assets.evals.report.words import PageDiff, compare_pages
from resources.report.escaping import percent

WORST: Final = 10
_SUITES: Final[tuple[Suite, ...]] = ("golden", "live")
_COMPARED: Final = 500
"""Pages whose words are compared where nothing was measured: 5 s at 10 ms a page."""


@dataclass(frozen=True)
class Worse:
    """One metric of a page; `old` is None where only the new side was measured."""

    metric: str
    old: float | None
    new: float
    explanation: str = ""

    @property
    def by(self) -> float:
        """How much worse it became."""
        return self.new - (self.old or 0.0)


@dataclass(frozen=True)
class PagePair:
    """A page, a summary or a document as both sides have it; a side that lacks it is None.

    Attributes:
        key: The page.
        file_name: Of its document.
        uri: Where its document lay when it was read.
        old_text: What the old side has.
        new_text: What the new side has.
        diff: Both, word by word.
        worse: The metrics that became worse, the worst first.
        old: The old page; None for a summary or a whole document.
        new: The new page; the same.
        suite: In which it was read: a page may be in both, and was read twice then.
    """

    key: PageKey
    file_name: str
    uri: str
    old_text: str | None
    new_text: str | None
    diff: PageDiff
    worse: tuple[Worse, ...] = ()
    old: PageReading | None = None
    new: PageReading | None = None
    suite: Suite = "golden"

    @property
    def what(self) -> str:
        """`page 3`, `summary` or `whole document`."""
        number = self.key[1]
        return {SUMMARY: "summary", DOCUMENT: "whole document"}.get(number, f"page {number}")


_Unit = tuple[PageKey, Suite]
"""A page may be in both suites: then it was read twice, and maybe not alike."""


def worst_pages(report: Report, n: int = WORST) -> list[PagePair]:
    """The pages of which a metric grew most, then those whose words changed most.

    Without an old side, those with the greatest error. A page that neither reading holds is left
    out: there is nothing to show of it.
    """
    old = {suite: report.old.pages(suite) for suite in _SUITES}
    new = {suite: report.new.pages(suite) for suite in _SUITES}
    measured = _measured(report)
    ranked = sorted(measured, key=lambda unit: -max(worse.by for worse in measured[unit]))
    units = [(k, suite) for k, suite in ranked if k in new[suite] or k in old[suite]][:n]
    pairs = [
        _pair(key, suite, old[suite].get(key), new[suite].get(key), measured[key, suite])
        for key, suite in units
    ]
    if len(pairs) < n and report.old.readings:
        shown = {key for key, _ in units}
        pairs += _most_changed(old["live"], new["live"], shown, n - len(pairs))
    return pairs


def _measured(report: Report) -> dict[_Unit, list[Worse]]:
    """What became worse of each page, the worst first; errors of their own without an old side."""
    before = {(r.suite, r.case_id, r.metric): r.value for r in report.old.results}
    found: dict[_Unit, list[Worse]] = defaultdict(list)
    for r in report.new.results:
        key = report.place_of(r)
        old = before.get((r.suite, r.case_id, r.metric))
        if key is None or (before and old is None):
            continue
        worse = Worse(r.metric, old, r.value, r.explanation)
        if worse.by > 0:
            found[key, r.suite].append(worse)
    for several in found.values():
        several.sort(key=lambda worse: -worse.by)
    return found


def _most_changed(
    old: Mapping[PageKey, Shown], new: Mapping[PageKey, Shown], without: set[PageKey], n: int
) -> list[PagePair]:
    every = [key for key in {**old, **new} if key not in without]
    if any(key[1] > 0 for key in {**old, **new}):  # what changed in a document changed on a page
        every = [key for key in every if key[1] != DOCUMENT]
    pairs = [_pair(key, "live", old.get(key), new.get(key)) for key in sorted(every)[:_COMPARED]]
    changed = [pair for pair in pairs if pair.diff.changed > 0]
    return sorted(changed, key=lambda pair: -pair.diff.changed)[:n]


def _pair(
    key: PageKey, suite: Suite, old: Shown | None, new: Shown | None, worse: Iterable[Worse] = ()
) -> PagePair:
    document = (new or old or (None, None))[0]
    texts = _text(key, old), _text(key, new)
    return PagePair(
        key=key,
        file_name=document.file_name if document else "",
        uri=document.uri if document else "",
        old_text=texts[0],
        new_text=texts[1],
        diff=compare_pages(texts[0] or "", texts[1] or ""),
        worse=tuple(worse),
        old=old[1] if old else None,
        new=new[1] if new else None,
        suite=suite,
    )


def _text(key: PageKey, page: Shown | None) -> str | None:
    if page is None:
        return None
    document, reading = page
    if key[1] == SUMMARY:
        return document.summary or ""
    if key[1] == DOCUMENT:
        return document.markdown
    return reading.text if reading else None


def told(worse: Worse) -> str:
    """A metric of a page in words."""
    words = METRICS.get(worse.metric, worse.metric)
    values = percent(worse.new)
    if worse.old is not None:
        values = f"{percent(worse.old)} → {values}"
    return f"{worse.metric} {values}: {words}"
