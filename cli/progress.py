"""The progress bar of `quire ingest`: which stage of which batch, how far and how fast.

Here: showing steps. Not here: who reports them (`assets/*/build.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.progress import Task as BarTask
from rich.text import Text

from resources.telemetry.progress import Progress, Step

_UNITS = {
    "files": "files",
    "pages": "pages",
    "images": "pages",
    "docs": "docs",
    "summaries": "docs",
}


class _Rate(ProgressColumn):
    """Units per second since the stage began."""

    def render(self, task: BarTask) -> Text:
        speed = task.finished_speed or task.speed
        unit = task.fields.get("unit", "")
        return Text("" if speed is None else f"{speed:.1f} {unit}/s", style="cyan")


@contextmanager
def progress_bar(console: Console, *, quiet: bool = False) -> Iterator[Progress]:
    """A progress object that draws one line per running stage; with `quiet`, draws nothing."""
    if quiet:
        yield Progress()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=not console.is_terminal) as bar:
        lines: dict[tuple[str, str], TaskID] = {}

        def show(step: Step) -> None:
            key = (step.batch, step.stage)
            if key not in lines:
                text = f"{step.batch} {step.stage:<9}"
                line = bar.add_task(text, total=step.total, unit=_UNITS[step.stage])
                lines[key] = line
            bar.update(lines[key], completed=step.done, total=step.total)

        yield Progress(show)
