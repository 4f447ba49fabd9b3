"""Work functions that misbehave on demand, run by real workers in the tests of the pool."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any


def pages(
    payload: dict[str, Any], progress: Callable[[int], None]
) -> Iterator[tuple[dict[str, Any], bytes | None]]:
    for page in payload["page_numbers"]:
        progress(page)
        _misbehave(payload.get("faults", {}).get(str(page)))
        yield {"page_number": page, "pid": os.getpid()}, b"x" * payload.get("blob", 0)


def _misbehave(fault: str | None) -> None:
    if fault == "hang":
        time.sleep(600)
    elif fault == "spin":
        while True:
            pass
    elif fault == "abort":
        os.abort()
    elif fault == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif fault == "memory":
        bytearray(64 * 2**30)
    elif fault == "exit":
        os._exit(3)
    elif fault == "raise":
        raise ValueError("a bug")


def placements(
    payload: dict[str, Any], progress: Callable[[int], None]
) -> Iterator[tuple[dict[str, Any], None]]:
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


def environment(
    payload: dict[str, Any], progress: Callable[[int], None]
) -> Iterator[tuple[dict[str, Any], None]]:
    progress(0)
    yield {"names": sorted(os.environ), "asked": payload}, None


def modules(
    payload: dict[str, Any], progress: Callable[[int], None]
) -> Iterator[tuple[dict[str, Any], None]]:
    import importlib
    import sys

    progress(0)
    for name in payload["import"]:
        importlib.import_module(name)
    yield {"loaded": sorted({name.partition(".")[0] for name in sys.modules})}, None
