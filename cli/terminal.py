"""What reaches the terminal: tables, lines and JSON, with hostile text made harmless.

Here: widths and streams. Not here: what is told (one module per command), or escaping
(`resources/report/escaping.py`).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from resources.report.escaping import visible

PIPED_WIDTH: Final = 160
"""Columns when stdout is no terminal and COLUMNS says nothing; long cells fold, none are cut."""


def one_line(text: str) -> str:
    """A message on one line, fit for a terminal."""
    return visible(" ".join(text.split()))


class _Stdout(Console):
    """Stdout; its reader (head, less) may have enough, which Rich would make exit code 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console() -> Console:
    """Stdout for people: no markup, no guessing at colours in data."""
    piped = not sys.stdout.isatty() and not os.environ.get("COLUMNS")
    return _Stdout(highlight=False, markup=False, emoji=False, width=PIPED_WIDTH if piped else None)


def say(line: str = "") -> None:
    """One line on stdout, escaped, never wrapped."""
    console().print(Text(visible(line)), soft_wrap=True)


def say_text(text: str) -> None:
    """Text of a document on stdout: escaped, and set in, so that it never passes for our lines."""
    shown = "\n".join(f"  {line}" for line in visible(text, lines=True).split("\n"))
    console().print(Text(shown), soft_wrap=True)


def warn(line: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"quire: {one_line(line)}\n")
    sys.stderr.flush()


def say_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> None:
    """A table; columns whose values are all numbers stand right, long cells fold."""
    cells = list(rows)
    if title:
        say()
        console().print(Text(visible(title), style="bold"))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for number, name in enumerate(columns):
        values = [row[number] for row in cells]
        numeric = all(isinstance(value, int | float) or value is None for value in values)
        table.add_column(name, overflow="fold", justify="right" if numeric and values else "left")
    for row in cells:
        table.add_row(*(Text(_cell(value)) for value in row))
    console().print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return visible(str(value))


def say_json(value: dict[str, Any]) -> None:
    """One JSON object on stdout; pure ASCII, so that no text in it can steer a terminal."""
    sys.stdout.write(json.dumps(value, indent=2, default=plain) + "\n")


def plain(value: object) -> str:
    """What JSON has no word for: timestamps as ISO 8601, bytes as hex."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} has no JSON form")
