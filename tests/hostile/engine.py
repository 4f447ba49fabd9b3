"""A parser that fails on demand, in the place of `assets/pages/read.py`, run by real workers.

What it does on which page stands in the PDF's last line; which pages each of its tasks was given
is noted beside the landing zone. Not here: what has to follow (`test_parser_faults.py`).
"""

from __future__ import annotations

import json
import math
import os
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from resources.errors import DocumentError, ErrorClass

_ACTS = frozenset({
    *("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind", "urllib.Request"),
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "webbrowser.open"),
})  # fmt: skip
_HEADER = struct.Struct(">qQQ")  # of a spool file: unit, length of the record, length of its bytes
Row = dict[str, Any]


def with_faults(pdf: bytes, faults: dict[int, str]) -> bytes:
    """The PDF with what its reading comes to."""
    return pdf + b"%" + json.dumps(faults).encode() + b"\n"


def notes_of(path: Path) -> Path:
    """Where the tasks over a PDF are noted, a line each."""
    return path.parents[1] / "tasks" / path.name


def read_pages(payload: Row, progress: Callable[[int], None]) -> Iterator[tuple[Row, bytes | None]]:
    path = Path(payload["path"])
    faults = json.loads(path.read_bytes().rsplit(b"%", 1)[1])
    with notes_of(path).open("a") as notes:
        notes.write(f"{payload['page_numbers']}\n")
    for number in payload["page_numbers"]:
        progress(number)
        fault = faults.get(str(number), "")
        _DEEDS.get(fault, _nothing)()
        yield from _answers(number, fault)


def read_pages_alone(
    payload: Row, progress: Callable[[int], None]
) -> Iterator[tuple[Row, bytes | None]]:
    """The real reading of pages, in a process that may speak to no one."""
    from assets.pages.read import read_pages

    sys.addaudithook(_refuse)
    yield from read_pages(payload, progress)


def _refuse(event: str, _: object) -> None:
    if event in _ACTS:
        raise PermissionError(f"a worker wants {event}")


def _answers(number: int, fault: str) -> Iterator[tuple[Row, bytes | None]]:
    row = {
        "page_number": number,
        "status": "ok",
        "source": "text_layer",
        "text": f"page {number}",
        "markdown": f"page {number}",
        "width": 612.0,
        "height": 792.0,
        "rotation": 0,
        "blocks": [_block()],
        "n_chars": 6,
        "elapsed_ms": 1,
    }
    if fault == "silent":
        return
    if fault == "raw":
        _write_raw(number)
        return
    yield row | _RUBBISH.get(fault, {}), None
    if fault == "name":
        yield row | {"page_number": "1' OR '1'='1"}, None
    if fault == "twice":
        yield row | {"text": "again"}, None
    if fault == "strangers":
        yield row | {"page_number": 9_999}, None
        yield row | {"page_number": -1, "unit": number}, None


def _block(**changes: Any) -> Row:
    box = {"x0": 1.0, "y0": 1.0, "x1": 9.0, "y1": 9.0}
    return {"kind": "text", "bbox": box, "text": "t", "markdown": "t", **changes}


def _nothing() -> None:
    pass


def _leak() -> None:
    import numpy as np

    held = []
    while True:  # untouched, so that it takes no time
        held.append(np.empty(64 * 2**20, dtype=np.uint8))


def _raise() -> None:
    raise DocumentError(ErrorClass.CORRUPT, "no page after this one can be read")


def _write_raw(number: int) -> None:
    """Write into the spool what is no record, as a parser could that was taken over."""
    for name in os.listdir("/proc/self/fd"):
        handle = int(name)
        try:
            is_spool = os.readlink(f"/proc/self/fd/{name}").endswith(".spool")
        except OSError:
            continue
        if is_spool:
            os.write(handle, _HEADER.pack(number, 8, 0) + b"\xff{not js")


_DEEDS: dict[str, Callable[[], object]] = {
    "hang": lambda: time.sleep(600),
    "abort": os.abort,
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "exit": lambda: os._exit(3),
    "leak": _leak,
    "refuse": _raise,
}
_RUBBISH: dict[str, Row] = {
    "sizes": {"width": 1e308, "height": -1e308},
    "counts": {"n_chars": 2**40},
    "negative": {"elapsed_ms": -5},
    "text": {"text": "x" * (17 * 2**20)},
    "type": {"text": 12},
    "status": {"status": "splendid"},
    "class": {"status": "failed", "error_class": "x' OR 'a'='a"},
    "null": {"status": None},
    "blocks": {"blocks": {"x": 1}},
    "box": {"blocks": [_block(bbox={"x0": math.nan, "y0": 0.0, "x1": math.inf, "y1": 1.0})]},
    "field": {"blocks": [_block(extra="1")]},
    "set": {"text": {1, 2}},  # nothing that JSON can say
}
