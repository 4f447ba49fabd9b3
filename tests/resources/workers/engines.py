"""Work functions that misbehave on demand, run by real workers in the tests of the pool."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from resources.errors import DocumentError, ErrorClass
from resources.workers.child import LOADING

Progress = Callable[[int], None]
Records = Iterator[tuple[dict[str, Any], bytes | None]]


def pages(payload: dict[str, Any], progress: Progress) -> Records:
    for page in payload["page_numbers"]:
        progress(page)
        _misbehave(payload.get("faults", {}).get(str(page)))
        yield {"page_number": page, "pid": os.getpid()}, b"x" * payload.get("blob", 0)


def _misbehave(fault: str | None) -> None:
    if fault is None:
        return
    what, _, number = fault.partition(" ")
    _FAULTS[what](float(number or 0))


def _spin(_: float) -> None:
    while True:
        pass


def _raise(error: Exception) -> None:
    raise error


def _keep_pipe(_: float) -> None:
    """Leave the pipe as a worker does that is killed between taking a task and saying so."""
    for found in gc.get_objects():
        if type(found).__name__ == "WorkerChannel":
            found.mutex.acquire()
    os.kill(os.getpid(), signal.SIGKILL)


_LEAKED: list[bytearray] = []


def _leak(megabytes: float) -> None:
    _LEAKED.append(bytearray(int(megabytes) * 2**20))


_FAULTS: dict[str, Callable[[float], object]] = {
    "hang": lambda _: time.sleep(600),
    "wait": time.sleep,
    "spin": _spin,
    "abort": lambda _: os.abort(),
    "segfault": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "kill": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "memory": lambda _: bytearray(64 * 2**30),
    "need": lambda megabytes: bytearray(int(megabytes) * 2**20),
    "leak": _leak,
    "exit": lambda _: os._exit(3),
    "leave": lambda _: sys.exit(0),
    "raise": lambda _: _raise(ValueError("a bug")),
    "refuse": lambda _: _raise(DocumentError(ErrorClass.CORRUPT, "no page after this one")),
    "keep_pipe": _keep_pipe,
}


def placements(payload: dict[str, Any], progress: Progress) -> Records:
    """Three records a page; a fault strikes after the second one of its page."""
    for page in payload["page_numbers"]:
        progress(page)
        for index in range(3):
            if index == 2 and not os.path.exists(payload["mark"]):
                fault = payload.get("faults", {}).get(str(page))
                if fault is not None and payload.get("once"):
                    open(payload["mark"], "w").close()
                _misbehave(fault)
            yield {"page_number": page, "image_index": index}, None


def loading(payload: dict[str, Any], progress: Progress) -> Records:
    """A fault strikes while engines load, `times` times, when `page` is among the pages."""
    mark = Path(payload["mark"])
    with mark.open("ab") as file:
        file.write(b".")
    progress(LOADING if payload.get("loading", True) else 0)
    if mark.stat().st_size <= payload["times"] and payload["page"] in payload["page_numbers"]:
        _misbehave(payload["fault"])
    yield from pages(payload, progress)


def forgetful(payload: dict[str, Any], progress: Progress) -> Records:
    """No record of page 2."""
    for page in payload["page_numbers"]:
        progress(page)
        if page != 2:
            yield {"page_number": page}, None


def length(payload: dict[str, Any], progress: Progress) -> Records:
    progress(1)
    yield {"page_number": 1, "length": len(payload["long"]), "last": payload["long"][-1]}, None


def piece(payload: dict[str, Any], progress: Progress) -> Records:
    """One piece without units."""
    progress(0)
    yield {"pid": os.getpid()}, None
    with Path(payload["mark"]).open("ab") as file:
        file.write(b".")
    if Path(payload["mark"]).stat().st_size <= payload["times"]:
        _misbehave(payload["fault"])


def pid_file(payload: dict[str, Any], progress: Progress) -> Records:
    """Say who it is, then spin."""
    progress(1)
    Path(payload["folder"], str(os.getpid())).touch()
    _misbehave("spin")
    yield {"page_number": 1}, None


def environment(payload: dict[str, Any], progress: Progress) -> Records:
    progress(0)
    initial = Path("/proc/self/environ")
    text = initial.read_bytes().decode("latin-1") if initial.exists() else ""
    yield {"names": sorted(os.environ), "asked": payload, "initial": text}, None


def modules(payload: dict[str, Any], progress: Progress) -> Records:
    import importlib

    progress(0)
    for name in payload["import"]:
        importlib.import_module(name)
    yield {"loaded": sorted({name.partition(".")[0] for name in sys.modules})}, None


def opening(payload: dict[str, Any], progress: Progress) -> Records:
    """A document that kills its worker when it is opened."""
    progress(0)
    with Path(payload["mark"]).open("ab") as file:
        file.write(b".")
    _misbehave("abort")
    yield {}, None
