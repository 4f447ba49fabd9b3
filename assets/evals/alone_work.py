"""Measures of pages and summaries alone, as workers make them: many a task.

Here: the loop over a task's items. Not here: the measures (`measures/`), or who asks (`alone.py`).
A text is a stranger's: one that a measure takes for ever over costs its own page, not the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from assets.evals.measures.page import page_alone
from assets.evals.measures.summary import summary_alone


def measure(
    payload: dict[str, Any], progress: Callable[[int], None]
) -> Iterator[tuple[dict[str, Any], None]]:
    """Measure each item, a page (`text`) or a summary (`summary` and its `source`).

    A record is the item's `unit` and its `measures`, each a metric, a value and an explanation.
    """
    for item in payload["items"]:
        progress(item["unit"])
        if item["subject"] == "pages":
            found = page_alone(
                item["text"] or "",
                confidence=item["confidence"],
                source=item["origin"],
                status=item["status"],
            )
        else:
            found = summary_alone(item["summary"], item["source"], status=item["status"])
        measures = [[m.metric, m.value, m.explanation] for m in found]
        yield {"unit": item["unit"], "measures": measures}, None
