"""The progress of `quire ingest`: which stage of which batch, how far and how fast.

Here: showing steps, as a bar or as lines. Not here: who reports them (`assets/*/build.py`; waiting
for another run, `engine.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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

from cli.terminal import say
from resources.telemetry.progress import Progress, Step

_UNITS = {
    "files": "files",
    "pages": "pages",
    "images": "pages",
    "docs": "docs",
    "summaries": "docs",
    "evals": "pages",
    "elsewhere": "stages",
    "job": "files",
    "upgrade": "batches",
}
"""What is counted, by the stage that reports; `job` is the waiting of `quire status --job`,
`upgrade` the batches of `quire upgrade`."""


class _Rate(ProgressColumn):
    """Units per second since the stage began."""

    def render(self, task: BarTask) -> Text:
        speed = task.finished_speed or task.speed
        unit = task.fields.get("unit", "")
        return Text("" if speed is None else f"{speed:.1f} {unit}/s", style="cyan")


@contextmanager
def progress_bar(console: Console) -> Iterator[Progress]:
    """A progress object that draws one line per running stage."""
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
            _hide_what_was_waited_for(bar, lines, step)
            key = (step.batch, step.stage)
            if key not in lines:
                text = f"{step.batch} {step.stage:<9}"
                unit = _UNITS.get(step.stage, "")
                line = bar.add_task(text, total=step.total, unit=unit)
                lines[key] = line
            bar.update(lines[key], completed=step.done, total=step.total)

        yield Progress(show)


def _hide_what_was_waited_for(bar: Bar, lines: dict[tuple[str, str], TaskID], step: Step) -> None:
    """A batch that another run held, and that is run here after all, has lines of its own now."""
    waited = None if step.stage == "elsewhere" else lines.pop((step.batch, "elsewhere"), None)
    if waited is not None:
        bar.remove_task(waited)


def progress_lines(tell: Callable[[str], None]) -> Progress:
    """Progress where there is no terminal: a line per batch that another run holds, no more.

    Waiting for a job says how far it is whenever that changes.
    """
    told: set[str] = set()

    def show(step: Step) -> None:
        if step.stage == "elsewhere" and step.batch not in told:
            told.add(step.batch)
            tell(f"{step.batch} is in another run (make dev, or another quire): waiting for it")
        elif step.stage == "upgrade":
            if step.done in (0, step.total) or step.done % 10 == 0:
                line = f"{step.done:,} of {step.total:,} batches are up to date"
                if line not in told:
                    told.add(line)
                    tell(line)
        elif step.stage == "job":
            line = f"{step.done:,} of {step.total:,} files are final"
            if line not in told:
                told.add(line)
                tell(line)

    return Progress(show)


@contextmanager
def shown_progress(*, as_json: bool) -> Iterator[Progress]:
    """A bar on a terminal, lines elsewhere, nothing beside JSON."""
    console = Console(stderr=True)
    if as_json:
        yield Progress()
    elif console.is_terminal:
        with progress_bar(console) as bar:
            yield bar
    else:
        yield progress_lines(say)
