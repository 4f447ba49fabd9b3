"""Tasks handed to the workers with a note of whose they are, so that a killer is set apart.

Here: who runs with others, who runs alone afterwards, and who is left for now. Not here: the notes
(`io_managers/intents.py`), the workers (`resources/workers`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from assets.context import StageContext
from io_managers.ends import TOO_LARGE
from io_managers.intents import Intents
from io_managers.stage_run import StageRun
from resources.errors import ErrorClass
from resources.workers.pool import NOT_YET, Task, TaskFailure, TaskResult


def run_tasks(
    context: StageContext,
    run: StageRun,
    tasks: Iterable[Task],
    documents: Callable[[Task], Sequence[str]],
) -> Iterator[TaskResult]:
    """Run tasks on the workers; results come in no fixed order.

    Tasks of documents that were in hand when earlier runs died come last, one document at a time.
    Those that ended runs even so come back as `interrupted`, which is charged to nobody; those that
    a pod of the largest memory class was killed for, as `memory`.

    Args:
        context: The workers.
        run: Whose notes are kept.
        tasks: Taken as the workers have room for them.
        documents: The document of each unit of a task, or of the task if it is one piece.
    """
    before = context.workers.spent
    intents = run.intents
    alone: list[Task] = []
    left: list[Task] = []
    too_large: list[Task] = []

    def together() -> Iterator[Task]:
        for task in tasks:
            names = () if task is NOT_YET else documents(task)
            if any(intents.is_too_large(name) for name in names):
                too_large.append(task)
            elif any(intents.is_given_up(name) for name in names):
                left.append(task)
            elif any(intents.runs_alone(name) for name in names):
                alone.append(task)
            else:
                yield task

    yield from _noted(context, intents, together(), documents, alone=False)
    for task in alone:
        yield from _noted(context, intents, [task], documents, alone=True)
    for task in left:
        yield TaskResult(task, failure=_given_up(intents, task, documents(task)))
    for task in too_large:
        yield TaskResult(task, failure=TaskFailure(ErrorClass.MEMORY, TOO_LARGE, task.units))
    run.work.add(context.workers.spent - before)


def _noted(
    context: StageContext,
    intents: Intents,
    tasks: Iterable[Task],
    documents: Callable[[Task], Sequence[str]],
    *,
    alone: bool,
) -> Iterator[TaskResult]:
    def noted() -> Iterator[Task]:
        for task in tasks:
            if task is not NOT_YET:
                intents.begin(documents(task), alone=alone)
            yield task

    with intents.working():
        for result in context.workers.run(noted()):
            intents.end(documents(result.task))
            yield result


def _given_up(intents: Intents, task: Task, names: Sequence[str]) -> TaskFailure:
    times = max(intents.interruptions(name) for name in names)
    text = (
        f"{times} runs died while they worked on it, the last ones on it alone: look at the host's "
        "memory and logs; a later run tries it again"
    )
    return TaskFailure(ErrorClass.INTERRUPTED, text, task.units)
