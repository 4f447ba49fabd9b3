"""What runs inside a worker process: limits, one task at a time, records written as they are made.

Here: the child's side of the pool. It imports neither Dagster, polars nor the lake, holds no
secret, and needs no network. Not here: scheduling, clocks and what a death means (`session.py`), or
the files that pass between the two sides (`spool.py`).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import importlib
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

from resources.errors import DocumentError, EngineError, ErrorClass, QuireError
from resources.workers.spool import (
    FINISHED,
    LOADING,
    Record,
    append_record,
    unpack_payload,
    write_progress,
)

__all__ = ["LOADING", "OUT_OF_MEMORY", "Progress", "Record", "WorkFunction", "run_task", "start"]

Progress = Callable[[int], None]
WorkFunction = Callable[[dict[str, Any], Progress], Iterator[Record]]

_KEPT_ENVIRONMENT: Final = (
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH",
    "VIRTUAL_ENV", "TESSDATA_PREFIX",
)  # fmt: skip
HELD_BACK: Final = ("pymupdf.layout", "pymupdf4llm")
"""Modules that count as absent in a worker until they are asked for."""
_PR_SET_PDEATHSIG: Final = 1
OUT_OF_MEMORY: Final = 77
"""Exit code of a worker that reached its memory limit."""


MAX_SPOOL: Final = 8 * 2**30
"""Bytes of any file that a worker writes: 32 pages of the largest images, and no full disk."""


class _RubbishError(Exception):
    """What a page's work answered is no record."""


def start(memory_mb: int, parent: int) -> None:
    """Prepare a fresh worker: no secrets, one thread a library, a memory cap, death with parent."""
    _forget_environment()
    for name in ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; ^C reaches the whole group
    # pebble's handler runs in Python, so a worker deep in native code would end only 3 s later, by
    # SIGKILL, and no other worker could be watched meanwhile.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _limit_memory(memory_mb)
    if sys.platform == "linux":
        # A parent that dies by kill -9 cannot stop its workers: the kernel does it.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)
    # `import pymupdf` loads its layout models (0.2 s, 55 MB, a thread per core) and what calls them
    # (0.15 s) unless told not to; `assets/pages/layout/model.py` does it, on one thread, where
    # pages need them.
    for name in HELD_BACK:
        sys.modules[name] = None  # type: ignore[assignment]
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)  # native libraries print; their warnings are collected as data instead
    os.dup2(quiet, 2)


def _forget_environment() -> None:
    """Drop every variable but those kept, from /proc/self/environ too.

    A process starts with its parent's environment on its stack, and unsetting a variable leaves its
    bytes there, for a parser that was taken over to read: they are overwritten.
    """
    dropped = [name for name in os.environ if name not in _KEPT_ENVIRONMENT]
    bytes_of: list[tuple[int, int]] = []
    if sys.platform == "linux":
        entries = ctypes.POINTER(ctypes.c_void_p).in_dll(ctypes.CDLL(None), "environ")
        names = {os.fsencode(name) for name in dropped}
        index = 0
        while (address := entries[index]) is not None:
            text = ctypes.string_at(address)
            if text.partition(b"=")[0] in names:
                bytes_of.append((address, len(text)))
            index += 1
    for name in dropped:
        del os.environ[name]
    for address, length in bytes_of:
        ctypes.memset(address, 0, length)


def _limit_memory(memory_mb: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    cap = memory_mb * 2**20
    if hard != resource.RLIM_INFINITY:
        cap = min(cap, hard)  # the host allows less than we were told to
    with contextlib.suppress(ValueError, OSError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (cap, hard))
    with contextlib.suppress(ValueError, OSError):  # the host allows less
        resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_SPOOL, MAX_SPOOL))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run_task(
    function: str, packed: bytes | str, spool: str, progress_path: str
) -> dict[str, str] | None:
    """Run one task, spooling its records; returns None, or its failure's class, text and scope.

    A `DocumentError` fails the whole document; any other error of Quire's means that the stage
    cannot go on (an OCR engine that is not installed); anything else fails the page that was open.
    """
    handle = os.open(progress_path, os.O_RDWR)
    count = 0

    def progress(page: int) -> None:
        nonlocal count
        count += 1
        write_progress(handle, page, count)

    progress(LOADING)
    try:
        work = _load(function)
        progress(0)
        _spool_all(work(unpack_payload(packed), progress), spool)
        progress(FINISHED)
    except DocumentError as error:
        return {"error_class": str(error.error_class), "error": str(error)}
    except QuireError as error:
        return {"scope": "stage", "error_class": "", "error": str(error)}
    except MemoryError:
        # What it holds by now is lost to the pages after this one: they get a fresh process.
        os._exit(OUT_OF_MEMORY)
    except BaseException as error:  # noqa: BLE001 - the boundary; SystemExit and Rust's panics too
        rubbish = isinstance(error, _RubbishError)
        return {
            "error_class": str(ErrorClass.INVALID_OUTPUT if rubbish else ErrorClass.UNKNOWN),
            "error": f"{type(error).__name__}: {error}"[:2000],
            "scope": "page",
        }
    finally:
        os.close(handle)
    return None


def _load(function: str) -> WorkFunction:
    module, _, name = function.partition(":")
    try:
        loaded: WorkFunction = getattr(importlib.import_module(module), name)
    except MemoryError:
        raise
    except Exception as error:
        # No document was touched: it would be the same for each of them.
        text = f"a worker cannot load {function}: {type(error).__name__}: {error}"
        raise EngineError(text) from error
    return loaded


def _spool_all(records: Iterator[Record], spool: str) -> None:
    with open(spool, "ab", buffering=0) as file:
        for record, blob in records:
            try:
                append_record(file.fileno(), record, blob)
            except (TypeError, ValueError, RecursionError, struct.error) as error:
                raise _RubbishError(f"no record can be made of the answer: {error}") from error
            except OSError as error:
                if error.errno == errno.EFBIG:
                    text = f"its answers come to more than {MAX_SPOOL >> 30} GiB"
                    raise DocumentError(ErrorClass.INVALID_OUTPUT, text) from error
                folder = os.path.dirname(spool)
                text = f"the temporary folder {folder} cannot be written: {error}"
                mend = "free space there, or set TMPDIR to another folder, then run again"
                raise EngineError(f"{text}; {mend}") from error
