"""Spool files that a worker wrote, well or not: what is no record costs its own unit only."""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from resources.workers.spool import MAX_RECORD, append_record, read_spool, spooled_units
from resources.workers.tasks import Task, TaskResult

HEADER = struct.Struct(">qQQ")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "1.spool"


def write(spool: Path, *records: dict[str, Any], blob: bytes | None = None) -> None:
    with spool.open("ab", buffering=0) as file:
        for record in records:
            append_record(file.fileno(), record, blob)


def write_raw(spool: Path, unit: int, text: bytes) -> None:
    with spool.open("ab") as file:
        file.write(HEADER.pack(unit, len(text), 0) + text)


def test_records_come_back_with_their_bytes(spool: Path) -> None:
    write(spool, {"page_number": 1, "text": "\ud800 half a letter"}, blob=b"x")
    write(spool, {"unit": 2}, {"doc_id": "no unit"})
    assert list(read_spool(str(spool))) == [
        ({"page_number": 1, "text": "? half a letter"}, b"x"),
        ({"unit": 2}, None),
        ({"doc_id": "no unit"}, None),
    ]
    assert spooled_units(str(spool)) == {1, 2}


@pytest.mark.parametrize(
    "text",
    [
        b"", b"\xff", b"{", b"[1]", b"null", b'{"page_number": 8}', b'{"page_number": "7"}',
        b'{"page_number": true}', b'{"unit": 7, "page_number": 8}', b'{"page_number": 7.0}', b"{}",
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_record_of_its_unit_leaves_the_unit_only(spool: Path, text: bytes) -> None:
    write_raw(spool, 7, text)
    write(spool, {"page_number": 9})
    stub = {"unit": 7, "page_number": 7}
    assert [record for record, _ in read_spool(str(spool))] == [stub, {"page_number": 9}]


def test_sizes_that_lie_end_the_file(spool: Path) -> None:
    write(spool, {"page_number": 1})
    with spool.open("ab") as file:
        file.write(HEADER.pack(2, 2**63, 2**63) + b"{}")
    assert [record for record, _ in read_spool(str(spool))] == [{"page_number": 1}]
    assert spooled_units(str(spool)) == {1}


def test_a_record_beyond_reason_is_not_read(spool: Path) -> None:
    with spool.open("ab") as file:
        file.write(HEADER.pack(2, 2, MAX_RECORD + 1) + b"{}")
        file.truncate(file.tell() + MAX_RECORD + 1)  # a hole: no disk is used
    write(spool, {"page_number": 3})
    stub = {"unit": 2, "page_number": 2}
    assert [record for record, _ in read_spool(str(spool))] == [stub, {"page_number": 3}]


def test_only_what_was_asked_for_is_answered(spool: Path) -> None:
    write(spool, *({"page_number": n} for n in (1, 2, 3, 99, -1)), {"other": 1})
    result = TaskResult(Task("d", "m:f", {}, (1, 2, 3)), str(spool), unfinished={3})
    assert [record["page_number"] for record, _ in result.records()] == [1, 2]
    whole = TaskResult(Task("d", "m:f", {}), str(spool))
    assert [record for record, _ in whole.records()] == [{"other": 1}]


def test_numbers_that_are_none_are_nothing(spool: Path) -> None:
    write(spool, {"page_number": 1, "width": math.nan, "height": -math.inf})
    assert list(read_spool(str(spool))) == [
        ({"page_number": 1, "width": None, "height": None}, None)
    ]


def test_what_no_record_can_hold_raises_in_the_worker(spool: Path) -> None:
    with spool.open("ab", buffering=0) as file:
        for value in ({1, 2}, object()):
            with pytest.raises(TypeError):
                append_record(file.fileno(), {"page_number": 1, "text": value}, None)
        with pytest.raises(struct.error):
            append_record(file.fileno(), {"page_number": "1"}, None)
        assert os.fstat(file.fileno()).st_size == 0
