"""The `quire` command: its list of commands, and the boundary where every error becomes one line.

Here: registering and the boundary. Not here: what a command does (one module each) or which code
an error has (`exit_codes.py`).
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from cli import (
    audit,
    evals,
    export,
    ingest,
    pause,
    plan,
    provider_jobs,
    quarantine,
    report,
    retry,
    show,
    status,
    upgrade,
)
from cli.disk_full import told_of_full_disk
from cli.exit_codes import ExitCode, of_error
from cli.terminal import say, warn
from resources.errors import QuireError
from resources.lake.store_errors import in_one_line, is_lake_error

_INTERRUPTED = "interrupted; run the same command again and it goes on from here"

app = typer.Typer(
    name="quire",
    help="A never-ending stream of PDFs into Delta tables: pages, images, documents, summaries.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def quire(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Turn PDFs into Delta tables of pages, images, documents and summaries."""
    if version:
        say(f"quire {installed_version('quire')}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())
    else:
        return
    raise typer.Exit(ExitCode.DONE)


app.command("ingest")(ingest.ingest)
app.command("plan")(plan.plan)
app.command("status")(status.status)
app.command("show")(show.show)
app.command("report")(report.report)
app.command("export")(export.export)
app.command("audit")(audit.audit)
app.command("retry")(retry.retry)
app.command("upgrade")(upgrade.upgrade)
app.command("pause")(pause.pause)
app.command("resume")(pause.resume)
app.add_typer(quarantine.commands, name="quarantine")
app.add_typer(provider_jobs.commands, name="provider")
app.add_typer(evals.commands, name="evals")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; an error is one line on stderr, no traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows ASCII only
    try:
        code = app(
            args=None if arguments is None else list(arguments),
            prog_name="quire",
            standalone_mode=False,
        )
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (head, less) has enough. Python flushes stdout once more at exit: to nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except (KeyboardInterrupt, typer.Abort):
        warn(_INTERRUPTED)
        return ExitCode.INTERRUPTED
    except typer.TyperException as error:
        warn(f"{error.format_message()} {_help_hint(error)}")
        return ExitCode.USAGE
    except QuireError as error:
        warn(str(error))
        return of_error(error)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001  # the boundary; a Rust panic is no Exception
        warn(_unexpected(error))
        return of_error(error)
    if code == ExitCode.INTERRUPTED:  # Typer turns the exception into its exit code by itself
        warn(_INTERRUPTED)
    return int(code) if isinstance(code, int) else ExitCode.DONE


def _help_hint(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"See {getattr(context, 'command_path', 'quire')} --help"


def _unexpected(error: BaseException) -> str:
    """One line for what nobody foresaw; the traceback goes to a file."""
    full = told_of_full_disk(str(error))
    if full is not None:
        return full
    name = f"{type(error).__name__}: {in_one_line(error)}"
    if is_lake_error(error) or type(error).__module__.startswith(("polars", "deltalake", "_")):
        return f"the lake cannot be read: {name}. Run quire audit, it names what is missing"
    with tempfile.NamedTemporaryFile(
        "w", prefix="quire-", suffix=".txt", delete=False, encoding="utf-8", errors="replace"
    ) as file:
        file.write("".join(traceback.format_exception(error)))
    return f"unexpected {name}. This is a bug in Quire: report it with {file.name}"


if __name__ == "__main__":
    sys.exit(main())
