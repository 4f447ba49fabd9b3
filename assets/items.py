"""Whole documents done by the workers, several a task: what docs and summaries share.

Here: making tasks of documents and telling what came of each. Not here: what is done to a document
(`assets/<stage>/work.py`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from assets.context import StageContext
from assets.in_hand import run_tasks
from io_managers.stage_run import StageRun
from resources.workers.pool import Task, TaskFailure

DOCUMENTS_A_TASK: Final = 8


def do_documents(
    context: StageContext, run: StageRun, function: str, items: Iterable[tuple[str, dict[str, Any]]]
) -> Iterator[tuple[str, dict[str, Any] | TaskFailure]]:
    """Do each (doc_id, item); yields its record, or why there is none, in no fixed order.

    Items are taken as workers have room for them: reading them overlaps with what is done.
    """
    names: dict[int, str] = {}

    def tasks() -> Iterator[Task]:
        left = enumerate(items, 1)
        at_once = 1 if run.intents.has_suspects else DOCUMENTS_A_TASK
        while part := list(itertools.islice(left, at_once)):
            names.update((unit, doc_id) for unit, (doc_id, _) in part)
            payload = {"items": [{"unit": unit, **item} for unit, (_, item) in part]}
            yield Task(part[0][1][0], function, payload, tuple(unit for unit, _ in part))

    def documents(task: Task) -> Sequence[str]:
        return [names[unit] for unit in task.units]

    for result in run_tasks(context, run, tasks(), documents):
        for record, _ in result.records():
            yield names[record.pop("unit")], record
        if result.failure is not None:
            for unit in result.failure.units:
                yield names[unit], result.failure
