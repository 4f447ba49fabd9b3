"""What a worker answered, checked before it becomes a row.

A parser that was taken over may say anything. Here: types, ranges, sizes and words of a record
against its table's schema, and keys that are answered twice. Not here: framing and units of records
(`resources/workers`), or bytes of images (their hash, `assets/images/build.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Any, Final

import polars as pl

from io_managers.schemas import BOX, TableSchema
from resources.errors import ErrorClass
from resources.workers.spool import Record, unit_of

MAX_TEXT: Final = 16 * 2**20
"""Characters of one text: a page of this many letters would be a book of 5,000 pages."""
MAX_ITEMS: Final = 100_000
"""Items of one list: the fullest page of 900 real documents has under 2,000 blocks."""
_WORDS: Final = frozenset(str(error_class) for error_class in ErrorClass)
_INTEGERS: Final[dict[type[pl.DataType], int]] = {pl.Int16: 2**15, pl.Int32: 2**31, pl.Int64: 2**63}


def checked(
    table: TableSchema, records: Iterable[Record], columns: Iterable[str]
) -> Iterator[tuple[dict[str, Any], bytes | None, str | None]]:
    """Each record with its bytes and what is wrong with it; a key is answered once, by the first.

    Args:
        table: The table that the records are rows of.
        records: What the workers answered, about one document.
        columns: The columns that a worker fills.
    """
    wanted = tuple(columns)
    key = [column for column in table.key if column in wanted]
    answered: set[tuple[Any, ...]] = set()
    for record, blob in records:
        fault = fault_of(table, record, wanted)
        # The unit is what it should be (`TaskResult.records`); the rest of a wrong answer is not.
        place = (unit_of(record),) if fault else tuple(record[column] for column in key)
        if place in answered:
            continue
        answered.add(place)
        yield record, blob, fault


def fault_of(
    table: TableSchema,
    record: Mapping[str, Any],
    columns: Iterable[str],
    max_text: int = MAX_TEXT,
) -> str | None:
    """Why this cannot be a row of the table; None when it can."""
    for name in columns:
        column, value = table.columns[name], record.get(name)
        if value is None:
            if not column.nullable:
                return f"the worker's answer lacks {name}"
            continue
        what = _fault(column.dtype, value, max_text)
        if what is not None:
            return f"the worker's answer has {what} as {name}"
        allowed = _WORDS if name == "error_class" else table.statuses.get(name)
        if allowed is not None and value not in allowed:
            return f"the worker's answer has a word that is none as {name}"
    return None


def _fault(dtype: pl.DataType, value: Any, max_text: int) -> str | None:  # noqa: ANN401
    """What a value is instead of what it should be; None when it is that."""
    match dtype:
        case pl.String():
            if not isinstance(value, str):
                return _named(value)
            return f"a text of {len(value)} characters" if len(value) > max_text else None
        case pl.Boolean():
            return None if isinstance(value, bool) else _named(value)
        case pl.Float64():
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                return _named(value)
            return None if abs(value) < 1e300 and isfinite(value) else "a number out of range"
        case pl.List():
            return _list_fault(dtype, value, max_text)
        case pl.Struct():
            return _struct_fault(dtype, value, max_text)
        case _:
            return _whole_fault(dtype, value)


def _whole_fault(dtype: pl.DataType, value: Any) -> str | None:  # noqa: ANN401
    limit = _INTEGERS.get(type(dtype))
    if limit is None or isinstance(value, bool) or not isinstance(value, int):
        return _named(value)
    # No column of a worker's counts below zero.
    return None if 0 <= value < limit else "a number out of range"


def _list_fault(dtype: pl.List, value: Any, max_text: int) -> str | None:  # noqa: ANN401
    if not isinstance(value, list):
        return _named(value)
    if len(value) > MAX_ITEMS:
        return f"a list of {len(value)} items"
    inner = _instance(dtype.inner)
    return next((fault for item in value if (fault := _item(inner, item, max_text))), None)


def _struct_fault(dtype: pl.Struct, value: Any, max_text: int) -> str | None:  # noqa: ANN401
    if not isinstance(value, dict):
        return _named(value)
    fields = {field.name: _instance(field.dtype) for field in dtype.fields}
    if not value.keys() <= fields.keys():
        return "a field that is none"
    if dtype == BOX and (len(value) < len(fields) or None in value.values()):
        return "a box without numbers"
    faults = (_item(fields[name], item, max_text) for name, item in value.items())
    return next(filter(None, faults), None)


def _item(dtype: pl.DataType, value: Any, max_text: int) -> str | None:  # noqa: ANN401
    return None if value is None else _fault(dtype, value, max_text)


def _instance(dtype: Any) -> pl.DataType:  # noqa: ANN401 - a type or an instance
    found: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return found


def _named(value: object) -> str:
    return f"a value of type {type(value).__name__}"
