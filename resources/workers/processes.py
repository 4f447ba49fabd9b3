"""The worker processes: started when first needed, and anew whenever they are lost.

Here: the life of pebble's pools. Not here: what is run on them (`session.py`), or what a worker
does first (`child.start`).
"""

from __future__ import annotations

import contextlib
import multiprocessing.context
import multiprocessing.popen_spawn_posix
import os
import signal
import sys
import threading
import types
from concurrent.futures import Future
from multiprocessing.process import BaseProcess
from typing import Any, Final

from pebble import ProcessPool

from resources.workers import child

SLICES_PER_PROCESS: Final = 1000
"""A worker is replaced by a fresh one after this many slices: native libraries leak slowly, and a
start takes as long as reading two hundred light pages."""
_STOP_SECONDS: Final = 15.0


_main_hidden = threading.Lock()


class _Popen(multiprocessing.popen_spawn_posix.Popen):
    """Starts a process that does not run the parent's `__main__` again.

    `spawn` has every child import it, for functions that were defined there. Ours are imported by
    name; a command's or a daemon's main module costs 0.3 to 1 s of Dagster and polars a worker.
    """

    def __init__(self, process_obj: BaseProcess) -> None:
        with _main_hidden:
            main = sys.modules["__main__"]
            sys.modules["__main__"] = types.ModuleType("__main__")
            try:
                super().__init__(process_obj)
            finally:
                sys.modules["__main__"] = main


class _Process(multiprocessing.context.SpawnProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> _Popen:  # noqa: N802 - the name that it is called by
        return _Popen(process_obj)


class _Context(multiprocessing.context.SpawnContext):
    Process = _Process


class Generation:
    """One pool of processes, started and stopped by a thread that lives as long as it does.

    The kernel kills a worker when the thread that started it ends (PR_SET_PDEATHSIG), so that must
    not be the caller's, which may be one of many short ones.
    """

    def __init__(self, workers: int, memory_mb: int) -> None:
        """Start the processes.

        Raises:
            OSError: They cannot be started.
            RuntimeError: They cannot be started.
        """
        self.pool = ProcessPool(
            max_workers=workers,
            max_tasks=SLICES_PER_PROCESS,
            initializer=child.start,
            initargs=(memory_mb, os.getpid()),
            context=_Context(),
        )
        self._ready: Future[None] = Future()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="quire-workers", daemon=True)
        self._thread.start()
        try:
            self._ready.result()
        except BaseException:  # ^C too
            self._ending.set()
            raise

    def _keep(self) -> None:
        # Inherited by pebble's threads and every worker: ^C never meets one that is starting.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.pool.active  # noqa: B018 - pebble starts its processes when first asked
        except (OSError, RuntimeError) as error:
            self._ready.set_exception(error)
        else:
            self._ready.set_result(None)
        self._ending.wait()
        self.pool.stop()
        with contextlib.suppress(RuntimeError):  # a process that not even SIGKILL ends
            self.pool.join()

    def is_alive(self) -> bool:
        """Whether its tasks can still come to an end."""
        return not self._ending.is_set() and bool(self.pool.active)

    def stop(self) -> None:
        """Kill its processes."""
        self._ending.set()
        self._thread.join(_STOP_SECONDS)


class Processes:
    """The current generation."""

    def __init__(self, workers: int, memory_mb: int) -> None:
        self._workers = workers
        self._memory_mb = memory_mb
        self._current: Generation | None = None
        self._lock = threading.Lock()

    def schedule(self, *args: str | bytes) -> tuple[Generation, Any]:
        """Run a task; returns its processes, which may be lost before it is done, and its future.

        Raises:
            OSError: No process can be started.
            RuntimeError: No process can be started, or they were lost this moment.
        """
        with self._lock:
            if self._current is not None and not self._current.is_alive():
                self._current.stop()
                self._current = None
            if self._current is None:
                self._current = Generation(self._workers, self._memory_mb)
            return self._current, self._current.pool.schedule(child.run_task, args=args)

    def close(self) -> None:
        """Stop every process; a later task starts new ones."""
        with self._lock:
            if self._current is not None:
                self._current.stop()
                self._current = None
