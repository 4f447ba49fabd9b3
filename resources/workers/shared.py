"""The worker pool of this process: started once, shared by every stage and run in it.

Here: keeping it. Not here: what it does (`pool.py`).
"""

from __future__ import annotations

import atexit
from functools import cache

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
    atexit.register(pool.close)
    return pool
