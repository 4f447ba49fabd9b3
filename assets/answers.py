"""What a worker answered, checked before it becomes a row.

A parser that was taken over may say anything. Here: types, ranges, sizes and words of a record
against its table's schema, and keys that are answered twice. Not here: framing and units of records
(`resources/workers`), or bytes of images (their hash, `assets/images/build.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from math import isfinite
from typing import Any, Final

import polars as pl

from io_managers.schemas import BOX, TABLES, TableSchema
from resources.errors import ErrorClass
from resources.workers.spool import Record, unit_of

MAX_TEXT: Final = 16 * 2**20
"""Characters of one text: a page of this many letters would be a book of 5,000 pages."""
MAX_ITEMS: Final = 100_000
"""Items of one list: the fullest page of 900 real documents has under 2,000 blocks."""
_HUGE: Final = 1e300
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
    checks = _checks(table.name)
    for name in columns:
        column, value = table.columns[name], record.get(name)
        if value is None:
            if not column.nullable:
                return f"the worker's answer lacks {name}"
            continue
        what = checks[name](value, max_text)
        if what is not None:
            return f"the worker's answer has {what} as {name}"
        allowed = _WORDS if name == "error_class" else table.statuses.get(name)
        if allowed is not None and value not in allowed:
            return f"the worker's answer has a word that is none as {name}"
    return None


_Check = Callable[[Any, int], str | None]
"""What a value is instead of what it should be; None when it is that. With the longest text."""


@cache
def _checks(table: str) -> dict[str, _Check]:
    """What each column of a table must be: made once, since a page has hundreds of values."""
    return {name: _check_of(column.dtype) for name, column in TABLES[table].columns.items()}


def _check_of(dtype: Any) -> _Check:  # noqa: ANN401 - a type or an instance
    found: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    match found:
        case pl.String():
            return _text
        case pl.Boolean():
            return lambda value, _: None if isinstance(value, bool) else _named(value)
        case pl.Float64():
            return _number
        case pl.List():
            return _list_check(_check_of(found.inner))
        case pl.Struct():
            fields = {field.name: _check_of(field.dtype) for field in found.fields}
            return _struct_check(fields, is_box=found == BOX)
        case _:
            return _whole_check(_INTEGERS.get(type(found)))


def _text(value: Any, max_text: int) -> str | None:  # noqa: ANN401
    if not isinstance(value, str):
        return _named(value)
    return f"a text of {len(value)} characters" if len(value) > max_text else None


def _number(value: Any, _: int) -> str | None:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _named(value)
    return None if abs(value) < _HUGE and isfinite(value) else "a number out of range"


def _whole_check(limit: int | None) -> _Check:
    def check(value: Any, _: int) -> str | None:  # noqa: ANN401
        if limit is None or isinstance(value, bool) or not isinstance(value, int):
            return _named(value)
        # No column of a worker's counts below zero.
        return None if 0 <= value < limit else "a number out of range"

    return check


def _list_check(inner: _Check) -> _Check:
    def check(value: Any, max_text: int) -> str | None:  # noqa: ANN401
        if not isinstance(value, list):
            return _named(value)
        if len(value) > MAX_ITEMS:
            return f"a list of {len(value)} items"
        for item in value:
            fault = None if item is None else inner(item, max_text)
            if fault is not None:
                return fault
        return None

    return check


def _struct_check(fields: Mapping[str, _Check], *, is_box: bool) -> _Check:
    def check(value: Any, max_text: int) -> str | None:  # noqa: ANN401
        if not isinstance(value, dict):
            return _named(value)
        if not value.keys() <= fields.keys():
            return "a field that is none"
        if is_box and (len(value) < len(fields) or None in value.values()):
            return "a box without numbers"
        for name, item in value.items():
            fault = None if item is None else fields[name](item, max_text)
            if fault is not None:
                return fault
        return None

    return check


def _named(value: object) -> str:
    return f"a value of type {type(value).__name__}"
