"""How a task ended: done, refused, died, or lost with the pool.

Here: telling these apart from what pebble and the worker say. Not here: what follows from it
(`session.py`).
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from enum import Enum

from pebble import ProcessExpired

from resources.errors import EngineError, ErrorClass
from resources.workers.child import OUT_OF_MEMORY
from resources.workers.clocks import Running
from resources.workers.spool import FINISHED
from resources.workers.tasks import TaskFailure


class Ending(Enum):
    """The ways in which a task ends."""

    DONE = "done"
    REFUSED = "the worker says that the document cannot be done"
    FAILED = "the worker says that the open page failed"
    DIED = "the worker died, or was killed by a clock"
    LOST = "the pool was lost; the task has no part in it"


def ending(entry: Running) -> tuple[Ending, TaskFailure]:
    """How a task ended, and the failure if it is one.

    Raises:
        EngineError: The worker says that the stage cannot go on.
    """
    lost = TaskFailure(ErrorClass.INTERRUPTED, "the worker processes were lost")
    if entry.page == FINISHED:  # every record is spooled: how its process ended no longer matters
        return Ending.DONE, lost
    if not entry.future.done():
        return Ending.LOST, lost
    try:
        told = entry.future.result()
    except CancelledError:
        return (Ending.LOST, lost) if entry.killed is None else (Ending.DIED, entry.killed)
    except BrokenProcessPool:
        return Ending.LOST, lost
    except ProcessExpired as error:
        return Ending.DIED, _death(error)
    except Exception as error:  # noqa: BLE001 - raised outside the work: in pebble, or opening files
        text = f"{type(error).__name__}: {error}"[:2000]
        return Ending.LOST, TaskFailure(ErrorClass.INTERRUPTED, text)
    if told is None:
        return Ending.DONE, lost
    if told.get("scope") == "stage":
        raise EngineError(told["error"])
    failure = TaskFailure(ErrorClass(told["error_class"]), told["error"])
    return Ending.FAILED if told.get("scope") == "page" else Ending.REFUSED, failure


def _death(error: ProcessExpired) -> TaskFailure:
    code = getattr(error, "exitcode", None)
    if code == OUT_OF_MEMORY:
        text = "needed more memory than QUIRE_WORKER_MEMORY_MB allows"
        return TaskFailure(ErrorClass.MEMORY, text)
    how = f"by signal {-code}" if isinstance(code, int) and code < 0 else f"with exit code {code}"
    return TaskFailure(ErrorClass.CRASH, f"the worker process died {how}")
