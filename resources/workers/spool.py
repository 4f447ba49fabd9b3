"""What passes between parent and worker in files: a task's payload, its records, its progress.

Here: the formats, read and written by both sides, so it imports next to nothing. Not here: who
writes when (`child.py`), or the folder they lie in (`folders.py`).

A task's records go to a spool file one by one, so what was finished before a crash is kept and a
slice of large images never sits in memory. The file is a sequence of (unit, json length, blob
length, json, blob); progress is sixteen bytes that the parent polls: a page number and a counter.
"""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

Record = tuple[dict[str, Any], bytes | None]

LOADING: Final = -1
"""Reported as the page while libraries and models load: a page is not charged for them."""
FINISHED: Final = -2
"""Reported as the page when every record is spooled: how the process ends no longer matters."""

_PROGRESS: Final = struct.Struct("qq")
_HEADER: Final = struct.Struct(">qQQ")
_NO_UNIT: Final = -(2**63)
MAX_RECORD: Final = 2**30
"""Bytes of a record, and of what goes with it: a document of 20,000 full pages has 60 MB, the
largest image that is stored 160 MB. What claims more is not read."""
_BY_PIPE: Final = 32 * 2**10
"""Larger payloads go by file. All workers share one pipe: one that dies with half a message in it,
of memory too, would take the others' turn with it."""


def unit_of(item: Mapping[str, Any]) -> int | None:
    """The unit that an item of a payload, or a record, belongs to."""
    found: int | None = item.get("unit", item.get("page_number"))
    return found


def pack_payload(payload: dict[str, Any], path: str) -> bytes | str:
    """A payload as what goes through the pipe: itself, or the name of the file it was put in."""
    packed = pickle.dumps(payload, pickle.HIGHEST_PROTOCOL)
    if len(packed) <= _BY_PIPE:
        return packed
    Path(path).write_bytes(packed)
    return path


def unpack_payload(packed: bytes | str) -> dict[str, Any]:
    """What `pack_payload` packed."""
    payload: dict[str, Any]
    if isinstance(packed, bytes):
        payload = pickle.loads(packed)  # noqa: S301 - our parent's, through its own pipe
    else:
        with open(packed, "rb") as file:
            payload = pickle.load(file)  # noqa: S301 - our parent's, in a folder of its own
    return payload


def write_progress(file: int, page: int, count: int) -> None:
    """Say which page is open; the count tells two steps on one page apart."""
    os.pwrite(file, _PROGRESS.pack(page, count), 0)


class ProgressFile:
    """The parent's side of a progress file, held open: opening takes longer than a small task."""

    def __init__(self, path: str) -> None:
        """Make the file; nothing has begun."""
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.clear()

    def clear(self) -> None:
        """Nothing has begun."""
        os.pwrite(self._file, _PROGRESS.pack(0, 0), 0)

    def read(self) -> tuple[int, int]:
        """The open page and how often progress was reported; the count is 0 before the start."""
        page, count = _PROGRESS.unpack(os.pread(self._file, _PROGRESS.size, 0))
        return page, count

    def close(self) -> None:
        """Let go of it."""
        os.close(self._file)


def append_record(file: int, record: dict[str, Any], blob: bytes | None) -> None:
    """Write one record at the end of a spool file."""
    try:
        text = orjson.dumps(record)
    except (orjson.JSONEncodeError, UnicodeEncodeError):
        # Lone surrogates of a broken text layer are no JSON: they become "?" here.
        text = json.dumps(record, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    if max(len(text), len(blob or b"")) > MAX_RECORD:
        raise ValueError(f"a record of {len(text)} and {len(blob or b'')} bytes")
    unit = unit_of(record)
    header = _HEADER.pack(_NO_UNIT if unit is None else unit, len(text), len(blob or b""))
    view = memoryview(header + text + (blob or b""))
    while view:
        view = view[os.write(file, view) :]


def read_spool(path: str) -> Iterator[Record]:
    """Whole records of a spool file, in order; a record cut short by a crash ends it.

    A worker that was taken over writes what it likes: what is no record, or of another unit than it
    says, comes as one of which only the unit is known, which no table takes for a row.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below, absent when nothing was written
    except FileNotFoundError:
        return
    with file:
        size = os.fstat(file.fileno()).st_size
        while len(header := file.read(_HEADER.size)) == _HEADER.size:
            unit, n_text, n_blob = _HEADER.unpack(header)
            if file.tell() + n_text + n_blob > size:
                return
            if max(n_text, n_blob) > MAX_RECORD:
                file.seek(n_text + n_blob, os.SEEK_CUR)
                yield _only(unit), None
                continue
            record, blob = _record(file.read(n_text)), file.read(n_blob)
            if record is None or _units(record) != {None if unit == _NO_UNIT else unit}:
                yield _only(unit), None
            else:
                yield record, blob or None


def _record(text: bytes) -> dict[str, Any] | None:
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None


def _units(record: Mapping[str, Any]) -> set[int | None]:
    """What a record says its unit is; more than one when it contradicts itself."""
    said = {repr(record[name]): record[name] for name in ("unit", "page_number") if name in record}
    if any(value is not None and type(value) is not int for value in said.values()):
        return set()
    return set(said.values()) or {None}


def _only(unit: int) -> dict[str, Any]:
    return {} if unit == _NO_UNIT else {"unit": unit, "page_number": unit}


def spooled_units(path: str) -> set[int]:
    """The units that have a whole record in a spool file, by its headers alone."""
    found: set[int] = set()
    try:
        file = open(path, "rb")  # noqa: SIM115 - as above
    except FileNotFoundError:
        return found
    with file:
        size = os.fstat(file.fileno()).st_size
        at = 0
        while len(header := file.read(_HEADER.size)) == _HEADER.size:
            unit, n_text, n_blob = _HEADER.unpack(header)
            at += _HEADER.size + n_text + n_blob
            if at > size:
                break
            if unit != _NO_UNIT:
                found.add(unit)
            file.seek(at)
    return found
