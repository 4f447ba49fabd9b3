"""The worker pool of this process: started once, shared by every stage and run in it.

Here: keeping it. Not here: what it does (`pool.py`).
"""

from __future__ import annotations

from functools import cache
from multiprocessing.util import Finalize

from resources.settings import Settings
from resources.workers.pool import WorkerPool


def shared_pool(settings: Settings) -> WorkerPool:
    """The pool for these settings; the same one on every call."""
    return _pool(
        settings.workers, settings.worker_memory_mb, settings.page_timeout, settings.doc_timeout
    )


@cache
def _pool(workers: int, memory_mb: int, page_timeout: float, doc_timeout: float) -> WorkerPool:
    pool = WorkerPool(workers, memory_mb, page_timeout, doc_timeout)
    # `atexit` does not run in a process that multiprocessing started, as Dagster starts its runs:
    # such a process would wait for its workers, and they for it, for ever.
    Finalize(None, pool.close, exitpriority=100)
    return pool
