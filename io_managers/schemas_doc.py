"""The table of tables, as the README prints it, made from the schemas.

Here: one markdown row per table. Not here: what a table holds (`schemas.py`).
"""

from __future__ import annotations

from typing import Final

from io_managers.schemas import TABLES, TableSchema

STAGE_COLUMNS: Final = ("batch", "version", "input_sha256")
"""Carried by every table that a stage publishes; said once instead of in every row."""
_MARK: Final = "†"


def tables_markdown() -> str:
    """Every table as a markdown row: what a row of it is, its key, its other columns."""
    lines = ["| table | one row is | key | other columns |", "|---|---|---|---|"]
    lines += [_row(table) for table in TABLES.values()]
    return "\n".join(lines)


def is_stage_table(table: TableSchema) -> bool:
    """Whether a stage publishes the table, batch by batch."""
    return table.partition_by == ("batch",) and set(STAGE_COLUMNS) <= set(table.columns)


def _row(table: TableSchema) -> str:
    mark = f" {_MARK}" if is_stage_table(table) else ""
    key = ", ".join(f"`{column}`" for column in table.key)
    left_out = {*table.key, *(STAGE_COLUMNS if is_stage_table(table) else ())}
    others = [_column(table, column) for column in table.columns if column not in left_out]
    return f"| `{table.name}`{mark} | {table.row} | {key} | {', '.join(others)} |"


def _column(table: TableSchema, column: str) -> str:
    words = table.statuses.get(column)
    if words is None:
        return column
    return f"{column} ({' '.join(f'`{word}`' for word in words)})"
