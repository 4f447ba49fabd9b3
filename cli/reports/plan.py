"""Which documents and which of their pages a report shows.

Here: page ranges, the worst pages, the limits, and what is said of what is left out. Not here:
reading the pages' text (`rows.py`) or writing them (`page.py`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from resources.errors import QuireError, SettingError
from resources.lake.find import Found
from resources.lake.lake import Lake

FIRST_PAGES: Final = 50
"""Pages shown of a document when nothing says which."""
ALL_PAGES: Final = 300
"""Pages shown of all documents together when nothing says which: about 45 MB of pictures."""
DOCUMENTS: Final = 100
"""Documents shown of a batch; the most troubled come first."""
LOW_CONFIDENCE: Final = 0.9
"""Upright, clean pages are read at 0.9 and more (`assets/pages/ocr/orientation.py`)."""
_RANGE: Final = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")
_STATUS_RANK: Final = {"failed": 0, "partial": 1}


@dataclass(frozen=True)
class PageLine:
    """What is known of a page before its text is read."""

    page_number: int
    status: str
    source: str
    confidence: float | None

    @property
    def bad(self) -> bool:
        """Whether it is not `ok`."""
        return self.status != "ok"

    @property
    def low(self) -> bool:
        """Whether OCR was not sure of it."""
        return self.confidence is not None and self.confidence < LOW_CONFIDENCE

    @property
    def badness(self) -> tuple[int, float]:
        """The worse, the smaller: by status, then by confidence; a text layer has none."""
        sure = math.inf if self.confidence is None else self.confidence
        return _STATUS_RANK.get(self.status, 2), sure


@dataclass
class Section:
    """One document of the report, and the pages of it that are shown."""

    found: Found
    lines: list[PageLine]
    shown: list[PageLine] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Plan:
    """The whole report."""

    sections: list[Section]
    notes: list[str] = field(default_factory=list)

    @property
    def shown(self) -> list[PageLine]:
        """Every page that is shown."""
        return [line for section in self.sections for line in section.shown]


def parse_pages(text: str) -> list[range]:
    """`3-5,8` as ranges.

    Raises:
        SettingError: It is none.
    """
    ranges = []
    for part in text.replace(" ", "").split(","):
        found = _RANGE.fullmatch(part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= first <= last:
            raise SettingError(f"--pages {text!r}: give pages from 1, such as 3-5,8")
        ranges.append(range(first, last + 1))
    return ranges


def make_plan(
    lake: Lake, founds: Sequence[Found], pages: Sequence[range] | None, worst: int | None
) -> Plan:
    """Choose the pages.

    Raises:
        QuireError: No document has any of the pages that were asked for.
    """
    known = _page_lines(lake, founds)
    plan = Plan([Section(found, known.get(found.doc_id or "", [])) for found in founds])
    for section in plan.sections:
        section.shown = _within(section.lines, pages)
    if pages is not None and not plan.shown:
        raise QuireError(_no_such_page(plan.sections))
    if worst is not None:
        _keep_worst(plan, worst)
    elif pages is None:
        _keep_first(plan)
    return plan


def _page_lines(lake: Lake, founds: Sequence[Found]) -> dict[str, list[PageLine]]:
    lines: dict[str, list[PageLine]] = {}
    columns = ["doc_id", "page_number", "status", "source", "confidence"]
    for batch in dict.fromkeys(found.batch for found in founds):
        wanted = [f.doc_id for f in founds if f.doc_id is not None and f.batch == batch]
        rows = lake.scan("pages", columns, batch=batch).filter(pl.col("doc_id").is_in(wanted))
        for doc_id, *values in rows.sort("page_number").collect().iter_rows():
            lines.setdefault(doc_id, []).append(PageLine(*values))
    return lines


def _within(lines: Sequence[PageLine], pages: Sequence[range] | None) -> list[PageLine]:
    if pages is None:
        return list(lines)
    return [line for line in lines if any(line.page_number in some for some in pages)]


def _no_such_page(sections: Sequence[Section]) -> str:
    has = [f"{s.found.label} has {len(s.lines):,} pages" for s in sections[:3]]
    return f"--pages: there is no such page; {', '.join(has)}"


def _keep_worst(plan: Plan, worst: int) -> None:
    """The worst pages of all; documents that could not be read at all stay, as heads alone."""
    every = [(line.badness, at, line) for at, s in enumerate(plan.sections) for line in s.shown]
    every.sort(key=lambda item: (item[0], item[1], item[2].page_number))
    kept: dict[int, list[PageLine]] = {}
    for _, at, line in every[:worst]:
        kept.setdefault(at, []).append(line)
    for at, section in enumerate(plan.sections):
        section.shown = sorted(kept.get(at, []), key=lambda line: line.page_number)
    plan.notes.append(f"the {min(worst, len(every)):,} worst of {len(every):,} pages")
    unread = [s for s in plan.sections if not s.lines and s.found.state != "done"]
    if len(unread) > DOCUMENTS:
        plan.notes.append(f"{len(unread):,} documents have no page at all, {DOCUMENTS} are shown")
    kept_ids = {id(section) for section in unread[:DOCUMENTS]}
    plan.sections = [s for s in plan.sections if s.shown or id(s) in kept_ids]


def _keep_first(plan: Plan) -> None:
    left = ALL_PAGES
    for section in plan.sections:
        shown = section.shown[: min(FIRST_PAGES, left)]
        left -= len(shown)
        if len(shown) < len(section.shown):
            section.notes.append(
                f"the first {len(shown):,} of {len(section.shown):,} pages: "
                "--pages 51-100 shows others, --worst 20 those that were read worst"
            )
        section.shown = shown


def of_batch(documents: Sequence[Found]) -> tuple[list[Found], list[str]]:
    """Documents of a batch, the most troubled first, and what is said of the others."""
    order = ("quarantined", "partial", "blocked", "waiting", "running", "done")
    ranked = sorted(documents, key=lambda found: (order.index(found.state), found.file_name))
    if len(ranked) <= DOCUMENTS:
        return ranked, []
    note = f"the first {DOCUMENTS} of {len(ranked):,} documents, the most troubled first"
    return ranked[:DOCUMENTS], [f"{note}; --worst 50 looks at the pages of all"]
