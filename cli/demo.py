"""`make demo`: the main job end to end on sample PDFs that the project makes, and what landed.

Here: making the samples, ingesting them, and showing every state. Not here: the samples themselves
(`samples/`) or any step of the pipeline.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cli.exit_codes import of_error
from cli.home import prepare_home
from resources.errors import QuireError
from resources.lake.lake import Lake
from resources.lake.states import files_states
from resources.samples.make import PASSWORDS, make_samples
from resources.settings import REPOSITORY_ROOT, load_settings

FOLDER = "demo"


def main() -> None:
    """Make the samples, ingest them, and print what landed; exit 0 when all went as it should."""
    console = Console()
    try:
        raise SystemExit(_demo(console))
    except QuireError as error:
        sys.stderr.write(f"quire: {error}\n")
        raise SystemExit(of_error(error)) from None
    except KeyboardInterrupt as error:
        sys.stderr.write("quire: interrupted; run make demo again and it goes on from here\n")
        raise SystemExit(of_error(error)) from None


def _demo(console: Console) -> int:
    settings = load_settings()
    if not settings.passwords:
        settings = replace(settings, passwords=PASSWORDS)
    home = prepare_home(settings)
    folder = REPOSITORY_ROOT / FOLDER
    samples = make_samples(folder)
    console.print(f"[bold]{len(samples)} sample PDFs[/bold] made in {folder}")
    console.print(f"lake: {settings.lake}\ninstance: {home}")
    from cli.engine import ingest
    from cli.progress import progress_bar

    with progress_bar(console) as progress:
        result = ingest(settings, [str(folder)], progress)
    for batch, error in result.failed_runs.items():
        sys.stderr.write(f"quire: {batch}: {error}\n")
    lake = Lake(settings.lake, settings.storage_options)
    wrong = _show(console, lake, folder)
    _show_summary(console, lake)
    _what_next(console)
    return 1 if result.failed_runs or wrong else 0


def _show(console: Console, lake: Lake, folder: Path) -> int:
    """Every sample with its state; returns how many are not in a final state."""
    from resources.landing.uris import uri_of

    states = files_states(lake).to_dicts()
    prefix = uri_of(str(folder)) + "/"
    table = Table("file", "state", "pages", "why", title="What landed")
    open_states = 0
    for row in sorted(states, key=lambda row: (row["state"], row["file_name"])):
        if not row["uri"].startswith(prefix):
            continue
        why = row["error_class"] or ("duplicate" if row.get("status") == "duplicate" else "")
        colour = {"done": "green", "partial": "yellow", "quarantined": "red"}.get(row["state"], "")
        state = f"[{colour}]{row['state']}[/{colour}]" if colour else row["state"]
        table.add_row(row["file_name"], state, str(row["n_pages"] or ""), why)
        open_states += row["state"] in ("waiting", "running")
    console.print(table)
    return open_states


def _show_summary(console: Console, lake: Lake) -> None:
    counts = Table("table", "rows", title="Delta tables")
    for name in ("manifest", "files", "pages", "images", "image_data", "docs", "summaries"):
        counts.add_row(name, str(lake.scan(name, ["batch"]).collect().height))
    counts.add_row("failures", str(lake.read("failures", ["batch"]).height))
    console.print(counts)
    rows = lake.read("summaries", ["doc_id", "summary", "status"])
    docs = lake.read("docs", ["doc_id", "title", "n_pages"])
    joined = rows.filter(rows["status"] == "ok").join(docs, on="doc_id")
    if joined.height:
        best = joined.sort("n_pages", descending=True).row(0, named=True)
        console.print(f"[bold]Summary of {best['title']!r}[/bold]\n{best['summary']}\n")


def _what_next(console: Console) -> None:
    console.print("[bold]Try next[/bold]")
    for command, what in (
        (".venv/bin/quire show observatory-report.pdf", "all of one document"),
        (".venv/bin/quire report mixed.pdf", "how each page was read, as one HTML file"),
        (".venv/bin/quire audit", "prove nothing is lost"),
        ("make dev", "the UI; drop PDFs into landing/"),
    ):
        console.print(f"  {command:<44} {what}", highlight=False)


if __name__ == "__main__":
    main()
