"""Whole documents done by the workers, several a task: what docs and summaries share.

Here: making tasks of documents and telling what came of each. Not here: what is done to a document
(`assets/<stage>/work.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from assets.context import StageContext
from resources.workers.pool import Task, TaskFailure

DOCUMENTS_A_TASK: Final = 8


def do_documents(
    context: StageContext, function: str, items: Sequence[tuple[str, dict[str, Any]]]
) -> Iterator[tuple[str, dict[str, Any] | TaskFailure]]:
    """Do each (doc_id, item); yields its record, or why there is none, in no fixed order."""
    numbered = list(enumerate(items, 1))
    tasks = []
    for first in range(0, len(numbered), DOCUMENTS_A_TASK):
        part = numbered[first : first + DOCUMENTS_A_TASK]
        payload = {"items": [{"unit": unit, **item} for unit, (_, item) in part]}
        tasks.append(Task(part[0][1][0], function, payload, tuple(unit for unit, _ in part)))
    for result in context.workers.run(tasks):
        for record, _ in result.records():
            yield items[record.pop("unit") - 1][0], record
        if result.failure is not None:
            for unit in result.failure.units:
                yield items[unit - 1][0], result.failure
