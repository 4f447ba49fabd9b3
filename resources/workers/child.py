"""What runs inside a worker process: limits, one task at a time, records written as they are made.

Here: the child's side of the pool. It imports neither Dagster, polars nor the lake, holds no
secret, and needs no network. Not here: scheduling, clocks and what a death means (`pool.py`).

A task's records go to a spool file one by one, so what was finished before a crash is kept and a
slice of large images never sits in memory. The file is a sequence of (json length, blob length,
json, blob); progress is sixteen bytes that the parent polls: a page number and a counter.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

from resources.errors import DocumentError, ErrorClass, QuireError

Record = tuple[dict[str, Any], bytes | None]
Progress = Callable[[int], None]
WorkFunction = Callable[[dict[str, Any], Progress], Iterator[Record]]

HEADER: Final = struct.Struct(">QQ")
PROGRESS: Final = struct.Struct("qq")
LOADING: Final = -1
"""Reported as the page while libraries and models load: a page is not charged for them."""
_KEPT_ENVIRONMENT: Final = (
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH",
    "VIRTUAL_ENV", "TESSDATA_PREFIX", "QUIRE_TEST_ENGINE",
)  # fmt: skip
_PR_SET_PDEATHSIG: Final = 1


def start(memory_mb: int) -> None:
    """Prepare a fresh worker: no secrets, one thread a library, a memory cap, death with parent."""
    for name in list(os.environ):
        if name not in _KEPT_ENVIRONMENT:
            del os.environ[name]
    for name in ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; ^C reaches the whole group
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    cap = memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (cap, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # A parent that dies by kill -9 cannot stop its workers: the kernel does it.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # `import pymupdf` loads its layout models (0.2 s, 55 MB, a thread per core) unless told not to;
    # `assets/pages/layout.py` loads them, on one thread, where pages need them.
    sys.modules["pymupdf.layout"] = None  # type: ignore[assignment]
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)  # native libraries print; their warnings are collected as data instead
    os.dup2(quiet, 2)


def run_task(
    function: str, payload: dict[str, Any], spool: str, progress_path: str
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
        os.pwrite(handle, PROGRESS.pack(page, count), 0)

    progress(LOADING)
    try:
        work = _load(function)
        progress(0)
        with open(spool, "ab", buffering=0) as file:
            for record, blob in work(payload, progress):
                _append(file.fileno(), record, blob)
    except DocumentError as error:
        return {"error_class": str(error.error_class), "error": str(error)}
    except QuireError as error:
        return {"scope": "stage", "error_class": "", "error": str(error)}
    except MemoryError:
        return {
            "error_class": str(ErrorClass.MEMORY),
            "error": "needed more memory than QUIRE_WORKER_MEMORY_MB allows",
            "scope": "page",
        }
    except Exception as error:  # noqa: BLE001 - the boundary: recorded as a failure by the parent
        return {
            "error_class": str(ErrorClass.UNKNOWN),
            "error": f"{type(error).__name__}: {error}"[:2000],
            "scope": "page",
        }
    finally:
        os.close(handle)
    return None


def _load(function: str) -> WorkFunction:
    module, _, name = function.partition(":")
    loaded: WorkFunction = getattr(importlib.import_module(module), name)
    return loaded


def _append(file: int, record: dict[str, Any], blob: bytes | None) -> None:
    try:
        text = orjson.dumps(record)
    except (orjson.JSONEncodeError, UnicodeEncodeError):
        # Lone surrogates of a broken text layer are no JSON: they become "?" here.
        text = json.dumps(record, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    data = HEADER.pack(len(text), len(blob or b"")) + text + (blob or b"")
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def read_spool(path: str) -> Iterator[Record]:
    """Whole records of a spool file, in order; a record cut short by a crash ends it."""
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below, absent when nothing was written
    except FileNotFoundError:
        return
    with file:
        while True:
            header = file.read(HEADER.size)
            if len(header) < HEADER.size:
                return
            n_text, n_blob = HEADER.unpack(header)
            text = file.read(n_text)
            blob = file.read(n_blob)
            if len(text) < n_text or len(blob) < n_blob:
                return
            yield orjson.loads(text), blob or None
