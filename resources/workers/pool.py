"""The parent's side of the worker pool: documents are parsed in processes that may be killed.

Here: the pool that stages use. Not here: scheduling and what a death means (`session.py`), the
processes (`processes.py`), or what a worker does (`child.py` and the functions it names).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from resources.workers.clocks import Clocks
from resources.workers.folders import spool_folder, sweep_spool_folders
from resources.workers.processes import Processes
from resources.workers.session import Session
from resources.workers.slots import HostSlots
from resources.workers.spent import Spent
from resources.workers.tasks import NOT_YET, Task, TaskFailure, TaskResult

__all__ = ["NOT_YET", "Task", "TaskFailure", "TaskResult", "WorkerPool"]


class WorkerPool:
    """Worker processes of this parent; start-up is paid once and shared by every stage."""

    def __init__(
        self, workers: int, memory_mb: int, page_timeout: float, doc_timeout: float
    ) -> None:
        """Make a pool; processes start when the first task is run.

        Args:
            workers: Processes at once.
            memory_mb: Address space each may use, MiB.
            page_timeout: Seconds without progress on a page before its worker is killed.
            doc_timeout: Seconds that one document may take in all.
        """
        self.workers = workers
        self.processes = Processes(workers, memory_mb)
        self.slots = HostSlots(workers)
        self.clocks = Clocks(page_timeout, doc_timeout)
        self._swept = False
        self.spent = Spent()

    def close(self) -> None:
        """Stop every worker now; a later run starts new ones."""
        self.processes.close()
        self.slots.close()

    def run(self, tasks: Iterable[Task]) -> Iterator[TaskResult]:
        """Run tasks, yielding each result as it is done, in no fixed order.

        A task that kills its worker yields what it had finished, then the page that was open is
        tried once alone, and the pages after it go on as a task of their own. Closing the iterator
        early kills what is running. `NOT_YET` among the tasks means that more may come.

        Raises:
            EngineError: A worker said that no page could be done (an engine is not installed), or
                workers cannot be started.
        """
        if not self._swept:
            sweep_spool_folders()
            self._swept = True
        with spool_folder() as folder:
            session = Session(self.workers, self.processes, self.slots, self.clocks, folder)
            try:
                yield from session.run(tasks)
            finally:
                self.spent += session.spent
